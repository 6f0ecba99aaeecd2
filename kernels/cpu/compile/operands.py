"""Compiled code takes plain arrays only: contiguous, aligned and writable.

(Inputs are never written to, but each other kind of array would have to be compiled for.) Images
are N, C, H, W to the caller but lie in memory as N, H, W, C: the channels of a pixel are then
neighbours, patches are copied in long runs, and one matrix product over all pixels writes its
result straight into place. A result in that order is returned as a view that costs nothing to take
back; only images in another order are copied.
"""

from math import prod

import numpy as np

from minae.kernels.arrays import Array
from minae.kernels.cpu.compile.parallel import parallel
from minae.kernels.cpu.compile.threads import threads_for


def plain(x: Array) -> Array:
    """Return x as a plain array: itself, or a copy."""
    return x if x.flags.carray else np.array(x, order="C")


def plain_rows(x: Array) -> Array:
    """Return x (..., I) as a plain matrix (rows, I)."""
    if x.ndim != 2:
        x = x.reshape(prod(x.shape[:-1]), x.shape[-1])  # -1 would be ambiguous if I is 0
    return x if x.flags.carray else np.array(x, order="C")


def plain_matrix(x: Array) -> tuple[Array, bool]:
    """Return x or its transpose as a plain matrix, and whether it is the transpose."""
    if x.flags.carray:
        return x, False
    return (x.T, True) if x.T.flags.carray else (np.array(x, order="C"), False)


def pixels(x: Array) -> Array:
    """Return images (N, C, H, W) as a plain (N, H, W, C)."""
    last = x.transpose(0, 2, 3, 1)
    if last.flags.carray:
        return last
    N, C, H, W = x.shape
    if not x.flags.carray:
        return np.array(last, order="C")
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
