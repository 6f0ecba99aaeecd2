"""Initial weights."""

import math

import numpy as np

from minae import random
from minae.nn.module import Parameter


def uniform(shape: tuple[int, ...], bound: float) -> Parameter:
    """Return a float32 parameter drawn from the uniform distribution on [-bound, bound)."""
    return Parameter((2 * random.uniform(shape) - 1) * np.float32(bound))


def normal(shape: tuple[int, ...], std: float = 1.0) -> Parameter:
    """Return a float32 parameter drawn from the normal distribution with mean 0."""
    return Parameter(random.normal(shape) * np.float32(std))


def fan_in_bound(fan_in: int) -> float:
    """Return 1/√fan_in, the bound that PyTorch's layers draw weights and biases within."""
    return 1 / math.sqrt(fan_in) if fan_in else 0.0


def kaiming_normal_(layer, gain: float) -> None:
    """Draw a layer's weight anew with the variance gain / fan_in, and set its bias to 0.

    fan_in is the number of inputs that one output sums over. A gain of 2 makes up for the half of
    its inputs that a ReLU sets to 0, so that signals neither grow nor fade from layer to layer
    (He et al. 2015); 1 does so for a layer that no activation follows.
    """
    layer.weight.data[...] = normal(layer.weight.shape, math.sqrt(gain / layer.fan_in)).data
    layer.bias.data[...] = 0
