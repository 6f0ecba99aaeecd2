"""Batch normalisation."""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.reductions import sum


def batch_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normalise each channel over the batch and all positions (Ioffe & Szegedy 2015).

    With the channel's mean and variance, y = (x - mean) / √(var + eps) · weight + bias.
    x (N, C, ...), weight and bias (C,), or both None -> y, mean (C,), var (C,). Raises ValueError
    if shapes don't fit.
    """
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


def batch_norm_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Send the gradient of batch_norm back, through the statistics too, which depend on every x.

    With x̂ = (x - mean) / √(var + eps), its sums written as means (section 3 of the paper):

        dx = (dy - mean(dy) - x̂ mean(dy x̂)) · weight / √(var + eps)

    dy, x (N, C, ...), weight, mean, var (C,) -> dx, dweight = Σ dy x̂, dbias = Σ dy. Raises
    ValueError if shapes don't fit.
    """
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


def _along(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """View values (C,) so that they go with x (N, C, ...)."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))
