"""How arrays lie in memory: what compiled code gets is always plain.

Plain is contiguous, aligned and writable (though inputs are never written into): a kernel is
compiled anew for whatever is not. Images are N, C, H, W to the caller, but lie in memory as
N, H, W, C: then the channels of a pixel are neighbours, patches are copied in long runs, and one
matrix product over all pixels writes its result straight into place. A result in that order is
handed out as a view, and costs nothing to take back; only images in another order are copied.
"""

from math import prod

import numpy as np

from minae.kernels.cpu.covered import covered
from minae.kernels.cpu.parallel import parallel
from minae.kernels.cpu.threads import threads_for


def plain(x: np.ndarray) -> np.ndarray:
    """Return x as compiled code takes it: itself, or a copy."""
    return x if x.flags.carray else np.array(x, order="C")


def plain_rows(x: np.ndarray) -> np.ndarray:
    """Return (..., I) as a plain matrix (rows, I); -1 would be ambiguous where I is 0."""
    if x.ndim != 2:
        x = x.reshape(prod(x.shape[:-1]), x.shape[-1])
    return x if x.flags.carray else np.array(x, order="C")


def plain_matrix(x: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return a plain matrix, and whether x is its transpose."""
    if x.flags.carray:
        return x, False
    return (x.T, True) if x.T.flags.carray else (np.array(x, order="C"), False)


def pixels(x: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W) as a plain (N, H, W, C)."""
    last = x.transpose(0, 2, 3, 1)
    if last.flags.carray:
        return last
    N, C, H, W = x.shape
    if not x.flags.carray:
        return np.array(last, order="C")
    y = np.empty((N, H, W, C), x.dtype)
    _transpose(threads_for(4 * x.size), x.reshape(N, C, H * W), y.reshape(N, H * W, C))
    return y


@covered(operands=1)
def channels_last(x: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W) as the convolutions read them: x itself, or a copy."""
    if x.ndim != 4 or x.transpose(0, 2, 3, 1).flags.carray:
        return x
    return pixels(x).transpose(0, 3, 1, 2)


@covered(operands=1)
def contiguous(x: np.ndarray) -> np.ndarray:
    """Return x in the order of its dimensions: x itself, or a copy."""
    if x.flags.c_contiguous:
        return x
    if x.ndim != 4 or not (last := x.transpose(0, 2, 3, 1)).flags.carray:
        return np.ascontiguousarray(x)
    N, C, H, W = x.shape
    y = np.empty((N, C, H * W), x.dtype)
    _transpose(threads_for(4 * x.size), last.reshape(N, H * W, C), y)
    return y.reshape(x.shape)


@parallel
def _transpose(t, T, x, y):
    """y[n] = x[n]ᵀ for matrices x (N, R, C). NumPy's copy does the same number by number."""
    N, R, C = x.shape
    for n in range(t * N // T, (t + 1) * N // T):
        for c in range(C):
            for r in range(R):
                y[n, c, r] = x[n, r, c]
