"""The convolutions that run on a CPU: shapes and layouts around the loops of `patches`.

Convolutions of stride 1 with 3 x 3 kernels go to `winograd` where that is faster.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import prod

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu import patches, winograd
from minae.kernels.cpu.covered import covered
from minae.kernels.cpu.layout import pixels, plain
from minae.kernels.cpu.threads import threads_for
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
    """Slide a kernel over images, add the bias, and apply the activation.

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, HO, WO). Raises ValueError
    if shapes don't fit.
    """
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    size = shapes.check_conv2d(x, weight, bias, **geometry)
    relu = shapes.check_activation(activation)
    return _convolve(x, weight, False, bias, relu, size, geometry)


def _convolve(x, weight, turned: bool, bias, relu: bool, size: Pair, geometry: dict) -> np.ndarray:
    """Convolve; turned, with the kernels that take dy back to x: see winograd.convolve."""
    source = pixels(x)
    outputs = weight.shape[1] if turned else weight.shape[0]
    bias = np.zeros(outputs, x.dtype) if bias is None else plain(bias)
    y = np.empty((len(x), *size, outputs), x.dtype)
    if winograd.wins(x.shape[1], outputs, x.dtype, weight.shape[2:], **geometry):
        winograd.convolve(source, weight, turned, bias, geometry["padding"], y, relu)
        return y.transpose(0, 3, 1, 2)
    if turned:
        weight = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    shape = window(weight.shape[2:], **geometry)
    T = threads_for(prod(y.shape) * prod(weight.shape[1:]))
    for inputs, outputs in channel_groups(x.shape[1], len(weight), geometry["groups"]):
        part, target = channels(source, inputs), channels(y, outputs)
        matrix = weight_matrix(weight[outputs])
        patches.unfold_dot(T, part, matrix, bias[outputs], target, relu, shape)
        if target is not y:
            y[..., outputs] = target
    return y.transpose(0, 3, 1, 2)


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
    """Send the gradient of a convolution back to its input.

    dy (N, O, HO, WO), weight (O, C / groups, KH, KW), input_size (H, W) -> dx (N, C, H, W). This
    is also the forward pass of a transposed convolution, which may have a bias (C,) and an
    activation. Raises ValueError if shapes don't fit.
    """
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    C = weight.shape[1] * groups
    shapes.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    relu = shapes.check_activation(activation)
    span = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    if stride == (1, 1) and groups == 1 and padding[0] <= span[0] and padding[1] <= span[1]:
        # with stride 1, each dx sees a patch of dy: a convolution with the kernels turned round
        geometry["padding"] = (span[0] - padding[0], span[1] - padding[1])
        return _convolve(dy, weight, True, bias, relu, input_size, geometry)
    bias = np.zeros(C, dy.dtype) if bias is None else plain(bias)
    shape = window(weight.shape[2:], **geometry)
    source = pixels(dy)
    dx = np.empty((len(dy), *input_size, C), dy.dtype)
    T = threads_for(prod(source.shape) * prod(weight.shape[1:]))
    for inputs, outputs in channel_groups(C, len(weight), groups):
        part, target = channels(source, outputs), channels(dx, inputs)
        matrix = weight_matrix(weight[outputs], transposed=True)
        patches.dot_fold(T, part, matrix, bias[inputs], target, relu, shape)
        if target is not dx:
            dx[..., inputs] = target
    return dx.transpose(0, 3, 1, 2)


@lru_cache(1024)  # every pass of every step asks, and asks the same
def window(
    kernel_size: Pair, *, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """Return what `patches` calls the window; it knows of no groups."""
    return np.array([*kernel_size, *stride, *padding, *dilation])


def weight_matrix(weight: np.ndarray, transposed: bool = False) -> np.ndarray:
    """Copy a weight (O, C, KH, KW) into a patch's order, (KH * KW * C, O), or that transposed."""
    taps_in_order = weight.transpose(0, 2, 3, 1)  # (O, KH, KW, C)
    if transposed:
        return np.ascontiguousarray(taps_in_order).reshape(len(weight), -1)
    return np.ascontiguousarray(taps_in_order.transpose(1, 2, 3, 0)).reshape(-1, len(weight))


def channel_groups(C: int, O: int, groups: int) -> Iterator[tuple[slice, slice]]:  # noqa: E741
    """Give the input and the output channels of each group."""
    c, o = C // groups, O // groups
    return ((slice(g * c, g * c + c), slice(g * o, g * o + o)) for g in range(groups))


def channels(x: np.ndarray, channels: slice) -> np.ndarray:
    """Return some channels of x (N, H, W, C) on their own: a copy unless they are all."""
    return x if channels == slice(0, x.shape[3]) else np.ascontiguousarray(x[..., channels])
