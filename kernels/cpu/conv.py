"""Convolutions: shapes and memory layouts around the loops of `conv_loops`.

Those with stride 1 and 3 x 3 kernels go to `winograd` where that is faster. In backward, one visit
to the patches gives both gradients, and the gradient passes the activation on the way.
"""

from functools import lru_cache
from math import prod

import numpy as np

from minae.kernels import shapes, shapes_images
from minae.kernels.cpu.compile.calls import copied, copy
from minae.kernels.cpu.compile.compiled import compiled_if
from minae.kernels.cpu.compile.operands import covered, pixels, plain
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.conv_loops import patches, winograd
from minae.kernels.cpu.products.multiply import product_for


@covered(operands=3)
def conv2d(x, weight, bias=None, activation=None, **geometry):
    size = shapes_images.check_conv2d(x, weight, bias, **geometry)
    relu = shapes.check_activation(activation)
    return _convolve(x, weight, False, bias, relu, size, geometry)


def _convolve(x, weight, turned, bias, relu, size, geometry):
    """Convolve; if `turned`, with the kernels that take dy back to x, see winograd.convolve."""
    outputs = weight.shape[1] if turned else weight.shape[0]
    y = np.empty((len(x), *size, outputs), x.dtype)
    if winograd.wins(x.shape[1], outputs, x.dtype, weight.shape[2:], **geometry):
        bias = np.zeros(outputs, x.dtype) if bias is None else plain(bias)
        winograd.convolve(pixels(x), weight, turned, bias, geometry["padding"], y, relu)
    else:
        weight = weight[:, :, ::-1, ::-1].swapaxes(0, 1) if turned else weight
        _by_patches(patches.unfold_dot, pixels(x), weight, bias, y, relu, geometry)
    return y.transpose(0, 3, 1, 2)


@covered(operands=2)
def conv2d_dx(dy, weight, input_size, bias=None, activation=None, **geometry):
    shapes_images.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    relu = shapes.check_activation(activation)
    (PH, PW), groups = geometry["padding"], geometry["groups"]
    DH, DW = (d * (k - 1) for d, k in zip(geometry["dilation"], weight.shape[2:], strict=True))
    if geometry["stride"] == (1, 1) and groups == 1 and PH <= DH and PW <= DW:
        # with stride 1, each dx sees a patch of dy: a convolution with the kernels turned round
        geometry["padding"] = DH - PH, DW - PW
        return _convolve(dy, weight, True, bias, relu, input_size, geometry)
    dx = np.empty((len(dy), *input_size, weight.shape[1] * groups), dy.dtype)
    _by_patches(patches.dot_fold, pixels(dy), weight, bias, dx, relu, geometry)
    return dx.transpose(0, 3, 1, 2)


def _by_patches(loop, source, weight, bias, y, relu, geometry):
    """Fill y, group by group, by a loop of `patches`: unfold_dot or its transpose, dot_fold."""
    transposed, groups = loop is patches.dot_fold, geometry["groups"]
    bias = np.zeros(y.shape[3], y.dtype) if bias is None else plain(bias)
    window = _window(weight.shape[2:], **geometry)
    T = threads_for((source if transposed else y).size * prod(weight.shape[1:]))
    for inputs, outputs in _channel_groups(weight.shape[1] * groups, len(weight), groups):
        of_source, of_y = (outputs, inputs) if transposed else (inputs, outputs)
        part, target = _channels(source, of_source), _channels(y, of_y)
        matrix = _weight_matrix(weight[outputs], transposed)
        loop(T, product_for(y.itemsize, T), part, matrix, bias[of_y], target, relu, window)
        if target is not y:
            copy(y[..., of_y], target)


@covered(operands=4)
def conv2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv2d_backward(dy, x, weight, y, **geometry)
    places = dweight, dbias
    return _backward(dy, x, weight, y, activation, needs, places, geometry, transposed=False)


@covered(operands=4)
def conv_transpose2d_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None, **geometry
):
    shapes_images.check_conv_transpose2d_backward(dy, x, weight, y, **geometry)
    places = dweight, dbias
    return _backward(dy, x, weight, y, activation, needs, places, geometry, transposed=True)


def _backward(dy, x, weight, y, activation, needs, places, geometry, transposed):
    """Return dx, dweight and dbias of a convolution, or of a transposed one."""
    relu, (need_dx, need_dweight) = shapes.check_activation(activation), needs
    gradient, source = pixels(dy), pixels(x)
    sizes = weight.shape, gradient.shape[3]
    dweight, dbias = (
        np.empty(size, x.dtype) if place is None else place
        for size, place in zip(sizes, places, strict=True)
    )
    output = pixels(y) if relu else gradient
    dx = np.empty((len(x) if need_dx else 0, *source.shape[1:]), x.dtype)
    arrays = gradient, output, relu, source, weight
    wins = winograd.wins(x.shape[1], len(weight), x.dtype, weight.shape[2:], **geometry)
    if wins and not transposed:
        parts = winograd.gradients(*arrays, geometry["padding"], dx, dweight)
        done = dweight.reshape(*weight.shape[:2], 9)
        _add_up(np.empty((0, 9, 0, 0), x.dtype), parts, done, dbias)
    else:
        into = dx, dweight, dbias
        _unfolded_gradients(*arrays, *into, need_dweight, geometry, transposed)
    return dx.transpose(0, 3, 1, 2) if need_dx else None, dweight if need_dweight else None, dbias


def _unfolded_gradients(
    gradient, output, relu, source, weight, dx, dweight, dbias, need_dweight, geometry, transposed
):
    """Fill dx, unless it is empty, dweight, if it is needed, and dbias."""
    O, C, KH, KW = weight.shape  # noqa: E741 - C and later O: of one group
    groups = geometry["groups"]
    T = threads_for((source if transposed else gradient).size * C * KH * KW)
    window = _window(weight.shape[2:], **geometry)
    kernel = patches.transposed_gradients if transposed else patches.gradients
    for inputs, outputs in _channel_groups(C * groups, O, groups):
        of_x, of_dy = (outputs, inputs) if transposed else (inputs, outputs)
        dpart, ypart = _channels(gradient, of_dy), _channels(output, of_dy)
        part, target = _channels(source, of_x), _channels(dx, of_x)
        matrix = _weight_matrix(weight[outputs], not transposed)
        dw = np.empty((T if need_dweight else 0, C * KH * KW, O // groups), source.dtype)
        db = np.empty((T, dpart.shape[2] * dpart.shape[3]))  # float64: there are many pixels
        kernel(
            T,
            product_for(source.itemsize, T),
            dpart,
            ypart,
            relu,
            part,
            matrix,
            target,
            dw,
            db,
            window,
        )
        if target is not dx:
            copy(dx[..., of_x], target)
        taps = dw.reshape(len(dw), KH * KW, C, O // groups)
        _add_up(taps, db, dweight[outputs].reshape(O // groups, C, KH * KW), dbias[of_dy])


@compiled_if(lambda *arrays: True)
def _add_up(dw, db, dweight, dbias):
    """dweight[o, c, k] = Σ dw[share, k, c, o], dbias = Σ db[share, column]; dw may be empty.

    This is one call; in NumPy it would be two sums and a copy into the other order.
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


@lru_cache(1024)  # every pass of every step asks for the same ones
def _window(kernel_size, *, stride, padding, dilation, groups):
    """Return what `patches` calls the window; groups are not part of it."""
    return np.array([*kernel_size, *stride, *padding, *dilation])


def _weight_matrix(weight, transposed=False):
    """Copy a weight (O, C, KH, KW) in the order of patches, (KH * KW * C, O), or transposed."""
    if transposed:
        return copied(weight.transpose(0, 2, 3, 1)).reshape(len(weight), -1)
    return copied(weight.transpose(2, 3, 1, 0)).reshape(-1, len(weight))


def _channel_groups(C, O, groups):  # noqa: E741
    """Return the input and the output channels of each group, as slices."""
    c, o = C // groups, O // groups
    return [(slice(g * c, g * c + c), slice(g * o, g * o + o)) for g in range(groups)]


def _channels(x, channels):
    """Return some channels of x (N, H, W, C): x itself if they are all, else a copy."""
    return x if channels == slice(0, x.shape[3]) else copied(x[..., channels])
