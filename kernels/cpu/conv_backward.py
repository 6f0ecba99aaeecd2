"""The gradients of convolutions: shapes and layouts around the loops of `patches` and `winograd`.

One visit to the patches gives both gradients, and the gradient passes the activation on the way.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu import patches, winograd
from minae.kernels.cpu.compiled import compiled_if
from minae.kernels.cpu.conv import channel_groups, channels, weight_matrix, window
from minae.kernels.cpu.covered import covered
from minae.kernels.cpu.layout import pixels
from minae.kernels.cpu.threads import threads_for
from minae.kernels.shapes import Pair


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
    not. dweight is written into where it is given, contiguous. Raises ValueError if shapes don't
    fit.
    """
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv2d_backward(dy, x, weight, y, **geometry)
    relu = shapes.check_activation(activation)
    dweight = np.empty(weight.shape, x.dtype) if dweight is None else dweight
    if winograd.wins(x.shape[1], len(weight), x.dtype, weight.shape[2:], **geometry):
        dx, dbias = _winograd(dy, y, relu, x, weight, needs[0], dweight, padding)
    else:
        dx, dbias = _both(dy, y, relu, x, weight, needs, dweight, geometry, transposed=False)
    return dx, dweight if needs[1] else None, dbias


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
    relu = shapes.check_activation(activation)
    dweight = np.empty(weight.shape, x.dtype) if dweight is None else dweight
    dx, dbias = _both(dy, y, relu, x, weight, needs, dweight, geometry, transposed=True)
    return dx, dweight if needs[1] else None, dbias


def _both(
    dy, y, relu: bool, x, weight, needs, dweight, geometry: dict, transposed: bool
) -> tuple[np.ndarray | None, np.ndarray]:
    """Fill dweight and return dx, each if it is needed, and dbias."""
    O, C, KH, KW = weight.shape  # noqa: E741 - C and later O: of one group
    groups, (need_dx, need_dweight) = geometry["groups"], needs
    T = threads_for((x if transposed else dy).size * C * KH * KW)
    gradient, source = pixels(dy), pixels(x)
    output = pixels(y) if relu else gradient
    dx = np.empty(source.shape if need_dx else (0, 0, 0, 0), x.dtype)
    dbias = np.empty(dy.shape[1], x.dtype)
    shape = window(weight.shape[2:], **geometry)
    kernel = patches.transposed_gradients if transposed else patches.gradients
    for inputs, outputs in channel_groups(C * groups, O, groups):
        of_x, of_dy = (outputs, inputs) if transposed else (inputs, outputs)
        dpart, ypart = channels(gradient, of_dy), channels(output, of_dy)
        part, target = channels(source, of_x), channels(dx, of_x)
        matrix = weight_matrix(weight[outputs], not transposed)
        dw = np.empty((T if need_dweight else 0, C * KH * KW, O // groups), x.dtype)
        db = np.empty((T, dpart.shape[2] * dpart.shape[3]))  # in float64: there are many pixels
        kernel(T, dpart, ypart, relu, part, matrix, target, dw, db, shape)
        if target is not dx:
            dx[..., of_x] = target
        taps = dw.reshape(len(dw), KH * KW, C, O // groups)
        _add_up(taps, db, dweight[outputs].reshape(O // groups, C, KH * KW), dbias[of_dy])
    return dx.transpose(0, 3, 1, 2) if need_dx else None, dbias


@compiled_if(lambda *arrays: True)
def _add_up(dw, db, dweight, dbias):
    """dweight[o, c, k] = Σ dw[share, k, c, o], dbias = Σ db[share, column]; dw may be empty.

    One call; in NumPy it is two sums and a copy into the other order.
    """
    shares, K, C, O = dw.shape  # noqa: E741
    for k in range(K if shares else 0):
        for c in range(C):
            for o in range(O):
                dweight[o, c, k] = dw[0, k, c, o]
            for share in range(1, shares):
                for o in range(O):
                    dweight[o, c, k] += dw[share, k, c, o]
    for o in range(dbias.size):
        total = 0.0
        for i in range(len(db)):
            for j in range(o, db.shape[1], dbias.size):
                total += db[i, j]
        dbias[o] = total


def _winograd(
    dy, y, relu: bool, x, weight, need_dx: bool, dweight, padding: Pair
) -> tuple[np.ndarray | None, np.ndarray]:
    """Fill dweight and return dx, if it is needed, and dbias."""
    gradient, source = pixels(dy), pixels(x)
    output = pixels(y) if relu else gradient
    dx = np.empty(source.shape if need_dx else (0, 0, 0, 0), x.dtype)
    dbias = winograd.gradients(gradient, output, relu, source, weight, padding, dx, dweight)
    return dx.transpose(0, 3, 1, 2) if need_dx else None, dbias
