"""Pooling: one thread per window, or for gradients one per pixel or per plane.

The kernels move memory and compute next to nothing. Gradients are gathered by the thread that owns
the pixel, so nothing is added atomically, and every run gives the same bits.
"""

import numpy as np

from minae.kernels import shapes_images
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import IMAGES, Rung, Step
from minae.kernels.cuda.layout import contiguous
from minae.kernels.simulator import cuda, float32, int32


def max_kernel(x, y, index, KH, KW, SH, SW, PH, PW):
    """y = the maximum of each window, index = its position h W + w, the first if several."""
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


def max_dx_kernel(dy, index, dx):
    """dx (N, C, H W) = each dy (N, C, windows) at the position in `index`; one thread per plane."""
    N, C, windows = dy.shape
    i = int32(cuda.grid(1))
    if i < N * C:
        n, c = i // C, i % C
        for place in range(dx.shape[2]):
            dx[n, c, place] = float32(0)
        for window in range(windows):
            dx[n, c, index[n, c, window]] += dy[n, c, window]


def mean_kernel(x, y, KH, KW, SH, SW, PH, PW):
    """y = the mean of each window, in which padding counts as zeros."""
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


def mean_dx_kernel(dy, dx, KH, KW, SH, SW, PH, PW):
    """dx = the sum of dy over all windows with the pixel, divided by the size of a window."""
    N, C, H, W = dx.shape
    HO, WO = dy.shape[2], dy.shape[3]
    i = int32(cuda.grid(1))
    if i < N * C * H * W:
        w, h, c, n = i % W, i // W % H, i // (W * H) % C, i // (W * H * C)
        total = float32(0)
        # row r of windows covers h if r SH - PH <= h < r SH - PH + KH
        for row in range(max(h + PH - KH + SH, 0) // SH, min((h + PH) // SH + 1, HO)):
            for column in range(max(w + PW - KW + SW, 0) // SW, min((w + PW) // SW + 1, WO)):
                total += dy[n, c, row, column]
        dx[n, c, h, w] = total / float32(KH * KW)


PLACES, WINDOW = "int64[:, :, :, :]", ("int32",) * 6
PLANES, PLANE_PLACES = "float32[:, :, :]", "int64[:, :, :]"
RUNGS = {
    "max": Rung(max_kernel, (IMAGES, IMAGES, PLACES, *WINDOW)),
    "max_dx": Rung(max_dx_kernel, (PLANES, PLANE_PLACES, PLANES)),
    "mean": Rung(mean_kernel, (IMAGES, IMAGES, *WINDOW)),
    "mean_dx": Rung(mean_dx_kernel, (IMAGES, IMAGES, *WINDOW)),
}


@covered(operands=1)
def max_pool2d(x, **window):
    shape = *x.shape[:2], *shapes_images.check_pool2d("max_pool2d", x, **window)
    y, index = empty(shape, x), empty(shape, x, np.int64)
    launch(Step(RUNGS["max"], (y.size,), (contiguous(x), y, index, *_numbers(window))))
    return y, index


@covered(operands=1)
def max_pool2d_dx(dy, index, input_size):
    shapes_images.check_max_pool2d_dx(dy, index)
    N, C, *_ = dy.shape
    dx = empty((N, C, *input_size), dy)
    planes = [contiguous(a).reshape(N, C, -1) for a in (dy, index, dx)]
    launch(Step(RUNGS["max_dx"], (N * C,), (*planes,)))
    return dx


@covered(operands=1)
def avg_pool2d(x, **window):
    y = empty((*x.shape[:2], *shapes_images.check_pool2d("avg_pool2d", x, **window)), x)
    launch(Step(RUNGS["mean"], (y.size,), (contiguous(x), y, *_numbers(window))))
    return y


@covered(operands=1)
def avg_pool2d_dx(dy, input_size, **window):
    shapes_images.check_avg_pool2d_dx(dy, input_size, **window)
    dx = empty((*dy.shape[:2], *input_size), dy)
    launch(Step(RUNGS["mean_dx"], (dx.size,), (contiguous(dy), dx, *_numbers(window))))
    return dx


def _numbers(window):
    return *window["kernel_size"], *window["stride"], *window["padding"]
