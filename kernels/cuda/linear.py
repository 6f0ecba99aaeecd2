"""Matrix products and linear layers on the GPU: which kernels run, and on what."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.ladders.product import product
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch, processors
from minae.kernels.cuda.launch.rung import Step
from minae.kernels.cuda.reductions import RUNGS
from minae.kernels.reference.linear import layer_by_layer, layer_by_layer_backward

ROWS = 64  # that a block of activation_backward adds up, or more where that makes MOST_BLOCKS
MOST_BLOCKS = 128

_tf32: ContextVar[bool] = ContextVar("tf32", default=False)


@contextmanager
def tensor_cores() -> Iterator[None]:
    """Multiply matrices on tensor cores inside the `with` block: in TF32, which keeps 10 bits.

    Convolutions stay in float32. The GPU needs compute capability 8.0.
    """
    token = _tf32.set(True)
    try:
        yield
    finally:
        _tf32.reset(token)


def contiguous(x: np.ndarray) -> np.ndarray:
    """Return x in the order of its dimensions: x itself, or a copy."""
    return x if x.flags.c_contiguous else x.copy()


def channels_last(x: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W) as the convolutions read them: here in the order they have."""
    return contiguous(x)


def multiply(a, b, out, bias=None, relu: bool = False) -> None:
    """out (M, N) = a (M, K) b (K, N) + bias (N,), or the larger of that and 0."""
    (a, transposed_a), (b, transposed_b) = _as_stored(a), _as_stored(b)
    launch(
        product(
            a,
            b,
            out,
            lambda shape: empty(shape, out),
            bias,
            relu,
            transposed_a=transposed_a,
            transposed_b=transposed_b,
            tf32=_tf32.get(),
            processors=processors(out),
        )
    )


def _as_stored(a) -> tuple:
    """Return a matrix as it lies in memory, and whether that is its transpose."""
    if not a.flags.c_contiguous and a.T.flags.c_contiguous:
        return a.T, True
    return contiguous(a), False


@covered(operands=2)
def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices: y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j].

    a (..., M, K), b (..., K, N) -> (..., M, N). Batches broadcast, and are multiplied by the array
    library. A vector a is one row, a vector b one column, and that axis is dropped from the result.
    Raises ValueError if shapes don't fit.
    """
    shapes.check_matmul(a, b)
    if max(a.ndim, b.ndim) > 2:
        return np.matmul(a, b)
    rows = a[None, :] if a.ndim == 1 else a  # (M, K)
    columns = b[:, None] if b.ndim == 1 else b  # (K, N)
    y = empty((len(rows), columns.shape[1]), a)
    multiply(rows, columns, y)
    return y.reshape(a.shape[:-1] + b.shape[1:])


@covered(operands=3)
def linear(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, activation: str | None = None
) -> np.ndarray:
    """Map rows by an affine map, and apply the activation: y = f(x Wᵀ + b).

    x (..., I), weight (O, I), bias (O,) -> (..., O). Raises ValueError if shapes don't fit.
    """
    shapes.check_linear(x, weight, bias)
    y = empty((*x.shape[:-1], len(weight)), x)
    relu = shapes.check_activation(activation)
    multiply(rows_of(x), weight.T, rows_of(y), None if bias is None else contiguous(bias), relu)
    return y


@covered(operands=4)
def linear_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    activation: str | None = None,
    needs: tuple[bool, bool] = (True, True),
    dweight: np.ndarray | None = None,
    dbias: np.ndarray | None = None,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """Send the gradient of `linear` back: dx = dz W, dweight = dzᵀ x, dbias = Σ dz.

    dy, y (..., O), x (..., I), weight (O, I); dz is dy through the activation. `needs` says whether
    dx and dweight are wanted, None takes the place of what is not. dweight (O, I) and dbias (O,)
    are written into where they are given. Raises ValueError if shapes don't fit.
    """
    shapes.check_linear_backward(dy, x, weight, y)
    dz, dbias = _activation_backward(rows_of(dy), y, activation, dbias)
    dx = None
    if needs[0]:
        dx = empty(x.shape, x)
        multiply(dz, weight, rows_of(dx))
    if needs[1]:
        dweight = empty(weight.shape, weight) if dweight is None else dweight
        multiply(dz.T, rows_of(x), dweight)
    return dx, dweight if needs[1] else None, dbias


def _activation_backward(dy, y, activation: str | None, dbias) -> tuple:
    """Return dz (M, N), dy through the activation, and its sum over rows."""
    (M, N), relu = dy.shape, shapes.check_activation(activation)
    dz = empty((M, N), dy) if relu else dy
    dbias = empty((N,), dy) if dbias is None else dbias
    blocks = min(-(-M // ROWS), MOST_BLOCKS)
    parts = dbias.reshape(1, N) if blocks == 1 else empty((blocks, N), dy)
    arrays = dy, rows_of(y) if relu else dy, relu, dz, parts
    launch(Step(RUNGS["activation_backward"], (M, N, blocks), arrays))
    if blocks > 1:
        launch(Step(RUNGS["add_rows"], (N,), (parts, dbias)))
    return dz, dbias


def rows_of(x):
    """View x (..., I) as (everything else, I)."""
    return contiguous(x).reshape(-1, x.shape[-1])


def linear_stack(
    x: np.ndarray, weights: tuple, biases: tuple, activations: tuple
) -> list[np.ndarray]:
    """Apply linear layers, one after the other; return the output of each.

    x (..., I), weights (H, I), (J, H), ..., biases (H,) or None, ... -> (..., H), (..., J), ...
    Raises ValueError if shapes don't fit.
    """
    return layer_by_layer(linear, x, weights, biases, activations)


def linear_stack_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weights: tuple,
    outputs: list,
    activations: tuple,
    needs: tuple[bool, ...],
    dweights: list,
    dbiases: list,
) -> tuple[np.ndarray | None, list[np.ndarray | None], list[np.ndarray]]:
    """Send the gradient of `linear_stack` back: dx, dweights, dbiases.

    The last of the outputs may be None where no activation made it. `needs` says of x and of each
    weight whether its gradient is wanted; None takes the place of what is not. dweights, dbiases:
    for each layer where to write its gradients, or None. Raises ValueError if shapes don't fit.
    """
    layers = weights, outputs, activations, dweights, dbiases
    return layer_by_layer_backward(linear_backward, dy, x, needs, *layers)
