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


class LinearPair(Op):
    """Two affine maps, each with what follows it: h = f(x W₁ᵀ + b₁), y = g(h W₂ᵀ + b₂).

    x (..., I), weight1 (H, I), bias1 (H,), weight2 (O, H), bias2 (O,)  ->  y (..., O)
    """

    def forward(self, x, weight1, bias1, weight2, bias2, activation1=None, activation2=None):
        activations = activation1, activation2
        h, y = self.kernels.linear_pair(x, weight1, bias1, weight2, bias2, *activations)
        self.save(x, weight1, h, weight2, y if activation2 else None, activations)
        return y

    def backward(self, dy):
        x, weight1, h, weight2, y, activations = self.saved
        need_dx, need_dweight1, _, need_dweight2, _ = self.needs_input_grad
        needs = need_dx, need_dweight1, need_dweight2
        places = [self.place_for(i) for i in (1, 2, 3, 4)]
        return self.kernels.linear_pair_backward(
            dy, x, weight1, h, weight2, y, *activations, needs, *places
        )

    @staticmethod
    def examples(rng):
        options = {"activation1": "relu", "activation2": "relu"}
        for x, (inputs, hidden, outputs), chosen in [
            ((5, 3), (3, 4, 2), options),
            ((2, 3, 3), (3, 2, 4), {"activation1": "relu"}),
        ]:
            first = rng.normal(size=(hidden, inputs)), rng.normal(size=hidden)
            second = rng.normal(size=(outputs, hidden)), rng.normal(size=outputs)
            yield rng.normal(size=x), *first, *second, chosen
        yield rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), None, rng.normal(size=(3, 2)), None


def linear_pair(
    x: Tensor,
    weight1: Tensor,
    bias1: Tensor | None,
    weight2: Tensor,
    bias2: Tensor | None,
    activation1: str | None = None,
    activation2: str | None = None,
) -> Tensor:
    """Return linear(linear(x, weight1, bias1, activation1), weight2, bias2, activation2).

    In one operation: a small layer takes less time than an operation's place in the graph.

    Raises:
        ValueError: the shapes do not go together; names them.
    """
    options = {"activation1": activation1, "activation2": activation2}
    return LinearPair.apply(x, weight1, bias1, weight2, bias2, **options)


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
