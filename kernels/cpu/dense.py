"""Matrix products and linear layers: BLAS in tiles, each thread with its own part of the result.

As plain loops a linear layer is three deep (row, output, input), one multiplication at a time; the
reference leaves them to einsum. BLAS keeps parts of all three matrices in registers and caches, and
what surrounds the product (bias, activation, the mask of the activation in backward) is done on the
part that a thread has just computed, while it lies in that core's cache. Gained: a factor of 11 for
the product alone, 15 for a layer with its ReLU, 8 for its gradients.
"""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.blas import tiled
from minae.kernels.cpu.compiled import compiled
from minae.kernels.cpu.covered import covered
from minae.kernels.cpu.layout import plain, plain_matrix, plain_rows
from minae.kernels.cpu.parallel import parallel
from minae.kernels.cpu.threads import threads_for


@compiled
def part(t, T, rows, columns, depth):
    """Return share t of a matrix as (row, row, column, column).

    Wide matrices are cut by columns: then a thread reads only its part of the second factor, which
    is the weight, the larger of the two. Not so where the result is larger than the weight: there
    the rows that a thread has written wait in its own cache for what comes next.
    """
    if columns > 2 * rows and depth >= rows:
        return 0, rows, t * columns // T, (t + 1) * columns // T
    return t * rows // T, (t + 1) * rows // T, 0, columns


@parallel
def _matmul(t, T, a, transpose_a, b, transpose_b, y):
    """y = op(a) op(b)."""
    i, k, j, l = part(t, T, *y.shape, a.size // len(y))  # noqa: E741
    aa = a[:, i:k] if transpose_a else a[i:k]
    bb = b[j:l] if transpose_b else b[:, j:l]
    tiled(aa, transpose_a, bb, transpose_b, y[i:k, j:l])


@parallel
def _linear(t, T, x, weight, transposed, bias, y, relu):
    """y = x weightᵀ + bias, or the larger of that and 0; `transposed`: weight holds (I, O)."""
    i, k, j, l = part(t, T, *y.shape, x.shape[1])  # noqa: E741
    columns = weight[:, j:l] if transposed else weight[j:l]
    tiled(x[i:k], False, columns, not transposed, y[i:k, j:l])
    zero, bias = y.dtype.type(0), bias[j:l]
    for n in range(i, k):
        row = y[n, j:l]
        for o in range(l - j):
            value = row[o] + bias[o]
            row[o] = zero if relu and value <= zero else value


@parallel
def _linear_backward(t, T, x, weight, transposed, dy, y, relu, dz, dweight, dbias, dx):
    """dz is dy where the activation let it pass; dweight = dzᵀ x, dbias = Σ dz, dx = dz weight.

    A share is some of the outputs. It needs no other's dz for dweight, but all of them for dx: so
    dx is left to _matmul where there are several shares, and is empty then.
    """
    N, O = dy.shape  # noqa: E741
    low, high = t * O // T, (t + 1) * O // T
    zero = dy.dtype.type(0)
    totals = np.empty(high - low)  # in float64, for there may be millions of rows
    for o in range(high - low):
        totals[o] = 0
    for n in range(N):
        dy_row, y_row, dz_row = dy[n, low:high], y[n, low:high], dz[n, low:high]
        for o in range(high - low):
            value = dy_row[o]
            if relu:
                value = value if y_row[o] > zero else zero
                dz_row[o] = value
            totals[o] += value
    for o in range(high - low):
        dbias[low + o] = totals[o]
    if dweight.size:
        tiled(dz[:, low:high], True, x, False, dweight[low:high])
    if dx.size:
        tiled(dz, False, weight, transposed, dx)


@covered(operands=2)
def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices, batched and broadcast as in NumPy.

    a (..., M, K), b (..., K, N) -> (..., M, N). A vector a is one row, a vector b one column, and
    that axis is dropped from the result. Raises ValueError if shapes don't fit.
    """
    shapes.check_matmul(a, b)
    if b.ndim == 2 and a.ndim > 1:
        # All batches share b: they are the rows of one tall matrix.
        y = np.empty((math.prod(a.shape[:-1]), b.shape[1]), a.dtype)
        left, transpose_a = plain_matrix(a if a.ndim == 2 else plain_rows(a))
        right, transpose_b = plain_matrix(b)
        T = threads_for(y.size * len(b))
        _matmul(T, left, transpose_a, right, transpose_b, y)
        return y.reshape(*a.shape[:-1], b.shape[1])
    return np.asarray(a @ b)


@covered(operands=3)
def linear(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, activation: str | None = None
) -> np.ndarray:
    """Map rows by an affine map, and apply the activation: y = f(x Wᵀ + b).

    x (..., I), weight (O, I), bias (O,) -> (..., O). Raises ValueError if shapes don't fit.
    """
    shapes.check_linear(x, weight, bias)
    relu = shapes.check_activation(activation)
    rows, matrix = plain_rows(x), plain_matrix(weight)
    outputs = len(weight)
    y = np.empty((len(rows), outputs), x.dtype)
    bias = np.zeros(outputs, x.dtype) if bias is None else plain(bias)
    _linear(threads_for(x.size * outputs), rows, *matrix, bias, y, relu)
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], outputs)


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
    are written into where they are given.
    """
    shapes.check_linear_backward(dy, x, weight, y)
    relu = shapes.check_activation(activation)
    need_dx, need_dweight = needs
    x_rows, dy_rows, matrix = plain_rows(x), plain_rows(dy), plain_matrix(weight)
    y_rows, dz = (plain_rows(y), np.empty(dy_rows.shape, dy.dtype)) if relu else (dy_rows, dy_rows)
    if dweight is None:
        dweight = np.empty(weight.shape if need_dweight else (0, 0), dy.dtype)
    if dbias is None:
        dbias = np.empty(len(weight), dy.dtype)
    dx = np.empty(x_rows.shape if need_dx else (0, 0), dy.dtype)
    T = threads_for(dy.size * x.shape[-1])
    now = dx if T == 1 else dx[:0]
    _linear_backward(T, x_rows, *matrix, dy_rows, y_rows, relu, dz, dweight, dbias, now)
    if T > 1 and need_dx:
        _matmul(T, dz, False, *matrix, dx)
    if need_dx and x.ndim != 2:
        dx = dx.reshape(x.shape)
    return dx if need_dx else None, dweight if need_dweight else None, dbias
