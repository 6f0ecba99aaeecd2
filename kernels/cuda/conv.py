"""Convolutions on the GPU: what the layers ask for, as launches of `convolution`."""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.ladders import convolution
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.linear import contiguous
from minae.kernels.shapes import Pair


@covered(operands=3)
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
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    output_size = shapes.check_conv2d(x, weight, bias, **geometry)
    y = empty((len(x), len(weight), *output_size), x)
    operands = contiguous(x), contiguous(weight), _optional(bias), y
    launch(convolution.conv2d(*operands, activation, **geometry))
    return y


@covered(operands=2)
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
    dx = empty((len(dy), weight.shape[1] * groups, *input_size), dy)
    operands = contiguous(dy), contiguous(weight), _optional(bias), dx
    launch(convolution.conv2d_dx(*operands, activation, **geometry))
    return dx


@covered(operands=4)
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
    dz, dbias = _activation_backward(dy, y, activation)
    dx = conv2d_dx(dz, weight, x.shape[2:], **geometry) if needs[0] else None
    return dx, _dweight(x, dz, weight, dweight, geometry) if needs[1] else None, dbias


@covered(operands=4)
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
    dz, dbias = _activation_backward(dy, y, activation)
    dx = conv2d(dz, weight, **geometry) if needs[0] else None
    return dx, _dweight(dz, x, weight, dweight, geometry) if needs[1] else None, dbias


def _activation_backward(dy, y, activation: str | None) -> tuple:
    """Return dz, dy through the activation, and its sum over images and pixels."""
    dy, dbias = contiguous(dy), empty((dy.shape[1],), dy)
    if not shapes.check_activation(activation):
        launch(convolution.conv2d_dbias(dy, dbias, lambda shape: empty(shape, dy)))
        return dy, dbias
    dz = empty(dy.shape, dy)
    workspace = (lambda shape: empty(shape, dy)), contiguous(y), dz
    launch(convolution.conv2d_dbias(dy, dbias, *workspace))
    return dz, dbias


def _dweight(x, dz, weight, out, geometry: dict):
    out = empty(weight.shape, weight) if out is None else out
    arrays = contiguous(x), contiguous(dz), out, lambda shape: empty(shape, out)
    launch(convolution.conv2d_dweight(*arrays, **geometry))
    return out


def _optional(bias):
    return None if bias is None else contiguous(bias)
