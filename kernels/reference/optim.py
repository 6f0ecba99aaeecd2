"""Optimiser steps."""

import numpy as np


def sgd(x, dx, velocity, *, lr, momentum, weight_decay, nesterov):
    g = dx + weight_decay * x
    velocity[...] = momentum * velocity + g
    x -= lr * (g + momentum * velocity if nesterov else velocity)


def adam(x, dx, exp_avg, exp_avg_sq, *, step, lr, betas, eps, weight_decay, decoupled):
    beta1, beta2 = betas
    if decoupled:
        x *= 1 - lr * weight_decay
    g = dx if decoupled else dx + weight_decay * x
    exp_avg[...] = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq[...] = beta2 * exp_avg_sq + (1 - beta2) * g * g
    x -= lr / (1 - beta1**step) * exp_avg / (np.sqrt(exp_avg_sq / (1 - beta2**step)) + eps)
