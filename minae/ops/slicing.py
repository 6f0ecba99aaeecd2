"""x[index]: which entries an index names."""

from numbers import Integral
from typing import Any

import numpy as np

from minae.kernels.arrays import beside
from minae.op import Op
from minae.ops.checks import check_range, integer
from minae.tensor import Tensor, as_array

ARRAY = object()  # takes the place of an array in an index
ALL = slice(None)


class GetItem(Op):
    """x[index]. Arrays in the index are inputs too, and ARRAY stands where they belong."""

    def forward(self, x, *arrays, index):
        left = iter(arrays)
        index = tuple(beside(next(left), x) if i is ARRAY else i for i in index)
        self.save(x.shape, index)
        return x[index]

    def backward(self, dy):
        shape, index = self.saved
        return self.kernels.index_add(shape, index, dy), *(None for _ in self.needs_input_grad[1:])

    def examples(self, rng):
        x = rng.normal(size=(3, 4, 2))
        yield x, {"index": (1,)}
        yield x, {"index": (slice(None, None, 2), None, Ellipsis, -1)}
        yield x, np.array([0, 2, 0]), np.array([1, 3, 1]), {"index": (ARRAY, ARRAY)}  # one twice
        yield x, np.array([[0], [1]]), {"index": (ARRAY, slice(1, 3))}
        mask = np.eye(3, 4, dtype=bool) | np.eye(3, 4, 1, dtype=bool)  # two in each row
        yield x, mask, {"index": (ARRAY,)}


def getitem(x: Tensor, index: Any) -> Tensor:
    """Return x[index]: ints, slices, None, Ellipsis, arrays of integers and boolean masks.

    Without arrays the result is a view of x. Raises TypeError if the index is made of something
    else, IndexError if it has too many parts or lies outside x.
    """
    basic, advanced = split_index(index, x.shape)
    if advanced is None:
        return GetItem.apply(x, index=basic)
    if any(i is not Ellipsis and i != ALL for i in basic):
        x = GetItem.apply(x, index=basic)
    arrays = [i for i in advanced if isinstance(i, Tensor)]
    places = tuple(ARRAY if isinstance(i, Tensor) else i for i in advanced)
    try:
        return GetItem.apply(x, *arrays, index=places)
    except IndexError:
        shapes = ", ".join(str(i.shape) for i in arrays)
        raise IndexError(f"getitem: index arrays of {shapes} do not go together") from None


def split_index(index: Any, shape: tuple[int, ...]) -> tuple[tuple, tuple | None]:
    """Return two indices: x[basic] is a view, and x[basic][advanced] is x[index].

    As in PyTorch, ints are looked up before arrays: x[0, :, [1, 2]] begins with the dimension of
    the slice. `advanced` holds the arrays as tensors; without arrays it is None.
    """
    basic, advanced, dim = [], [], 0
    parts = _parts(index, shape)
    used = sum(_dims_of(i) for i in parts)
    for i in parts:
        if isinstance(i, Tensor):
            if i.dtype.kind != "b":
                check_range(i.data, shape, dim, "getitem", negative=True)
            elif i.shape != (lengths := shape[dim : dim + i.ndim]):
                raise IndexError(f"getitem: a mask of {i.shape} for lengths of {lengths}")
            basic += [ALL] * _dims_of(i)
            advanced.append(i)
        else:
            basic.append(i)
            if isinstance(i, int):
                check_range(i, shape, dim, "getitem", negative=True)
            else:
                advanced.append(i if i is Ellipsis else ALL)
        dim += len(shape) - used if i is Ellipsis else _dims_of(i)
    return tuple(basic), tuple(advanced) if any(isinstance(i, Tensor) for i in parts) else None


def located(x: Any, index: Any) -> tuple[Any, tuple]:
    """Return a view of an array and an index i, so that view[i] = y writes to x[index]."""
    basic, advanced = split_index(index, x.shape)
    arrays = (beside(i.data, x) if isinstance(i, Tensor) else i for i in advanced or (...,))
    return x[basic], tuple(arrays)


def _parts(index, shape) -> list:
    """Return the parts of an index as `_part` does; one of them is an Ellipsis."""
    if isinstance(index, list) and not all(isinstance(i, Integral | np.bool_) for i in index):
        raise TypeError("getitem: a list holds integers or booleans; use a tuple or a tensor")
    parts = [_part(i) for i in (index if isinstance(index, tuple) else (index,))]
    ellipses = sum(i is Ellipsis for i in parts)
    used = sum(_dims_of(i) for i in parts)
    if used > len(shape):
        raise IndexError(f"getitem: {used} indices are too many for the shape {shape}")
    if ellipses > 1:
        raise IndexError(f"getitem: an index has one '...', not {ellipses}")
    return parts if ellipses else [*parts, Ellipsis]


def _part(i):
    """Return a part of an index as an int, a slice, None, Ellipsis, or a tensor of its own."""
    if i is None or i is Ellipsis:
        return i
    if isinstance(i, slice):
        ends = (i.start, i.stop, i.step)
        return slice(*(n if n is None else integer(n, "getitem: an end of a slice") for n in ends))
    if isinstance(i, Integral) and not isinstance(i, bool):
        return int(i)
    if isinstance(i, list | tuple | bool | np.bool_) or hasattr(i, "__array_function__"):
        array = as_array(i)
        i = Tensor(array.astype(np.int64 if isinstance(i, list | tuple) and not i else array.dtype))
    if not isinstance(i, Tensor):
        raise TypeError(f"getitem: integers, slices, None, ... and arrays are an index, not {i!r}")
    if i.dtype == np.uint8:
        raise TypeError(
            "getitem: an index of uint8 could be meant as a mask: cast it to bool or int64"
        )
    if i.dtype.kind not in "iub":
        raise TypeError(f"getitem: an index array holds integers or booleans, not {i.dtype}")
    return i if i.ndim or i.dtype.kind == "b" else i.item()


def _dims_of(i) -> int:
    """Return how many dimensions of x this part of an index covers."""
    if isinstance(i, Tensor) and i.dtype.kind == "b":
        return i.ndim
    return int(i is not None and i is not Ellipsis)


def part(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """Return a view of x from `start` to before `stop` along `dim`; the caller checks both."""
    return GetItem.apply(x, index=(*[ALL] * dim, slice(start, stop)))
