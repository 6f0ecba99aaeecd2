"""Convolution as a loop over the patches of the input.

The three passes visit the same patches, and each adds a product of two of the three arrays (input,
weight, output) to the third.

N batch, C input channels, O output channels, G groups, H x W input, HO x WO output, KH x KW kernel.
"""

import numpy as np

from minae.kernels import shapes_images
from minae.kernels.reference.common import activate, activate_backward, into
from minae.kernels.reference.reductions import sum


def conv2d(x, weight, bias=None, activation=None, **geometry):
    HO, WO = shapes_images.check_conv2d(x, weight, bias, **geometry)
    groups = geometry["groups"]
    x = _split(_pad(x, geometry["padding"]), 1, groups)  # (N, G, C/G, H + 2 PH, W + 2 PW)
    weight = _split(weight, 0, groups)  # (G, O/G, C/G, KH, KW)
    y = np.zeros((len(x), *weight.shape[:2], HO, WO), x.dtype)  # (N, G, O/G, HO, WO)
    for i, j, patch in _patches((HO, WO), weight.shape[3:], geometry):
        y[..., i, j] = np.einsum("ngckl,gockl->ngo", x[patch], weight)
    y = _join(y)  # (N, O, HO, WO)
    return activate(y if bias is None else y + bias[:, None, None], activation)


def conv2d_dx(dy, weight, input_size, bias=None, activation=None, **geometry):
    shapes_images.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    (H, W), (PH, PW), groups = input_size, geometry["padding"], geometry["groups"]
    dy = _split(dy, 1, groups)  # (N, G, O/G, HO, WO)
    weight = _split(weight, 0, groups)  # (G, O/G, C/G, KH, KW)
    dx = np.zeros((len(dy), groups, weight.shape[2], H + 2 * PH, W + 2 * PW), dy.dtype)
    for i, j, patch in _patches(dy.shape[3:], weight.shape[3:], geometry):
        dx[patch] += np.einsum("ngo,gockl->ngckl", dy[..., i, j], weight)
    dx = _join(dx[..., PH : PH + H, PW : PW + W])  # (N, C, H, W)
    return activate(dx if bias is None else dx + bias[:, None, None], activation)


def conv2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv2d_backward(dy, x, weight, y, **geometry)
    dz = activate_backward(dy, y, activation)
    dx = conv2d_dx(dz, weight, x.shape[2:], **geometry) if needs[0] else None
    product = _dweight(x, dz, weight.shape[2:], geometry) if needs[1] else None
    return dx, into(dweight, product), into(dbias, sum(dz, (0, 2, 3)))


def conv_transpose2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv_transpose2d_backward(dy, x, weight, y, **geometry)
    dz = activate_backward(dy, y, activation)
    dx = conv2d(dz, weight, **geometry) if needs[0] else None
    product = _dweight(dz, x, weight.shape[2:], geometry) if needs[1] else None
    return dx, into(dweight, product), into(dbias, sum(dz, (0, 2, 3)))


def _dweight(x, dz, kernel_size, geometry):
    """Return the sum of each dz times its patch of x: (O, C / groups, KH, KW)."""
    groups = geometry["groups"]
    x = _split(_pad(x, geometry["padding"]), 1, groups)  # (N, G, C/G, H + 2 PH, W + 2 PW)
    dz = _split(dz, 1, groups)  # (N, G, O/G, HO, WO)
    total = np.zeros((groups, dz.shape[2], x.shape[2], *kernel_size), dz.dtype)
    for i, j, patch in _patches(dz.shape[3:], kernel_size, geometry):
        total += np.einsum("ngo,ngckl->gockl", dz[..., i, j], x[patch])
    return total.reshape(groups * dz.shape[2], *total.shape[2:])


def _pad(x, padding):
    PH, PW = padding
    return np.pad(x, ((0, 0), (0, 0), (PH, PH), (PW, PW)))


def _split(x, axis, groups):
    """Split an axis of channels in two: groups, and channels of each."""
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])


def _join(x):
    N, G, C, H, W = x.shape
    return x.reshape(N, G * C, H, W)


def _patches(output_size, kernel_size, geometry):
    """Yield every output position (i, j), and the index of its patch in the padded input."""
    (SH, SW), (DH, DW), (KH, KW) = geometry["stride"], geometry["dilation"], kernel_size
    for i in range(output_size[0]):
        for j in range(output_size[1]):
            top, left = i * SH, j * SW
            rows = slice(top, top + DH * (KH - 1) + 1, DH)
            columns = slice(left, left + DW * (KW - 1) + 1, DW)
            yield i, j, (..., rows, columns)
