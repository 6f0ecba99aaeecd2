"""The poolings on the GPU: a thread a window, or for a gradient a thread a pixel or a plane.

They move memory and compute next to nothing. Gradients are gathered by whoever owns the pixel, so
nothing is added atomically, and every run gives the same bits.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import Rung, Step
from minae.kernels.cuda.linear import contiguous
from minae.kernels.cuda.reductions import THREADS
from minae.kernels.shapes import Pair
from minae.kernels.simulator import cuda, float32, int32


def largest(x, y, index, KH, KW, SH, SW, PH, PW):
    """y = the largest number of each window, index = its place h W + w; the first of equals."""
    N, C, HO, WO = y.shape
    H, W = x.shape[2], x.shape[3]
    i = int32(cuda.grid(1))
    if i < N * C * HO * WO:
        column, row = i % WO, i // WO % HO
        c, n = i // (WO * HO) % C, i // (WO * HO * C)
        top, left = int32(max(row * SH - PH, 0)), int32(max(column * SW - PW, 0))
        best, place = x[n, c, top, left], int32(top * W + left)
        for h in range(top, min(row * SH - PH + KH, H)):
            for w in range(left, min(column * SW - PW + KW, W)):
                value = x[n, c, h, w]
                if value > best or (value != value and best == best):  # nan wins, and stays
                    best, place = value, int32(h * W + w)
        y[n, c, row, column] = best
        index[n, c, row, column] = place


def largest_dx(dy, index, dx):
    """dx (N, C, H W) = each dy (N, C, windows) at the place that its index names: a plane each."""
    N, C, windows = dy.shape
    i = int32(cuda.grid(1))
    if i < N * C:
        n, c = i // C, i % C
        for place in range(dx.shape[2]):
            dx[n, c, place] = float32(0)
        for window in range(windows):
            dx[n, c, index[n, c, window]] += dy[n, c, window]


def mean(x, y, KH, KW, SH, SW, PH, PW):
    """y = the mean of each window, its padding counted as zeros."""
    N, C, HO, WO = y.shape
    H, W = x.shape[2], x.shape[3]
    i = int32(cuda.grid(1))
    if i < N * C * HO * WO:
        column, row = i % WO, i // WO % HO
        c, n = i // (WO * HO) % C, i // (WO * HO * C)
        total = float32(0)
        for h in range(max(row * SH - PH, 0), min(row * SH - PH + KH, H)):
            for w in range(max(column * SW - PW, 0), min(column * SW - PW + KW, W)):
                total += x[n, c, h, w]
        y[n, c, row, column] = total / float32(KH * KW)


def mean_dx(dy, dx, KH, KW, SH, SW, PH, PW):
    """dx = the sum of dy over all windows that hold the pixel, over the size of a window."""
    N, C, H, W = dx.shape
    HO, WO = dy.shape[2], dy.shape[3]
    i = int32(cuda.grid(1))
    if i < N * C * H * W:
        w, h, c, n = i % W, i // W % H, i // (W * H) % C, i // (W * H * C)
        total = float32(0)
        # window r holds h if r SH - PH <= h < r SH - PH + KH
        for row in range(max(h + PH - KH + SH, 0) // SH, min((h + PH) // SH + 1, HO)):
            for column in range(max(w + PW - KW + SW, 0) // SW, min((w + PW) // SW + 1, WO)):
                total += dy[n, c, row, column]
        dx[n, c, h, w] = total / float32(KH * KW)


def _each(size: int) -> tuple[int]:
    return (-(-size // THREADS),)


IMAGES, PLACES, WINDOW = "float32[:, :, :, :]", "int64[:, :, :, :]", ("int32",) * 6
PLANES = "float32[:, :, :]"
RUNGS = {
    "largest": Rung(largest, (IMAGES, IMAGES, PLACES, *WINDOW), (THREADS,), _each),
    "largest_dx": Rung(largest_dx, (PLANES, "int64[:, :, :]", PLANES), (THREADS,), _each),
    "mean": Rung(mean, (IMAGES, IMAGES, *WINDOW), (THREADS,), _each),
    "mean_dx": Rung(mean_dx, (IMAGES, IMAGES, *WINDOW), (THREADS,), _each),
}


@covered(operands=1)
def max_pool2d(
    x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Take the maximum of every window, and where it stood.

    x (N, C, H, W) -> y (N, C, HO, WO) and index (N, C, HO, WO), int64: the position h * W + w of
    the first maximum of the window. Padding is never chosen; a NaN wins over every number. Raises
    ValueError if no window fits or the padding is more than half of the kernel.
    """
    window = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    size = shapes.check_pool2d("max_pool2d", x, **window)
    y, index = empty((*x.shape[:2], *size), x), empty((*x.shape[:2], *size), x, np.int64)
    arguments = contiguous(x), y, index, *kernel_size, *stride, *padding
    launch(Step(RUNGS["largest"], (y.size,), arguments))
    return y, index


@covered(operands=1)
def max_pool2d_dx(dy: np.ndarray, index: np.ndarray, input_size: Pair) -> np.ndarray:
    """Send each dy to the pixel that was the maximum; windows that share a pixel add up.

    dy (N, C, HO, WO), index (N, C, HO, WO) from max_pool2d, input_size (H, W) -> dx (N, C, H, W).
    Raises ValueError if dy and index differ in shape.
    """
    shapes.check_max_pool2d_dx(dy, index)
    N, C, *_ = dy.shape
    dx = empty((N, C, *input_size), dy)
    planes = [contiguous(a).reshape(N, C, -1) for a in (dy, index, dx)]
    launch(Step(RUNGS["largest_dx"], (N * C,), (*planes,)))
    return dx


@covered(operands=1)
def avg_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """Take the mean of every window; padding counts as zeros.

    x (N, C, H, W) -> (N, C, HO, WO). Raises ValueError as max_pool2d does.
    """
    window = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    y = empty((*x.shape[:2], *shapes.check_pool2d("avg_pool2d", x, **window)), x)
    launch(Step(RUNGS["mean"], (y.size,), (contiguous(x), y, *kernel_size, *stride, *padding)))
    return y


@covered(operands=1)
def avg_pool2d_dx(
    dy: np.ndarray, input_size: Pair, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> np.ndarray:
    """Share each dy equally among the pixels of its window.

    dy (N, C, HO, WO), input_size (H, W) -> dx (N, C, H, W). Raises ValueError if shapes don't fit.
    """
    window = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    shapes.check_avg_pool2d_dx(dy, input_size, **window)
    dx = empty((*dy.shape[:2], *input_size), dy)
    launch(
        Step(RUNGS["mean_dx"], (dx.size,), (contiguous(dy), dx, *kernel_size, *stride, *padding))
    )
    return dx
