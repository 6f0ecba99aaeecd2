"""Initial weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from minae import random
from minae.nn.module import Parameter

_skipped = ContextVar("skipped", default=False)


@contextmanager
def skipped() -> Iterator[None]:
    """Leave new weights at 0 and draw nothing: for models whose weights are about to be loaded.

    What is too large for the memory takes none, as long as nobody writes into it.
    """
    token = _skipped.set(True)
    try:
        yield
    finally:
        _skipped.reset(token)


def uniform(shape: tuple[int, ...], bound: float) -> Parameter:
    """Return a float32 parameter drawn from the uniform distribution on [-bound, bound)."""
    if _skipped.get():
        return Parameter(np.zeros(shape, np.float32))
    return Parameter((2 * random.uniform(shape) - 1) * np.float32(bound))


def normal(shape: tuple[int, ...], std: float = 1.0) -> Parameter:
    """Return a float32 parameter drawn from the normal distribution with mean 0."""
    if _skipped.get():
        return Parameter(np.zeros(shape, np.float32))
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
    if _skipped.get():
        return
    layer.weight.data[...] = normal(layer.weight.shape, math.sqrt(gain / layer.fan_in)).data
    layer.bias.data[...] = 0
