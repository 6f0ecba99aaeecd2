"""Runs each correct kernel, at sizes that no tile divides, and gives the right result."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minae.kernels import reference
from minae.kernels.simulator import launch

from . import kernels
from .kernels import T


def _random(*shape):
    return np.random.default_rng(shape).standard_normal(shape, dtype="f4")


def _blocks(count: int, size: int) -> int:
    return -(-count // size)


def run_matmul_tiled(kernel, seed):
    rows, columns, depth = 13, 11, 21
    a, b = _random(rows, depth), _random(depth, columns)
    c = np.full((rows, columns), np.nan, "f4")
    launch(kernel, (_blocks(columns, T), _blocks(rows, T)), (T, T), a, b, c, seed=seed)
    return c, reference.matmul(a, b)


def _run_matmul_flat(side, rows, columns, depth):
    def run(kernel, seed):
        a, b = _random(rows, depth), _random(depth, columns)
        c = np.full(rows * columns, np.nan, "f4")
        grid = _blocks(columns, side), _blocks(rows, side)
        flat = a.reshape(-1), b.reshape(-1), c
        launch(kernel, grid, 64, *flat, rows, columns, depth, seed=seed)
        return c.reshape(rows, columns), reference.matmul(a, b)

    return run


def run_matmul_tensor(kernel, seed):
    depth = 24
    a, b, c = _random(16, depth), _random(depth, 8), np.full(16 * 8, np.nan, "f4")
    a, b = (np.round(x * 8) / 8 for x in (a, b))  # what tf32 holds exactly
    launch(kernel, 1, 32, a.reshape(-1), b.reshape(-1), c, depth, seed=seed)
    return c.reshape(16, 8), a @ b


def _run_conv(grid, block):
    def run(kernel, seed):
        stride, padding = 2, 1
        x, weight = _random(2, 3, 7, 6), _random(5, 3, 3, 3)
        both = {"stride": (stride, stride), "padding": (padding, padding), "dilation": (1, 1)}
        right = reference.conv2d(x, weight, **both, groups=1)
        y = np.full(right.shape, np.nan, "f4")
        launch(kernel, grid(y), block, x, weight, y, stride, padding, seed=seed)
        return y, right

    return run


def run_blur(kernel, seed):
    size = 29
    x, y = _random(size), np.full(size, np.nan, "f4")
    launch(kernel, _blocks(size, T), T, x, y, seed=seed)
    return y, np.convolve(x, np.full(3, 1 / 3, "f4"), "same")


def _run_reduce(*launches):
    def run(kernel, seed):
        totals, x = [], _random(611)
        for grid, block in launches:
            y = np.zeros(1, "f4")
            launch(kernel, grid, block, x, y, seed=seed)
            totals.append(y[0])
        return np.array(totals), np.full(len(launches), x.sum())

    return run


def run_histogram(kernel, seed):
    x, y = np.random.default_rng(0).integers(0, 8, 150).astype("i4"), np.zeros(8, "i4")
    launch(kernel, 3, 64, x, y, seed=seed)
    return y, np.bincount(x, minlength=8)


@dataclass(frozen=True)
class Case:
    """A kernel, and what runs it: (kernel, seed) -> actual and expected result."""

    kernel: Callable
    run: Callable


CASES = {
    case.kernel.__name__: case
    for case in (
        Case(kernels.matmul_tiled, run_matmul_tiled),
        Case(kernels.matmul_register, _run_matmul_flat(kernels.WIDE, 37, 36, 12)),
        Case(kernels.matmul_pipelined, _run_matmul_flat(16, 19, 20, 20)),
        Case(kernels.matmul_tensor, run_matmul_tensor),
        Case(
            kernels.conv_gather,
            _run_conv(lambda y: (1, _blocks(y.size // y.shape[1], T)), (T, T)),
        ),
        Case(kernels.conv_direct, _run_conv(lambda y: _blocks(y.size, 64), 64)),
        Case(kernels.blur, run_blur),
        Case(kernels.reduce_tree, _run_reduce((3, 128), (1, 128))),
        Case(kernels.reduce_shuffle, _run_reduce((2, 128), (3, 80), (1, 33), (1, 7))),
        Case(kernels.histogram, run_histogram),
    )
}
