"""Picking entries: indices of every kind, masks, and what adds up where one is picked twice."""

from functools import partial

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, integer_array_indices

from minae import ops

from .cases import (
    Case,
    F,
    Inputs,
    broadcastable,
    choices,
    fixed,
    full_shapes,
    generators,
    same,
    same_shape,
    torch,
    values,
    with_dims,
)


@st.composite
def indexed(draw, indices):
    (x,), _ = draw(same_shape(shapes=full_shapes))
    return Inputs((x,), {"index": draw(indices(x.shape))})


def torch_getitem(x, index):
    """Torch knows no negative steps, so look up where NumPy's index would take each entry from."""
    places = np.arange(x.numel()).reshape(x.shape)[index]
    return x.flatten()[torch.tensor(np.array(places))]


@st.composite
def gathered(draw):
    (x,), options = draw(with_dims())
    dim = options["dim"] % x.ndim
    shape = [draw(st.integers(1, 4 if d == dim else n)) for d, n in enumerate(x.shape)]
    index = draw(generators).integers(0, x.shape[dim], shape)
    return Inputs((x, index), options)


X = np.linspace(-1, 1, 60).reshape(3, 4, 5)
MASK = X > 0.1
MASK.flags.writeable = False
INDICES = {
    "int": 1,
    "ellipsis and none": (None, ..., -1),
    "slices": (slice(1, None), slice(None, None, 2)),
    "array": np.array([2, 0, 2]),
    "list": [0, -1, 0],
    "pairs": (np.array([0, 0, 2]), np.array([3, 3, 1])),
    "outer": (np.array([[0], [2]]), np.array([1, 3])),
    "array, slice, array": (np.array([0, 1]), slice(2), np.array([4, 4])),
    "mask": MASK,
    "mask of rows": np.array([True, False, True]),
    "mask and int": (slice(None), np.array([True, False, True, True]), 1),
    "int, slice, array": (0, slice(None), [0, 1]),  # not in NumPy's order
    "int array, slice, array": (np.array(0), slice(None), np.array([0, 1])),
    "True": True,
    "False": False,
    "True, slice, array": (True, slice(None), np.array([0, 1])),
    "mask of a matrix and int": (np.eye(3, 4, dtype=bool), 1),
    "True and int": (0, np.array(True)),
    "empty list": [],
    "list of booleans": [True, False, True],
    "int of NumPy": np.int64(-1),
    "list beside a slice": (slice(None), [[0, 1], [3, 3]]),
}


def as_torch(index):
    if isinstance(index, tuple):
        return tuple(map(as_torch, index))
    return torch.tensor(index) if isinstance(index, np.ndarray) else index


@st.composite
def mixed_indices(draw):
    """Ints, slices, None, arrays and masks in any order, perhaps not for all dimensions."""
    x = values(draw(generators), (3, 3, 3, 3))
    kinds = {
        "int": st.integers(-3, 2),
        "slice": st.sampled_from([slice(None), slice(1, None), slice(None, None, 2)]),
        "array": st.sampled_from([[0, 2], [-1, -1], [1, 0]]).map(np.array),
        "column": st.sampled_from([[[0], [2]], [[1], [1]]]).map(np.array),
        "mask": st.just(np.array([True, False, True])),
        "none": st.none(),
        "ellipsis": st.just(...),
    }
    names = draw(st.lists(st.sampled_from(list(kinds)), min_size=1, max_size=6))
    index, used = [], 0
    for name in names:
        used += name not in ("none", "ellipsis")
        if used <= 4 and not (name == "ellipsis" and ... in [i for i in index if i is ...]):
            index.append(draw(kinds[name]))
    return Inputs((x,), {"index": tuple(index)})


@st.composite
def scattered(draw):
    (x, index), options = draw(gathered())
    return Inputs((x, index, values(draw(generators), index.shape)), options)


@st.composite
def selected(draw):
    (x,), options = draw(with_dims())
    count = draw(st.integers(0, 4))
    return Inputs((x, draw(generators).integers(0, x.shape[options["dim"]], count)), options)


@st.composite
def masked(draw):
    x, mask = draw(broadcastable()).arrays
    return Inputs((x, np.asarray(mask > 0)), draw(choices(value=[0, 2.5, float("-inf")])))


def matrices(**options):
    return same_shape(
        shapes=array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4), **options
    )


labels = fixed(np.array([[0, 2], [1, 1]]))
slices_and_more = partial(basic_indices, allow_newaxis=True, max_dims=6)

CASES = {
    "getitem": Case(indexed(slices_and_more), ops.getitem, torch_getitem),
    "getitem arrays": Case(indexed(integer_array_indices), ops.getitem, torch_getitem),
    "getitem mixed": Case(
        mixed_indices(), ops.getitem, lambda x, index: x[tuple(map(as_torch, index))]
    ),
    "getitem tensors": same(fixed(X), lambda x: x[x > 0] + x.flatten()[x.argmax()]),
    **{
        f"getitem {name}": Case(
            fixed(X), lambda x, i=index: x[i], lambda x, i=index: x[as_torch(i)]
        )
        for name, index in INDICES.items()
    },
    "gather": same(gathered(), lambda x, index, dim: x.gather(dim, index)),
    "gather a number": same(
        fixed(np.array(2.5), np.array(0)), lambda x, index: x.gather(-1, index)
    ),
    "scatter_add": same(scattered(), lambda x, index, src, dim: x.scatter_add(dim, index, src)),
    "scatter_add from more": same(  # of which torch knows no gradient
        fixed(np.arange(6).reshape(2, 3), np.array([[1, 1]]), np.ones((2, 4), int)),
        lambda x, index, src: x.scatter_add(1, index, src),
    ),
    "index_select": same(selected(), lambda x, index, dim: x.index_select(dim, index)),
    "embedding of nothing": Case(
        fixed(np.zeros((0, 2), np.int64), np.zeros((0, 3))), ops.embedding, F.embedding
    ),
    "masked_fill": same(masked(), lambda x, mask, value: x.masked_fill(mask, value)),
    "masked_fill tensor": same(
        fixed(X, X > 0, np.array(2.5)), lambda x, mask, value: x.masked_fill(mask, value)
    ),
    "masked_fill integers": same(
        fixed(np.arange(4), np.arange(4) > 1), lambda x, mask: x.masked_fill(mask, -7)
    ),
    "tril": Case(matrices(diagonal=[-2, -1, 0, 1, 3]), ops.tril, torch.tril),
    "triu": Case(matrices(diagonal=[-2, -1, 0, 1, 3]), ops.triu, torch.triu),
    "tril booleans": same(fixed(np.ones((3, 4), bool)), lambda x: (x.tril(), x.triu(1))),
    "one_hot": Case(labels, ops.one_hot, F.one_hot),
    "one_hot more classes": Case(labels, lambda x: ops.one_hot(x, 5), lambda x: F.one_hot(x, 5)),
    "one_hot of nothing": Case(
        fixed(np.zeros((2, 0), np.int64), num_classes=3), ops.one_hot, F.one_hot
    ),
}
