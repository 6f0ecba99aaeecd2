"""Matrix products."""

from minae.autograd import Op, unbroadcast
from minae.tensor import Tensor, method


class MatMul(Op):
    """Y = A B, so dA = dY Bᵀ and dB = Aᵀ dY, for every matrix of a batch."""

    def forward(self, a, b):
        self.save(a, b)
        return self.kernels.matmul(a, b)

    def backward(self, dy):
        a, b = self.saved
        need_da, need_db = self.needs_input_grad
        a_shape, b_shape = a.shape, b.shape
        if a.ndim == 1:  # a vector on the left is a row, one on the right a column
            a, dy = a[None, :], dy[..., None, :] if b.ndim > 1 else dy[None]
        if b.ndim == 1:
            b, dy = b[:, None], dy[..., None]
        da = db = None
        if need_da:
            da = unbroadcast(self.kernels.matmul(dy, b.swapaxes(-1, -2)), a.shape).reshape(a_shape)
        if need_db:
            db = unbroadcast(self.kernels.matmul(a.swapaxes(-1, -2), dy), b.shape).reshape(b_shape)
        return da, db

    @staticmethod
    def examples(rng):
        for a, b in [
            ((3, 4), (4, 2)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((4,), (4,)),
            ((4,), (2, 4, 3)),
            ((2, 3, 4), (4,)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
        ]:
            yield rng.normal(size=a), rng.normal(size=b)


@method("matmul", "__matmul__")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Return the matrix product of a (..., M, K) and b (..., K, N): (..., M, N).

    Leading dimensions broadcast; a vector counts as a row on the left, as a column on the right.

    Raises:
        ValueError: a has not as many columns as b has rows; names both shapes.
    """
    return MatMul.apply(a, b)


Tensor.__rmatmul__ = lambda b, a: matmul(a, b)


class Linear(Op):
    """Affine map of rows, and what follows it: y = f(x Wᵀ + b).

    x (..., I), weight (O, I), bias (O,)  ->  y (..., O)
    """

    def forward(self, x, weight, bias=None, activation=None):
        y = self.kernels.linear(x, weight, bias, activation)
        self.save(x, weight, y if activation else None, activation)
        return y

    def backward(self, dy):
        x, weight, y, activation = self.saved
        return self.kernels.linear_backward(
            dy,  # (..., O)
            x,
            weight,
            y,
            activation,
            self.needs_input_grad[:2],
            self.place_for(1),  # where dweight goes, if its place is known
            self.place_for(2),
        )

    @staticmethod
    def examples(rng):
        for activation in (None, "relu"):
            options = {"activation": activation}
            yield rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.normal(size=4), options
        yield rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)
        yield rng.normal(size=3), rng.normal(size=(2, 3)), None


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str | None = None
) -> Tensor:
    """Return x Wᵀ + b, or max(x Wᵀ + b, 0) where the activation is "relu".

    Args:
        x: (..., in_features)
        weight: (out_features, in_features)
        bias: (out_features,) or None
        activation: None or "relu": applied in the same pass, for it costs next to nothing there.

    Returns:
        (..., out_features)

    Raises:
        ValueError: the shapes do not go together; names them.
    """
    return Linear.apply(x, weight, bias, activation=activation)
