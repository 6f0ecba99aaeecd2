"""Losses with their gradients, in one pass over the prediction.

With array operations, a loss takes about eight passes over memory, each of which writes what the
next reads. Here every entry is read once, and contributes to a sum and to one entry of the gradient
while it is in a register. Up to RUN entries of a row are summed in their own dtype, these sums in
float64. Gained: a factor of about 45.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.compile.calls import noted
from minae.kernels.cpu.compile.compiled import compiled, parallel, rows
from minae.kernels.cpu.compile.operands import covered, plain
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.compile.vector_math import exp, log1p01
from minae.kernels.cpu.layout import contiguous

RUN, LANES = 8192, 32


@parallel
def _mse(t, T, x, target, scale, total_loss, dx):
    """loss = (x - t)², dx = 2 (x - t)."""
    N, M = x.shape
    total_loss[t] = 0
    factor = x.dtype.type(2 * scale)
    for i in range(t * N // T, (t + 1) * N // T):
        for first in range(0, M, RUN):
            last, total = min(first + RUN, M), x.dtype.type(0)
            run, goal = rows(x[i], first, last), rows(target[i], first, last)
            slope = rows(dx[i], first, last)
            for j in range(run.size):
                difference = run[j] - goal[j]
                total += difference * difference
                slope[j] = factor * difference
            total_loss[t] += total


@parallel
def _bce_with_logits(t, T, x, target, scale, total_loss, dx):
    """loss = x ([x > 0] - t) + log(1 + e^-|x|), dx = sigmoid(x) - t; e^-|x| serves both."""
    N, M = x.shape
    total_loss[t] = 0
    zero, one, factor = x.dtype.type(0), x.dtype.type(1), x.dtype.type(scale)
    for i in range(t * N // T, (t + 1) * N // T):
        for first in range(0, M, RUN):
            last, total = min(first + RUN, M), zero
            run, goal = rows(x[i], first, last), rows(target[i], first, last)
            slope = rows(dx[i], first, last)
            for j in range(run.size):
                v = run[j]
                e = exp(-abs(v))
                total += v * ((zero if v < zero else one) - goal[j]) + log1p01(e)
                slope[j] = ((e if v < zero else one) / (one + e) - goal[j]) * factor
            total_loss[t] += total


@compiled
def _largest(row, room):
    """Return the largest entry; a nan may get lost. `room`, a vector as long, is written to.

    Compared with one number, entries would wait for each other; so there are LANES such numbers.
    """
    lanes = room[:LANES]
    for k in range(lanes.size):
        lanes[k] = row[k]
    for first in range(LANES, row.size - LANES + 1, LANES):
        part = rows(row, first, first + LANES)
        for k in range(LANES):
            lanes[k] = part[k] if part[k] > lanes[k] else lanes[k]
    largest = lanes[0]
    for k in range(lanes.size):
        largest = max(largest, lanes[k])
    for k in range(row.size // LANES * LANES, row.size):
        largest = max(largest, row[k])
    return largest


@parallel
def _cross_entropy(t, T, x, target, scale, ignored, total_loss, dx):
    """loss = log Σ e^x - x[class], dx = softmax(x), minus 1 at the class; x minus its maximum."""
    N, K = x.shape
    total_loss[t] = 0
    factor, zero = x.dtype.type(scale), x.dtype.type(0)
    for i in range(t * N // T, (t + 1) * N // T):
        if target[i] == ignored:
            dx[i] = 0
            continue
        row, slope = x[i], dx[i]
        largest, total = _largest(row, slope), 0.0
        for first in range(0, K, RUN):
            last, part = min(first + RUN, K), zero
            run, powers = rows(row, first, last), rows(slope, first, last)
            for j in range(run.size):
                e = exp(run[j] - largest)
                powers[j] = e
                part += e
            total += part
        share = factor / x.dtype.type(total)
        for j in range(K):
            slope[j] *= share
        slope[target[i]] -= factor
        total_loss[t] += np.log(total) + largest - row[target[i]]


def _long_rows(x):
    """View (N, ...) as (N, everything else): the longer the rows, the less their ends cost."""
    if x.ndim != 2:
        N = len(x) if x.ndim > 2 else 1
        x = contiguous(x).reshape(N, x.size // N)
    return plain(x)


def _run(kernel, x, target, scale, *others):
    long_rows, T = _long_rows(x), threads_for(40 * x.size)
    total_loss, dx = np.empty(T), np.empty(long_rows.shape, x.dtype)
    loss = np.empty((), x.dtype)
    kernel(T, long_rows, target, scale, *others, total_loss, dx)
    _add_up(total_loss, scale, loss)
    return loss, dx if x.ndim == 2 else dx.reshape(x.shape)


@noted
def _add_up(total_loss, scale, loss):
    """loss = scale Σ total_loss, over the shares."""
    loss[()] = sum(total_loss.tolist()) * scale


@covered(operands=2)
def mse(x, target, scale=1.0):
    shapes.check_same("mse", x, target)
    return _run(_mse, x, _long_rows(target), scale)


@covered(operands=2)
def bce_with_logits(x, target, scale=1.0):
    shapes.check_same("bce_with_logits", x, target)
    return _run(_bce_with_logits, x, _long_rows(target), scale)


@covered(operands=1)
def cross_entropy(x, target, scale=1.0, ignore_index=-100):
    shapes.check_cross_entropy(x, target)
    classes = plain(target.astype(np.int64, copy=False))
    return _run(_cross_entropy, x, classes, scale, ignore_index)
