"""Which arrays compiled code takes, and in which memory layout; the reference takes the others.

It takes float32 and float64, in plain arrays: contiguous, aligned and writable. (Inputs are never
written to, but each other kind of array would have to be compiled for.) Images are N, C, H, W to
the caller but lie in memory as N, H, W, C: the channels of a pixel are then neighbours, patches are
copied in long runs, and one matrix product over all pixels writes its result straight into place. A
result in that order is returned as a view that costs nothing to take back; only images in another
order are copied.
"""

import functools
from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from minae.kernels import reference
from minae.kernels.arrays import Array
from minae.kernels.cpu.compile.calls import copied
from minae.kernels.cpu.compile.compiled import parallel
from minae.kernels.cpu.compile.threads import threads_for

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def suits(arrays: Sequence[Array | None]) -> bool:
    """Return whether compiled code takes these arrays: all of one of FLOATS, and none empty."""
    dtype = arrays[0].dtype  # pyright: ignore[reportOptionalMemberAccess] - others may be None
    if dtype not in FLOATS:
        return False
    for a in arrays:
        if a is not None and ((a.dtype is not dtype and a.dtype != dtype) or not a.size):
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


def plain(x: Array) -> Array:
    """Return x as a plain array: itself, or a copy."""
    return x if x.flags.carray else copied(x)


def plain_rows(x: Array) -> Array:
    """Return x (..., I) as a plain matrix (rows, I)."""
    x = plain(x)
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])  # I may be 0: no -1


def plain_matrix(x: Array) -> tuple[Array, bool]:
    """Return x or its transpose as a plain matrix, and whether it is the transpose."""
    if x.flags.carray:
        return x, False
    return (x.T, True) if x.T.flags.carray else (plain(x), False)


def pixels(x: Array) -> Array:
    """Return images (N, C, H, W) as a plain (N, H, W, C)."""
    last, (N, C, H, W) = x.transpose(0, 2, 3, 1), x.shape
    if last.flags.carray or not x.flags.carray:
        return plain(last)
    y = np.empty((N, H, W, C), x.dtype)
    transpose(threads_for(4 * x.size), x.reshape(N, C, H * W), y.reshape(N, H * W, C))
    return y


@parallel
def transpose(t, T, x, y):
    """y[n] = x[n]ᵀ for matrices x (N, R, C), which NumPy copies number by number."""
    N, R, C = x.shape
    for n in range(t * N // T, (t + 1) * N // T):
        for c in range(C):
            for r in range(R):
                y[n, c, r] = x[n, r, c]
