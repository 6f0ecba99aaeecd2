"""How large the results of convolution and pooling are.

Sizes, strides, paddings and dilations are pairs (rows, columns).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypedDict

Pair = tuple[int, int]


class Geometry(TypedDict):
    """Where the kernels of a convolution lie."""

    stride: Pair
    padding: Pair  # zeros added on either side
    dilation: Pair  # the distance between the pixels that a kernel touches
    groups: int  # the parts that see only each other's channels


class Window(TypedDict):
    """Where the windows of a pooling lie."""

    kernel_size: Pair
    stride: Pair
    padding: Pair


@lru_cache(1024)  # every pass of every step asks for the same ones
def conv2d_output_size(
    input_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, name="conv2d"
) -> Pair:
    """Count the positions (HO, WO) at which a kernel fits into an input (H, W).

    Along one axis a kernel of K taps, `dilation` apart, spans D = dilation * (K - 1) + 1 pixels and
    fits (H + 2 * padding - D) // stride + 1 times. Raises ValueError if it fits nowhere.
    """
    _check_geometry(name, kernel_size, stride, padding, dilation)
    span = [d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True)]
    padded = [size + 2 * p for size, p in zip(input_size, padding, strict=True)]
    if span[0] > padded[0] or span[1] > padded[1]:
        raise ValueError(
            f"{name}: a kernel that spans {times(span)} pixels (kernel_size {kernel_size}, "
            f"dilation {dilation}) does not fit into an input of {times(input_size)} that "
            f"padding {padding} makes {times(padded)}"
        )
    rows, columns = ((n - s) // step + 1 for n, s, step in zip(padded, span, stride, strict=True))
    return rows, columns


def pool2d_output_size(
    input_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, name: str = "pool2d"
) -> Pair:
    """Count the windows (HO, WO) of a pooling over an input (H, W).

    Raises ValueError if no window fits, if the input has no pixels, or if the padding is more than
    half of the kernel, which would make windows of nothing but padding.
    """
    _check_geometry(name, kernel_size, stride, padding, (1, 1))
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ValueError(
            f"{name}: padding {padding} is more than half of kernel_size {kernel_size}"
        )
    if min(input_size) < 1:
        raise ValueError(f"{name}: an input of {times(input_size)} has no pixels to pool")
    return conv2d_output_size(input_size, kernel_size, stride, padding, (1, 1), name)


def conv_transpose2d_output_size(
    input_size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
) -> Pair:
    """Return the size (H, W) over which a transposed convolution spreads an input (HO, WO).

    It inverts `conv2d_output_size`: a convolution takes the result back to `input_size`. With a
    stride above 1 several sizes do, and `output_padding` < stride selects one (PyTorch allows more
    under dilation; then the sizes would no longer invert). Raises ValueError if nothing is left.
    """
    name = "conv_transpose2d"
    _check_geometry(name, kernel_size, stride, padding, dilation)
    if any(not 0 <= o < s for o, s in zip(output_padding, stride, strict=True)):
        raise ValueError(
            f"{name}: output_padding {output_padding} must be at least 0 and below stride {stride}"
        )
    if min(input_size) < 1:
        raise ValueError(f"{name}: an input of {times(input_size)} has no pixels to spread")
    axes = zip(input_size, kernel_size, stride, padding, output_padding, dilation, strict=True)
    rows, columns = (
        (n - 1) * step - 2 * p + d * (k - 1) + extra + 1 for n, k, step, p, extra, d in axes
    )
    if rows < 1 or columns < 1:
        raise ValueError(
            f"{name}: padding {padding} cuts everything away: an input of "
            f"{times(input_size)} under kernel_size {kernel_size} leaves {rows}x{columns}"
        )
    return rows, columns


def times(size: Sequence[int]) -> str:
    """Return a size as messages put it, such as 3x4."""
    return "x".join(map(str, size))


def _check_geometry(name, kernel_size, stride, padding, dilation) -> None:
    names, least = ("kernel_size", "stride", "padding", "dilation"), (1, 1, 0, 1)
    pairs = kernel_size, stride, padding, dilation
    for what, pair, bound in zip(names, pairs, least, strict=True):
        if pair[0] < bound or pair[1] < bound:
            raise ValueError(f"{name}: {what} {pair} must be at least {bound}")
