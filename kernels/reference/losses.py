"""Losses with their gradients."""

import numpy as np

from minae.kernels import shapes


def mse(x, target, scale=1.0):
    shapes.check_same("mse", x, target)
    difference = x - target
    return _total(difference * difference, scale), 2 * scale * difference


def bce_with_logits(x, target, scale=1.0):
    shapes.check_same("bce_with_logits", x, target)
    e = np.exp(-np.abs(x))
    losses = x * ((x > 0) - target) + np.log1p(e)
    sigmoid = np.where(x >= 0, 1, e) / (1 + e)
    return _total(losses, scale), scale * (sigmoid - target)


def cross_entropy(x, target, scale=1.0, ignore_index=-100):
    shapes.check_cross_entropy(x, target)
    kept = np.flatnonzero(target != ignore_index)  # M rows
    at_class = np.arange(len(kept)), target[kept]
    shifted = x[kept] - x[kept].max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (M, K)
    slope = np.exp(log_p)
    slope[at_class] -= 1
    dx = np.zeros(x.shape, x.dtype)
    dx[kept] = scale * slope
    return _total(-log_p[at_class], scale), dx


def _total(losses, scale):
    return np.asarray(losses.sum(dtype=np.float64) * scale, losses.dtype)
