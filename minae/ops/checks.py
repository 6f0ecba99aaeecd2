"""Checks of arguments that many operations share. Most return the argument in a normal form."""

import functools
import math
import operator
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

import numpy as np

from minae.dtypes import is_real
from minae.tensor import Tensor

Ints = int | tuple[int, ...] | list[int]
Pair = int | tuple[int, int]  # for both dimensions of an image, or (height, width)
P = ParamSpec("P")
R = TypeVar("R")


def numpy_names(function: Callable[P, R]) -> Callable[P, R]:
    """Let `axis` and `keepdims` stand for a function's dim and keepdim, as they do in PyTorch."""

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        for name, own in (("axis", "dim"), ("keepdims", "keepdim")):
            if name in options:
                if own in options:
                    raise TypeError(f"{function.__name__}: {own} and {name} are the same: give one")
                options[own] = options.pop(name)
        return function(*args, **options)

    return call


def integer(value: Any, what: str) -> int:
    """Return an integer, Python's or NumPy's, as Python's, or raise TypeError."""
    if type(value) is int:  # the usual case, in a tenth of the time
        return value
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{what} must be an integer, not {value!r}")


def real(value: float, what: str) -> float:
    """Return a number, or raise TypeError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{what} must be a number, not {value!r}")
    return value


def integers(args: tuple[Ints, ...], what: str) -> tuple[int, ...]:
    """Return (2, 3) for the arguments of f(2, 3), of f((2, 3)) and of f([2, 3])."""
    values: Any = args[0] if len(args) == 1 and isinstance(args[0], tuple | list) else args
    if {*map(type, values)} == {int}:  # almost always
        return tuple(values)
    return tuple(integer(value, what) for value in values)


def lengths(value: Any, count: int, what: str) -> tuple[int, ...]:
    """Return an int as `count` of them, or `count` ints as a tuple; TypeError for anything else."""
    values = value if isinstance(value, tuple | list) else (value,) * count
    if len(values) == count and {*map(type, values)} == {int}:  # almost always
        return tuple(values)
    whole = all(isinstance(v, Integral) and not isinstance(v, bool) for v in values)
    if len(values) != count or not whole:
        several = {1: "", 2: " or a (height, width) pair of ints"}.get(count, f" or {count} ints")
        raise TypeError(f"{what} must be an int{several}, not {value!r}")
    return tuple(int(v) for v in values)


def pair(value: Any, what: str) -> tuple[int, int]:
    """Return (height, width) of an int for both or a pair; TypeError for anything else."""
    height, width = lengths(value, 2, what)
    return height, width


def pairs(name: str, **arguments: Any) -> dict[str, tuple[int, int]]:
    """Return these arguments of the function `name` as pairs."""
    return {what: pair(value, f"{name}: {what}") for what, value in arguments.items()}


def row(what: str, value: Any, height: int = 1) -> tuple[int, int]:
    """Return (height, width) for images one row high, whose width is an int, else TypeError."""
    (width,) = lengths(value, 1, what)
    return height, width


def check_dim(dim: int, ndim: int) -> int:
    """Return `dim` as a number from 0 to ndim - 1, or raise IndexError."""
    if type(dim) is not int:
        dim = integer(dim, "dim")
    if not -ndim <= dim < ndim:
        raise IndexError(f"dim {dim} is out of range for a tensor with {ndim} dimensions")
    return dim % ndim


def check_dims(dims: Iterable[int], ndim: int, name: str) -> tuple[int, ...]:
    """Return dimensions as numbers from 0 to ndim - 1. Raises ValueError if one comes twice."""
    found = tuple(check_dim(dim, ndim) for dim in dims)
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: dims {dims} name a dimension twice")
    return found


def check_index(index: Any, name: str) -> Tensor:
    """Return an index as a tensor, or raise TypeError unless it holds integers."""
    index = index if isinstance(index, Tensor) else Tensor(index)
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name}: index must be integers, not {index.dtype}")
    return index


def check_range(
    index: Any, shape: tuple[int, ...], dim: int, name: str, negative: bool = False
) -> None:
    """Raise IndexError unless all integers lie in dim; `negative` ones may count from its end."""
    low, high = -shape[dim] if negative else 0, shape[dim]
    if isinstance(index, int):
        ends = (index,)
    else:
        ends = (index.min().item(), index.max().item()) if index.size else ()
    for i in ends:
        if not low <= i < high:
            raise IndexError(f"{name}: index {i} is out of range for dim {dim} of length {high}")


def held(value: Any, dtype: np.dtype, what: str) -> float:
    """Return a number as Python's. TypeError if it is none, ValueError if `dtype` can't hold it."""
    if not is_real(value):
        raise TypeError(f"{what} must be a number, not {value!r}")
    number = value.item() if isinstance(value, np.generic) else value
    if dtype.kind == "f":
        fits = not abs(number) < math.inf or abs(number) <= float(np.finfo(dtype).max)
    elif dtype.kind == "b":
        fits = number in (0, 1)
    else:
        info = np.iinfo(dtype)
        fits = info.min <= number <= info.max and number == int(number)
    if not fits:
        raise ValueError(f"{what} {number} cannot be held by a tensor of {dtype}")
    return bool(number) if dtype.kind == "b" else number
