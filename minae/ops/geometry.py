"""Lengths along the dimensions of images, as arguments: one int for all, or one for each."""

from numbers import Integral
from typing import Any

Pair = int | tuple[int, int]


def lengths(value: Any, count: int, what: str) -> tuple[int, ...]:
    """Return an int as `count` of them, and a tuple or list of `count` ints as a tuple.

    Raises TypeError, which names `what`, for anything else.
    """
    values = value if isinstance(value, tuple | list) else (value,) * count
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
