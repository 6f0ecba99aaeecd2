"""Pooling: one number for each window of an image, its largest entry or its mean."""

import math

import numpy as np

from minae.kernels import shapes_images
from minae.kernels.arrays import beside
from minae.op import Op
from minae.ops.checks import Pair, integer, pair, pairs, row
from minae.ops.joining import cat
from minae.ops.padding import pad
from minae.ops.slicing import part
from minae.tensor import Tensor


class _Pool2d(Op):
    def examples(self, rng):
        x = rng.normal(size=(2, 3, 5, 4))
        yield x, {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
        yield x, {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 1)}  # windows overlap


class MaxPool2d(_Pool2d):
    """The largest entry of each window; backward sends the gradient to where it stood."""

    def forward(self, x, **window):
        y, index = self.kernels.max_pool2d(x, **window)
        self.save(index, x.shape[2:])
        return y

    def backward(self, dy):
        index, input_size = self.saved
        return self.kernels.max_pool2d_dx(dy, index, input_size)


class AvgPool2d(_Pool2d):
    """The mean of each window, its padding counted as zeros."""

    floats = slice(None)

    def forward(self, x, **window):
        self.save(x.shape[2:], window)
        return self.kernels.avg_pool2d(x, **window)

    def backward(self, dy):
        input_size, window = self.saved
        return self.kernels.avg_pool2d_dx(dy, input_size, **window)


def max_pool2d(
    x: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the largest entry of each window.

    Args:
        x: (N, C, H, W) or (C, H, W), of any dtype but bool.
        kernel_size: size of the windows; like stride and padding, an int or a (height, width) pair.
        stride: step between windows; None is kernel_size.
        padding: pixels added on each side, which are never the largest; at most half a window.
        dilation: 1; windows with gaps are not supported.
        ceil_mode: also take a last window that begins in the image and reaches beyond it.

    Returns (N, C, HO, WO) with HO = (H + 2 padding - kernel_size) // stride + 1, or in ceil_mode,
    the quotient rounded up. A NaN is larger than every number. Raises TypeError if an argument is
    not made of ints, or x of booleans; ValueError if no window fits or an argument is out of range;
    names it.
    """
    if pair(dilation, "max_pool2d: dilation") != (1, 1):
        raise ValueError(f"max_pool2d: dilation must be 1, not {dilation}")
    if x.dtype == bool:
        raise TypeError("max_pool2d: x is bool, which has no order: give numbers")
    if x.ndim == 3:
        return max_pool2d(x.unsqueeze(0), kernel_size, stride, padding, 1, ceil_mode).squeeze(0)
    window = _window("max_pool2d", kernel_size, stride, padding)
    if ceil_mode:
        lowest = -math.inf if x.is_floating_point() else np.iinfo(x.dtype).min
        x = _with_room("max_pool2d", x, lowest, **window)
    return MaxPool2d.apply(x, **window)


def avg_pool2d(
    x: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window; what is not said here is as in max_pool2d.

    The padding is zeros. With count_include_pad, sums are divided by the size of the window
    including its padding (but without what lies beyond the padding in ceil_mode); else by the
    number of pixels of x in it.
    """
    if x.ndim == 3:
        options = stride, padding, ceil_mode, count_include_pad
        return avg_pool2d(x.unsqueeze(0), kernel_size, *options).squeeze(0)
    window = _window("avg_pool2d", kernel_size, stride, padding)
    room = _with_room("avg_pool2d", x, 0, **window) if ceil_mode else x
    y = AvgPool2d.apply(room, **window)
    if room is not x or not (count_include_pad or window["padding"] == (0, 0)):
        axes = zip(x.shape[2:], y.shape[2:], *window.values(), strict=True)
        counts = [_counts(count_include_pad, *axis) for axis in axes]
        share = math.prod(window["kernel_size"]) / np.multiply.outer(*counts)  # (HO, WO)
        y = y * Tensor(beside(share.astype(y.dtype), y.data))
    return y


def _window(name: str, kernel_size, stride, padding) -> dict[str, tuple[int, int]]:
    """Return the kernels' arguments."""
    stride = kernel_size if stride is None else stride
    return pairs(name, kernel_size=kernel_size, stride=stride, padding=padding)


def _with_room(name: str, x: Tensor, value, *, kernel_size, stride, padding) -> Tensor:
    """Pad x at its ends with `value`, where a last window begins in x but reaches beyond it."""
    shapes_images.check_pool2d(name, x, kernel_size=(1, 1), stride=stride, padding=(0, 0))
    extra = []
    for n, k, step, p in zip(x.shape[2:], kernel_size, stride, padding, strict=True):
        windows = -(-(n + 2 * p - k) // step) + 1
        if (windows - 1) * step >= n + p:  # the last one begins in the padding at the end
            windows -= 1
        missing = (windows - 1) * step + k - (n + 2 * p)
        extra.append(max(missing, 0) if windows > 0 else 0)
    return pad(x, (0, extra[1], 0, extra[0]), value=value) if any(extra) else x


def _counts(count_include_pad, size, windows, kernel_size, stride, padding) -> np.ndarray:
    """Return how many pixels of each window count along one dimension: (windows,)."""
    start, border = np.arange(windows) * stride - padding, padding if count_include_pad else 0
    return np.minimum(start + kernel_size, size + border) - np.maximum(start, -border)


def max_pool1d(
    x: Tensor,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Return max_pool2d of sequences (N, C, L) or (C, L), taken as images one row high."""
    window = _row_window("max_pool1d", kernel_size, stride, padding)
    return max_pool2d(x.unsqueeze(-2), *window, dilation, ceil_mode).squeeze(-2)


def avg_pool1d(
    x: Tensor,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return avg_pool2d of sequences (N, C, L) or (C, L), taken as images one row high."""
    window = _row_window("avg_pool1d", kernel_size, stride, padding)
    return avg_pool2d(x.unsqueeze(-2), *window, ceil_mode, count_include_pad).squeeze(-2)


def _row_window(name: str, kernel_size, stride, padding):
    """Return kernel_size, stride and padding for images one row high."""
    size = row(f"{name}: kernel_size", kernel_size)
    step = size if stride is None else row(f"{name}: stride", stride)
    return size, step, row(f"{name}: padding", padding, 0)


def adaptive_avg_pool2d(
    x: Tensor, output_size: int | tuple[int | None, int | None] | None
) -> Tensor:
    """Return the means of as many windows as output_size asks for, spread evenly over x.

    Window i of O along a dimension of length L reaches from ⌊i L / O⌋ up to ⌈(i + 1) L / O⌉.
    x (N, C, H, W) or (C, H, W) becomes (N, C, *output_size) or without N; output_size is an int for
    both dimensions or a (height, width) pair, where None keeps a length. Raises TypeError for sizes
    that are not ints, ValueError for sizes below 1, and for an x without pixels or with other
    dimensions.
    """
    if x.ndim not in (3, 4) or min(x.shape[-2:]) < 1:
        raise ValueError(f"adaptive_avg_pool2d: x {x.shape} must be (N, C, H, W), and have pixels")
    given = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
    if len(given) != 2:
        raise TypeError(
            f"adaptive_avg_pool2d: output_size must be an int or a pair, not {output_size!r}"
        )
    for dim, asked in zip((x.ndim - 2, x.ndim - 1), given, strict=True):
        before, L, after = x.shape[:dim], x.shape[dim], x.shape[dim + 1 :]
        count = L if asked is None else integer(asked, "adaptive_avg_pool2d: output_size")
        if count < 1:
            raise ValueError(f"adaptive_avg_pool2d: output_size must be at least 1, not {count}")
        if L % count == 0:  # windows side by side, all of one length
            x = x.reshape(*before, count, L // count, *after).mean(dim + 1)
        else:
            windows = [part(x, dim, i * L // count, -(-(i + 1) * L // count)) for i in range(count)]
            x = cat([window.mean(dim, keepdim=True) for window in windows], dim)
    return x
