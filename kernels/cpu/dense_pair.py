"""Two linear layers in one call: in small networks, calls take longer than the arithmetic.

A call from Python, its checks and its entry in the graph take some microseconds, as long as a
layer of a thousand weights. Layers that are worth several threads go to `dense` one by one.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu import dense
from minae.kernels.cpu.dense import linear, linear_backward
from minae.kernels.cpu.layout import plain, plain_matrix
from minae.kernels.cpu.parallel import parallel
from minae.kernels.cpu.threads import threads_for

_linear, _linear_backward = dense._linear.share, dense._linear_backward.share


@parallel
def _pair(t, T, x, weight1, transposed1, bias1, h, relu1, weight2, transposed2, bias2, y, relu2):
    """h = x weight1ᵀ + bias1, y = h weight2ᵀ + bias2, with their activations, in one thread."""
    _linear(0, 1, x, weight1, transposed1, bias1, h, relu1)
    _linear(0, 1, h, weight2, transposed2, bias2, y, relu2)


@parallel
def _pair_backward(
    t,
    T,
    dy,
    y,
    relu2,
    dz2,
    h,
    weight2,
    transposed2,
    dweight2,
    dbias2,
    dh,
    relu1,
    dz1,
    x,
    weight1,
    transposed1,
    dweight1,
    dbias1,
    dx,
):
    """The gradients of _pair: of the second layer, down to dh, and then of the first."""
    _linear_backward(0, 1, h, weight2, transposed2, dy, y, relu2, dz2, dweight2, dbias2, dh)
    _linear_backward(0, 1, x, weight1, transposed1, dh, h, relu1, dz1, dweight1, dbias1, dx)


def _small(x: np.ndarray, weight1: np.ndarray, weight2: np.ndarray) -> bool:
    """Return whether x is rows, and neither layer is worth several threads."""
    return x.ndim == 2 and threads_for(len(x) * max(weight1.size, weight2.size)) == 1


def linear_pair(
    x: np.ndarray,
    weight1: np.ndarray,
    bias1: np.ndarray | None,
    weight2: np.ndarray,
    bias2: np.ndarray | None,
    activation1: str | None = None,
    activation2: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Apply two linear layers, one after the other; return the output of each.

    x (..., I), weight1 (H, I), bias1 (H,), weight2 (O, H), bias2 (O,) -> h (..., H), y (..., O).
    Raises ValueError if shapes don't fit.
    """
    if not _small(x, weight1, weight2):
        h = linear(x, weight1, bias1, activation1)
        return h, linear(h, weight2, bias2, activation2)
    shapes.check_linear(x, weight1, bias1)
    relu1, relu2 = shapes.check_activation(activation1), shapes.check_activation(activation2)
    h = np.empty((len(x), len(weight1)), x.dtype)
    shapes.check_linear(h, weight2, bias2)
    y = np.empty((len(x), len(weight2)), x.dtype)
    bias1 = np.zeros(len(weight1), x.dtype) if bias1 is None else plain(bias1)
    bias2 = np.zeros(len(weight2), x.dtype) if bias2 is None else plain(bias2)
    first, second = plain_matrix(weight1), plain_matrix(weight2)
    _pair(1, plain(x), *first, bias1, h, relu1, *second, bias2, y, relu2)
    return h, y


def linear_pair_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight1: np.ndarray,
    h: np.ndarray,
    weight2: np.ndarray,
    y: np.ndarray,
    activation1: str | None = None,
    activation2: str | None = None,
    needs: tuple[bool, bool, bool] = (True, True, True),
    dweight1: np.ndarray | None = None,
    dbias1: np.ndarray | None = None,
    dweight2: np.ndarray | None = None,
    dbias2: np.ndarray | None = None,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray, np.ndarray | None, np.ndarray]:
    """Send the gradient of `linear_pair` back: dx, dweight1, dbias1, dweight2, dbias2.

    dy, y (..., O), h (..., H), x (..., I). `needs` says whether dx, dweight1 and dweight2 are
    wanted, None takes the place of what is not. Gradients are written into where they are given.
    """
    need_dx, need_dweight1, need_dweight2 = needs
    if not _small(x, weight1, weight2):
        dh, dweight2, dbias2 = linear_backward(
            dy, h, weight2, y, activation2, (True, need_dweight2), dweight2, dbias2
        )
        dx, dweight1, dbias1 = linear_backward(
            dh, x, weight1, h, activation1, (need_dx, need_dweight1), dweight1, dbias1
        )
        return dx, dweight1, dbias1, dweight2, dbias2
    shapes.check_linear_backward(dy, h, weight2, y)
    shapes.check_linear_backward(h, x, weight1, None)
    relu1, relu2 = shapes.check_activation(activation1), shapes.check_activation(activation2)
    dy, x, h = plain(dy), plain(x), plain(h)
    dh = np.empty(h.shape, h.dtype)
    dz1 = np.empty(h.shape, h.dtype) if relu1 else dh
    y, dz2 = (plain(y), np.empty(dy.shape, dy.dtype)) if relu2 else (dy, dy)
    none = (0, 0)
    if dweight1 is None:
        dweight1 = np.empty(weight1.shape if need_dweight1 else none, dy.dtype)
    if dweight2 is None:
        dweight2 = np.empty(weight2.shape if need_dweight2 else none, dy.dtype)
    dbias1 = np.empty(len(weight1), dy.dtype) if dbias1 is None else dbias1
    dbias2 = np.empty(len(weight2), dy.dtype) if dbias2 is None else dbias2
    dx = np.empty(x.shape if need_dx else none, dy.dtype)
    second = (dy, y, relu2, dz2, h, *plain_matrix(weight2), dweight2, dbias2, dh)
    _pair_backward(1, *second, relu1, dz1, x, *plain_matrix(weight1), dweight1, dbias1, dx)
    dweight1, dweight2 = dweight1 if need_dweight1 else None, dweight2 if need_dweight2 else None
    return dx if need_dx else None, dweight1, dbias1, dweight2, dbias2
