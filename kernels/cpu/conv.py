"""The convolutions that run on a CPU, each as one matrix product over many patches.

How they are laid out, and why:

- **Channels last in memory.** Arrays are N, C, H, W to the caller, but the results lie in memory as
  N, H, W, C (a transposed view). Then the channels of a pixel are neighbours, so patches are copied
  in long runs, and one matrix product over all pixels writes its result straight into place.
- **Except for images of few channels.** A run of one or three numbers is not worth a loop; there
  the run goes along the row of pixels instead.
- **In blocks of images.** Patches repeat every pixel KH * KW times. Unfolding the whole batch would
  stream that many times its size through memory; a block of them stays in the cache.
"""

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minae.kernels import shapes
from minae.kernels.cpu.layout import as_rows, kernel_taps, zero_images
from minae.kernels.shapes import Pair

FEW_CHANNELS = 8  # below this, the row of pixels is the longer run
BLOCK_BYTES = 1 << 20  # patches unfolded at a time: about as much as a core's second-level cache


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Convolve: unfold the patches into the rows of a matrix, and multiply it by the weight.

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, HO, WO). Raises ValueError
    if shapes don't fit.
    """
    HO, WO = shapes.check_conv2d(
        x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    y = np.empty((len(x), HO, WO, len(weight)), x.dtype)
    for inputs, outputs in _channel_groups(x.shape[1], len(weight), groups):
        kernel = weight[outputs].transpose(2, 3, 1, 0)  # (KH, KW, C/G, O/G)
        kernel = kernel.reshape(prod(kernel.shape[:3]), kernel.shape[3])
        blocks = _unfold(x[:, inputs], weight.shape[2:], (HO, WO), stride, padding, dilation)
        for images, patches in blocks:
            np.matmul(patches, kernel, out=as_rows(y[images, ..., outputs]))
    if bias is not None:
        # A whole image at a time: adding O numbers to each pixel would be one short loop a pixel.
        flat = y.reshape(len(y), prod(y.shape[1:]))
        flat += np.tile(bias, HO * WO)
    return y.transpose(0, 3, 1, 2)


def conv2d_dx(
    dy: np.ndarray,
    weight: np.ndarray,
    input_size: Pair,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its input: every tap of the kernel adds its share.

    dy (N, O, HO, WO), weight (O, C / groups, KH, KW), input_size (H, W) -> dx (N, C, H, W). This
    is also the forward pass of a transposed convolution. Raises ValueError if shapes don't fit.
    """
    shapes.check_conv2d_dx(
        dy, weight, input_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    C, few = weight.shape[1] * groups, weight.shape[1] < FEW_CHANNELS
    dx = zero_images((len(dy), C, *input_size), dy.dtype, channels_last=not few)
    taps = list(kernel_taps(input_size, weight.shape[2:], dy.shape[2:], stride, padding, dilation))
    block = _block_size(len(dy), prod(weight.shape[1:]) * prod(dy.shape[2:]) * dy.itemsize)
    for inputs, outputs in _channel_groups(C, len(weight), groups):
        for start in range(0, len(dy), block):
            images = slice(start, start + block)
            shares = _tap_shares(dy[images, outputs], weight[outputs], few)
            for (_, _, source, target), share in zip(taps, shares, strict=True):
                dx[images, inputs][target] += share[source]
    return dx


def conv2d_dweight(
    x: np.ndarray,
    dy: np.ndarray,
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its weight: dy times the unfolded patches.

    x (N, C, H, W), dy (N, O, HO, WO), kernel_size (KH, KW) -> dweight (O, C / groups, KH, KW).
    Raises ValueError if shapes don't fit.
    """
    shapes.check_conv2d_dweight(
        x, dy, kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    shape = (dy.shape[1], *kernel_size, x.shape[1] // groups)  # channels last, as in the patches
    dweight = np.zeros((shape[0], prod(shape[1:])), dy.dtype)
    for inputs, outputs in _channel_groups(x.shape[1], dy.shape[1], groups):
        blocks = _unfold(x[:, inputs], kernel_size, dy.shape[2:], stride, padding, dilation)
        for images, patches in blocks:
            rows = as_rows(dy[images, outputs].transpose(0, 2, 3, 1))  # (n*HO*WO, O/G)
            dweight[outputs] += rows.T @ patches
    return np.ascontiguousarray(dweight.reshape(shape).transpose(0, 3, 1, 2))


def _channel_groups(C: int, O: int, groups: int) -> Iterator[tuple[slice, slice]]:  # noqa: E741
    """Give the input and the output channels of each group."""
    c, o = C // groups, O // groups
    return ((slice(g * c, g * c + c), slice(g * o, g * o + o)) for g in range(groups))


def _block_size(images: int, image_bytes: int) -> int:
    return max(1, min(images, BLOCK_BYTES // max(1, image_bytes)))


def _unfold(
    x: np.ndarray,
    kernel_size: Pair,
    output_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Copy out what each output position sees: (images, patches) for one block of images at a time.

    patches (n*HO*WO, KH*KW*C), one row a position. The next block overwrites them.
    """
    (N, C, H, W), (PH, PW), (KH, KW), (HO, WO) = x.shape, padding, kernel_size, output_size
    n = _block_size(N, KH * KW * C * HO * WO * x.itemsize)
    if C < FEW_CHANNELS:  # positions innermost: the copy runs along rows of pixels
        patches = np.empty((KH, KW, C, n, HO, WO), x.dtype).transpose(3, 4, 5, 0, 1, 2)
    else:  # channels innermost: the copy runs along KW * C neighbours
        patches = np.empty((n, HO, WO, KH, KW, C), x.dtype)
    padded = np.zeros((n, H + 2 * PH, W + 2 * PW, C), x.dtype)
    span = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True))
    windows = sliding_window_view(padded, span, axis=(1, 2))  # (n, every h, every w, C, *span)
    windows = windows[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    windows = windows.transpose(0, 1, 2, 4, 5, 3)  # (n, HO, WO, KH, KW, C), no copy so far
    for start in range(0, N, n):
        m = min(n, N - start)
        padded[:m, PH : PH + H, PW : PW + W] = x[start : start + m].transpose(0, 2, 3, 1)
        patches[:m] = windows[:m]
        yield slice(start, start + m), patches[:m].reshape(m * HO * WO, KH * KW * C)


def _tap_shares(dy: np.ndarray, weight: np.ndarray, few: bool) -> Iterator[np.ndarray]:
    """Give dy (n, O, HO, WO) times each tap of weight (O, C, KH, KW): (n, C, HO, WO) each."""
    (n, _, HO, WO), (_, C, KH, KW) = dy.shape, weight.shape
    rows = as_rows(dy.transpose(0, 2, 3, 1))  # (n*HO*WO, O)
    if few:  # all taps in one product, since one tap of few channels is too thin a matrix
        taps = weight.transpose(2, 3, 1, 0).reshape(KH * KW * C, weight.shape[0])
        for share in (taps @ rows.T).reshape(KH * KW, C, n, HO, WO):
            yield share.transpose(1, 0, 2, 3)
    else:  # a product a tap: each is used up while it is still in the cache
        taps = np.ascontiguousarray(weight.transpose(2, 3, 0, 1))  # (KH, KW, O, C)
        for tap in taps.reshape(KH * KW, weight.shape[0], C):
            yield (rows @ tap).reshape(n, HO, WO, C).transpose(0, 3, 1, 2)
