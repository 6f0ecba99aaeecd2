"""The backend `vendor`: products by NVIDIA's cuBLAS, to time our own kernels against.

It is array code, which CuPy hands to cuBLAS. CuPy has no convolutions, so patches are cut out as a
view, and the product copies them into a matrix. What is not a product is as in the backend `cuda`.
Float32 and float64; it is correct for NumPy's arrays too.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda import backend
from minae.kernels.cuda.backend import *  # noqa: F403 - what is not defined anew below
from minae.kernels.cuda.linear import contiguous, rows_of
from minae.kernels.reference.common import activate, activate_backward, into
from minae.kernels.reference.linear import layer_by_layer, layer_by_layer_backward
from minae.kernels.shapes import Pair

__all__ = list(backend.__all__)


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """See reference.matmul."""
    shapes.check_matmul(a, b)
    return np.asarray(np.matmul(a, b), like=a)


def linear(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, activation: str | None = None
) -> np.ndarray:
    """See reference.linear."""
    shapes.check_linear(x, weight, bias)
    y = np.matmul(x, weight.T)
    return activate(y if bias is None else y + bias, activation)


def linear_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    activation: str | None = None,
    needs: tuple[bool, bool] = (True, True),
    dweight: np.ndarray | None = None,
    dbias: np.ndarray | None = None,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """See reference.linear_backward."""
    shapes.check_linear_backward(dy, x, weight, y)
    dz = activate_backward(dy, y, activation)
    dx = np.matmul(dz, weight) if needs[0] else None
    dz = rows_of(dz)
    product = np.matmul(dz.T, rows_of(x)) if needs[1] else None
    return dx, into(dweight, product), into(dbias, sum(dz, (0,)))


def linear_stack(
    x: np.ndarray, weights: tuple, biases: tuple, activations: tuple
) -> list[np.ndarray]:
    """See reference.linear_stack."""
    return layer_by_layer(linear, x, weights, biases, activations)


def linear_stack_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weights: tuple,
    outputs: list,
    activations: tuple,
    needs: tuple[bool, ...],
    dweights: list,
    dbiases: list,
) -> tuple[np.ndarray | None, list[np.ndarray | None], list[np.ndarray]]:
    """See reference.linear_stack_backward."""
    layers = weights, outputs, activations, dweights, dbiases
    return layer_by_layer_backward(linear_backward, dy, x, needs, *layers)


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
    """See reference.conv2d."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation}
    shapes.check_conv2d(x, weight, bias, **geometry, groups=groups)
    patches = _patches(x, weight.shape[2:], **geometry)  # (N, C, HO, WO, KH, KW)
    parts = zip(np.split(patches, groups, axis=1), np.split(weight, groups), strict=True)
    y = [np.tensordot(p, w, ((1, 4, 5), (1, 2, 3))) for p, w in parts]  # (N, HO, WO, O / groups)
    y = contiguous(np.moveaxis(np.concatenate(y, axis=-1), -1, 1))
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
    """See reference.conv2d_dx."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    (H, W), (PH, PW), (HO, WO) = input_size, padding, dy.shape[2:]
    N, C = len(dy), weight.shape[1] * groups
    parts = zip(np.split(weight, groups), np.split(dy, groups, axis=1), strict=True)
    taps = [np.tensordot(w, d, ((0,), (1,))) for w, d in parts]  # (C / groups, KH, KW, N, HO, WO)
    taps = np.concatenate(taps)
    dx = np.zeros((C, N, H + 2 * PH, W + 2 * PW), dy.dtype, like=dy)
    for r in range(weight.shape[2]):
        for q in range(weight.shape[3]):
            top, left = r * dilation[0], q * dilation[1]
            rows = slice(top, top + stride[0] * (HO - 1) + 1, stride[0])
            columns = slice(left, left + stride[1] * (WO - 1) + 1, stride[1])
            dx[:, :, rows, columns] += taps[:, r, q]
    dx = contiguous(dx[:, :, PH : PH + H, PW : PW + W].swapaxes(0, 1))
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
    """See reference.conv2d_backward."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv2d_backward(dy, x, weight, y, **geometry)
    dz = activate_backward(dy, y, activation)
    dx = conv2d_dx(dz, weight, x.shape[2:], **geometry) if needs[0] else None
    total = _dweight(x, dz, weight.shape[2:], **geometry) if needs[1] else None
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
    """See reference.conv_transpose2d_backward."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv_transpose2d_backward(dy, x, weight, y, **geometry)
    dz = activate_backward(dy, y, activation)
    dx = conv2d(dz, weight, **geometry) if needs[0] else None
    total = _dweight(dz, x, weight.shape[2:], **geometry) if needs[1] else None
    return dx, into(dweight, total), sum(dz, (0, 2, 3))


def _dweight(x, dz, kernel_size, *, groups: int, **geometry) -> np.ndarray:
    patches = _patches(x, kernel_size, **geometry)
    parts = zip(np.split(dz, groups, axis=1), np.split(patches, groups, axis=1), strict=True)
    return np.concatenate([np.tensordot(d, p, ((0, 2, 3), (0, 2, 3))) for d, p in parts])


def _patches(x, kernel_size: Pair, *, stride: Pair, padding: Pair, dilation: Pair) -> np.ndarray:
    """View x (N, C, H, W), padded, as its patches (N, C, HO, WO, KH, KW)."""
    (SH, SW), (PH, PW), (DH, DW) = stride, padding, dilation
    x = np.pad(x, ((0, 0), (0, 0), (PH, PH), (PW, PW)))
    span = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, span, axis=(2, 3))
    return windows[:, :, ::SH, ::SW, ::DH, ::DW]
