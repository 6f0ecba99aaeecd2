"""Initial weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from minae import random
from minae.nn.module import Parameter

_skipped = ContextVar("skipped", default=False)


@contextmanager
def skipped() -> Iterator[None]:
    """Leave new weights at 0 and draw nothing: for models whose weights are about to be loaded.

    Such weights take up no memory until they are written to, however large they are.
    """
    token = _skipped.set(True)
    try:
        yield
    finally:
        _skipped.reset(token)


def uniform(shape: tuple[int, ...], fan_in: int) -> Parameter:
    """Return a float32 parameter drawn from U(-1/√fan_in, 1/√fan_in), as in PyTorch's layers."""
    return _between(shape, 1 / math.sqrt(fan_in) if fan_in else 0.0)


def xavier_uniform(shape: tuple[int, int]) -> Parameter:
    """Return a float32 parameter drawn from U(-b, b), b = √(6 / (inputs + outputs)).

    So signals keep about the same variance from layer to layer, forward and backward (Glorot &
    Bengio 2010).
    """
    return _between(shape, math.sqrt(6 / sum(shape)))


def _between(shape: tuple[int, ...], bound: float) -> Parameter:
    if _skipped.get():
        return Parameter(np.zeros(shape, np.float32))
    return Parameter((2 * random.uniform(shape) - 1) * np.float32(bound))


def normal(shape: tuple[int, ...], std: float = 1.0) -> Parameter:
    """Return a float32 parameter drawn from the normal distribution with mean 0."""
    if _skipped.get():
        return Parameter(np.zeros(shape, np.float32))
    return Parameter(random.normal(shape) * np.float32(std))


def kaiming_normal_(layer: Any, gain: float) -> None:
    """Draw a layer's weight anew with the variance gain / fan_in, and set its bias to 0.

    fan_in is the number of inputs that one output sums over. A gain of 2 makes up for the half of
    its inputs that a ReLU sets to 0, so that signals neither grow nor fade from layer to layer
    (He et al. 2015); 1 does so for a layer that no activation follows.
    """
    if not _skipped.get():
        layer.weight.data[...] = normal(layer.weight.shape, math.sqrt(gain / layer.fan_in)).data
        layer.bias.data[...] = 0
