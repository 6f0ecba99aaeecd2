"""Optimiser steps on one flat vector of all parameters."""

import math

from minae.kernels.arrays import Array
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import launch
from minae.kernels.cuda.launch.rung import VECTOR, Rung, Step
from minae.kernels.cuda.layout import contiguous
from minae.kernels.simulator import cuda, float32


def sgd_kernel(x, dx, velocity, lr, momentum, weight_decay, nesterov):
    """v = momentum v + g, x -= lr v with g = dx + weight_decay x; nesterov: x -= lr (g + m v)."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        g = dx[i] + weight_decay * x[i]
        v = momentum * velocity[i] + g
        velocity[i] = v
        x[i] -= lr * (g + momentum * v if nesterov else v)


def adam_kernel(
    x, dx, exp_avg, exp_avg_sq, beta1, beta2, rest1, rest2, eps, size, root, decay, shrink
):
    """m and v: running means of g and g²; x -= size m / (√v root + eps), g = dx + decay x.

    Before that, x is multiplied by `shrink`. rest1 and rest2 are 1 - beta1 and 1 - beta2.
    """
    i = cuda.grid(1)
    if i < x.shape[0]:
        value = x[i] * shrink
        g = dx[i] + decay * value
        m = beta1 * exp_avg[i] + rest1 * g
        v = beta2 * exp_avg_sq[i] + rest2 * g * g
        exp_avg[i] = m
        exp_avg_sq[i] = v
        x[i] = value - size * m / (float32(math.sqrt(v)) * root + eps)


def adam_counted_kernel(
    x, dx, exp_avg, exp_avg_sq, beta1, beta2, rest1, rest2, eps,
    step, lr, log_beta1, log_beta2, decay, shrink,
):  # fmt: skip
    """The same for step number step[0]: a captured launch always gets the same arguments.

    1 - βᵗ is computed as -expm1(t log β), which stays accurate where βᵗ is almost 1.
    """
    count = float32(step[0])
    size = lr / float32(-math.expm1(count * log_beta1))
    root = float32(1) / float32(math.sqrt(float32(-math.expm1(count * log_beta2))))
    adam_kernel(
        x, dx, exp_avg, exp_avg_sq, beta1, beta2, rest1, rest2, eps, size, root, decay, shrink
    )


def count_up_kernel(step):
    """step[0] += 1."""
    step[0] += 1


COUNTED = (VECTOR,) * 4 + ("float32",) * 5 + ("int32[:]",) + ("float32",) * 5
RUNGS = {
    "sgd": Rung(sgd_kernel, (VECTOR,) * 3 + ("float32",) * 3 + ("int32",)),
    "adam": Rung(adam_kernel, (VECTOR,) * 4 + ("float32",) * 9),
    "adam_counted": Rung(adam_counted_kernel, COUNTED),
    "count_up": Rung(count_up_kernel, ("int32[:]",), (1,), lambda: (1,)),
}


@covered(operands=3)
def sgd(x, dx, velocity, *, lr, momentum, weight_decay, nesterov):
    numbers = lr, momentum, weight_decay, nesterov
    launch(Step(RUNGS["sgd"], (x.size,), (x, contiguous(dx), velocity, *numbers)))


@covered(operands=4)
def adam(x, dx, exp_avg, exp_avg_sq, *, step, lr, betas, eps, weight_decay, decoupled):
    """Take a step; `step` may also be an int32 array (1,) on the device, for captured steps."""
    arrays, (beta1, beta2) = (x, contiguous(dx), exp_avg, exp_avg_sq), betas
    rates = beta1, beta2, 1 - beta1, 1 - beta2, eps
    decay = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    if isinstance(step, int):
        sizes = lr / (1 - beta1**step), (1 - beta2**step) ** -0.5
        launch(Step(RUNGS["adam"], (x.size,), (*arrays, *rates, *sizes, *decay)))
    else:
        logs = lr, math.log(beta1), math.log(beta2)
        launch(Step(RUNGS["adam_counted"], (x.size,), (*arrays, *rates, step, *logs, *decay)))


def count_up(number: Array) -> None:
    """Add 1 to an int32 array (1,) on the device: the first launch of a captured step."""
    launch(Step(RUNGS["count_up"], (), (number,)))
