"""Operations that move entries: shapes, borders, joining, cutting."""

import math

import numpy as np
from hypothesis import strategies as st

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
    """Widths for some of the dimensions; negative ones, but not together more than there is."""
    (x,), _ = draw(same_shape(shapes=full_shapes))
    widths = []
    for n in x.shape[::-1][: draw(st.integers(0, x.ndim))]:
        before = draw(st.integers(-n, 3))
        widths += [before, draw(st.integers(-(n + min(before, 0)), 3))]
    make = draw(st.sampled_from([tuple, list]))
    return Inputs((x,), {"pad": make(widths), "value": draw(st.sampled_from([None, 0.0, -1.5]))})


@st.composite
def images_to_border(draw, mode):
    x = values(draw(generators), draw(st.tuples(*[st.integers(1, 4)] * 4)))
    most = {"reflect": [n - 1 for n in x.shape], "circular": x.shape}.get(mode, [5] * 4)
    widths = [draw(st.integers(0, most[d])) for d in (3, 3, 2, 2)]
    return Inputs((x,), {"pad": widths, "mode": mode})


@st.composite
def repeated(draw):
    (x,), _ = draw(same_shape())
    sizes = draw(st.lists(st.integers(0, 3), min_size=x.ndim, max_size=x.ndim + 2))
    return Inputs((x,), {"sizes": tuple(sizes)})


@st.composite
def expanded(draw):
    """A shape to expand to, longer where x is 1; a length of x may be left to it as -1."""
    (x,), _ = draw(same_shape())
    front = draw(st.lists(st.integers(0, 3), max_size=2))
    kept = [draw(st.sampled_from([n, -1, 3] if n == 1 else [n, -1])) for n in x.shape]
    return Inputs((x,), {"size": (*front, *kept)})


@st.composite
def moved_dims(draw):
    (x,), options = draw(reordered(subset=True))
    places = draw(st.permutations(range(x.ndim)))[: len(options["dims"])]
    return Inputs((x,), {"source": tuple(options["dims"]), "destination": tuple(places)})


@st.composite
def some_dims(draw):
    (x,), options = draw(reordered(subset=True))
    return Inputs((x,), {"dim": tuple(options["dims"])})


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


def named(inputs, name) -> Case:
    """Call the function of that name on both sides."""
    return Case(inputs, getattr(ops, name), getattr(torch, name))


def ours_with_list(name, argument):
    """Ours takes what torch takes as a list as arguments one by one."""
    return lambda x, **options: getattr(ops, name)(x, *options[argument])


def several_dtypes(*dtypes) -> st.SearchStrategy[Inputs]:
    return fixed(*(np.arange(3).astype(dtype) for dtype in dtypes), dim=0)


def scaled(function):
    """Make a difference between a copy of x and x."""
    return lambda x, **options: function(x, **options) * 2 + x.sum()


def joined(inputs, name) -> Case:
    def call(module):
        return lambda *tensors, dim: getattr(module, name)(tensors, dim)

    return Case(inputs, call(ops), call(torch))


X = np.linspace(-1, 1, 60).reshape(3, 4, 5)

CASES = {
    "reshape": Case(regrouped(), ours_with_list("reshape", "shape"), torch.reshape),
    "reshape tuple": same(regrouped(), lambda x, shape: x.reshape(shape)),
    "view": same(regrouped(), lambda x, shape: x.view(*shape)),
    "flatten": named(merged_dims(), "flatten"),
    "flatten all": named(same_shape(), "flatten"),
    "permute": Case(reordered(), ours_with_list("permute", "dims"), torch.permute),
    "permute list": same(reordered(), lambda x, dims: x.permute(dims)),
    "transpose": named(two_dims(), "transpose"),
    "transpose of a number": same(fixed(np.array(2.5)), lambda x: x.transpose(0, -1)),
    "movedim": named(moved_dims(), "movedim"),
    "movedim one": same(fixed(X), lambda x: x.movedim(-1, 0)),
    "movedim two": same(fixed(X), lambda x: x.movedim((0, 1), (1, 0))),
    "T": Case(fixed(X), lambda x: x.T, lambda x: x.permute(2, 1, 0)),
    "T of a matrix": same(fixed(X[0]), lambda x: x.T),
    "T of a vector": Case(fixed(X[0, 0]), lambda x: x.T, torch.clone),
    "mT": same(fixed(X), lambda x: x.mT),
    "expand": same(expanded(), lambda x, size: x.expand(size)),
    "expand numbers": same(fixed(X[:, :1]), lambda x: x.expand(2, 3, 4, -1)),
    "expand tuple": same(same_shape(), lambda x: x.expand((2, *x.shape))),
    "squeeze": named(with_dims(), "squeeze"),
    "squeeze all": named(same_shape(), "squeeze"),
    "squeeze several": named(some_dims(), "squeeze"),
    "squeeze a number": same(fixed(np.array(2.5)), lambda x: x.squeeze(0) + x.squeeze(())),
    "unsqueeze": named(new_dim(), "unsqueeze"),
    "flip": Case(reordered(subset=True), ours_with_list("flip", "dims"), torch.flip),
    "flip a number": same(fixed(np.array(2.5)), lambda x: x.flip(0)),
    "clone": Case(same_shape(), scaled(ops.clone), scaled(torch.clone)),
    "contiguous": same(
        same_shape(shapes=full_shapes),
        lambda x: (x.contiguous(), x.permute(tuple(range(x.ndim)[::-1])).contiguous()),
    ),
    "repeat": same(repeated(), lambda x, sizes: x.repeat(*sizes) if sizes else x.repeat(())),
    "repeat list": same(fixed(X), lambda x: x.repeat([2, 1, 3, 1])),
    "pad": Case(bordered(), ops.pad, F.pad),
    **{
        f"pad {mode}": Case(images_to_border(mode), ops.pad, F.pad)
        for mode in ("reflect", "replicate", "circular")
    },
    "pad integers": Case(
        fixed(np.arange(6).reshape(2, 3), pad=(1, -1, 2, 0), value=7), ops.pad, F.pad
    ),
    "pad booleans": Case(fixed(np.array([True, False]), pad=(1, 2), value=True), ops.pad, F.pad),
    "cat": joined(several(), "cat"),
    "cat integers and floats": joined(several_dtypes(np.int64, np.float64), "cat"),
    "cat integers": joined(several_dtypes(np.int32, np.uint8, np.int64, bool), "cat"),
    "stack": joined(several(equal=True), "stack"),
    "split": same(with_dims(split_size=[1, 2, 3]), lambda x, **options: x.split(**options)),
    "split lengths": same(cut_by_lengths(), lambda x, **options: x.split(**options)),
    "split nothing": same(fixed(X[:0]), lambda x: (*x.split(2), *x.split([0, 0]))),
    "chunk": named(with_dims(chunks=[1, 2, 3, 7]), "chunk"),
    "chunk nothing": same(fixed(X[:0]), lambda x: x.chunk(3)),
    "iteration": same(same_shape(shapes=full_shapes), tuple),
}
