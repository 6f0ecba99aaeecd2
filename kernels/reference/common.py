"""What several families of the specification share."""

from typing import Any, TypeVar

import numpy as np

from minae.kernels.arrays import Array
from minae.kernels.shapes import SLOPE, check_activation

T = TypeVar("T", bound=Array | None)


def activate(y: Array, activation: str | None) -> Array:
    """Apply the activation."""
    return np.maximum(y, 0) if check_activation(activation) else y


def activate_backward(dy: Array, y: Any, activation: str | None) -> Array:
    """Return dz, the gradient before the activation. Without one, its output y may be None."""
    if activation == SLOPE:
        return dy * y
    return dy * (y > 0) if check_activation(activation) else dy


def into(out: Array | None, value: T) -> T | Array:
    """Return the value, written to `out` if that is given."""
    if out is None or value is None:
        return value
    out[...] = value
    return out
