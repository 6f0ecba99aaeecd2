"""Sums over axes of an array."""

import numpy as np


def sum(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Add up over some axes, in a type that holds the result: float64, and int64 for integers.

    x (...) -> the shape of x without the axes, in the dtype of x; of integers and booleans in
    int64. Added up in float32, one after the other, ones stop at 2²⁴.
    """
    if x.dtype.kind != "f":
        return _array(x.sum(axis=axes, dtype=np.result_type(x.dtype, np.int64)))
    return _array(x.sum(axis=axes, dtype=np.float64).astype(x.dtype))


def _array(value):
    """Return a value as an array: what NumPy gives without dimensions is a number."""
    return value if hasattr(value, "__array_function__") else np.asarray(value)
