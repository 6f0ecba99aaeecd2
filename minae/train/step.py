"""One training step: forward, backward, update."""

import math
from collections.abc import Sequence
from typing import Any

from minae.nn import Module
from minae.optim import Optimizer, clip_grad_norm_
from minae.tensor import Tensor
from minae.train.dense_step import dense_step
from minae.train.replay import loss_and_gradients


def train_step(
    model: Module, optimizer: Optimizer, batch: Sequence[Any], max_grad_norm: float | None = None
) -> float:
    """Take one step on a batch of arrays; return the loss from before it.

    Raises FloatingPointError, and changes nothing, if that is nan or infinite.
    """
    optimizer.zero_grad()
    if max_grad_norm is None and (value := dense_step(model, optimizer, batch)) is not None:
        return checked(value)
    value = loss_and_gradients(model, optimizer, batch)
    if value is None:
        loss = model.loss(*map(Tensor, batch))
        value = finite(loss)
        loss.backward()
    checked(value)
    if max_grad_norm:
        clip_grad_norm_(optimizer.parameters, max_grad_norm)
    optimizer.step()
    return value


def finite(loss: Tensor) -> float:
    """Return a loss as a number. Raises FloatingPointError if it is nan or infinite."""
    return checked(loss.item())


def checked(value: float) -> float:
    """Return a loss. Raises FloatingPointError if it is nan or infinite."""
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss became {value}: lower the learning rate")
    return value
