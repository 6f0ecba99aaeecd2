"""The rule by which arrays go to compiled code or to the reference."""

import functools

import numpy as np

from minae.kernels import reference

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def suits(arrays) -> bool:
    """Return whether compiled code takes these arrays together; None stands for no array.

    They are not empty and share one of FLOATS as their type.
    """
    dtype = arrays[0].dtype
    if dtype not in FLOATS:
        return False
    for a in arrays:  # noqa: SIM110 - a generator takes longer
        if a is not None and (a.dtype != dtype or not a.size):
            return False
    return True


def covered(operands: int):
    """Have a kernel called if its first `operands` arguments suit it, and else the reference."""

    def decorate(kernel):
        specification = getattr(reference, kernel.__name__)

        @functools.wraps(kernel)
        def choose(*args, **options):
            return (kernel if suits(args[:operands]) else specification)(*args, **options)

        return choose

    return decorate
