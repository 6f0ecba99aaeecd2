"""Where a convolution finds its numbers: tables, so that no kernel has to divide.

A gathering kernel multiplies a matrix that is never stored, with a row for every output pixel and a
column for every tap (a channel, and a row and column of the weight). Its entry is

    x[image * numbers per image + pixel's place + tap's place]

or zero if the tap reaches beyond the image. Both places are looked up, and so is the test: a tap's
word has a bit for its row and one for its column, a pixel's word the bits of all rows and columns
of taps that stay inside the image. Stride, padding, dilation and the parity classes of a transposed
convolution only change the numbers in these tables.

Word and place are the upper and lower half of one 64-bit entry, which a thread reads at once.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from minae.kernels.sizes import Pair, conv2d_output_size

DEPTH = 8  # taps gathered at a time: each class has a multiple of it
MOST_TAPS = 15  # along an axis: a word has 15 bits for rows, 15 for columns,
NOWHERE = 1 << 30  # and this bit, which no pixel's word has


class Axis(NamedTuple):
    """The pixels of a class along one axis, and the taps that reach them."""

    places: np.ndarray  # of the pixels in the output
    starts: np.ndarray  # for each pixel, where in the gathered tensor a tap without shift reads
    taps: np.ndarray  # indices into the weight
    shifts: np.ndarray  # for each tap, how far from `starts` it reads
    size: int  # of the gathered tensor

    def inside(self) -> np.ndarray:
        """Return a word for each pixel, with the bits of the taps that stay inside."""
        reached = self.starts[:, None] + self.shifts  # (pixels, taps)
        bits = 1 << np.arange(len(self.taps))
        return ((reached >= 0) & (reached < self.size)) @ bits


class Tables(NamedTuple):
    """What a gathering kernel looks up; contiguous and read-only."""

    pixels: np.ndarray  # int64 (pixels,): word and place, class after class
    places: np.ndarray  # int32 (pixels,): the place in the output plane
    taps: np.ndarray  # int64 (taps,): word and place; padded with taps that are nowhere
    weights: np.ndarray  # int32 (taps,): the place in an output channel's weight; -1 for nowhere
    classes: np.ndarray  # int32 (4 classes,): first pixel, pixels, first tap, taps of each


def forward_axis(size: int, taps: int, stride: int, padding: int, dilation: int) -> Axis:
    """Return the axis of y: for y[i], tap r reads x[i stride - padding + r dilation]."""
    pairs = (size, 1), (taps, 1), (stride, 1), (padding, 0), (dilation, 1)
    count, _ = conv2d_output_size(*pairs)
    i, r = np.arange(count), np.arange(taps)
    return Axis(i, i * stride - padding, r, r * dilation, size)


def backward_axis(
    parity: int, size: int, output: int, taps: int, stride: int, padding: int, dilation: int
) -> Axis:
    """Return the axis of the pixels h = parity, parity + stride, ... of dx.

    Tap r takes x[h] to y[i] if h + padding = i stride + r dilation. So only the taps for which
    stride divides parity + padding - r dilation reach these pixels, but they reach all of them: the
    i-th gets its gradient from dy[i + (parity + padding - r dilation) / stride].
    """
    places = np.arange(parity, size, stride)
    r = np.arange(taps)
    r = r[(parity + padding - r * dilation) % stride == 0]
    shifts = (parity + padding - r * dilation) // stride
    return Axis(places, np.arange(len(places)), r, shifts, output)


@lru_cache(256)
def forward_tables(
    channels: int, input_size: Pair, kernel_size: Pair,
    stride: Pair, padding: Pair, dilation: Pair, multiple: int = DEPTH,
) -> Tables:  # fmt: skip
    """Return the tables for gathering x (N, C, H, W) in a convolution, which has one class."""
    pairs = input_size, kernel_size, stride, padding, dilation
    rows, columns = (forward_axis(*axis) for axis in zip(*pairs, strict=True))
    channel_step = kernel_size[0] * kernel_size[1]  # in the weight (O, C, KH, KW)
    sizes = channels, len(columns.places), kernel_size[1], channel_step
    return _tables([(rows, columns)], sizes, multiple)


@lru_cache(256)
def backward_tables(
    channels: int, outputs: int, input_size: Pair, output_size: Pair, kernel_size: Pair,
    stride: Pair, padding: Pair, dilation: Pair,
) -> Tables:  # fmt: skip
    """Return the tables for gathering dy (N, O, HO, WO) in the gradient of a convolution's input.

    The pixels of dx whose rows and columns have the same remainders modulo the stride are a class.
    """
    pairs = input_size, output_size, kernel_size, stride, padding, dilation
    rows, columns = (
        [backward_axis(parity, *axis) for parity in range(min(axis[0], axis[3]))]
        for axis in zip(*pairs, strict=True)
    )
    channel_step = channels * kernel_size[0] * kernel_size[1]  # in the weight (O, C, KH, KW)
    sizes = outputs, input_size[1], kernel_size[1], channel_step
    return _tables(product(rows, columns), sizes)


def _tables(
    classes: Iterable[tuple[Axis, Axis]], sizes: tuple[int, ...], multiple: int = DEPTH
) -> Tables:
    """Join the tables of classes (rows, columns) of the given sizes; see _class_tables."""
    parts = [_class_tables(rows, columns, sizes, multiple) for rows, columns in classes]
    pixels, places, taps, weights = map(np.concatenate, zip(*parts, strict=True))
    counts = np.array([(len(part[0]), len(part[2])) for part in parts])  # (classes, 2)
    firsts = counts.cumsum(axis=0) - counts
    counts[:, 1] -= DEPTH
    ranges = np.stack([firsts, counts], axis=2)  # (classes, pixels or taps, 2)
    places, weights, ranges = (a.astype(np.int32) for a in (places, weights, ranges))
    tables = Tables(pixels, places, taps, weights, ranges.ravel())
    for table in tables:
        table.setflags(write=False)
    return tables


def _class_tables(
    rows: Axis, columns: Axis, sizes: tuple[int, ...], multiple: int
) -> tuple[np.ndarray, ...]:
    """Return pixels, places, taps and weights of a class, flat.

    sizes: channels of the gathered tensor, the widths of the output and of the kernel, and how far
    apart the weights of channels are. Taps are padded to a multiple, and by DEPTH more, for the
    step after the last.
    """
    channels, width, kernel_width, channel_step = sizes
    inside = rows.inside()[:, None] | columns.inside() << MOST_TAPS  # (rows, columns)
    pixels = _pack(inside, rows.starts[:, None] * columns.size + columns.starts)
    places = rows.places[:, None] * width + columns.places

    c = np.arange(channels)[:, None, None]
    r, q = np.arange(len(rows.taps))[:, None], np.arange(len(columns.taps))
    shifts = rows.shifts[:, None] * columns.size + columns.shifts  # (taps of rows, of columns)
    taps = _pack(1 << r | 1 << q + MOST_TAPS, shifts + c * rows.size * columns.size)
    weights = c * channel_step + rows.taps[:, None] * kernel_width + columns.taps

    padding = 0, -(-max(taps.size, 1) // multiple) * multiple + DEPTH - taps.size
    taps = np.pad(taps.ravel(), padding, constant_values=NOWHERE << 32)
    weights = np.pad(weights.ravel(), padding, constant_values=-1)
    return pixels.ravel(), places.ravel(), taps, weights


def _pack(word: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return entries of 64 bits: the word in the upper half, the place, with sign, in the lower."""
    return word << 32 | place & 0xFFFFFFFF
