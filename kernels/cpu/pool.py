"""The poolings that run on a CPU: one pass over the whole batch for each tap of the window.

A loop over windows would run KH * KW numbers at a time; a loop over taps runs along all windows at
once. Results lie in memory in the order of their input, so the two are walked in step.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.layout import is_channels_last, kernel_taps, zero_images
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
    taps = list(kernel_taps(x.shape[2:], kernel_size, (HO, WO), stride, padding))
    y = zero_images((*x.shape[:2], HO, WO), x.dtype, is_channels_last(x))
    y -= np.inf
    for _, _, outputs, pixels in taps:
        np.maximum(y[outputs], x[pixels], out=y[outputs])

    # The first tap that holds the maximum is as many taps in as there are taps before it. Counting
    # them takes two passes over bytes; writing positions through a mask is four times slower.
    has_nan = np.isnan(y).any()
    found = np.zeros_like(y, dtype=bool)
    before = np.zeros_like(y, dtype=np.min_scalar_type(len(taps)))
    for _, _, outputs, pixels in taps:
        hit = x[pixels] == y[outputs]
        if has_nan:
            hit |= np.isnan(x[pixels])
        found[outputs] |= hit
        before += ~found
    W = x.shape[3]
    index = np.array([kh * W + kw for kh, kw, _, _ in taps])[before]  # from the window's corner
    index += (np.arange(HO)[:, None] * stride[0] - padding[0]) * W
    index += np.arange(WO) * stride[1] - padding[1]
    return y, index


def max_pool2d_dx(dy: np.ndarray, index: np.ndarray, input_size: Pair) -> np.ndarray:
    """Send each dy to the pixel that was the maximum; windows that share a pixel add up.

    dy (N, C, HO, WO), index (N, C, HO, WO) from max_pool2d, input_size (H, W) -> dx (N, C, H, W).
    Raises ValueError if dy and index differ in shape.
    """
    shapes.check_max_pool2d_dx(dy, index)
    (N, C), (H, W) = dy.shape[:2], input_size
    # np.add.at is fast for one flat index only, so count positions through the whole of dx, in
    # whichever order its channels lie, and visit dy and index in that order too.
    channels_last = is_channels_last(index)
    channel_step, pixel_step = (1, C) if channels_last else (H * W, 1)
    order = (0, 2, 3, 1) if channels_last else (0, 1, 2, 3)
    place = index * pixel_step
    place += np.arange(C)[:, None, None] * channel_step
    place += np.arange(N)[:, None, None, None] * (C * H * W)
    dx = np.zeros(N * C * H * W, dy.dtype)
    np.add.at(dx, place.transpose(order).ravel(), dy.transpose(order).ravel())
    if channels_last:
        return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2)
    return dx.reshape(N, C, H, W)


def avg_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """Take the mean of every window; padding counts as zeros.

    x (N, C, H, W) -> (N, C, HO, WO). Raises ValueError as max_pool2d does.
    """
    HO, WO = shapes.check_pool2d(
        "avg_pool2d", x, kernel_size=kernel_size, stride=stride, padding=padding
    )
    y = zero_images((*x.shape[:2], HO, WO), x.dtype, is_channels_last(x))
    taps = kernel_taps(x.shape[2:], kernel_size, (HO, WO), stride, padding)
    for _, _, outputs, pixels in taps:
        y[outputs] += x[pixels]
    y /= kernel_size[0] * kernel_size[1]
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
    dx = zero_images((*dy.shape[:2], *input_size), dy.dtype, is_channels_last(dy))
    share = dy / (kernel_size[0] * kernel_size[1])
    taps = kernel_taps(input_size, kernel_size, dy.shape[2:], stride, padding)
    for _, _, outputs, pixels in taps:
        dx[pixels] += share[outputs]
    return dx
