"""Comparisons, and operations on their booleans. None of these has a gradient."""

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from minae.op import broadcast_error
from minae.ops.arithmetic import BinaryMethod, Operand, operands
from minae.ops.checks import numpy_names
from minae.ops.reductions import Dims, normalise_dims
from minae.tensor import Tensor


def comparison(compare: Callable[[Any, Any], Any]) -> BinaryMethod:
    """Return the method that compares entry by entry, as one of Python's operators does."""

    def compared(x: Tensor, y: Operand) -> Tensor:
        if y is None or isinstance(y, str):
            return NotImplemented  # x == None is False, and x < None raises Python's TypeError
        if isinstance(y, numbers.Real):  # as it is: 300 is larger than any uint8
            return Tensor(compare(x.data, y.item() if isinstance(y, np.generic) else y))
        x, y = operands(x, y)
        try:
            return Tensor(compare(x.data, y.data))
        except ValueError:
            raise broadcast_error(compare.__name__, (x, y)) from None

    return compared


def bitwise(combine: Callable[[Any, Any], Any], symbol: str) -> BinaryMethod:
    """Return the operator that combines booleans, or the bits of integers."""

    def combined(x: Tensor, y: Operand) -> Tensor:
        x, y = operands(x, y)
        if x.is_floating_point():
            raise TypeError(f"{symbol} combines booleans or integers, not {x.dtype}")
        return Tensor(combine(x.data, y.data))

    return combined


def invert(x: Tensor) -> Tensor:
    """Return not x, or the complement of every bit. Raises TypeError for floats."""
    if x.is_floating_point():
        raise TypeError(f"~ is of booleans or integers, not {x.dtype}")
    return Tensor(~x.data)


def isnan(x: Tensor) -> Tensor:
    """Return which entries are not a number."""
    return Tensor(x.data != x.data)


def isinf(x: Tensor) -> Tensor:
    """Return which entries are infinite, of either sign."""
    return Tensor(np.absolute(x.data) == np.inf)


def isfinite(x: Tensor) -> Tensor:
    """Return which entries are neither infinite nor nan."""
    return Tensor(np.isfinite(x.data))


@numpy_names
def any(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return whether an entry over `dim` is not 0: False of no entries."""
    return Tensor((x.data != 0).any(axis=normalise_dims(dim, x.ndim), keepdims=keepdim))


@numpy_names
def all(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return whether all entries over `dim` are not 0: True of no entries."""
    return Tensor((x.data != 0).all(axis=normalise_dims(dim, x.ndim), keepdims=keepdim))
