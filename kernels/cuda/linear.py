"""Matrix products and linear layers: which kernels run, and on which arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.elementwise import smooth
from minae.kernels.cuda.ladders.product import product
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch, processors
from minae.kernels.cuda.launch.rung import MATRIX, Rung, Step, grid_of
from minae.kernels.cuda.layout import contiguous, rows_of
from minae.kernels.cuda.reductions import COLUMNS, ROWS, row_blocks
from minae.kernels.cuda.reductions import RUNGS as SUMS
from minae.kernels.reference.linear import layer_by_layer, layer_by_layer_backward
from minae.kernels.simulator import cuda, float32

RELU, SLOPE = 1, 2  # what dy passes through on its way back, if not 0: nothing

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


@covered(operands=2)
def matmul(a, b):
    shapes.check_matmul(a, b)
    if max(a.ndim, b.ndim) > 2:
        return np.matmul(a, b)  # batches are left to the array library
    rows = a[None, :] if a.ndim == 1 else a  # (M, K)
    columns = b[:, None] if b.ndim == 1 else b  # (K, N)
    return _multiply(rows, columns).reshape(a.shape[:-1] + b.shape[1:])


@covered(operands=3)
def linear(x, weight, bias=None, activation=None):
    shapes.check_linear(x, weight, bias)
    ends = None if bias is None else contiguous(bias), shapes.check_activation(activation)
    return _multiply(rows_of(x), weight.T, None, *ends).reshape(*x.shape[:-1], len(weight))


def linear_smooth(x, weight, bias, activation):
    return smooth(linear(x, weight, bias), activation)


@covered(operands=4)
def linear_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None
):
    shapes.check_linear_backward(dy, x, weight, y)
    dz, dbias = _activation_backward(rows_of(dy), y, activation, dbias)
    dx = _multiply(dz, weight).reshape(x.shape) if needs[0] else None
    return dx, _multiply(dz.T, rows_of(x), dweight) if needs[1] else None, dbias


def linear_stack(x, weights, biases, activations):
    return layer_by_layer(linear, x, weights, biases, activations)


def linear_stack_backward(dy, x, weights, outputs, activations, needs, dweights, dbiases):
    layers = weights, outputs, activations, dweights, dbiases
    return layer_by_layer_backward(linear_backward, dy, x, needs, *layers)


def _multiply(a, b, out=None, bias=None, relu=False):
    """Return out (M, N) = a (M, K) b (K, N) + bias (N,), with a ReLU at the end if `relu`."""
    out = empty((len(a), b.shape[1]), a) if out is None else out
    (a, transposed_a), (b, transposed_b) = _as_stored(a), _as_stored(b)
    how = {"transposed_a": transposed_a, "transposed_b": transposed_b, "tf32": _tf32.get()}
    workspace = partial(empty, like=out)
    launch(product(a, b, out, workspace, bias, relu, **how, processors=processors(out)))
    return out


def _as_stored(a):
    """Return a matrix as it is in memory, and whether that is its transpose."""
    if not a.flags.c_contiguous and a.T.flags.c_contiguous:
        return a.T, True
    return contiguous(a), False


def _activation_backward(dy, y, activation, dbias):
    """Return dz (M, N), the gradient before the activation, and its sum over rows."""
    (M, N), smooth = dy.shape, activation == shapes.SLOPE
    passes = SLOPE if smooth else int(shapes.check_activation(activation))
    dz = empty((M, N), dy) if passes else dy
    dbias = empty((N,), dy) if dbias is None else dbias
    blocks = row_blocks(M)
    parts = dbias.reshape(1, N) if blocks == 1 else empty((blocks, N), dy)
    arrays = dy, rows_of(y) if passes else dy, passes, dz, parts
    launch(Step(RUNGS["activation_backward"], (N, blocks), arrays))
    if blocks > 1:
        launch(Step(SUMS["add_rows"], (N,), (parts, dbias)))
    return dz, dbias


def activation_backward_kernel(dy, y, passes, dz, parts):
    """dz = dy as it `passes` the activation; parts = the column sums of dz, by block.

    dy, y, dz (M, N), parts (blocks of rows, N), which `add_rows` adds up to dbias. y is the output
    of a ReLU, or a slope; without an activation, dz is dy and not written.
    """
    sums = cuda.shared.array((ROWS, COLUMNS), float32)
    x, first = cuda.threadIdx.x, cuda.threadIdx.y
    M, N = dy.shape
    column = cuda.blockIdx.x * COLUMNS + x
    value = float32(0)
    if column < N:
        for row in range(cuda.blockIdx.y * ROWS + first, M, cuda.gridDim.y * ROWS):
            g = dy[row, column]
            if passes == RELU:
                if not y[row, column] > float32(0):
                    g = float32(0)
                dz[row, column] = g
            elif passes == SLOPE:
                g *= y[row, column]
                dz[row, column] = g
            value += g
    sums[first, x] = value
    cuda.syncthreads()
    if first == 0 and column < N:
        for i in range(1, ROWS):
            value += sums[i, x]
        parts[cuda.blockIdx.y, column] = value


RUNGS = {
    "activation_backward": Rung(
        activation_backward_kernel,
        (MATRIX, MATRIX, "int32", MATRIX, MATRIX),
        (COLUMNS, ROWS),
        grid_of(COLUMNS),
    )
}
