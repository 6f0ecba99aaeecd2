"""Losses, the Gaussians of a VAE and optimiser steps on the GPU, as launches of `losses`."""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda import reductions
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import Step
from minae.kernels.cuda.linear import contiguous, rows_of
from minae.kernels.cuda.losses import RUNGS


@covered(operands=2)
def mse(x: np.ndarray, target: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the sum of (x - target)², and its gradient by x.

    x, target: of one shape, else ValueError. -> (), and the shape of x.
    """
    shapes.check_same("mse", x, target)
    return _loss("mse", _flat(x), _flat(target), scale, x)


@covered(operands=2)
def bce_with_logits(
    x: np.ndarray, target: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the summed cross-entropy of sigmoid(x) and target, and its gradient by x.

    x, target: of one shape, else ValueError. -> (), and the shape of x.
    """
    shapes.check_same("bce_with_logits", x, target)
    return _loss("bce_with_logits", _flat(x), _flat(target), scale, x)


@covered(operands=1)
def cross_entropy(
    x: np.ndarray, target: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the sum of -log softmax(x)[target], and its gradient by x.

    x (N, K), target (N,) of integers below K -> (), (N, K). Raises ValueError if shapes don't fit.
    """
    shapes.check_cross_entropy(x, target)
    classes = contiguous(target.astype(np.int64, copy=False))
    return _loss("cross_entropy", contiguous(x), classes, scale, x)


def _loss(name: str, x, target, scale: float, like) -> tuple[np.ndarray, np.ndarray]:
    """Have each block leave its sum, a row its loss, and then add them up."""
    rung, size, by_rows = RUNGS[name], len(x), x.ndim == 2
    parts = empty((size if by_rows else rung.grid(size)[0],), like)
    dx, total = empty(like.shape, like), empty((1,), like)
    launch(Step(rung, (size,), (x, target, scale, parts, dx if by_rows else dx.reshape(-1))))
    launch(Step(reductions.RUNGS["total"], (), (parts, scale, total)))
    return total.reshape(()), dx


@covered(operands=3)
def reparameterise(mean: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return mean + exp(log_var / 2) noise. All of one shape, else ValueError."""
    shapes.check_same("reparameterise", mean, log_var)
    shapes.check_same("reparameterise", mean, noise)
    return _each("reparameterise", mean, log_var, noise)


@covered(operands=3)
def reparameterise_dlog_var(dz: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the gradient of `reparameterise` by log_var, given dz. All of one shape."""
    return _each("reparameterise_dlog_var", dz, log_var, noise)


@covered(operands=1)
def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function 2/√π ∫₀ˣ e^(-t²) dt of every entry, in the dtype of x."""
    return _each("erf", x)


def _each(name: str, *arrays) -> np.ndarray:
    """Compute each entry of a result from the entries at its place."""
    out = empty(arrays[0].shape, arrays[0])
    launch(Step(RUNGS[name], (out.size,), (*map(_flat, arrays), out.reshape(-1))))
    return out


@covered(operands=2)
def gaussian_kl(mean: np.ndarray, log_var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return KL(N(mean, exp(log_var)) || N(0, 1)) of each row, and its gradient by log_var.

    mean, log_var (..., Z) -> (...), (..., Z); the gradient by mean is mean itself. Raises
    ValueError if the shapes differ.
    """
    shapes.check_same("gaussian_kl", mean, log_var)
    kl, dlog_var = empty(mean.shape[:-1], mean), empty(mean.shape, mean)
    arrays = rows_of(mean), rows_of(log_var), kl.reshape(-1), rows_of(dlog_var)
    launch(Step(RUNGS["gaussian_kl"], (kl.size,), arrays))
    return kl, dlog_var


@covered(operands=3)
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
    numbers = lr, momentum, weight_decay, nesterov
    launch(Step(RUNGS["sgd"], (x.size,), (x, contiguous(dx), velocity, *numbers)))


@covered(operands=4)
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

    dx, exp_avg, exp_avg_sq: (P,). `step` may be an array of one int32 on the device, from where a
    captured step reads it.
    """
    arrays, (beta1, beta2) = (x, contiguous(dx), exp_avg, exp_avg_sq), betas
    rates = beta1, beta2, 1 - beta1, 1 - beta2, eps
    decay = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    if isinstance(step, int):
        sizes = lr / (1 - beta1**step), (1 - beta2**step) ** -0.5
        launch(Step(RUNGS["adam"], (x.size,), (*arrays, *rates, *sizes, *decay)))
    else:
        logs = lr, math.log(beta1), math.log(beta2)
        launch(Step(RUNGS["adam_counted"], (x.size,), (*arrays, *rates, step, *logs, *decay)))


def _flat(x):
    return contiguous(x).reshape(-1)


def count_up(number) -> None:
    """number[0] += 1, on the device: an int32 array (1,)."""
    launch(Step(RUNGS["count_up"], (), (number,)))
