"""Writing into a tensor's array: `x += y` and `x[i] = y`.

Backward cannot follow a write, so a write that would lose a gradient is refused. Every other write
is recorded (`Tensor.written`), and backward refuses to compute with what was overwritten.
"""

from typing import Any

import numpy as np

from minae.grad_mode import is_grad_enabled
from minae.kernels import arrays
from minae.kernels.shapes import broadcasts
from minae.ops.arithmetic import BinaryMethod, Operand, beside
from minae.ops.slicing import located
from minae.tensor import Tensor


def _write(x: Tensor, index, value: Tensor, what: str, instead: str) -> None:
    """Write x[index] = value, broadcast; refuse to lose a gradient, or part of a number."""
    if is_grad_enabled() and (x.requires_grad or value.requires_grad):
        raise RuntimeError(
            f"{what} writes into the array of x, where backward() cannot follow; {instead}"
        )
    if not _can_hold(x.dtype, value.data):
        raise TypeError(f"{what}: a tensor of {x.dtype} cannot hold these {value.dtype}; cast one")
    if not getattr(x.data.flags, "writeable", True):
        raise ValueError(f"{what}: x is read-only, or expanded, so that entries share one place")
    region, places = located(x.data, index)
    if not broadcasts(value.shape, region[places].shape):
        raise ValueError(f"{what}: {value.shape} does not broadcast to {region[places].shape}")
    region[places] = arrays.beside(value.data, region)
    x.written()


def _can_hold(dtype: np.dtype, values) -> bool:
    """Return whether a tensor of this dtype holds the values, up to rounding of floats."""
    if dtype.kind == "f" or np.can_cast(values.dtype, dtype, "safe"):
        return True
    if values.dtype.kind == "f" or dtype.kind == "b":
        return False
    limits = np.iinfo(dtype)
    return not values.size or (limits.min <= values.min() and values.max() <= limits.max)


def setitem(x: Tensor, index: Any, value: Operand) -> None:
    """Write x[index] = value, with every index that `getitem` takes.

    Raises RuntimeError if x or value requires gradients, outside of no_grad; TypeError if x cannot
    hold the value, such as a fraction in integers; ValueError if the value does not broadcast to
    x[index], or if x cannot be written into.
    """
    if not isinstance(value, Tensor):
        is_bit = x.dtype == bool and np.isscalar(value) and value in (0, 1)
        value = beside(x, bool(value) if is_bit else value)
    while value.ndim and value.shape[0] == 1:  # as in PyTorch, they do not count
        value = value.squeeze(0)
    _write(x, index, value, "x[i] = y", "use where(), or write inside `with no_grad():`")


def in_place(operation: BinaryMethod, symbol: str) -> BinaryMethod:
    """Return the method for `x += y` and the like, which writes into the array of x."""

    def update(x: Tensor, y: Operand) -> Tensor:
        instead = f"write x = x {symbol} y, or update inside `with no_grad():`"
        _write(x, ..., operation(x, y), f"x {symbol}= y", instead)
        return x

    return update
