"""Sums and their relatives, over one, several or all dimensions."""

import numpy as np
from hypothesis import strategies as st

from minae import ops

from .cases import Case, Inputs, full_shapes, generators, same, same_shape, torch, values, with_dims

KEEP = [False, True]
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
def with_ties(draw, dims, **options):
    """Whole numbers, so that the largest often stands in several places."""
    arrays, drawn = draw(with_dims(dims=dims, **options))
    return Inputs(tuple(np.asarray(x.round()) for x in arrays), drawn)


@st.composite
def several_zeros(draw):
    """Zeros among the factors of a product, where dividing by the factor goes wrong."""
    x = values(draw(generators), (3, 4))
    x[draw(st.integers(0, 2)), draw(st.lists(st.integers(0, 3), unique=True))] = 0
    return Inputs((x,), {"dim": draw(st.sampled_from([0, 1, None])), "keepdim": False})


def extreme(ours, theirs) -> Case:
    return Case(with_ties("one", keepdim=KEEP), ours, theirs)


CASES = {
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
