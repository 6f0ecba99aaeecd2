"""Losses with their gradients, the Gaussians of a variational autoencoder, optimiser steps."""

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.reductions import sum


def mse(x: np.ndarray, target: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the sum of (x - target)², and its gradient by x.

    x, target: of one shape, else ValueError. -> (), and the shape of x.
    """
    shapes.check_same("mse", x, target)
    difference = x - target
    return _total(difference * difference, scale), 2 * scale * difference


def bce_with_logits(
    x: np.ndarray, target: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the summed cross-entropy of sigmoid(x) and target, and its gradient by x.

    x, target: of one shape, else ValueError. -> (), and the shape of x.
    """
    shapes.check_same("bce_with_logits", x, target)
    e = np.exp(-np.abs(x))
    losses = x * ((x > 0) - target) + np.log1p(e)
    sigmoid = np.where(x >= 0, 1, e) / (1 + e)
    return _total(losses, scale), scale * (sigmoid - target)


def cross_entropy(
    x: np.ndarray, target: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the sum of -log softmax(x)[target], and its gradient by x.

    x (N, K), target (N,) of integers below K -> (), (N, K). Raises ValueError if shapes don't fit.
    """
    shapes.check_cross_entropy(x, target)
    rows = np.arange(len(x))
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, K)
    dx = np.exp(log_p)
    dx[rows, target] -= 1
    return _total(-log_p[rows, target], scale), scale * dx


def _total(losses: np.ndarray, scale: float) -> np.ndarray:
    return np.asarray(losses.sum(dtype=np.float64) * scale, losses.dtype)


def reparameterise(mean: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return mean + exp(log_var / 2) noise. All of one shape, else ValueError."""
    shapes.check_same("reparameterise", mean, log_var)
    shapes.check_same("reparameterise", mean, noise)
    return mean + np.exp(0.5 * log_var) * noise


def reparameterise_dlog_var(dz: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the gradient of `reparameterise` by log_var, given dz. All of one shape."""
    return dz * noise * (0.5 * np.exp(0.5 * log_var))


def gaussian_kl(mean: np.ndarray, log_var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return KL(N(mean, exp(log_var)) || N(0, 1)) of each row, and its gradient by log_var.

    mean, log_var (..., Z) -> (...), (..., Z); the gradient by mean is mean itself. Raises
    ValueError if the shapes differ.
    """
    shapes.check_same("gaussian_kl", mean, log_var)
    change = np.expm1(log_var)  # e^log_var - 1, exact also where log_var is next to 0
    excess = np.maximum(change - log_var, 0)  # e^v >= 1 + v; rounding might say otherwise
    return 0.5 * sum(mean * mean + excess, (mean.ndim - 1,)), 0.5 * change


def sgd(
    x: np.ndarray,
    dx: np.ndarray,
    velocity: np.ndarray,
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """Take one step of stochastic gradient descent: change x (P,) and velocity (P,) in place."""
    g = dx + weight_decay * x
    velocity[...] = momentum * velocity + g
    x -= lr * (g + momentum * velocity if nesterov else velocity)


def adam(
    x: np.ndarray,
    dx: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """Take step number `step` of Adam, or AdamW if decoupled: change x (P,) and the means in place.

    dx, exp_avg, exp_avg_sq: (P,).
    """
    beta1, beta2 = betas
    if decoupled:
        x *= 1 - lr * weight_decay
    g = dx if decoupled else dx + weight_decay * x
    exp_avg[...] = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq[...] = beta2 * exp_avg_sq + (1 - beta2) * g * g
    x -= lr / (1 - beta1**step) * exp_avg / (np.sqrt(exp_avg_sq / (1 - beta2**step)) + eps)
