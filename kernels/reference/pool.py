"""Pooling, window by window."""

import numpy as np

from minae.kernels import shapes_images


def max_pool2d(x, **window):
    HO, WO = shapes_images.check_pool2d("max_pool2d", x, **window)
    N, C, H, W = x.shape
    y = np.zeros((N, C, HO, WO), x.dtype)
    index = np.zeros((N, C, HO, WO), np.int64)
    position = np.arange(H * W).reshape(H, W)
    for i, j, place in _windows((H, W), (HO, WO), **window):
        pixels = x[place].reshape(N, C, position[place].size)  # (N, C, pixels of the window)
        first = pixels.argmax(axis=2)  # (N, C)
        y[..., i, j] = np.take_along_axis(pixels, first[..., None], axis=2)[..., 0]
        index[..., i, j] = position[place].ravel()[first]
    return y, index


def max_pool2d_dx(dy, index, input_size):
    shapes_images.check_max_pool2d_dx(dy, index)
    (N, C, *_), (H, W) = dy.shape, input_size
    dx = np.zeros((N, C, H * W), dy.dtype)
    n, c, _, _ = np.ogrid[:N, :C, :1, :1]
    np.add.at(dx, (n, c, index), dy)
    return dx.reshape(N, C, H, W)


def avg_pool2d(x, **window):
    HO, WO = shapes_images.check_pool2d("avg_pool2d", x, **window)
    KH, KW = window["kernel_size"]
    y = np.zeros((*x.shape[:2], HO, WO), x.dtype)
    for i, j, place in _windows(x.shape[2:], (HO, WO), **window):
        y[..., i, j] = x[place].sum(axis=(2, 3)) / (KH * KW)
    return y


def avg_pool2d_dx(dy, input_size, **window):
    shapes_images.check_avg_pool2d_dx(dy, input_size, **window)
    KH, KW = window["kernel_size"]
    dx = np.zeros((*dy.shape[:2], *input_size), dy.dtype)
    for i, j, place in _windows(input_size, dy.shape[2:], **window):
        dx[place] += dy[..., i, j, None, None] / (KH * KW)
    return dx


def _windows(input_size, output_size, kernel_size, stride, padding):
    """Yield every output position (i, j), and the index of its window without the padding."""
    for i in range(output_size[0]):
        for j in range(output_size[1]):
            top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
            rows = slice(max(top, 0), min(top + kernel_size[0], input_size[0]))
            columns = slice(max(left, 0), min(left + kernel_size[1], input_size[1]))
            yield i, j, (..., rows, columns)
