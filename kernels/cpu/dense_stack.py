"""Linear layers in a row, in one call: in small networks, calls take longer than the arithmetic.

A call from Python, its checks and its entry in the graph take some microseconds, as long as a
layer of a thousand weights. So the checks are compiled as well, and what does not pass them, or is
worth several threads, goes to `dense`, layer by layer.
"""

from functools import cache

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu import dense
from minae.kernels.cpu.compiled import compiled, compiled_if
from minae.kernels.cpu.covered import FLOATS
from minae.kernels.cpu.threads import threads_for
from minae.kernels.reference.linear import layer_by_layer, layer_by_layer_backward

_linear, _linear_backward = dense._linear.share, dense._linear_backward.share


def _plain(matrices, vectors) -> bool:
    """Return whether all are plain matrices and vectors, of one of FLOATS as their type."""
    arrays = *matrices, *vectors
    if any(a is None or a.dtype != arrays[0].dtype or not a.flags.carray for a in arrays):
        return False
    dimensions = [2] * len(matrices) + [1] * len(vectors)
    return arrays[0].dtype in FLOATS and dimensions == [a.ndim for a in arrays]


@compiled
def _fits(x, weights, vectors):
    """Return whether the weights map x, layer after layer, to vectors like these; none is empty."""
    N, features = x.shape
    for i in range(len(weights)):
        if features == 0 or weights[i].shape != (vectors[i].size, features):
            return False
        features = vectors[i].size
    return N * features > 0


@compiled_if(lambda x, weights, biases, outputs, _: _plain((x, *weights, *outputs), biases))
def _stack(x, weights, biases, outputs, relus):
    """Layer after layer y = f(x weightᵀ + bias). Return False where shapes don't fit."""
    if not _fits(x, weights, biases):
        return False
    for i in range(len(weights)):
        _linear(0, 1, x, weights[i], False, biases[i], outputs[i], relus[i])
        x = outputs[i]
    return True


@compiled_if(
    lambda dy, x, weights, outputs, _, dweights, dbiases, dx: _plain(
        (dy, x, *weights, *outputs, *dweights, dx), dbiases
    )
)
def _stack_backward(dy, x, weights, outputs, relus, dweights, dbiases, dx):
    """The gradients of _stack, from the last layer to the first. dweights and dx may be empty."""
    if not _fits(x, weights, dbiases) or dy.shape != outputs[-1].shape:
        return False
    for i in range(len(weights)):
        if outputs[i].shape != (len(x), dbiases[i].size):
            return False
    for i in range(len(weights) - 1, -1, -1):
        y, weight, dweight, dbias = outputs[i], weights[i], dweights[i], dbiases[i]
        dz = np.empty_like(dy) if relus[i] else dy
        inputs, dinputs = (outputs[i - 1], np.empty_like(outputs[i - 1])) if i else (x, dx)
        _linear_backward(0, 1, inputs, weight, False, dy, y, relus[i], dz, dweight, dbias, dinputs)
        dy = dinputs
    return True


@cache
def _relus(activations: tuple[str | None, ...]) -> tuple[bool, ...]:
    return tuple(map(shapes.check_activation, activations))


def _one_thread(x: np.ndarray, weights) -> bool:
    return x.ndim == 2 and threads_for(len(x) * max([weight.size for weight in weights])) == 1


def linear_stack(
    x: np.ndarray, weights: tuple, biases: tuple, activations: tuple
) -> list[np.ndarray]:
    """Apply linear layers, one after the other; return the output of each.

    x (..., I), weights (H, I), (J, H), ..., biases (H,) or None, ... -> (..., H), (..., J), ...
    Raises ValueError if shapes don't fit.
    """
    if _one_thread(x, weights):
        outputs = [np.empty((len(x), len(weight)), x.dtype) for weight in weights]
        if _stack(x, weights, biases, tuple(outputs), _relus(activations)):
            return outputs
    return layer_by_layer(dense.linear, x, weights, biases, activations)


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
    """Send the gradient of `linear_stack` back: dx, dweights, dbiases.

    The last of the outputs may be None where no activation made it. `needs` says of x and of each
    weight whether its gradient is wanted; None takes the place of what is not. dweights, dbiases:
    for each layer where to write its gradients, or None. Raises ValueError if shapes don't fit.
    """
    if _one_thread(x, weights):
        need_dx, *need_dweights = needs
        dx = np.empty(x.shape if need_dx else (0, 0), x.dtype)
        into = [
            np.empty(weight.shape if need else (0, 0), x.dtype) if dweight is None else dweight
            for weight, dweight, need in zip(weights, dweights, need_dweights, strict=True)
        ]
        sums = [
            np.empty(len(weight), x.dtype) if dbias is None else dbias
            for weight, dbias in zip(weights, dbiases, strict=True)
        ]
        ys = outputs if activations[-1] else [*outputs[:-1], dy]
        gradients = tuple(into), tuple(sums), dx
        if _stack_backward(dy, x, weights, tuple(ys), _relus(activations), *gradients):
            if False in need_dweights:
                into = [da if need else None for da, need in zip(into, need_dweights, strict=True)]
            return dx if need_dx else None, into, sums
    layers = weights, outputs, activations, dweights, dbiases
    return layer_by_layer_backward(dense.linear_backward, dy, x, needs, *layers)
