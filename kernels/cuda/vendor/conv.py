"""Convolutions by cuBLAS, as CuPy has none: patches are a view, copied to a matrix by a product."""

import numpy as np

from minae.kernels import shapes_images
from minae.kernels.cuda.layout import contiguous
from minae.kernels.cuda.reductions import sum
from minae.kernels.reference.common import activate, activate_backward, into


def conv2d(x, weight, bias=None, activation=None, **geometry):
    shapes_images.check_conv2d(x, weight, bias, **geometry)
    groups, patches = geometry["groups"], _patches(x, weight.shape[2:], geometry)
    parts = zip(np.split(patches, groups, axis=1), np.split(weight, groups), strict=True)
    y = [np.tensordot(p, w, ((1, 4, 5), (1, 2, 3))) for p, w in parts]  # (N, HO, WO, O / groups)
    y = contiguous(np.moveaxis(np.concatenate(y, axis=-1), -1, 1))
    return activate(y if bias is None else y + bias[:, None, None], activation)


def conv2d_dx(dy, weight, input_size, bias=None, activation=None, **geometry):
    shapes_images.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    (H, W), (PH, PW), (HO, WO) = input_size, geometry["padding"], dy.shape[2:]
    (SH, SW), (DH, DW), groups = geometry["stride"], geometry["dilation"], geometry["groups"]
    N, C = len(dy), weight.shape[1] * groups
    parts = zip(np.split(weight, groups), np.split(dy, groups, axis=1), strict=True)
    taps = [np.tensordot(w, d, ((0,), (1,))) for w, d in parts]  # (C / groups, KH, KW, N, HO, WO)
    taps = np.concatenate(taps)
    dx = np.zeros((C, N, H + 2 * PH, W + 2 * PW), dy.dtype, like=dy)
    for r in range(weight.shape[2]):
        for q in range(weight.shape[3]):
            rows = slice(r * DH, r * DH + SH * (HO - 1) + 1, SH)
            columns = slice(q * DW, q * DW + SW * (WO - 1) + 1, SW)
            dx[:, :, rows, columns] += taps[:, r, q]
    dx = contiguous(dx[:, :, PH : PH + H, PW : PW + W].swapaxes(0, 1))
    return activate(dx if bias is None else dx + bias[:, None, None], activation)


def conv2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv2d_backward(dy, x, weight, y, **geometry)
    dz = activate_backward(dy, y, activation)
    dx = conv2d_dx(dz, weight, x.shape[2:], **geometry) if needs[0] else None
    total = _dweight(x, dz, weight.shape[2:], geometry) if needs[1] else None
    return dx, into(dweight, total), into(dbias, sum(dz, (0, 2, 3)))


def conv_transpose2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv_transpose2d_backward(dy, x, weight, y, **geometry)
    dz = activate_backward(dy, y, activation)
    dx = conv2d(dz, weight, **geometry) if needs[0] else None
    total = _dweight(dz, x, weight.shape[2:], geometry) if needs[1] else None
    return dx, into(dweight, total), into(dbias, sum(dz, (0, 2, 3)))


def _dweight(x, dz, kernel_size, geometry):
    groups, patches = geometry["groups"], _patches(x, kernel_size, geometry)
    parts = zip(np.split(dz, groups, axis=1), np.split(patches, groups, axis=1), strict=True)
    return np.concatenate([np.tensordot(d, p, ((0, 2, 3), (0, 2, 3))) for d, p in parts])


def _patches(x, kernel_size, geometry):
    """View x (N, C, H, W), padded, as its patches (N, C, HO, WO, KH, KW)."""
    (SH, SW), (PH, PW), (DH, DW) = geometry["stride"], geometry["padding"], geometry["dilation"]
    x = np.pad(x, ((0, 0), (0, 0), (PH, PH), (PW, PW)))
    span = DH * (kernel_size[0] - 1) + 1, DW * (kernel_size[1] - 1) + 1
    windows = np.lib.stride_tricks.sliding_window_view(x, span, axis=(2, 3))
    return windows[:, :, ::SH, ::SW, ::DH, ::DW]
