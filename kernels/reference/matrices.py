"""Matrix products, linear layers, and what moves numbers around."""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.common import activate, activate_backward, into
from minae.kernels.reference.reductions import sum


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices: y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j].

    a (..., M, K), b (..., K, N) -> (..., M, N). Batches broadcast. A vector a is one row, a vector
    b one column, and that axis is dropped from the result. Raises ValueError if shapes don't fit.
    """
    shapes.check_matmul(a, b)
    rows = a[None, :] if a.ndim == 1 else a  # (..., M, K)
    columns = b[:, None] if b.ndim == 1 else b  # (..., K, N)
    y = np.einsum("...ik,...kj->...ij", rows, columns)
    if a.ndim == 1:
        y = y[..., 0, :]
    if b.ndim == 1:
        y = y[..., 0]
    return y


def linear(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, activation: str | None = None
) -> np.ndarray:
    """Map rows by an affine map, and apply the activation: y = f(x Wᵀ + b).

    x (..., I), weight (O, I), bias (O,) -> (..., O). Raises ValueError if shapes don't fit.
    """
    shapes.check_linear(x, weight, bias)
    y = np.einsum("...i,oi->...o", x, weight)
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
    """Send the gradient of `linear` back: dx = dz W, dweight = dzᵀ x, dbias = Σ dz.

    dy, y (..., O), x (..., I), weight (O, I); dz is dy through the activation. `needs` says whether
    dx and dweight are wanted, None takes the place of what is not. dweight (O, I) and dbias (O,)
    are written into where they are given. Raises ValueError if shapes don't fit.
    """
    shapes.check_linear_backward(dy, x, weight, y)
    dz = activate_backward(dy, y, activation)
    dx = np.einsum("...o,oi->...i", dz, weight) if needs[0] else None
    dz, x = (a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) for a in (dz, x))  # rows
    product = np.einsum("no,ni->oi", dz, x) if needs[1] else None
    return dx, into(dweight, product), into(dbias, sum(dz, (0,)))


def linear_stack(
    x: np.ndarray, weights: tuple, biases: tuple, activations: tuple
) -> list[np.ndarray]:
    """Apply linear layers, one after the other; return the output of each.

    x (..., I), weights (H, I), (J, H), ..., biases (H,) or None, ... -> (..., H), (..., J), ...
    Raises ValueError if shapes don't fit.
    """
    return layer_by_layer(linear, x, weights, biases, activations)


def layer_by_layer(linear, x, weights, biases, activations) -> list[np.ndarray]:
    """Compute linear_stack by a backend's `linear`."""
    outputs = []
    for weight, bias, activation in zip(weights, biases, activations, strict=True):
        x = linear(x, weight, bias, activation)
        outputs.append(x)
    return outputs


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
    layers = weights, outputs, activations, dweights, dbiases
    return layer_by_layer_backward(linear_backward, dy, x, needs, *layers)


def layer_by_layer_backward(
    linear_backward, dy, x, needs, weights, outputs, activations, dweights, dbiases
) -> tuple[np.ndarray | None, list[np.ndarray | None], list[np.ndarray]]:
    """Compute linear_stack_backward by a backend's `linear_backward`."""
    inputs, needs_dx = [x, *outputs[:-1]], [needs[0]] + [True] * (len(weights) - 1)
    layers = [*zip(inputs, weights, outputs, activations, strict=True)]
    places = [*zip(needs_dx, needs[1:], dweights, dbiases, strict=True)]
    dweights, dbiases = [], []
    for layer, (need_dx, need_dweight, *place) in zip(layers[::-1], places[::-1], strict=True):
        dy, dweight, dbias = linear_backward(dy, *layer, (need_dx, need_dweight), *place)
        dweights.insert(0, dweight)
        dbiases.insert(0, dbias)
    return dy, dweights, dbiases


def contiguous(x: np.ndarray) -> np.ndarray:
    """Return x in the order of its dimensions: x itself, or a copy."""
    return np.ascontiguousarray(x).reshape(x.shape)


def channels_last(x: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W) as the convolutions read them: here that is any order."""
    return x


def index_add(shape: tuple[int, ...], index, values: np.ndarray) -> np.ndarray:
    """Undo an indexing: an array of zeros with `values` added at out[index].

    Where the index names a place several times, all of its values add up. `index` is anything that
    NumPy indexes by; values broadcast to out[index]. -> (shape), of the dtype of values. Raises
    IndexError if the index lies outside, ValueError if values don't fit it.
    """
    out = np.zeros(shape, np.float64 if values.dtype.kind == "f" else values.dtype)
    np.add.at(out, index, values)
    return out.astype(values.dtype)


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function 2/√π ∫₀ˣ e^(-t²) dt of every entry, in the dtype of x."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x)
