"""Initial weights."""

import math

import numpy as np

from minae import random
from minae.nn.module import Parameter


def uniform(shape: tuple[int, ...], bound: float) -> Parameter:
    """Return a float32 parameter drawn from the uniform distribution on [-bound, bound)."""
    draws = random.uniform(shape)
    return Parameter((2 * draws - 1) * np.float32(bound))


def normal(shape: tuple[int, ...], std: float = 1.0) -> Parameter:
    """Return a float32 parameter drawn from the normal distribution with mean 0."""
    return Parameter(random.normal(shape) * np.float32(std))


def fan_in_bound(fan_in: int) -> float:
    """Return 1/√fan_in, the bound that PyTorch's layers draw weights and biases within."""
    return 1 / math.sqrt(fan_in) if fan_in else 0.0
