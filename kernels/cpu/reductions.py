"""Sums over axes, in blocks of rows that BLAS adds up.

NumPy adds numbers that lie side by side pairwise: sums of sums, whose rounding errors hardly grow.
But down columns it adds row after row: from 2²⁴ ones on, that sum no longer grows. Here a row of
ones is multiplied with 32 rows at a time, and so are the results, until one row is left.
"""

import math

import numpy as np

from minae.kernels import reference
from minae.kernels.cpu.covered import suits
from minae.kernels.cpu.layout import contiguous

BLOCK = 32  # rows: so few that adding them one after the other loses next to nothing


def sum(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Add up over some axes, with an error that does not grow with their lengths.

    x (...) -> the shape of x without the axes, in the dtype of x; of integers and booleans in
    int64.
    """
    if not axes or not suits((x,)):
        return reference.sum(x, axes)
    if not x.flags.c_contiguous and x.T.flags.c_contiguous:
        return sum(x.T, tuple(x.ndim - 1 - axis for axis in axes)).T
    if len(axes) == x.ndim and x.flags.c_contiguous:
        return np.asarray(x.sum())
    shape, axes = x.shape, sorted(axes)
    x = contiguous(x)
    while axes:  # the last ones first, as many at once as lie next to each other
        first = stop = axes.pop()
        while axes and axes[-1] == first - 1:
            first = axes.pop()
        columns = x.size // math.prod(shape[: stop + 1])
        x = _down(x.reshape(math.prod(shape[:first]), -1, columns))
        shape = shape[:first] + shape[stop + 1 :]
    return x.reshape(shape)


def _down(x: np.ndarray) -> np.ndarray:
    """Add up the rows of each matrix: x (N, rows, columns) -> (N, columns)."""
    N, rows, columns = x.shape
    while columns > 1 and rows > BLOCK:
        blocks, rest = divmod(rows, BLOCK)
        whole = x[:, : rows - rest].reshape(N, blocks, BLOCK, columns)
        sums = np.ones(BLOCK, x.dtype) @ whole  # (N, blocks, columns)
        if rest:
            sums[:, -1] += np.ones(rest, x.dtype) @ x[:, rows - rest :]
        x, rows = sums, blocks
    return x.sum(axis=1)
