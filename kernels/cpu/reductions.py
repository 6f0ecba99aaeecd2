"""Sums over axes, in blocks of rows that a matrix product adds up.

NumPy adds neighbours in memory pairwise, so that rounding errors hardly grow. But down columns it
adds row after row, and such a sum of ones stops growing at 2²⁴. Here 32 rows at a time are
multiplied by a row of ones, and the results likewise, until one row is left.
"""

import math

import numpy as np

from minae.kernels import reference
from minae.kernels.cpu.compile.operands import suits
from minae.kernels.cpu.layout import contiguous

BLOCK = 32  # rows, few enough that adding them one by one loses next to nothing


def sum(x, axes):
    if not axes or not suits((x,)):
        return reference.sum(x, axes)
    if not x.flags.c_contiguous and x.T.flags.c_contiguous:
        return sum(x.T, tuple(x.ndim - 1 - axis for axis in axes)).T
    if len(axes) == x.ndim and x.flags.c_contiguous:
        return np.asarray(x.sum())
    shape, axes = x.shape, sorted(axes)
    x = contiguous(x)
    while axes:  # the last first, and neighbouring ones together
        first = stop = axes.pop()
        while axes and axes[-1] == first - 1:
            first = axes.pop()
        columns = x.size // math.prod(shape[: stop + 1])
        x = _down(x.reshape(math.prod(shape[:first]), -1, columns))
        shape = shape[:first] + shape[stop + 1 :]
    return x.reshape(shape)


def _down(x):
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
