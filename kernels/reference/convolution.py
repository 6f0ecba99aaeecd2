"""Convolution as the loop that it is.

The three passes are one loop: they visit the same patches of the input, and each moves a product of
two of the three arrays (input, weight, output) into the third.

N batch, C input channels, O output channels, G groups, H x W input, HO x WO output, KH x KW kernel.
"""

from collections.abc import Iterator

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.common import activate, activate_backward, into
from minae.kernels.reference.reductions import sum
from minae.kernels.shapes import Pair


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


def conv2d_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    activation: str | None = None,
    needs: tuple[bool, bool] = (True, True),
    dweight: np.ndarray | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """Send the gradient of a convolution back: dx, dweight, and dbias = Σ dz.

    dy, y (N, O, HO, WO), x (N, C, H, W), weight (O, C / groups, KH, KW); dz is dy through the
    activation. `needs` says whether dx and dweight are wanted, None takes the place of what is
    not. dweight is written into where it is given. Raises ValueError if shapes don't fit.
    """
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv2d_backward(dy, x, weight, y, **geometry)
    need_dx, need_dweight = needs
    dz = activate_backward(dy, y, activation)
    dx = conv2d_dx(dz, weight, x.shape[2:], **geometry) if need_dx else None
    total = _dweight(x, dz, weight.shape[2:], **geometry) if need_dweight else None
    return dx, into(dweight, total), sum(dz, (0, 2, 3))


def conv_transpose2d_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    activation: str | None = None,
    needs: tuple[bool, bool] = (True, True),
    dweight: np.ndarray | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """Send the gradient of a transposed convolution back: forward and dx have changed places.

    dy, y (N, C, H, W), x (N, O, HO, WO), weight (O, C / groups, KH, KW) -> dx, dweight, dbias (C,);
    the rest is as in conv2d_backward.
    """
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv_transpose2d_backward(dy, x, weight, y, **geometry)
    need_dx, need_dweight = needs
    dz = activate_backward(dy, y, activation)
    dx = conv2d(dz, weight, **geometry) if need_dx else None
    total = _dweight(dz, x, weight.shape[2:], **geometry) if need_dweight else None
    return dx, into(dweight, total), sum(dz, (0, 2, 3))


def _dweight(x, dz, kernel_size, *, stride, padding, dilation, groups) -> np.ndarray:
    """Return the sum of each dz times its patch: (O, C / groups, KH, KW)."""
    x = _split_channels(_pad(x, padding), groups)  # (N, G, C/G, H + 2 PH, W + 2 PW)
    dz = _split_channels(dz, groups)  # (N, G, O/G, HO, WO)
    total = np.zeros((groups, dz.shape[2], x.shape[2], *kernel_size), dz.dtype)
    for i, j, patch in _patches(dz.shape[3:], kernel_size, stride, dilation):
        total += np.einsum("ngo,ngckl->gockl", dz[..., i, j], x[patch])
    return total.reshape(groups * dz.shape[2], *total.shape[2:])


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
