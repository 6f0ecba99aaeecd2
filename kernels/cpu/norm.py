"""Batch normalisation in three passes over x forward, and two over x and dy backward.

With array operations it takes nine and ten. Channels are neighbours in memory, so a row of pixels
is one long run, and the channels' numbers are repeated for every pixel of a row. Sums are float64:
there are thousands of rows, and the variance is a small difference between possibly large numbers.
Gained: a factor of 39 forward and 55 backward.

Layer normalisation takes a row at a time, which stays in the cache between its passes. Up to RUN
entries are summed in their own dtype, these sums, and those over rows, in float64.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.compile.compiled import parallel
from minae.kernels.cpu.compile.operands import covered, pixels, plain
from minae.kernels.cpu.compile.threads import threads_for

RUN = 8192


@parallel
def _sum(t, T, x, totals):
    """totals[t] = Σ x over the rows of share t; x (rows, columns)."""
    rows, total = len(x), totals[t]
    total[:] = 0
    for i in range(t * rows // T, (t + 1) * rows // T):
        row = x[i]
        for k in range(total.size):
            total[k] += row[k]


@parallel
def _sum_of_squares(t, T, x, mean, totals):
    """totals[t] = Σ (x - mean)² over the rows of share t."""
    rows, total = len(x), totals[t]
    total[:] = 0
    for i in range(t * rows // T, (t + 1) * rows // T):
        row = x[i]
        for k in range(total.size):
            distance = row[k] - mean[k]
            total[k] += distance * distance


@parallel
def _normalise(t, T, x, mean, scale, shift, y):
    """y = (x - mean) scale + shift."""
    rows = len(x)
    for i in range(t * rows // T, (t + 1) * rows // T):
        row, target = x[i], y[i]
        for k in range(mean.size):
            target[k] = (row[k] - mean[k]) * scale[k] + shift[k]


@parallel
def _sums_backward(t, T, dy, x, mean, totals, products):
    """totals[t] = Σ dy, products[t] = Σ dy (x - mean)."""
    rows, total, product = len(x), totals[t], products[t]
    total[:] = 0
    product[:] = 0
    for i in range(t * rows // T, (t + 1) * rows // T):
        dy_row, row = dy[i], x[i]
        for k in range(mean.size):
            total[k] += dy_row[k]
            product[k] += dy_row[k] * (row[k] - mean[k])


@parallel
def _normalise_backward(t, T, dy, x, mean, dmean, slope, scale, dx):
    """dx = (dy - dmean - (x - mean) slope) scale."""
    rows = len(x)
    for i in range(t * rows // T, (t + 1) * rows // T):
        dy_row, row, target = dy[i], x[i], dx[i]
        for k in range(mean.size):
            target[k] = (dy_row[k] - dmean[k] - (row[k] - mean[k]) * slope[k]) * scale[k]


@parallel
def _layer_norm(t, T, x, weight, bias, eps, y, means, rstds):
    """y = (x - mean) rstd weight + bias."""
    (N, K), real = x.shape, x.dtype.type
    for i in range(t * N // T, (t + 1) * N // T):
        row, target = x[i], y[i]
        total = squares = 0.0
        for first in range(0, K, RUN):
            part, value = row[first : first + RUN], real(0)
            for k in range(part.size):
                value += part[k]
            total += value
        mean = real(total / K)
        for first in range(0, K, RUN):
            part, value = row[first : first + RUN], real(0)
            for k in range(part.size):
                value += (part[k] - mean) * (part[k] - mean)
            squares += value
        scale = real(1 / np.sqrt(squares / K + eps))
        for k in range(K):
            target[k] = (row[k] - mean) * scale * weight[k] + bias[k]
        means[i], rstds[i] = mean, scale


@parallel
def _layer_norm_backward(t, T, dy, x, weight, means, rstds, dx, dweights, dbiases):
    """dx, and from the rows of share t dweights[t] = Σ dy x̂ and dbiases[t] = Σ dy."""
    (N, K), real = x.shape, x.dtype.type
    dweight, dbias = dweights[t], dbiases[t]
    dweight[:] = 0
    dbias[:] = 0
    for i in range(t * N // T, (t + 1) * N // T):
        dy_row, row, target, mean, scale = dy[i], x[i], dx[i], means[i], rstds[i]
        total = along = 0.0
        for first in range(0, K, RUN):
            dy_part, part = dy_row[first : first + RUN], row[first : first + RUN]
            factor, value, product = weight[first : first + RUN], real(0), real(0)
            for k in range(part.size):
                slope = dy_part[k] * factor[k]
                value += slope
                product += slope * ((part[k] - mean) * scale)
            total += value
            along += product
        level, lean = real(total / K), real(along / K)
        for k in range(K):
            normalised = (row[k] - mean) * scale
            dweight[k] += dy_row[k] * normalised
            dbias[k] += dy_row[k]
            target[k] = (dy_row[k] * weight[k] - level - normalised * lean) * scale


def _runs(x):
    """View x (N, C, ...) as plain (rows, pixels of a row * C), channels innermost."""
    if x.ndim == 2:
        return plain(x)
    N, C, *size = x.shape
    images = pixels(x.reshape(N, C, size[0], -1))
    return images.reshape(N * size[0], -1)


def _back(runs, shape):
    """Undo _runs: a view in the shape of x."""
    if len(shape) == 2:
        return runs
    N, C, *size = shape
    return np.moveaxis(runs.reshape(N, *size, C), -1, 1)


def _per_channel(totals, C):
    """Add up totals (T, columns) for each channel."""
    return totals.reshape(-1, C).sum(axis=0)


@covered(operands=3)
def batch_norm(x, weight, bias, eps):
    shapes.check_batch_norm(x, weight, bias)
    C, runs, T = x.shape[1], _runs(x), threads_for(4 * x.size)
    repeats, count = runs.shape[1] // C, x.size // C
    totals = np.empty((T, runs.shape[1]))
    _sum(T, runs, totals)
    mean = (_per_channel(totals, C) / count).astype(x.dtype)
    wide_mean = np.tile(mean, repeats)
    _sum_of_squares(T, runs, wide_mean, totals)
    var = (_per_channel(totals, C) / count).astype(x.dtype)
    scale, shift = 1 / np.sqrt(var + x.dtype.type(eps)), np.zeros(C, x.dtype)
    if weight is not None:
        scale, shift = scale * weight, bias
    y = np.empty_like(runs)
    _normalise(T, runs, wide_mean, np.tile(scale, repeats), np.tile(shift, repeats), y)
    return _back(y, x.shape), mean, var


@covered(operands=5)
def batch_norm_backward(dy, x, weight, mean, var, eps):
    shapes.check_same("batch_norm_backward", dy, x)
    C, runs, dy_runs, T = x.shape[1], _runs(x), _runs(dy), threads_for(4 * x.size)
    repeats, count = runs.shape[1] // C, x.size // C
    totals, products = np.empty((2, T, runs.shape[1]))
    wide_mean = np.tile(mean, repeats)
    _sums_backward(T, dy_runs, runs, wide_mean, totals, products)
    inverse_std = 1 / np.sqrt(var.astype(np.float64) + eps)
    dbias, dweight = _per_channel(totals, C), _per_channel(products, C) * inverse_std
    scale = inverse_std if weight is None else inverse_std * weight
    slope = dweight * inverse_std / count
    dx = np.empty_like(runs)
    wide = [np.tile(v.astype(x.dtype), repeats) for v in (dbias / count, slope, scale)]
    _normalise_backward(T, dy_runs, runs, wide_mean, *wide, dx)
    return _back(dx, x.shape), dweight.astype(x.dtype), dbias.astype(x.dtype)


@covered(operands=3)
def layer_norm(x, weight, bias, eps):
    shapes.check_layer_norm(x, weight, bias)
    x, (N, K) = plain(x), x.shape
    weight = np.ones(K, x.dtype) if weight is None else plain(weight)
    bias = np.zeros(K, x.dtype) if bias is None else plain(bias)
    y, (mean, rstd) = np.empty(x.shape, x.dtype), np.empty((2, N), x.dtype)
    _layer_norm(threads_for(4 * x.size), x, weight, bias, eps, y, mean, rstd)
    return y, mean, rstd


@covered(operands=5)
def layer_norm_backward(dy, x, weight, mean, rstd):
    shapes.check_same("layer_norm_backward", dy, x)
    K, T = x.shape[1], threads_for(6 * x.size)
    weight = np.ones(K, x.dtype) if weight is None else plain(weight)
    dx, totals = np.empty(x.shape, x.dtype), np.empty((2, T, K))
    arrays = plain(dy), plain(x), weight, plain(mean), plain(rstd)
    _layer_norm_backward(T, *arrays, dx, *totals)
    return dx, *totals.sum(axis=1).astype(x.dtype)
