"""Matrix products, linear layers, and what moves numbers around."""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.common import activate, activate_backward, into


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
    return dx, into(dweight, product), into(dbias, dz.sum(axis=0))


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
    h = linear(x, weight1, bias1, activation1)
    return h, linear(h, weight2, bias2, activation2)


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
    dh, dweight2, dbias2 = linear_backward(
        dy, h, weight2, y, activation2, (True, need_dweight2), dweight2, dbias2
    )
    dx, dweight1, dbias1 = linear_backward(
        dh, x, weight1, h, activation1, (need_dx, need_dweight1), dweight1, dbias1
    )
    return dx, dweight1, dbias1, dweight2, dbias2


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
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function 2/√π ∫₀ˣ e^(-t²) dt of every entry, in the dtype of x."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x)
