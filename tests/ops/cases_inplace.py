"""Writing into a tensor: x[i] = y, and x += y and its like."""

import operator

import numpy as np
from hypothesis import strategies as st

from .cases import Inputs, broadcastable, generators, same, same_shape, torch, values

X = np.linspace(-1, 1, 60).reshape(3, 4, 5)


@st.composite
def assignments(draw, index):
    """X and what is written into X[index]: of its shape, of one that broadcasts, or a number."""
    shape = tuple(torch.tensor(X)[torched(index)].shape)
    kept = draw(st.integers(0, len(shape)))
    ones = [1 if draw(st.booleans()) else n for n in shape[kept:]]
    shape = draw(st.sampled_from([shape, tuple(ones), (1, 1, *shape)]))
    return Inputs((X, values(draw(generators), shape)))


def assigned(index):
    """Write into a copy, through itself and through a view of it."""

    def call(x, value):
        y, value = x.detach().clone(), value.detach()
        y[torched(index) if torch.is_tensor(y) else index] = value
        y[1:][0, 1] = 7.5
        y[2] = 3
        return y

    return call


def torched(index):
    """Return an index with torch's arrays."""
    if isinstance(index, tuple):
        return tuple(map(torched, index))
    return torch.tensor(index) if isinstance(index, np.ndarray) else index


def updated(update):
    """Update a tensor whose shape the result has: one that does not grow by broadcasting."""

    def call(x, y):
        total = (x + y).detach()
        return update(total, y.detach())

    return call


INDICES = {
    "int": 1,
    "ints": (1, 2, -1),
    "slices": (slice(1, None), slice(None, None, 2)),
    "ellipsis": (..., 0),
    "all": ...,
    "none": (slice(None), None, 2),
    "array": np.array([2, 0]),
    "pairs": (np.array([0, 0, 2]), np.array([3, 1, 1])),
    "int and array": (0, slice(None), np.array([1, 4])),
    "mask": X > 0.1,
    "mask of rows": np.array([True, False, True]),
}

CASES = {
    **{
        f"setitem {name}": same(assignments(index), assigned(index))
        for name, index in INDICES.items()
    },
    **{
        name: same(broadcastable(low=0.3), updated(getattr(operator, name)))
        for name in ("iadd", "isub", "imul", "itruediv", "ipow", "ifloordiv", "imod")
    },
    "setitem of what is not float": same(
        same_shape(), lambda x: written((x * 9).round().detach()) + written(x.detach() > 0)
    ),
}


def written(x):
    """Write numbers that the tensor holds."""
    x[...] = 1
    x[..., None] = True
    return x
