"""Losses, each with its gradient in one pass over memory.

The kernels move memory and compute little: what counts is that every number is read and written
once, and that neighbouring threads access neighbouring addresses. Each block, or each row in the
case of `cross_entropy`, leaves its part of the loss for `reductions.total`.
"""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import MATRIX, THREADS, VECTOR, Rung, Step, per_item
from minae.kernels.cuda.layout import contiguous, flat
from minae.kernels.cuda.reductions import RUNGS as SUMS
from minae.kernels.cuda.reductions import block_sum
from minae.kernels.simulator import cuda, float32


def mse_kernel(x, target, scale, parts, dx):
    """parts = the sums of (x - target)², dx = 2 scale (x - target)."""
    value = float32(0)
    for i in range(cuda.grid(1), x.shape[0], cuda.gridDim.x * THREADS):
        difference = x[i] - target[i]
        dx[i] = float32(2) * scale * difference
        value += difference * difference
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = value


def bce_kernel(x, target, scale, parts, dx):
    """parts = the sums of x ([x > 0] - t) + log(1 + e^-|x|), dx = scale (sigmoid(x) - t)."""
    value = float32(0)
    for i in range(cuda.grid(1), x.shape[0], cuda.gridDim.x * THREADS):
        v, t = x[i], target[i]
        e = float32(math.exp(-abs(v)))
        slope = (e if v < float32(0) else float32(1)) / (float32(1) + e)
        dx[i] = scale * (slope - t)
        value += v * ((float32(0) if v < float32(0) else float32(1)) - t) + float32(math.log1p(e))
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = value


def cross_entropy_kernel(x, target, scale, ignored, parts, dx):
    """parts[n] = -log softmax(x[n])[target[n]], dx = scale (softmax(x) - 1 at the target).

    Both are 0 if the target is `ignored`. x, dx (N, K), target (N,). One thread per row, since
    there are few classes.
    """
    row = cuda.grid(1)
    N, K = x.shape
    if row < N and target[row] == ignored:
        parts[row] = float32(0)
        for k in range(K):
            dx[row, k] = float32(0)
    elif row < N:
        largest = x[row, 0]
        for k in range(1, K):
            largest = largest if x[row, k] <= largest else x[row, k]  # nan stays
        total = float32(0)
        for k in range(K):
            e = float32(math.exp(x[row, k] - largest))
            dx[row, k] = e
            total += e
        share = scale / total
        for k in range(K):
            dx[row, k] *= share
        dx[row, target[row]] -= scale
        parts[row] = float32(math.log(total)) + largest - x[row, target[row]]


def _few_blocks(size: int) -> tuple[int]:
    """Return a grid of at most 264 blocks, twice what an H100 runs at once: few sums are left."""
    return (min(264, *per_item(size)),)


ENTRIES = VECTOR, VECTOR, "float32", VECTOR, VECTOR
RUNGS = {
    "mse": Rung(mse_kernel, ENTRIES, grid=_few_blocks),
    "bce_with_logits": Rung(bce_kernel, ENTRIES, grid=_few_blocks),
    "cross_entropy": Rung(
        cross_entropy_kernel, (MATRIX, "int64[:]", "float32", "int64", VECTOR, MATRIX)
    ),
}


@covered(operands=2)
def mse(x, target, scale=1.0):
    shapes.check_same("mse", x, target)
    return _loss("mse", flat(x), flat(target), scale, x)


@covered(operands=2)
def bce_with_logits(x, target, scale=1.0):
    shapes.check_same("bce_with_logits", x, target)
    return _loss("bce_with_logits", flat(x), flat(target), scale, x)


@covered(operands=1)
def cross_entropy(x, target, scale=1.0, ignore_index=-100):
    shapes.check_cross_entropy(x, target)
    classes = contiguous(target.astype(np.int64, copy=False))
    return _loss("cross_entropy", contiguous(x), classes, scale, x, ignore_index)


def _loss(name, x, target, scale, like, *others):
    """Compute the parts of a loss, and add them up."""
    rung, size, by_rows = RUNGS[name], len(x), x.ndim == 2
    parts = empty((size,) if by_rows else rung.grid(size), like)
    dx, total = empty(like.shape, like), empty((1,), like)
    slopes = dx if by_rows else dx.reshape(-1)
    launch(Step(rung, (size,), (x, target, scale, *others, parts, slopes)))
    launch(Step(SUMS["total"], (), (parts, scale, total)))
    return total.reshape(()), dx
