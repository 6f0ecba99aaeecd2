"""Matrix products and linear layers, with part of the result for each thread.

As plain loops a linear layer is three deep (row, output, input), one multiplication at a time; the
reference leaves them to einsum. The product of `products` keeps parts of all three matrices in
registers and caches, and `linear_loops` does what surrounds it on the way. Gained: a factor of 19
for the product alone, 21 for a layer with its ReLU, 18 for its gradients.
"""

import math
from functools import cache
from typing import Any

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu import linear_loops as loops
from minae.kernels.cpu.compile.compiled import compiled, compiled_if
from minae.kernels.cpu.compile.operands import (
    FLOATS,
    covered,
    plain,
    plain_matrix,
    plain_rows,
    suits,
)
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.products.batches import multiply_batches, multiply_matrices
from minae.kernels.cpu.products.multiply import product_for
from minae.kernels.reference.linear import layer_by_layer, layer_by_layer_backward


@covered(operands=2)
def matmul(a, b):
    shapes.check_matmul(a, b)
    if b.ndim == 2 and a.ndim > 1:
        # all batches share b, so they are the rows of one tall matrix
        y = np.empty((math.prod(a.shape[:-1]), b.shape[1]), a.dtype)
        multiply_matrices(a if a.ndim == 2 else plain_rows(a), b, y)
        return y.reshape(*a.shape[:-1], b.shape[1])
    if a.ndim == 1 or b.ndim == 1:
        return np.asarray(a @ b)  # every number is needed once: memory is the limit, not the sums
    return multiply_batches(a, b)


@covered(operands=3)
def linear(x, weight, bias=None, activation=None):
    shapes.check_linear(x, weight, bias)
    relu = shapes.check_activation(activation)
    rows, matrix = plain_rows(x), plain_matrix(weight)
    outputs = len(weight)
    y = np.empty((len(rows), outputs), x.dtype)
    bias = np.zeros(outputs, x.dtype) if bias is None else plain(bias)
    T = threads_for(x.size * outputs)
    loops.linear(T, product_for(y.itemsize, T), rows, *matrix, bias, y, relu)
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], outputs)


@covered(operands=3)
def linear_smooth(x, weight, bias, activation):
    shapes.check_linear(x, weight, bias)
    kind = shapes.check_smooth(activation)
    rows, matrix = plain_rows(x), plain_matrix(weight)
    outputs = len(weight)
    y, slope = (np.empty((len(rows), outputs), x.dtype) for _ in range(2))
    bias = np.zeros(outputs, x.dtype) if bias is None else plain(bias)
    T = threads_for(x.size * outputs)
    loops.linear_smooth(T, product_for(y.itemsize, T), rows, *matrix, bias, y, slope, kind)
    shape = *x.shape[:-1], outputs
    return y.reshape(shape), slope.reshape(shape)


@covered(operands=4)
def linear_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None
):
    shapes.check_linear_backward(dy, x, weight, y)
    smooth = activation == shapes.SLOPE
    passes = loops.SLOPE if smooth else int(shapes.check_activation(activation))
    return _layer_backward(dy, x, weight, y, passes, needs, dweight, dbias, False)


def _layer_backward(dy, x, weight, y, passes, needs, dweight, dbias, masks):
    need_dx, need_dweight = needs
    x_rows, dy_rows, matrix = plain_rows(x), plain_rows(dy), plain_matrix(weight)
    y_rows = dz = dy_rows
    if passes:
        y_rows, dz = plain_rows(y), np.empty(dy_rows.shape, dy.dtype)
    if dweight is None:
        dweight = np.empty(weight.shape if need_dweight else (0, 0), dy.dtype)
    dbias = np.empty(len(weight), dy.dtype) if dbias is None else dbias
    dx = np.empty(x_rows.shape if need_dx else (0, 0), dy.dtype)
    T = threads_for(dy.size * x.shape[-1])
    product, now = product_for(dy.itemsize, T), dx if T == 1 else dx[:0]
    arrays = x_rows, *matrix, dy_rows, y_rows, passes, dz, dweight, dbias, masks, now
    loops.linear_backward(T, product, *arrays)
    if T > 1 and need_dx:
        loops.input_gradient(T, product, dz, *matrix, x_rows, int(masks), dx)
    if need_dx and x.ndim != 2:
        dx = dx.reshape(x.shape)
    return dx if need_dx else None, dweight if need_dweight else None, dbias


# Linear layers in a row, in one call. Calling a layer from Python, checking it and entering it in
# the graph takes some microseconds, as long as the arithmetic of a thousand weights. So in small
# networks these checks are compiled as well; what does not pass them, or is worth several threads,
# is computed layer by layer.

_share, _share_backward = loops.linear.share, loops.linear_backward.share


def _plain(matrices, vectors):
    """Return whether all are plain matrices and vectors, of one dtype among FLOATS."""
    arrays = *matrices, *vectors
    if any(a is None or a.dtype != arrays[0].dtype or not a.flags.carray for a in arrays):
        return False
    dimensions = [2] * len(matrices) + [1] * len(vectors)
    return arrays[0].dtype in FLOATS and dimensions == [a.ndim for a in arrays]


@compiled
def _fits(x, weights, vectors):
    """Return whether the weights map x to vectors of these sizes, and nothing is empty."""
    N, features = x.shape
    for i in range(len(weights)):
        if features == 0 or weights[i].shape != (vectors[i].size, features):
            return False
        features = vectors[i].size
    return N * features > 0


@compiled_if(lambda _, x, weights, biases, outputs, relus: _plain((x, *weights, *outputs), biases))
def _stack(product, x, weights, biases, outputs, relus):
    """Apply the layers one after another. Return False if the shapes do not fit."""
    if not _fits(x, weights, biases):
        return False
    for i in range(len(weights)):
        _share(0, 1, product, x, weights[i], False, biases[i], outputs[i], relus[i])
        x = outputs[i]
    return True


@compiled_if(
    lambda _, dy, x, weights, outputs, relus, dweights, dbiases, dx: _plain(
        (dy, x, *weights, *outputs, *dweights, dx), dbiases
    )
)
def _stack_backward(product, dy, x, weights, outputs, relus, dweights, dbiases, dx):
    """Gradients of _stack, from the last layer to the first; dweights and dx may be empty."""
    if not _fits(x, weights, dbiases) or dy.shape != outputs[-1].shape:
        return False
    for i in range(len(weights)):
        if outputs[i].shape != (len(x), dbiases[i].size):
            return False
    for i in range(len(weights) - 1, -1, -1):
        y, weight, dweight, dbias = outputs[i], weights[i], dweights[i], dbiases[i]
        # but for the last layer, dy has passed the ReLU when it was written
        relu, masks = relus[i] and i == len(weights) - 1, relus[i - 1] and i > 0
        dz = np.empty_like(dy) if relu else dy
        inputs, dinputs = (outputs[i - 1], np.empty_like(outputs[i - 1])) if i else (x, dx)
        arrays = inputs, weight, False, dy, y, np.int64(relu), dz, dweight, dbias, masks, dinputs
        _share_backward(0, 1, product, *arrays)
        dy = dinputs
    return True


@cache
def _relus(activations):
    return tuple(map(shapes.check_activation, activations))


def _one_thread(x, weights):
    return x.ndim == 2 and threads_for(len(x) * max([weight.size for weight in weights])) == 1


def linear_stack(x, weights, biases, activations):
    if _one_thread(x, weights):
        outputs = [np.empty((len(x), len(weight)), x.dtype) for weight in weights]
        if _stack(
            product_for(x.itemsize, 1), x, weights, biases, tuple(outputs), _relus(activations)
        ):
            return outputs
    return layer_by_layer(linear, x, weights, biases, activations)


def linear_stack_backward(dy, x, weights, outputs, activations, needs, dweights, dbiases):
    if _one_thread(x, weights):
        need_dx, *need_dweights = needs
        dx = np.empty(x.shape if need_dx else (0, 0), x.dtype)
        into = [
            np.empty(weight.shape if need else (0, 0), x.dtype) if dweight is None else dweight
            for weight, dweight, need in zip(weights, dweights, need_dweights, strict=True)
        ]
        places = zip(weights, dbiases, strict=True)
        sums = [np.empty(len(a), x.dtype) if place is None else place for a, place in places]
        ys = outputs if activations[-1] else [*outputs[:-1], dy]
        gradients = tuple(into), tuple(sums), dx
        if _stack_backward(
            product_for(x.itemsize, 1), dy, x, weights, tuple(ys), _relus(activations), *gradients
        ):
            if False in need_dweights:
                into = [da if need else None for da, need in zip(into, need_dweights, strict=True)]
            return dx if need_dx else None, into, sums
    if not suits((dy, x, *weights)):
        layers = weights, outputs, activations, dweights, dbiases
        return layer_by_layer_backward(linear_backward, dy, x, needs, *layers)
    return _stack_backward_on_threads(
        dy, x, weights, outputs, _relus(activations), needs, dweights, dbiases
    )


def _stack_backward_on_threads(dy: Any, x, weights, outputs, relus, needs, dweights, dbiases):
    """Gradients of _stack, layer by layer; dy passes a ReLU as it is written, but for the last."""
    products, sums, last = [], [], len(weights) - 1
    for i in range(last, -1, -1):
        weight, inputs, relu = weights[i], outputs[i - 1] if i else x, relus[i] and i == last
        shapes.check_linear_backward(dy, inputs, weight, outputs[i])
        wanted, masks = (i > 0 or needs[0], needs[1 + i]), i > 0 and relus[i - 1]
        places = dweights[i], dbiases[i]
        dy, dweight, dbias = _layer_backward(
            dy, inputs, weight, outputs[i], int(relu), wanted, *places, masks
        )
        products.insert(0, dweight)
        sums.insert(0, dbias)
    return dy, products, sums
