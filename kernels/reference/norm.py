"""Batch and layer normalisation."""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.reductions import sum


def batch_norm(x, weight, bias, eps):
    shapes.check_batch_norm(x, weight, bias)
    axes = (0, *range(2, x.ndim))
    count = x.size / x.shape[1] if x.size else math.nan
    mean = sum(x, axes) / count
    centred = x - _along(mean, x)
    var = sum(centred * centred, axes) / count
    y = centred / np.sqrt(_along(var, x) + eps)
    if weight is not None:
        y = y * _along(weight, x) + _along(bias, x)
    return y.astype(x.dtype), mean.astype(x.dtype), var.astype(x.dtype)


def batch_norm_backward(dy, x, weight, mean, var, eps):
    shapes.check_same("batch_norm_backward", dy, x)
    axes = (0, *range(2, x.ndim))
    std = np.sqrt(_along(var, x) + eps)
    normalised = (x - _along(mean, x)) / std
    dweight, dbias = sum(dy * normalised, axes), sum(dy, axes)
    count = x.size / x.shape[1] if x.size else 1
    dx = (dy - _along(dbias, x) / count - normalised * _along(dweight, x) / count) / std
    if weight is not None:
        dx = dx * _along(weight, x)
    return dx.astype(x.dtype), dweight, dbias


def layer_norm(x, weight, bias, eps):
    shapes.check_layer_norm(x, weight, bias)
    mean = sum(x, (1,)) / x.shape[1]
    centred = x - mean[:, None]
    rstd = 1 / np.sqrt(sum(centred * centred, (1,)) / x.shape[1] + eps)
    y = centred * rstd[:, None]
    y = y if weight is None else y * weight
    y = y if bias is None else y + bias
    return y.astype(x.dtype), mean.astype(x.dtype), rstd.astype(x.dtype)


def layer_norm_backward(dy, x, weight, mean, rstd):
    shapes.check_same("layer_norm_backward", dy, x)
    normalised = (x - mean[:, None]) * rstd[:, None]
    dnormalised = dy if weight is None else dy * weight
    along, level = (sum(a, (1,)) / x.shape[1] for a in (dnormalised * normalised, dnormalised))
    dx = (dnormalised - level[:, None] - normalised * along[:, None]) * rstd[:, None]
    return dx.astype(x.dtype), sum(dy * normalised, (0,)), sum(dy, (0,))


def _along(values, x):
    """View values (C,) in a shape that broadcasts with x (N, C, ...)."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))
