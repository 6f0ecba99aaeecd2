"""New tensors. All are float32 unless a dtype is given; random ones follow `manual_seed`."""

import numpy as np

from minae import random
from minae.tensor import Tensor


def zeros(*shape: int, dtype=np.float32, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros."""
    return Tensor(np.zeros(shape, dtype), requires_grad)


def ones(*shape: int, dtype=np.float32, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones."""
    return Tensor(np.ones(shape, dtype), requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype=None) -> Tensor:
    """Return start, start + step, ... below stop; arange(n) counts from 0 to n - 1.

    Integers give int64, fractions float32, unless a dtype is given.
    """
    start, stop = (0, start) if stop is None else (start, stop)
    values = np.arange(start, stop, step)
    return Tensor(values.astype(dtype or (np.float32 if values.dtype.kind == "f" else np.int64)))


def rand(*shape: int, dtype=np.float32, requires_grad: bool = False) -> Tensor:
    """Return draws from the uniform distribution on [0, 1)."""
    return Tensor(random.uniform(shape, dtype), requires_grad)


def randn(*shape: int, dtype=np.float32, requires_grad: bool = False) -> Tensor:
    """Return draws from the normal distribution with mean 0 and variance 1."""
    return Tensor(random.normal(shape, dtype), requires_grad)
