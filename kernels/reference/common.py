"""What the specifications share."""

import numpy as np

from minae.kernels import shapes


def activate(y: np.ndarray, activation: str | None) -> np.ndarray:
    """Apply the activation."""
    return np.maximum(y, 0) if shapes.check_activation(activation) else y


def activate_backward(dy: np.ndarray, y: np.ndarray, activation: str | None) -> np.ndarray:
    """Return dz: dy where the activation, whose output was y, let it pass."""
    return dy * (y > 0) if shapes.check_activation(activation) else dy


def into(out: np.ndarray | None, value: np.ndarray | None) -> np.ndarray | None:
    """Put a value where it is wanted, if a place was given, and return it."""
    if out is None or value is None:
        return value
    out[...] = value
    return out
