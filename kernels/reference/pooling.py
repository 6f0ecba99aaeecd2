"""The poolings, window by window."""

from collections.abc import Iterator

import numpy as np

from minae.kernels import shapes
from minae.kernels.shapes import Pair


def max_pool2d(
    x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Take the maximum of every window, and where it stood.

    x (N, C, H, W) -> y (N, C, HO, WO) and index (N, C, HO, WO), int64: the position h * W + w of
    the first maximum of the window. Padding is never chosen; a NaN wins over every number. Raises
    ValueError if no window fits or the padding is more than half of the kernel.
    """
    HO, WO = shapes.check_pool2d(
        "max_pool2d", x, kernel_size=kernel_size, stride=stride, padding=padding
    )
    N, C, H, W = x.shape
    y = np.zeros((N, C, HO, WO), x.dtype)
    index = np.zeros((N, C, HO, WO), np.int64)
    position = np.arange(H * W).reshape(H, W)
    for i, j, window in _windows((H, W), (HO, WO), kernel_size, stride, padding):
        pixels = x[window].reshape(N, C, position[window].size)  # (N, C, pixels of the window)
        first = pixels.argmax(axis=2)  # (N, C)
        y[..., i, j] = np.take_along_axis(pixels, first[..., None], axis=2)[..., 0]
        index[..., i, j] = position[window].ravel()[first]
    return y, index


def max_pool2d_dx(dy: np.ndarray, index: np.ndarray, input_size: Pair) -> np.ndarray:
    """Send each dy to the pixel that was the maximum; windows that share a pixel add up.

    dy (N, C, HO, WO), index (N, C, HO, WO) from max_pool2d, input_size (H, W) -> dx (N, C, H, W).
    Raises ValueError if dy and index differ in shape.
    """
    shapes.check_max_pool2d_dx(dy, index)
    N, C, HO, WO = dy.shape
    H, W = input_size
    dx = np.zeros((N, C, H * W), dy.dtype)
    n, c = np.arange(N)[:, None], np.arange(C)  # (N, 1) and (C,), together every image's channels
    for i in range(HO):
        for j in range(WO):
            dx[n, c, index[..., i, j]] += dy[..., i, j]
    return dx.reshape(N, C, H, W)


def avg_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """Take the mean of every window; padding counts as zeros.

    x (N, C, H, W) -> (N, C, HO, WO). Raises ValueError as max_pool2d does.
    """
    HO, WO = shapes.check_pool2d(
        "avg_pool2d", x, kernel_size=kernel_size, stride=stride, padding=padding
    )
    y = np.zeros((*x.shape[:2], HO, WO), x.dtype)
    for i, j, window in _windows(x.shape[2:], (HO, WO), kernel_size, stride, padding):
        y[..., i, j] = x[window].sum(axis=(2, 3)) / (kernel_size[0] * kernel_size[1])
    return y


def avg_pool2d_dx(
    dy: np.ndarray, input_size: Pair, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> np.ndarray:
    """Share each dy equally among the pixels of its window.

    dy (N, C, HO, WO), input_size (H, W) -> dx (N, C, H, W). Raises ValueError if shapes don't fit.
    """
    shapes.check_avg_pool2d_dx(
        dy, input_size, kernel_size=kernel_size, stride=stride, padding=padding
    )
    dx = np.zeros((*dy.shape[:2], *input_size), dy.dtype)
    for i, j, window in _windows(input_size, dy.shape[2:], kernel_size, stride, padding):
        dx[window] += dy[..., i, j, None, None] / (kernel_size[0] * kernel_size[1])
    return dx


def _windows(
    input_size: Pair, output_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair
) -> Iterator[tuple[int, int, tuple]]:
    """Walk over the output: (i, j), and the index of its window, less what is padding."""
    for i in range(output_size[0]):
        for j in range(output_size[1]):
            top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
            rows = slice(max(top, 0), min(top + kernel_size[0], input_size[0]))
            columns = slice(max(left, 0), min(left + kernel_size[1], input_size[1]))
            yield i, j, (..., rows, columns)
