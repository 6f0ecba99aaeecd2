"""Lengths along the dimensions of images, as arguments: one int for all, or one for each."""

from numbers import Integral

Pair = int | tuple[int, int]


def lengths(value, count: int, what: str) -> tuple[int, ...]:
    """Return an int as `count` of them, and a tuple or list of `count` ints as a tuple.

    Raises TypeError, which names `what`, for anything else.
    """
    values = value if isinstance(value, tuple | list) else (value,) * count
    whole = all(isinstance(v, Integral) and not isinstance(v, bool) for v in values)
    if len(values) != count or not whole:
        several = {1: "", 2: " or a (height, width) pair of ints"}.get(count, f" or {count} ints")
        raise TypeError(f"{what} must be an int{several}, not {value!r}")
    return tuple(int(v) for v in values)


def pair(value, what: str) -> tuple[int, int]:
    """Return (height, width) of an int for both or a pair; TypeError for anything else."""
    return lengths(value, 2, what)
