"""The poolings that run on a CPU: window by window, along the channels of a pixel.

Channels lie next to each other in memory, so the innermost loop compares or adds whole vectors of
them, and each pixel is read while it is near. Gained: a factor of 46 for the largest, which also
needs its place, and 14 for the mean.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.compiled import compiled
from minae.kernels.cpu.covered import covered
from minae.kernels.cpu.layout import pixels
from minae.kernels.cpu.parallel import parallel
from minae.kernels.cpu.threads import threads_for
from minae.kernels.shapes import Pair


@compiled
def _inside(i, size, kernel, stride, padding):
    """Return the first pixel of window i along one axis, and the one after its last."""
    start = i * stride - padding
    return max(start, 0), min(start + kernel, size)


@parallel
def _max_pool(t, T, x, y, index, KH, KW, SH, SW, PH, PW):
    """y = the largest of each window, index = its place; x (N, H, W, C), y (N, HO, WO, C)."""
    (N, HO, WO, C), (H, W) = y.shape, x.shape[1:3]
    for n in range(t * N // T, (t + 1) * N // T):
        for i in range(HO):
            top, bottom = _inside(i, H, KH, SH, PH)
            for j in range(WO):
                left, right = _inside(j, W, KW, SW, PW)
                best, place, pixel = y[n, i, j], index[n, i, j], x[n, top, left]
                for c in range(C):
                    best[c], place[c] = pixel[c], top * W + left
                for h in range(top, bottom):
                    for w in range(left, right):
                        pixel = x[n, h, w]
                        for c in range(C):
                            # a NaN is not <= anything, so it wins; best == best: none has yet
                            if not pixel[c] <= best[c] and best[c] == best[c]:
                                best[c] = pixel[c]
                                place[c] = h * W + w


@parallel
def _max_pool_dx(t, T, dy, index, dx):
    """dx[place] += dy; dy (N, HO * WO, C), dx (N, H * W, C)."""
    N, positions, C = dy.shape
    for n in range(t * N // T, (t + 1) * N // T):
        dx[n] = 0
        for i in range(positions):
            for c in range(C):
                dx[n, index[n, i, c], c] += dy[n, i, c]


@parallel
def _avg_pool(t, T, x, y, KH, KW, SH, SW, PH, PW):
    """y = the sum of each window over its size; x (N, H, W, C), y (N, HO, WO, C)."""
    (N, HO, WO, C), (H, W) = y.shape, x.shape[1:3]
    totals = np.empty(C)  # in float64, for a window may be as large as the image
    for n in range(t * N // T, (t + 1) * N // T):
        for i in range(HO):
            top, bottom = _inside(i, H, KH, SH, PH)
            for j in range(WO):
                left, right = _inside(j, W, KW, SW, PW)
                mean = y[n, i, j]
                totals[:] = 0
                for h in range(top, bottom):
                    for w in range(left, right):
                        pixel = x[n, h, w]
                        for c in range(C):
                            totals[c] += pixel[c]
                for c in range(C):
                    mean[c] = totals[c] / (KH * KW)


@parallel
def _avg_pool_dx(t, T, dy, dx, KH, KW, SH, SW, PH, PW):
    """The transpose of _avg_pool."""
    (N, HO, WO, C), (H, W) = dy.shape, dx.shape[1:3]
    share = dy.dtype.type(1 / (KH * KW))
    for n in range(t * N // T, (t + 1) * N // T):
        dx[n] = 0
        for i in range(HO):
            top, bottom = _inside(i, H, KH, SH, PH)
            for j in range(WO):
                left, right = _inside(j, W, KW, SW, PW)
                gradient = dy[n, i, j]
                for h in range(top, bottom):
                    for w in range(left, right):
                        pixel = dx[n, h, w]
                        for c in range(C):
                            pixel[c] += share * gradient[c]


def _images(shape: tuple[int, int, int, int], dtype) -> np.ndarray:
    """Make room for images (N, C, H, W) that lie in memory as (N, H, W, C), and return it so."""
    N, C, H, W = shape
    return np.empty((N, H, W, C), dtype)


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
    shape = (*x.shape[:2], *shapes.check_pool2d("max_pool2d", x, **window))
    y, index = _images(shape, x.dtype), _images(shape, np.int64)
    T = threads_for(4 * y.size * kernel_size[0] * kernel_size[1])
    _max_pool(T, pixels(x), y, index, *kernel_size, *stride, *padding)
    return y.transpose(0, 3, 1, 2), index.transpose(0, 3, 1, 2)


@covered(operands=1)
def max_pool2d_dx(dy: np.ndarray, index: np.ndarray, input_size: Pair) -> np.ndarray:
    """Send each dy to the pixel that was the maximum; windows that share a pixel add up.

    dy (N, C, HO, WO), index (N, C, HO, WO) from max_pool2d, input_size (H, W) -> dx (N, C, H, W).
    Raises ValueError if dy and index differ in shape.
    """
    shapes.check_max_pool2d_dx(dy, index)
    N, C, HO, WO = dy.shape
    dx = _images((N, C, *input_size), dy.dtype)
    rows, places = pixels(dy).reshape(N, HO * WO, C), pixels(index).reshape(N, HO * WO, C)
    _max_pool_dx(threads_for(10 * dy.size), rows, places, dx.reshape(N, -1, C))
    return dx.transpose(0, 3, 1, 2)


@covered(operands=1)
def avg_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """Take the mean of every window; padding counts as zeros.

    x (N, C, H, W) -> (N, C, HO, WO). Raises ValueError as max_pool2d does.
    """
    window = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    y = _images((*x.shape[:2], *shapes.check_pool2d("avg_pool2d", x, **window)), x.dtype)
    T = threads_for(4 * y.size * kernel_size[0] * kernel_size[1])
    _avg_pool(T, pixels(x), y, *kernel_size, *stride, *padding)
    return y.transpose(0, 3, 1, 2)


@covered(operands=1)
def avg_pool2d_dx(
    dy: np.ndarray, input_size: Pair, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> np.ndarray:
    """Share each dy equally among the pixels of its window.

    dy (N, C, HO, WO), input_size (H, W) -> dx (N, C, H, W). Raises ValueError if shapes don't fit.
    """
    window = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    shapes.check_avg_pool2d_dx(dy, input_size, **window)
    dx = _images((*dy.shape[:2], *input_size), dy.dtype)
    T = threads_for(4 * dy.size * kernel_size[0] * kernel_size[1])
    _avg_pool_dx(T, pixels(dy), dx, *kernel_size, *stride, *padding)
    return dx.transpose(0, 3, 1, 2)
