"""The order of arrays in memory: the kernels read and write contiguous ones."""

from minae.kernels.arrays import Array


def contiguous(x):
    return x if x.flags.c_contiguous else x.copy()


channels_last = contiguous


def flat(x: Array) -> Array:
    """Return x as a vector."""
    return contiguous(x).reshape(-1)


def rows_of(x: Array) -> Array:
    """Return x (..., I) as a matrix (everything else, I)."""
    return contiguous(x).reshape(-1, x.shape[-1])
