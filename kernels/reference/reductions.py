"""Sums over axes, added up in float64: in float32, one by one, ones would stop at 2²⁴."""

import numpy as np


def sum(x, axes):
    if x.dtype.kind != "f":
        return _array(x.sum(axis=axes, dtype=np.result_type(x.dtype, np.int64)))
    return _array(x.sum(axis=axes, dtype=np.float64).astype(x.dtype))


def _array(value):
    """Return a value as an array: without dimensions, NumPy gives a number."""
    return value if hasattr(value, "__array_function__") else np.asarray(value)
