"""Comparisons, and what is done with their booleans. None of these has a gradient."""

import numbers
import operator

import numpy as np

from minae.op import broadcast_error
from minae.ops.arithmetic import operands
from minae.ops.reductions import Dims, normalise_dims
from minae.tensor import Tensor, method, numpy_names


def _comparison(compare, name: str):
    """Make the method that compares entry by entry, under its name and as an operator."""

    @method(name, f"__{name}__")
    def comparison(x, y):
        if y is None or isinstance(y, str):
            return NotImplemented  # x == None is False, and x < None Python's TypeError
        if isinstance(y, numbers.Real):  # as it is: 300 is above all of uint8
            return Tensor(compare(x.data, y.item() if isinstance(y, np.generic) else y))
        x, y = operands(x, y)
        try:
            return Tensor(compare(x.data, y.data))
        except ValueError:
            raise broadcast_error(name, (x, y)) from None


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _comparison(getattr(operator, _name), _name)


def _bitwise(combine, name: str, symbol: str):
    """Make the operator that combines booleans, or the bits of integers."""

    @method(f"__{name}__", f"__r{name}__")
    def bitwise(x, y) -> Tensor:
        x, y = operands(x, y)
        if x.is_floating_point():
            raise TypeError(f"{symbol} combines booleans or integers, not {x.dtype}")
        return Tensor(combine(x.data, y.data))


for _name, _symbol in [("and", "&"), ("or", "|"), ("xor", "^")]:
    _bitwise(getattr(operator, f"__{_name}__"), _name, _symbol)


@method("__invert__")
def _invert(x: Tensor) -> Tensor:
    if x.is_floating_point():
        raise TypeError(f"~ is of booleans or integers, not {x.dtype}")
    return Tensor(~x.data)


@method()
def isnan(x: Tensor) -> Tensor:
    """Return which entries are not a number."""
    return Tensor(x.data != x.data)


@method()
def isinf(x: Tensor) -> Tensor:
    """Return which entries are infinite, of either sign."""
    return Tensor(np.absolute(x.data) == np.inf)


@method()
def isfinite(x: Tensor) -> Tensor:
    """Return which entries are neither infinite nor nan."""
    return Tensor(np.isfinite(x.data))


@method()
@numpy_names
def any(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return whether an entry over `dim` is not 0: False of no entries."""
    return Tensor((x.data != 0).any(axis=normalise_dims(dim, x.ndim), keepdims=keepdim))


@method()
@numpy_names
def all(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return whether all entries over `dim` are not 0: True of no entries."""
    return Tensor((x.data != 0).all(axis=normalise_dims(dim, x.ndim), keepdims=keepdim))
