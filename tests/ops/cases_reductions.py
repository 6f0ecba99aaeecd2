"""Sums and their relatives, over one, several or all dimensions."""

import warnings

import numpy as np
from hypothesis import strategies as st

from minae import ops

from .cases import (
    KEEP,
    Case,
    Inputs,
    fixed,
    full_shapes,
    generators,
    same,
    same_shape,
    torch,
    values,
    with_dims,
    with_ties,
)

TWO = st.sampled_from([(2,), (2, 2)])
MORE_THAN_ONE = full_shapes.map(lambda shape: tuple(n + 1 for n in shape))  # a variance needs two


def every(x, dim):
    """Torch wants the dimensions listed where ours takes None for all."""
    return tuple(range(x.ndim)) if dim is None else dim


def listed(function):
    return lambda x, dim, **options: function(x, dim=every(x, dim), **options)


def torch_prod(x, dim, keepdim):
    """Torch takes one dimension only: go through them one after another."""
    dims = {d % x.ndim for d in (every(x, dim) if not isinstance(dim, int) else (dim,))}
    for d in sorted(dims, reverse=True):
        x = x.prod(d, keepdim=keepdim)
    return x


@st.composite
def several_zeros(draw):
    """Zeros among the factors of a product, where dividing by the factor goes wrong."""
    x = values(draw(generators), (3, 4))
    x[draw(st.integers(0, 2)), draw(st.lists(st.integers(0, 3), unique=True))] = 0
    return Inputs((x,), {"dim": draw(st.sampled_from([0, 1, None])), "keepdim": False})


def extreme(ours, theirs) -> Case:
    return Case(with_ties("one", keepdim=KEEP), ours, theirs)


def of_a_number(name):
    """Reduce a tensor without dimensions over all of them, and over dimension 0 and -1."""
    return same(
        fixed(np.array(2.5)),
        lambda x: [getattr(x, name)(*dim) for dim in ((), (0,), (-1,))],
    )


def by_axis(x, dim):
    """Say axis and keepdims, as in NumPy."""
    return (
        x.sum(axis=dim),
        x.mean(axis=dim, keepdims=True),
        x.std(axis=dim, correction=0),
        x.amax(axis=dim),
        x.argmax(axis=dim),
        x.max(axis=dim)[0],
        x.prod(axis=dim),
    )


def without_warning(function):
    """Torch warns where it divides by 0."""

    def call(*arguments, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments, **options)

    return call


EXTREMES = [
    lambda x: x.amax(1),
    lambda x: x.amin(0),
    lambda x: x.max(1)[0],
    lambda x: x.argmin(1),
    lambda x: x.max(),
    lambda x: x.min(),
]


@st.composite
def integers(draw):
    (x,), options = draw(with_dims())
    return Inputs((x.round().astype(np.int64),), options)


CASES = {
    "any": Case(with_ties("one", keepdim=KEEP), ops.any, torch.any),
    "all": Case(with_ties("one", keepdim=KEEP), ops.all, torch.all),
    "any and all of several": same(
        with_ties("several"), lambda x, dim: ((x > 0).any(dim), (x > 0).all(dim), x.any(), x.all())
    ),
    "any and all of nothing": same(
        fixed(np.zeros((0, 2))), lambda x: (x.any(0), x.all(), x.all(1))
    ),
    "by axis": same(with_dims(), by_axis),
    "empty dim means all": same(
        same_shape(shapes=full_shapes),
        lambda x: (x.sum(()), x.mean(()), x.amax(()), x.sum([0, -1][:1])),
    ),
    "integers": same(
        integers(),
        lambda x, dim: (x.sum(dim), x.prod(dim), x.amax(dim), x.max(dim)[0], (x > 0).sum()),
    ),
    "nothing": same(
        fixed(np.zeros((0, 3))), lambda x: (x.sum(), x.sum(0), x.prod(), x.amax(1), x.argmax(1))
    ),
    "variance of too few": Case(
        with_dims(TWO, correction=[2]), ops.var, without_warning(torch.var)
    ),
    "nan wins": same(
        fixed(np.array([[1.0, np.nan, 2.0], [3.0, 1.0, 2.0]])),
        lambda x: [f(x.detach()) for f in EXTREMES],
    ),
    **{
        f"{name} of a number": of_a_number(name)
        for name in ("sum", "mean", "amax", "amin", "prod", "argmax", "any", "all")
    },
    "max of a number": same(fixed(np.array(2.5)), lambda x: (*x.max(0), *x.min(-1))),
    "sum": Case(with_dims(dims="any", keepdim=KEEP), ops.sum, listed(torch.sum)),
    "mean": Case(with_dims(dims="any", keepdim=KEEP), ops.mean, listed(torch.mean)),
    "var": Case(
        with_dims(MORE_THAN_ONE, dims="any", keepdim=KEEP, correction=[0, 1]), ops.var, torch.var
    ),
    "std": Case(
        with_dims(MORE_THAN_ONE, dims="any", keepdim=KEEP, correction=[0, 1]), ops.std, torch.std
    ),
    "std of equal entries": same(
        with_dims(MORE_THAN_ONE), lambda x, dim: (x * 0 + 1).std(dim) + x.sum(dim)
    ),
    "amax": Case(with_ties("any", keepdim=KEEP), ops.amax, listed(torch.amax)),
    "amin": Case(with_ties("any", keepdim=KEEP), ops.amin, listed(torch.amin)),
    "max": extreme(ops.max, torch.max),
    "min": extreme(ops.min, torch.min),
    "max of all": Case(same_shape(shapes=full_shapes), ops.max, torch.max),
    "min of all": Case(same_shape(shapes=full_shapes), ops.min, torch.min),
    "prod": Case(with_dims(dims="any", keepdim=KEEP), ops.prod, torch_prod),
    "prod with zeros": Case(several_zeros(), ops.prod, torch_prod),
    "argmax": extreme(ops.argmax, torch.argmax),
    "argmin": extreme(ops.argmin, torch.argmin),
    "argmax of all": Case(same_shape(shapes=full_shapes), ops.argmax, torch.argmax),
    "argmin of all": Case(same_shape(shapes=full_shapes), ops.argmin, torch.argmin),
}
