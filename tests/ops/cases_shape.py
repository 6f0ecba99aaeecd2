"""Operations that move entries: shapes, borders, joining, cutting, indexing."""

import math
from functools import partial

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices, integer_array_indices

from minae import ops

from .cases import (
    Case,
    F,
    Inputs,
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
def regrouped(draw):
    """A shape and another one with as many entries, perhaps with one length left open."""
    sides = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=4))
    shape, cut = list(draw(st.permutations(sides))), draw(st.integers(0, len(sides) - 1))
    shape[cut:] = [math.prod(shape[cut:])]
    if draw(st.booleans()):
        shape[draw(st.integers(0, cut))] = -1
    return Inputs((values(draw(generators), sides),), {"shape": tuple(shape)})


@st.composite
def reordered(draw, subset=False):
    """All dimensions in another order, or some of them; each may be counted from the end."""
    (x,), _ = draw(same_shape(shapes=full_shapes))
    dims = draw(st.permutations(range(x.ndim)))[: draw(st.integers(1, x.ndim)) if subset else None]
    return Inputs((x,), {"dims": [d - draw(st.sampled_from([0, x.ndim])) for d in dims]})


@st.composite
def two_dims(draw):
    (x,), options = draw(with_dims())
    return Inputs((x,), {"dim0": options["dim"], "dim1": draw(st.integers(-x.ndim, x.ndim - 1))})


@st.composite
def merged_dims(draw):
    (x,), _ = draw(same_shape(shapes=full_shapes))
    first = draw(st.integers(0, x.ndim - 1))
    last = draw(st.integers(first, x.ndim - 1)) - draw(st.sampled_from([0, x.ndim]))
    return Inputs((x,), {"start_dim": first, "end_dim": last})


@st.composite
def new_dim(draw):
    (x,), _ = draw(same_shape())
    return Inputs((x,), {"dim": draw(st.integers(-x.ndim - 1, x.ndim))})


@st.composite
def bordered(draw):
    (x,), _ = draw(same_shape(shapes=full_shapes))
    count = 2 * draw(st.integers(1, x.ndim))
    widths = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return Inputs((x,), {"pad": tuple(widths), "value": draw(st.sampled_from([0.0, -1.5]))})


@st.composite
def several(draw, equal=False):
    """Arrays to be joined: of one shape, or as long as they like along `dim`."""
    (x,), options = draw(with_dims())
    count = draw(st.integers(1, 3))
    shapes = [list(x.shape) for _ in range(count)]
    for shape in shapes:
        shape[options["dim"]] = x.shape[options["dim"]] if equal else draw(st.integers(0, 3))
    rng = draw(generators)
    return Inputs(tuple(values(rng, shape) for shape in shapes), options)


@st.composite
def cut_by_lengths(draw):
    rng, lengths = draw(generators), draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    x = values(rng, (2, sum(lengths), 3))
    return Inputs((x,), {"split_size": lengths, "dim": draw(st.sampled_from([1, -2]))})


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
}


def as_torch(index):
    if isinstance(index, tuple):
        return tuple(map(as_torch, index))
    return torch.tensor(index) if isinstance(index, (np.ndarray, list)) else index


def named(inputs, name) -> Case:
    """Call the function of that name on both sides."""
    return Case(inputs, getattr(ops, name), getattr(torch, name))


def ours_with_list(name, argument):
    """Ours takes what torch takes as a list as arguments one by one."""
    return lambda x, **options: getattr(ops, name)(x, *options[argument])


def joined(inputs, name) -> Case:
    def call(module):
        return lambda *tensors, dim: getattr(module, name)(tensors, dim)

    return Case(inputs, call(ops), call(torch))


SHAPES = {
    "reshape": Case(regrouped(), ours_with_list("reshape", "shape"), torch.reshape),
    "reshape tuple": same(regrouped(), lambda x, shape: x.reshape(shape)),
    "view": same(regrouped(), lambda x, shape: x.view(*shape)),
    "flatten": named(merged_dims(), "flatten"),
    "flatten all": named(same_shape(), "flatten"),
    "permute": Case(reordered(), ours_with_list("permute", "dims"), torch.permute),
    "permute list": same(reordered(), lambda x, dims: x.permute(dims)),
    "transpose": named(two_dims(), "transpose"),
    "T": Case(fixed(X), lambda x: x.T, lambda x: x.permute(2, 1, 0)),
    "mT": same(fixed(X), lambda x: x.mT),
    "expand": same(fixed(X[:, :1]), lambda x: x.expand(2, 3, 4, -1)),
    "expand tuple": same(same_shape(), lambda x: x.expand((2, *x.shape))),
    "squeeze": named(with_dims(), "squeeze"),
    "squeeze all": named(same_shape(), "squeeze"),
    "unsqueeze": named(new_dim(), "unsqueeze"),
    "flip": Case(reordered(subset=True), ours_with_list("flip", "dims"), torch.flip),
    "pad": Case(bordered(), ops.pad, F.pad),
    "cat": joined(several(), "cat"),
    "stack": joined(several(equal=True), "stack"),
    "split": same(with_dims(split_size=[1, 2, 3]), lambda x, **options: x.split(**options)),
    "split lengths": same(cut_by_lengths(), lambda x, **options: x.split(**options)),
    "chunk": named(with_dims(chunks=[1, 2, 3]), "chunk"),
    "iteration": same(same_shape(shapes=full_shapes), tuple),
}

slices_and_more = partial(basic_indices, allow_newaxis=True, max_dims=6)
INDEXING = {
    "getitem": Case(indexed(slices_and_more), ops.getitem, torch_getitem),
    "getitem arrays": Case(indexed(integer_array_indices), ops.getitem, torch_getitem),
    "getitem tensors": same(fixed(X), lambda x: x[x > 0] + x.flatten()[x.argmax()]),
    "gather": same(gathered(), lambda x, index, dim: x.gather(dim, index)),
    **{
        f"getitem {name}": Case(
            fixed(X), lambda x, i=index: x[i], lambda x, i=index: x[as_torch(i)]
        )
        for name, index in INDICES.items()
    },
}

CASES = SHAPES | INDEXING
