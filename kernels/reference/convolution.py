"""Convolution as the loop that it is.

The three passes are one loop: they visit the same patches of the input, and each moves a product of
two of the three arrays (input, weight, output) into the third.

N batch, C input channels, O output channels, G groups, H x W input, HO x WO output, KH x KW kernel.
"""

from collections.abc import Iterator

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.common import activate, into
from minae.kernels.shapes import Pair


def activation_backward(
    dy: np.ndarray, y: np.ndarray, activation: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Send a gradient back through the activation and the bias that end a convolution.

    dy, y (N, O, HO, WO) -> dz, of the same shape (dy itself without activation), dbias (O,).
    Raises ValueError if shapes don't fit.
    """
    shapes.check_same("activation_backward", dy, y)
    dz = dy * (y > 0) if shapes.check_activation(activation) else dy
    return dz, dz.sum(axis=(0, 2, 3))


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Slide a kernel over images: each output pixel is a patch times the weight, summed.

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, HO, WO). The bias is added
    and the activation applied at the end. With groups, the g-th part of the output channels sees
    the g-th part of the input channels only. Raises ValueError if shapes don't fit.
    """
    HO, WO = shapes.check_conv2d(
        x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    x = _split_channels(_pad(x, padding), groups)  # (N, G, C/G, H + 2 PH, W + 2 PW)
    weight = _split_outputs(weight, groups)  # (G, O/G, C/G, KH, KW)
    y = np.zeros((len(x), *weight.shape[:2], HO, WO), x.dtype)  # (N, G, O/G, HO, WO)
    for i, j, patch in _patches((HO, WO), weight.shape[3:], stride, dilation):
        y[..., i, j] = np.einsum("ngckl,gockl->ngo", x[patch], weight)
    y = _join_channels(y)  # (N, O, HO, WO)
    return activate(y if bias is None else y + bias[:, None, None], activation)


def conv2d_dx(
    dy: np.ndarray,
    weight: np.ndarray,
    input_size: Pair,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its input: each dy spreads over its patch.

    dy (N, O, HO, WO), weight (O, C / groups, KH, KW), input_size (H, W) -> dx (N, C, H, W). This
    is also the forward pass of a transposed convolution, which may have a bias (C,) and an
    activation. Raises ValueError if shapes don't fit.
    """
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    (H, W), (PH, PW), (HO, WO) = input_size, padding, dy.shape[2:]
    dy = _split_channels(dy, groups)  # (N, G, O/G, HO, WO)
    weight = _split_outputs(weight, groups)  # (G, O/G, C/G, KH, KW)
    dx = np.zeros((len(dy), groups, weight.shape[2], H + 2 * PH, W + 2 * PW), dy.dtype)
    for i, j, patch in _patches((HO, WO), weight.shape[3:], stride, dilation):
        dx[patch] += np.einsum("ngo,gockl->ngckl", dy[..., i, j], weight)
    dx = _join_channels(dx[..., PH : PH + H, PW : PW + W])  # (N, C, H, W)
    return activate(dx if bias is None else dx + bias[:, None, None], activation)


def conv2d_dweight(
    x: np.ndarray,
    dy: np.ndarray,
    kernel_size: Pair,
    dweight: np.ndarray | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its weight: each dy times its patch, summed.

    x (N, C, H, W), dy (N, O, HO, WO), kernel_size (KH, KW) -> dweight (O, C / groups, KH, KW),
    written into where it is given. Raises ValueError if shapes don't fit.
    """
    shapes.check_conv2d_dweight(
        x, dy, kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    x = _split_channels(_pad(x, padding), groups)  # (N, G, C/G, H + 2 PH, W + 2 PW)
    dy = _split_channels(dy, groups)  # (N, G, O/G, HO, WO)
    total = np.zeros((groups, dy.shape[2], x.shape[2], *kernel_size), dy.dtype)
    for i, j, patch in _patches(dy.shape[3:], kernel_size, stride, dilation):
        total += np.einsum("ngo,ngckl->gockl", dy[..., i, j], x[patch])
    return into(dweight, total.reshape(groups * dy.shape[2], *total.shape[2:]))  # (O, C/G, KH, KW)


def _pad(x: np.ndarray, padding: Pair) -> np.ndarray:
    PH, PW = padding
    return np.pad(x, ((0, 0), (0, 0), (PH, PH), (PW, PW)))


def _split_channels(x: np.ndarray, groups: int) -> np.ndarray:
    N, C, H, W = x.shape
    return x.reshape(N, groups, C // groups, H, W)


def _join_channels(x: np.ndarray) -> np.ndarray:
    N, G, C, H, W = x.shape
    return x.reshape(N, G * C, H, W)


def _split_outputs(weight: np.ndarray, groups: int) -> np.ndarray:
    O, *rest = weight.shape  # noqa: E741
    return weight.reshape(groups, O // groups, *rest)


def _patches(
    output_size: Pair, kernel_size: Pair, stride: Pair, dilation: Pair
) -> Iterator[tuple[int, int, tuple]]:
    """Walk over the output: (i, j), and the index of its patch in the padded input."""
    for i in range(output_size[0]):
        for j in range(output_size[1]):
            top, left = i * stride[0], j * stride[1]
            rows = slice(top, top + dilation[0] * (kernel_size[0] - 1) + 1, dilation[0])
            columns = slice(left, left + dilation[1] * (kernel_size[1] - 1) + 1, dilation[1])
            yield i, j, (..., rows, columns)
