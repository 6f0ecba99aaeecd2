"""Which arrays go to compiled code, and which to the reference."""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from minae.kernels import reference
from minae.kernels.arrays import Array

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def suits(arrays: Sequence[Array | None]) -> bool:
    """Return whether compiled code takes these arrays: all of one of FLOATS, and none empty.

    The first is an array; None among the others stands for no array.
    """
    dtype = arrays[0].dtype  # pyright: ignore[reportOptionalMemberAccess]
    if dtype not in FLOATS:
        return False
    for a in arrays:  # noqa: SIM110 - a generator takes longer
        if a is not None and (a.dtype != dtype or not a.size):
            return False
    return True


def covered(operands: int) -> Callable[[Callable], Callable]:
    """Call a kernel if its first `operands` arguments suit it, and the reference otherwise."""

    def decorate(kernel: Callable) -> Callable:
        specification = getattr(reference, kernel.__name__)

        @functools.wraps(kernel)
        def choose(*args, **options):
            return (kernel if suits(args[:operands]) else specification)(*args, **options)

        return choose

    return decorate
