"""The backend that runs on a CPU: BLAS for everything that multiplies, strided views for the rest.

Matrix products and indexing are here; the convolutions are in `conv`, the poolings in
`pool`.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.conv import conv2d, conv2d_dweight, conv2d_dx
from minae.kernels.cpu.layout import as_rows
from minae.kernels.cpu.pool import avg_pool2d, avg_pool2d_dx, max_pool2d, max_pool2d_dx

__all__ = [
    "avg_pool2d",
    "avg_pool2d_dx",
    "conv2d",
    "conv2d_dweight",
    "conv2d_dx",
    "erf",
    "index_add",
    "linear",
    "matmul",
    "max_pool2d",
    "max_pool2d_dx",
]


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices, batched and broadcast as in NumPy.

    a (..., M, K), b (..., K, N) -> (..., M, N). A vector a is one row, a vector b one column, and
    that axis is dropped from the result. Raises ValueError if shapes don't fit.
    """
    shapes.check_matmul(a, b)
    if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:
        # All batches share b: they are the rows of one tall matrix, which BLAS takes in one call.
        return (as_rows(a) @ b).reshape(*a.shape[:-1], b.shape[1])
    return np.asarray(a @ b)


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Map rows by an affine map: y = x Wᵀ + b.

    x (..., I), weight (O, I), bias (O,) -> (..., O). Raises ValueError if shapes don't fit.
    """
    shapes.check_linear(x, weight, bias)
    y = as_rows(x) @ weight.T  # (rows, O)
    if bias is not None:
        y += bias
    return y.reshape(*x.shape[:-1], weight.shape[0])


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function 2/√π ∫₀ˣ e^(-t²) dt of every entry, in the dtype of x."""
    from scipy.special import erf  # 0.1 s to import, and only GELU asks for it

    return np.asarray(erf(x))


def index_add(shape: tuple[int, ...], index, values: np.ndarray) -> np.ndarray:
    """Undo an indexing: an array of zeros with `values` added at out[index].

    Where the index names a place several times, all of its values add up. `index` is anything that
    NumPy indexes by; values broadcast to out[index]. -> (shape), of the dtype of values. Raises
    IndexError if the index lies outside, ValueError if values don't fit it.
    """
    out = np.zeros(shape, values.dtype)
    if _names_each_place_once(index):
        out[index] = values
    elif out.size > 8 * values.size:
        np.add.at(out, index, values)
    else:
        # np.add.at is eight times faster on one flat index. Indexing the positions themselves
        # turns any index into that, and pays while `out` is not much larger than `values`.
        place = np.arange(out.size).reshape(out.shape)[index]
        np.add.at(out.reshape(-1), place.ravel(), np.broadcast_to(values, place.shape).ravel())
    return out


def _names_each_place_once(index) -> bool:
    """Whether an index holds no list and no array of integers, hence no place twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, int | np.integer | slice)
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )
