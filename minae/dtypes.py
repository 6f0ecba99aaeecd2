"""Which dtype a result has, by PyTorch's rules.

- The result is of the largest kind among the operands: bool, then integer, then float. Of the
  operands of that kind, the widest dtype counts; those without dimensions count only if there are
  no others (`promoted`).
- A Python number has a kind, and otherwise takes the dtype of the tensor beside it (`number`).
- What computes in floats (`Op.floats`) converts integers and booleans to float32 (`to_floats`).
"""

import numbers
from typing import Any

import numpy as np

_NAMES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
#: Those that tensors have: floats, integers with and without sign, and bool.
DTYPES = frozenset(map(np.dtype, _NAMES))


def to_array(data: Any) -> Any:
    """Return `data` as an array of a dtype that minae computes in; see Tensor for errors."""
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError("a tensor has no masked entries: fill them first, with array.filled(...)")
    if not hasattr(data, "dtype"):
        data = _from_lists(data)
    elif not hasattr(data, "__array_function__") or isinstance(data, np.ndarray):
        data = np.asarray(data)  # a NumPy scalar, or a subclass, whose * may mean something else
    native = data.dtype.newbyteorder("=")
    if native not in DTYPES:
        raise TypeError(
            f"a tensor holds numbers or booleans, not {data.dtype} (numbers of 64 bits at most)"
        )
    return data if data.dtype == native else data.astype(native)


def _from_lists(data) -> np.ndarray:
    """Return a number or nested lists, perhaps of tensors, as an array."""
    try:
        array = np.asarray(data)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError("a tensor's rows must have one length; these differ") from None
    return array.astype(np.float32) if array.dtype == np.float64 else array


def promoted(*arrays: Any) -> np.dtype:
    """Return the dtype in which operands are computed together.

    Raises TypeError for uint64 with signed integers, which no integer dtype holds.
    """
    for kind in ("f", "iu", "b"):
        ordered = sorted(arrays, key=lambda array: array.ndim)
        dtypes = {a.dtype: a.ndim for a in ordered if a.dtype.kind in kind}
        if dtypes:
            wide = [dtype for dtype, ndim in dtypes.items() if ndim] or dtypes
            dtype = np.result_type(*wide)
            if dtype.kind not in kind:
                raise TypeError(f"no integer dtype holds {' and '.join(map(str, wide))}: cast one")
            return dtype
    raise TypeError("there is nothing to compute with")


def is_real(value: Any) -> bool:
    """Return whether this is a number, Python's or NumPy's, and not complex."""
    kinds = numbers.Real | np.bool_ | np.number
    return isinstance(value, kinds) and not isinstance(value, np.complexfloating)


def number(value: Any, tensor_dtype: np.dtype) -> np.ndarray:
    """Return a Python or NumPy number as an array () of the dtype it takes beside a tensor.

    Raises TypeError for complex numbers, OverflowError for an integer outside of the dtype.
    """
    if not is_real(value):
        raise TypeError(f"a tensor is computed with real numbers, not {value!r}")
    dtype = tensor_dtype
    if dtype.kind != "f" and not isinstance(value, bool | np.bool_):
        whole = isinstance(value, numbers.Integral)
        dtype = np.dtype(np.float32 if not whole else np.int64 if dtype.kind == "b" else dtype)
    if dtype.kind in "iu" and not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
        raise OverflowError(f"{value} is out of range for a tensor of {dtype}")
    return np.asarray(value, dtype)


def to_floats(arrays: list, which: slice) -> np.dtype | None:
    """Replace those of the arrays that `which` selects by floats of one dtype; None stays.

    It is the widest of the floats among them, or float32. Half precision is computed in float32
    and rounded at the end. Return the dtype of the result, or None if there was nothing to do.
    """
    first = None
    for array in arrays[which]:
        if array is not None and array.dtype is not first:
            if first is not None or array.dtype.kind != "f":
                break
            first = array.dtype
    else:
        if first is None or first.itemsize > 2:
            return None
    floats = [a.dtype for a in arrays[which] if a is not None and a.dtype.kind == "f"]
    dtype = np.result_type(*floats) if floats else np.dtype(np.float32)
    wide = np.result_type(dtype, np.float32)
    arrays[which] = [a if a is None else a.astype(wide, copy=False) for a in arrays[which]]
    return dtype
