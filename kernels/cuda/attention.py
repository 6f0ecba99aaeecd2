"""Attention: batches of products, left to the array library, and a kernel for what is between them.

A warp has the scores of one query. They are in memory from one product to the next, but backward
computes them again: nothing of this size is kept.
"""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import Rung, Step, grid_of
from minae.kernels.cuda.layout import contiguous
from minae.kernels.cuda.linear import matmul
from minae.kernels.cuda.reductions import warp_largest, warp_sum
from minae.kernels.reference.attention import mask_by_heads
from minae.kernels.reference.common import into
from minae.kernels.simulator import cuda, float32

LANES, QUERIES = 32, 8  # of a block: a warp for each query


def weights_kernel(scores, added, heads, scale, causal, saved):
    """Turn the products of queries and keys (B, L, S) into scores, and these into weights.

    added (1 or N, 1 or heads, 1 or L, 1 or S) is added to the scores. saved (2, B, L) gets the
    largest score of each query, and the sum of its exponentials.
    """
    B, L, S = scores.shape
    query = cuda.blockIdx.x * QUERIES + cuda.threadIdx.y
    if query < B * L:
        b, i, lane = query // L, query % L, cuda.threadIdx.x
        n, h = b // heads % added.shape[0], b % heads % added.shape[1]
        largest = float32(-math.inf)
        for k in range(lane, S, LANES):
            score = scores[b, i, k] * scale
            more = added[n, h, i % added.shape[2], k % added.shape[3]]
            score = float32(-math.inf) if more == float32(-math.inf) else score + more
            if causal and k > i:
                score = float32(-math.inf)
            scores[b, i, k] = score
            largest = score if score > largest else largest
        largest = warp_largest(largest)
        if largest == float32(-math.inf):  # it may look nowhere: all weights are 0
            largest = float32(0)
        total = float32(0)
        for k in range(lane, S, LANES):
            e = float32(math.exp(scores[b, i, k] - largest))
            scores[b, i, k] = e
            total += e
        total = warp_sum(total)
        inverse = float32(0) if total == float32(0) else float32(1) / total
        for k in range(lane, S, LANES):
            scores[b, i, k] *= inverse
        if lane == 0:
            saved[0, b, i], saved[1, b, i] = largest, total


def slopes_kernel(weights, slopes):
    """Turn slopes, the gradients of the weights, into those of the scores; all (B, L, S)."""
    B, L, S = weights.shape
    query = cuda.blockIdx.x * QUERIES + cuda.threadIdx.y
    if query < B * L:
        b, i, lane = query // L, query % L, cuda.threadIdx.x
        mean = float32(0)
        for k in range(lane, S, LANES):
            mean += weights[b, i, k] * slopes[b, i, k]
        mean = warp_sum(mean)
        for k in range(lane, S, LANES):
            slopes[b, i, k] = weights[b, i, k] * (slopes[b, i, k] - mean)


BATCH = "float32[:, :, :]"
RUNGS = {
    "weights": Rung(
        weights_kernel,
        (BATCH, "float32[:, :, :, :]", "int32", "float32", "int32", BATCH),
        (LANES, QUERIES),
        grid_of(QUERIES),
    ),
    "slopes": Rung(slopes_kernel, (BATCH, BATCH), (LANES, QUERIES), grid_of(QUERIES)),
}


@covered(operands=3)
def attention(query, key, value, scale, mask=None, is_causal=False):
    shapes.check_attention(query, key, value, mask)
    weights, saved = _weights(query, key, scale, mask, is_causal)
    y = matmul(weights, _batch(value))
    return y.reshape(*query.shape[:-1], -1), saved.reshape(2, *query.shape[:-1])


@covered(operands=4)
def attention_backward(
    dy, query, key, value, saved, scale, mask=None, is_causal=False, places=None, need_dscores=False
):
    shapes.check_attention_backward(dy, query, key, value, saved, mask)
    weights, _ = _weights(query, key, scale, mask, is_causal)
    dy, queries, keys, values = (_batch(a) for a in (dy, query, key, value))
    slopes = contiguous(matmul(dy, values.swapaxes(1, 2)))
    launch(Step(RUNGS["slopes"], (weights.shape[0] * weights.shape[1],), (weights, slopes)))
    dquery, dkey = matmul(slopes, keys) * scale, matmul(slopes.swapaxes(1, 2), queries) * scale
    gradients = dquery, dkey, matmul(weights.swapaxes(1, 2), dy)
    rows = zip(places or (None,) * 3, gradients, (query, key, value), strict=True)
    results = [into(place, gradient.reshape(a.shape)) for place, gradient, a in rows]
    scores = *query.shape[:-1], key.shape[-2]
    return *results, slopes.reshape(scores) if need_dscores else None


def _batch(a):
    """Return a (..., rows, columns) as (B, rows, columns)."""
    return contiguous(a).reshape(-1, *a.shape[-2:])


def _weights(query, key, scale, mask, is_causal):
    """Return the weights (B, L, S), and saved (2, B, L)."""
    scores = contiguous(matmul(_batch(query), _batch(key).swapaxes(1, 2)))
    B, L, _ = scores.shape
    saved, heads = empty((2, B, L), query), query.shape[-3] if query.ndim > 2 else 1
    nothing = np.zeros((1, 1, 1, 1), np.float32, like=query)
    added = nothing if mask is None else contiguous(mask_by_heads(mask, query))
    launch(Step(RUNGS["weights"], (B * L,), (scores, added, heads, scale, is_causal, saved)))
    return scores, saved
