"""Batch normalisation: the reference's array code, which CuPy runs. Layer normalisation: kernels.

A block of threads has a row, and adds up what it needs of it. The gradients of weight and bias are
sums over all rows: each block leaves those of its rows, and `add_rows` adds them up.
"""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import MATRIX, THREADS, VECTOR, Rung, Step, grid_of
from minae.kernels.cuda.layout import contiguous
from minae.kernels.cuda.reductions import COLUMNS, ROWS, block_total, row_blocks
from minae.kernels.cuda.reductions import RUNGS as SUMS
from minae.kernels.reference.norm import batch_norm, batch_norm_backward
from minae.kernels.simulator import cuda, float32

__all__ = ["RUNGS", "batch_norm", "batch_norm_backward", "layer_norm", "layer_norm_backward"]


def layer_norm_kernel(x, weight, bias, eps, y, mean, rstd):
    """y = (x - mean) rstd weight + bias, a row for each block."""
    row, first, K = cuda.blockIdx.x, cuda.threadIdx.x, x.shape[1]
    value = float32(0)
    for k in range(first, K, THREADS):
        value += x[row, k]
    centre = block_total(value) / float32(K)
    value = float32(0)
    for k in range(first, K, THREADS):
        value += (x[row, k] - centre) * (x[row, k] - centre)
    scale = float32(1) / float32(math.sqrt(block_total(value) / float32(K) + eps))
    if first == 0:
        mean[row], rstd[row] = centre, scale
    for k in range(first, K, THREADS):
        y[row, k] = (x[row, k] - centre) * scale * weight[k] + bias[k]


def layer_norm_dx_kernel(dy, x, weight, mean, rstd, dx):
    """dx = (dx̂ - mean(dx̂) - x̂ mean(dx̂ x̂)) rstd with dx̂ = dy weight, a row for each block."""
    row, first, K = cuda.blockIdx.x, cuda.threadIdx.x, x.shape[1]
    centre, scale = mean[row], rstd[row]
    total, along = float32(0), float32(0)
    for k in range(first, K, THREADS):
        slope = dy[row, k] * weight[k]
        total += slope
        along += slope * (x[row, k] - centre) * scale
    total, along = block_total(total) / float32(K), block_total(along) / float32(K)
    for k in range(first, K, THREADS):
        normalised = (x[row, k] - centre) * scale
        dx[row, k] = (dy[row, k] * weight[k] - total - normalised * along) * scale


def layer_norm_sums_kernel(dy, x, mean, rstd, dweights, dbiases):
    """dweights, dbiases (blocks of rows, K): the sums of dy x̂ and of dy over each block's rows."""
    sums = cuda.shared.array((2, ROWS, COLUMNS), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    N, K = x.shape
    column = cuda.blockIdx.x * COLUMNS + lane
    dweight, dbias = float32(0), float32(0)
    if column < K:
        for row in range(cuda.blockIdx.y * ROWS + first, N, cuda.gridDim.y * ROWS):
            g = dy[row, column]
            dweight += g * (x[row, column] - mean[row]) * rstd[row]
            dbias += g
    sums[0, first, lane], sums[1, first, lane] = dweight, dbias
    cuda.syncthreads()
    if first == 0 and column < K:
        for i in range(1, ROWS):
            dweight += sums[0, i, lane]
            dbias += sums[1, i, lane]
        dweights[cuda.blockIdx.y, column] = dweight
        dbiases[cuda.blockIdx.y, column] = dbias


RUNGS = {
    "layer_norm": Rung(
        layer_norm_kernel,
        (MATRIX, VECTOR, VECTOR, "float32", MATRIX, VECTOR, VECTOR),
        grid=lambda N: (N,),
    ),
    "layer_norm_dx": Rung(
        layer_norm_dx_kernel,
        (MATRIX, MATRIX, VECTOR, VECTOR, VECTOR, MATRIX),
        grid=lambda N: (N,),
    ),
    "layer_norm_sums": Rung(
        layer_norm_sums_kernel,
        (MATRIX, MATRIX, VECTOR, VECTOR, MATRIX, MATRIX),
        (COLUMNS, ROWS),
        grid_of(COLUMNS),
    ),
}


@covered(operands=3)
def layer_norm(x, weight, bias, eps):
    shapes.check_layer_norm(x, weight, bias)
    N, K = x.shape
    weight, bias = _filled(weight, 1, x), _filled(bias, 0, x)
    y, mean, rstd = empty((N, K), x), empty((N,), x), empty((N,), x)
    launch(Step(RUNGS["layer_norm"], (N,), (contiguous(x), weight, bias, eps, y, mean, rstd)))
    return y, mean, rstd


@covered(operands=5)
def layer_norm_backward(dy, x, weight, mean, rstd):
    shapes.check_same("layer_norm_backward", dy, x)
    (N, K), weight = x.shape, _filled(weight, 1, x)
    dy, x, mean, rstd = (contiguous(a) for a in (dy, x, mean, rstd))
    blocks = row_blocks(N)
    dx, dweight, dbias = empty((N, K), x), empty((K,), x), empty((K,), x)
    dweights, dbiases = empty((blocks, K), x), empty((blocks, K), x)
    launch(
        [
            Step(RUNGS["layer_norm_dx"], (N,), (dy, x, weight, mean, rstd, dx)),
            Step(RUNGS["layer_norm_sums"], (K, blocks), (dy, x, mean, rstd, dweights, dbiases)),
            Step(SUMS["add_rows"], (K,), (dweights, dweight)),
            Step(SUMS["add_rows"], (K,), (dbiases, dbias)),
        ]
    )
    return dx, dweight, dbias


def _filled(parameter, value, x):
    """Return a parameter (K,) contiguously, or that many times this value."""
    if parameter is None:
        return np.full(x.shape[1:], value, np.float32, like=x)
    return contiguous(parameter)
