"""Matrix products and linear layers by cuBLAS."""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.elementwise import smooth
from minae.kernels.cuda.layout import rows_of
from minae.kernels.cuda.reductions import sum
from minae.kernels.reference.common import activate, activate_backward, into
from minae.kernels.reference.linear import layer_by_layer, layer_by_layer_backward


def matmul(a, b):
    shapes.check_matmul(a, b)
    return np.asarray(np.matmul(a, b), like=a)


def linear(x, weight, bias=None, activation=None):
    shapes.check_linear(x, weight, bias)
    y = np.matmul(x, weight.T)
    return activate(y if bias is None else y + bias, activation)


def linear_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None
):
    shapes.check_linear_backward(dy, x, weight, y)
    dz = activate_backward(dy, y, activation)
    dx = np.matmul(dz, weight) if needs[0] else None
    dz = rows_of(dz)
    product = np.matmul(dz.T, rows_of(x)) if needs[1] else None
    return dx, into(dweight, product), into(dbias, sum(dz, (0,)))


def linear_smooth(x, weight, bias, activation):
    return smooth(linear(x, weight, bias), activation)


def linear_stack(x, weights, biases, activations):
    return layer_by_layer(linear, x, weights, biases, activations)


def linear_stack_backward(dy, x, weights, outputs, activations, needs, dweights, dbiases):
    layers = weights, outputs, activations, dweights, dbiases
    return layer_by_layer_backward(linear_backward, dy, x, needs, *layers)
