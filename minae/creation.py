"""New tensors. Floats are float32 unless a dtype is given; random ones follow `manual_seed`.

Sizes are given as `zeros(2, 3)`, `zeros((2, 3))` or `zeros([2, 3])`; `zeros(())` is a single entry.
A size that is not an integer raises TypeError, a negative one ValueError.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minae import random
from minae.ops.checks import Ints, held, integer, integers
from minae.tensor import Tensor, as_array


def tensor(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return a new tensor with a copy of `data`, in `dtype` if given (else as Tensor chooses).

    Raises ValueError where integers are asked for, and a number is a fraction or out of range.
    """
    array = as_array(data)
    with np.errstate(invalid="ignore"):
        copied = array.astype(dtype or array.dtype, copy=True)
    if copied.dtype.kind in "iu" and copied.dtype != array.dtype and (copied != array).any():
        raise ValueError(f"tensor: {copied.dtype} does not hold all of these {array.dtype}")
    return Tensor(copied, requires_grad)


def zeros(*size: Ints, dtype: DTypeLike = np.float32, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros."""
    return Tensor(np.zeros(_checked("zeros", *size), dtype or np.float32), requires_grad)


def ones(*size: Ints, dtype: DTypeLike = np.float32, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones."""
    return Tensor(np.ones(_checked("ones", *size), dtype or np.float32), requires_grad)


def zeros_like(x: Tensor, *, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return zeros in the shape of x, in its dtype unless one is given, and on its device."""
    return Tensor(np.zeros_like(as_array(x), dtype), requires_grad)


def ones_like(x: Tensor, *, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return ones in the shape of x, in its dtype unless one is given, and on its device."""
    return Tensor(np.ones_like(as_array(x), dtype), requires_grad)


def full(
    size: Ints, fill_value: float, *, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor that holds one number everywhere; ValueError if its dtype cannot hold it.

    An int gives int64, a bool bool, a float float32, unless a dtype is given.
    """
    if dtype is None:
        kind = np.asarray(fill_value).dtype.kind
        dtype = {"b": np.bool_, "i": np.int64, "u": np.int64}.get(kind, np.float32)
    value = held(fill_value, np.dtype(dtype), "full: fill_value")
    return Tensor(np.full(_checked("full", size), value, dtype), requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: DTypeLike = np.float32, requires_grad: bool = False
) -> Tensor:
    """Return n rows of m entries (n if left out), with ones on the diagonal and zeros elsewhere."""
    rows, columns = _checked("eye", n, n if m is None else m)
    return Tensor(np.eye(rows, columns, dtype=dtype or np.float32), requires_grad)


def arange(
    start: float | None = None,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return start, start + step, ... up to but without `end`.

    arange(end) counts from 0. Integers give int64, and with a fraction among them float32, unless a
    dtype is given, which must hold them all. ValueError if the step is 0 or leads away from `end`.
    """
    if start is None or end is None:
        start, end = 0, start if end is None else end
    given = {"start": start, "end": end, "step": step}
    whole = all(np.asarray(number).dtype.kind in "iub" for number in given.values())
    dtype = np.dtype(dtype or (np.int64 if whole else np.float32))
    start, end, step = (held(x, dtype, f"arange: {name}") for name, x in given.items())
    if not all(abs(number) < math.inf for number in (start, end, step)):
        raise ValueError(f"arange: start {start}, end {end} and step {step} must be finite")
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: steps of {step} do not lead from {start} to {end}")
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    return Tensor((start + step * np.arange(count)).astype(dtype), requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DTypeLike = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return `steps` numbers at equal distances, the first one `start` and the last one `end`."""
    dtype = _float_dtype("linspace", dtype)
    start, end = held(start, dtype, "linspace: start"), held(end, dtype, "linspace: end")
    if integer(steps, "linspace: steps") < 0:
        raise ValueError(f"linspace: steps must not be negative, and {steps} is")
    return Tensor(np.linspace(start, end, steps).astype(dtype), requires_grad)


def rand(*size: Ints, dtype: DTypeLike = np.float32, requires_grad: bool = False) -> Tensor:
    """Return draws from the uniform distribution on [0, 1)."""
    drawn = random.uniform(_checked("rand", *size), _float_dtype("rand", dtype))
    return Tensor(drawn, requires_grad)


def randn(*size: Ints, dtype: DTypeLike = np.float32, requires_grad: bool = False) -> Tensor:
    """Return draws from the normal distribution with mean 0 and variance 1."""
    drawn = random.normal(_checked("randn", *size), _float_dtype("randn", dtype))
    return Tensor(drawn, requires_grad)


def rand_like(x: Tensor, *, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return draws like `rand`, in x's shape, in its dtype unless one is given, on its device."""
    dtype = _float_dtype("rand_like", dtype or x.dtype)
    return Tensor(random.uniform(x.shape, dtype, x.device), requires_grad)


def randn_like(x: Tensor, *, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return draws like `randn`, in x's shape, in its dtype unless one is given, on its device."""
    dtype = _float_dtype("randn_like", dtype or x.dtype)
    return Tensor(random.normal(x.shape, dtype, x.device), requires_grad)


def randint(
    low: int | None = None,
    high: int | Ints | None = None,
    size: Ints | None = None,
    *,
    dtype: DTypeLike = np.int64,
) -> Tensor:
    """Return integers from `low` to `high - 1`, all equally likely.

    randint(high, size) starts at 0. `dtype` is one of integers that holds all of them.
    """
    if size is None:
        low, high, size = None, low, high
    if high is None:
        low, high = None, low
    low, high = integer(0 if low is None else low, "randint: low"), integer(high, "randint: high")
    if not isinstance(size, tuple | list):
        raise TypeError(f"randint: size must be a tuple or a list of integers, not {size!r}")
    if low >= high:
        raise ValueError(f"randint: low must be less than high, not {low} and {high}")
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        raise TypeError(f"randint: dtype must be one of integers, not {dtype}")
    for number in (low, high - 1):
        held(number, dtype, "randint: the number")
    drawn = random.generator.integers(low, high, _checked("randint", size), dtype)
    return Tensor(np.asarray(drawn))


def _checked(name: str, *size: Ints) -> tuple[int, ...]:
    """Return a size as a tuple of ints, none of them negative."""
    lengths = integers(size, f"{name}: size")
    if any(length < 0 for length in lengths):
        raise ValueError(f"{name}: size {lengths} has a negative length")
    return lengths


def _float_dtype(name: str, dtype: DTypeLike | None) -> np.dtype:
    dtype = np.dtype(dtype or np.float32)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: dtype must be float32 or float64, not {dtype}")
    return dtype
