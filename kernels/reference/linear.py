"""Matrix products and linear layers, by einsum."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from minae.kernels import shapes
from minae.kernels.arrays import Array
from minae.kernels.reference.common import activate, activate_backward, into
from minae.kernels.reference.elementwise import smooth
from minae.kernels.reference.reductions import sum


def matmul(a, b):
    shapes.check_matmul(a, b)
    rows = a[None, :] if a.ndim == 1 else a  # (..., M, K)
    columns = b[:, None] if b.ndim == 1 else b  # (..., K, N)
    y = np.einsum("...ik,...kj->...ij", rows, columns)
    if a.ndim == 1:
        y = y[..., 0, :]
    return y[..., 0] if b.ndim == 1 else y


def linear(x, weight, bias=None, activation=None):
    shapes.check_linear(x, weight, bias)
    y = np.einsum("...i,oi->...o", x, weight)
    return activate(y if bias is None else y + bias, activation)


def linear_backward(
    dy, x, weight, y, activation=None, needs=(True, True), dweight=None, dbias=None
):
    shapes.check_linear_backward(dy, x, weight, y)
    dz = activate_backward(dy, y, activation)
    dx = np.einsum("...o,oi->...i", dz, weight) if needs[0] else None
    dz, x = (a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) for a in (dz, x))  # rows
    product = np.einsum("no,ni->oi", dz, x) if needs[1] else None
    return dx, into(dweight, product), into(dbias, sum(dz, (0,)))


def linear_smooth(x, weight, bias, activation):
    return smooth(linear(x, weight, bias), activation)


def linear_stack(x, weights, biases, activations):
    return layer_by_layer(linear, x, weights, biases, activations)


def layer_by_layer(linear: Callable, x: Array, *layers: Sequence) -> list[Array]:
    """Compute linear_stack with a backend's `linear`; layers: weights, biases, activations."""
    outputs = []
    for layer in zip(*layers, strict=True):
        x = linear(x, *layer)
        outputs.append(x)
    return outputs


def linear_stack_backward(dy, x, weights, outputs, activations, needs, dweights, dbiases):
    layers = weights, outputs, activations, dweights, dbiases
    return layer_by_layer_backward(linear_backward, dy, x, needs, *layers)


def layer_by_layer_backward(
    linear_backward: Callable, dy: Array, x: Array, needs: tuple[bool, ...], *layers: Sequence
) -> tuple[Array | None, list[Array | None], list[Array]]:
    """Compute linear_stack_backward with a backend's `linear_backward`."""
    weights, outputs, activations, dweights, dbiases = layers
    inputs, needs_dx = [x, *outputs[:-1]], [needs[0]] + [True] * (len(weights) - 1)
    needs_both = zip(needs_dx, needs[1:], strict=True)
    calls = zip(inputs, weights, outputs, activations, needs_both, dweights, dbiases, strict=True)
    products, sums = [], []
    for layer in reversed([*calls]):
        dy, dweight, dbias = linear_backward(dy, *layer)
        products.insert(0, dweight)
        sums.insert(0, dbias)
    return dy, products, sums
