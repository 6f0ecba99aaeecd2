"""Matrix products."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minae.kernels.shapes import SLOPE, SMOOTH
from minae.op import Op, unbroadcast
from minae.ops.arithmetic import Operand, cast, operands
from minae.tensor import Tensor


class MatMul(Op):
    """Y = A B, so dA = dY Bᵀ and dB = Aᵀ dY, for every matrix of a batch."""

    def forward(self, a, b):
        need_da, need_db = self.needs_input_grad
        self.save(a if need_db else None, b if need_da else None, a.shape, b.shape)
        return self.kernels.matmul(a, b)

    def backward(self, dy):
        a, b, a_shape, b_shape = self.saved
        if len(a_shape) == 1:  # a vector on the left is a row, one on the right a column
            dy = dy[..., None, :] if len(b_shape) > 1 else dy[None]
        if len(b_shape) == 1:
            dy = dy[..., None]
        da = db = None
        if b is not None:
            columns = b[:, None] if b.ndim == 1 else b
            rows = self.kernels.matmul(dy, columns.swapaxes(-1, -2))
            da = unbroadcast(rows, (1,) * (len(a_shape) == 1) + a_shape).reshape(a_shape)
        if a is not None:
            rows = a[None, :] if a.ndim == 1 else a
            columns = self.kernels.matmul(rows.swapaxes(-1, -2), dy)
            db = unbroadcast(columns, b_shape + (1,) * (len(b_shape) == 1)).reshape(b_shape)
        return da, db

    def examples(self, rng):
        matrices = ((3, 4), (4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3))
        vectors = ((4,), (4,)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,))
        for a, b in matrices + vectors:
            yield rng.normal(size=a), rng.normal(size=b)


def matmul(a: Operand, b: Operand) -> Tensor:
    """Return the matrix product of a (..., M, K) and b (..., K, N): (..., M, N).

    Leading dimensions broadcast; a vector counts as a row on the left, as a column on the right.
    Integers and booleans are multiplied in int64. Raises ValueError, which names both shapes,
    unless a has as many columns as b has rows.
    """
    a, b = operands(a, b)
    if not a.is_floating_point():
        a, b = (cast(factor, np.result_type(factor.dtype, np.int64)) for factor in (a, b))
    return MatMul.apply(a, b)


ACTIVATIONS = None, "relu", *SMOOTH


class Linear(Op):
    """An affine map of rows, and an activation f: y = f(x Wᵀ + b)."""

    floats = slice(None)

    def forward(self, x, weight, bias=None, activation=None):
        if activation in SMOOTH:
            y, slope = self.kernels.linear_smooth(x, weight, bias, activation)
            self.save(x, weight, slope, SLOPE)
        else:
            y = self.kernels.linear(x, weight, bias, activation)
            self.save(x, weight, y if activation else None, activation)
        return y

    def backward(self, dy):
        x, weight, y, activation = self.saved
        need_dx, need_dweight = self.needs_input_grad[:2]
        needs, places = (need_dx, need_dweight), self.places_for(1, 2)  # for dweight and dbias
        return self.kernels.linear_backward(dy, x, weight, y, activation, needs, *places)

    def examples(self, rng):
        for f in ACTIVATIONS:
            arrays = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
            yield *arrays, {"activation": f}
        yield rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)
        yield rng.normal(size=3), rng.normal(size=(2, 3)), None


class LinearStack(Op):
    """Affine maps in a row, each with its activation: y = ... f₂(f₁(x W₁ᵀ + b₁) W₂ᵀ + b₂) ...

    x (..., I), weights (H, I), ..., (O, J), biases (H,), ..., (O,)  ->  y (..., O)
    """

    floats = slice(None)

    def forward(self, x, *parameters, activations):
        layers = len(activations)
        weights, biases = parameters[:layers], parameters[layers:]
        outputs: list[Any] = self.kernels.linear_stack(x, weights, biases, activations)
        y = outputs[-1]
        if activations[-1] is None:  # backward does without y, which may then be written into
            outputs[-1] = None
        self.save(x, weights, outputs, activations)
        return y

    def backward(self, dy):
        x, weights, outputs, activations = self.saved
        n = len(weights)  # the inputs are x, n weights and n biases
        needs, places = self.needs_input_grad[: 1 + n], self.places_for(*range(1, 1 + 2 * n))
        dx, dweights, dbiases = self.kernels.linear_stack_backward(
            dy, x, weights, outputs, activations, needs, places[:n], places[n:]
        )
        return dx, *dweights, *dbiases

    def examples(self, rng):
        for x, sizes, activations in [
            ((5, 3), (3, 4, 2), ("relu", "relu")),
            ((2, 3, 3), (3, 2, 4, 3), ("relu", None, None)),
            ((4, 3), (3, 2), (None,)),
        ]:
            weights = [rng.normal(size=(o, i)) for i, o in pairwise(sizes)]
            biases = [rng.normal(size=o) for o in sizes[1:]]
            yield rng.normal(size=x), *weights, *biases, {"activations": activations}
        yield rng.normal(size=(4, 3)), *weights, None, {"activations": (None,)}


def linear_stack(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
    activations: Sequence[str | None],
) -> Tensor:
    """Apply `linear` to x with each weight, bias and activation in turn.

    It is one operation, since recording an operation takes longer than a small layer. Raises
    ValueError if there is no layer, if one lacks a bias or an activation, or if the shapes do not
    go together.
    """
    if not len(weights) == len(biases) == len(activations) > 0:
        raise ValueError(
            "linear_stack: each layer needs a weight, a bias and an activation (or None), not"
            f" {len(weights)}, {len(biases)} and {len(activations)} of them"
        )
    return LinearStack.apply(x, *weights, *biases, activations=tuple(activations))


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str | None = None
) -> Tensor:
    """Return x Wᵀ + b, or f(x Wᵀ + b) with f "relu", "gelu", "gelu_tanh" or "silu".

    The activation is applied in the same pass, where it costs little; "gelu_tanh" is `gelu` with
    approximate="tanh". x (..., in_features) with weight (out_features, in_features) and bias
    (out_features,) or None gives (..., out_features). Raises ValueError for another activation, or
    if the shapes do not go together, and names them.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"linear: activation is None, 'relu', 'gelu', 'gelu_tanh' or 'silu', not {activation!r}"
        )
    return Linear.apply(x, weight, bias, activation=activation)
