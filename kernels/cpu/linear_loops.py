"""The loops of linear layers, with part of the result for each thread.

What surrounds the product (bias, activation, and in backward the activation of the layer before) is
done to its sums before they are written; what must be done to dy, on the part that a thread is
about to multiply. A smooth activation is computed from a thread's part of the sums, which is still
in its cache.
"""

import numpy as np

from minae.kernels.cpu.compile.compiled import columns, compiled, parallel, rows
from minae.kernels.cpu.elementwise import smooth_in_place
from minae.kernels.cpu.products.multiply import affine, cut, masked, multiply

RELU, SLOPE = 1, 2  # what dy passes through on its way back, if not 0: nothing


@parallel
def linear(t, T, product, x, weight, transposed, bias, y, relu):
    """y = x weightᵀ + bias, or max(that, 0); if `transposed`, weight is (I, O)."""
    i, k, j, l = cut(t, T, *y.shape, x.shape[1], y.itemsize)  # noqa: E741
    w = columns(weight, j, l) if transposed else rows(weight, j, l)
    part = columns(rows(y, i, k), j, l)
    affine(product, t, rows(x, i, k), w, not transposed, part, rows(bias, j, l), relu)


@parallel
def linear_smooth(t, T, product, x, weight, transposed, bias, y, slope, kind):
    """z = x weightᵀ + bias, y = f(z) and slope = f'(z), from each share's z while it is near."""
    i, k, j, l = cut(t, T, *y.shape, x.shape[1], y.itemsize)  # noqa: E741
    w = columns(weight, j, l) if transposed else rows(weight, j, l)
    part = columns(rows(y, i, k), j, l)
    affine(product, t, rows(x, i, k), w, not transposed, part, rows(bias, j, l), False)
    for n in range(i, k):
        smooth_in_place(rows(y[n], j, l), kind, rows(slope[n], j, l))


@parallel
def input_gradient(t, T, product, dz, weight, transposed, y, passes, dx):
    """dx = dz weight, and on through the activation before, if it `passes` one.

    y (N, I) is then the output of that ReLU, or the slope of that smooth activation.
    """
    i, k, j, l = cut(t, T, *dx.shape, dz.shape[1], dx.itemsize)  # noqa: E741
    w = rows(weight, j, l) if transposed else columns(weight, j, l)
    part, factors = columns(rows(dx, i, k), j, l), columns(rows(y, i, k), j, l)
    masked(product, t, rows(dz, i, k), w, transposed, part, factors, passes == RELU)
    if passes == SLOPE:
        through_slope(part, factors)


@compiled
def through_slope(dy, slope):
    """dz = dy slope, in the place of dy."""
    for n in range(len(dy)):
        row, factors = dy[n], slope[n]
        for o in range(row.size):
            row[o] *= factors[o]


_input_gradient = input_gradient.share


@parallel
def linear_backward(
    t, T, product, x, weight, transposed, dy, y, passes, dz, dweight, dbias, masks, dx
):
    """dz = dy as it `passes` the activation; dweight = dzᵀ x, dbias = Σ dz, dx = dz weight.

    A share is some of the outputs. Its own dz is enough for dweight, but dx needs that of all: with
    several shares, dx is empty here and left to input_gradient; it passes through a ReLU whose
    output is x if that `masks`.
    """
    N, O = dy.shape  # noqa: E741
    low, high = t * O // T, (t + 1) * O // T
    zero = dy.dtype.type(0)
    totals = np.empty(high - low)  # float64, since there may be millions of rows
    for o in range(high - low):
        totals[o] = 0
    for n in range(N):
        dy_row, y_row = rows(dy[n], low, high), rows(y[n], low, high)
        dz_row = rows(dz[n], low, high)
        for o in range(high - low):
            value = dy_row[o]
            if passes == RELU:
                value = value if y_row[o] > zero else zero
                dz_row[o] = value
            elif passes == SLOPE:
                value *= y_row[o]
                dz_row[o] = value
            totals[o] += value
    for o in range(high - low):
        dbias[low + o] = totals[o]
    if dweight.size:
        part = rows(dweight, low, high)
        multiply(product, t, columns(dz, low, high), True, x, False, part, False)
    if dx.size:
        _input_gradient(0, 1, product, dz, weight, transposed, x, np.int64(masks), dx)
