"""How images lie in memory, and which pixels each tap of a kernel sees."""

from collections.abc import Iterator
from math import prod

import numpy as np

from minae.kernels.shapes import Pair


def as_rows(x: np.ndarray) -> np.ndarray:
    """View (..., I) as a matrix (rows, I); -1 would be ambiguous where I is 0."""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


def is_channels_last(x: np.ndarray) -> bool:
    """Whether the channels of a pixel of x (N, C, H, W) are closer than its neighbours in a row."""
    return x.strides[1] < x.strides[3]


def zero_images(shape: tuple[int, ...], dtype: np.dtype, channels_last: bool) -> np.ndarray:
    """Make zeros (N, C, H, W) that lie in memory as N, H, W, C or as N, C, H, W."""
    if channels_last:
        N, C, H, W = shape
        return np.zeros((N, H, W, C), dtype).transpose(0, 3, 1, 2)
    return np.zeros(shape, dtype)


def kernel_taps(
    input_size: Pair,
    kernel_size: Pair,
    output_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair = (1, 1),
) -> Iterator[tuple[int, int, tuple, tuple]]:
    """Give each tap (kh, kw) with the outputs that it reaches and the pixels that they see there.

    Both are indices into (..., H, W), equally many; where a tap would look into the padding, they
    leave it out, so that nobody needs a padded copy.
    """
    axes = zip(kernel_size, input_size, output_size, stride, padding, dilation, strict=True)
    rows, columns = ([_overlap(k, *axis) for k in range(taps)] for taps, *axis in axes)
    for kh, (output_rows, input_rows) in enumerate(rows):
        for kw, (output_columns, input_columns) in enumerate(columns):
            yield kh, kw, (..., output_rows, output_columns), (..., input_rows, input_columns)


def _overlap(
    k: int, size: int, outputs: int, stride: int, padding: int, dilation: int
) -> tuple[slice, slice]:
    """Along one axis: the outputs i whose tap k, at i * stride + shift, falls inside the input."""
    shift = k * dilation - padding
    first = max(0, -(shift // stride))  # smallest i with i * stride + shift >= 0
    count = max(0, min(outputs, (size - 1 - shift) // stride + 1) - first)
    start = first * stride + shift
    stop = start + (count - 1) * stride + 1 if count else start
    return slice(first, first + count), slice(start, stop, stride)
