"""What the tables of cases are made of: an operation of ours, PyTorch's, and inputs for both.

A table maps a name to a Case. The first word of the name is that of a function in `minae.ops`; more
words tell apart several cases of one function.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
F = torch.nn.functional


class Inputs(NamedTuple):
    """Arguments of one call. Floats are differentiated by, integers, booleans and None are not."""

    arrays: tuple
    options: dict = {}  # noqa: RUF012


class Case(NamedTuple):
    inputs: st.SearchStrategy[Inputs]
    ours: Callable
    theirs: Callable


def same(inputs, function) -> Case:
    """Call the same function of operators and methods on both sides."""
    return Case(inputs, function, function)


generators = st.integers(0, 9999).map(np.random.default_rng)
shapes = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
full_shapes = array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)
REDUCTIONS = ["mean", "sum", "none"]
KEEP = [False, True]


def choices(**options) -> st.SearchStrategy[dict]:
    """Draw each option from its list, or from its strategy."""
    return st.fixed_dictionaries(
        {name: st.sampled_from(v) if isinstance(v, list) else v for name, v in options.items()}
    )


def values(rng, shape, low=-3.0, high=3.0):
    """Return an array, also for shape (), where rng.uniform would return a number."""
    return np.asarray(rng.uniform(low, high, shape))


@st.composite
def same_shape(draw, count=1, low=-3.0, high=3.0, whole=False, shapes=shapes, **options):
    """Some arrays of one shape; if `whole`, perhaps of whole numbers, where there are kinks."""
    rng, shape = draw(generators), draw(shapes)
    arrays = (values(rng, shape, low, high) for _ in range(count))
    if whole and draw(st.booleans()):
        arrays = (np.asarray(np.round(x)) for x in arrays)
    return Inputs(tuple(arrays), draw(choices(**options)))


@st.composite
def broadcastable(draw, count=2, low=-3.0, high=3.0, whole=False, min_side=0):
    """Some arrays whose shapes broadcast; if `whole`, perhaps of whole numbers, equal in places."""
    shapes = mutually_broadcastable_shapes(
        num_shapes=count, max_dims=3, min_side=min_side, max_side=4
    )
    drawn = draw(shapes)
    rng = draw(generators)
    arrays = [values(rng, shape, low, high) for shape in drawn.input_shapes]
    if whole and draw(st.booleans()):
        arrays = [np.asarray(np.round(x)) for x in arrays]
    return Inputs(tuple(arrays))


@st.composite
def with_dims(draw, shapes=full_shapes, dims="one", **options):
    """One array and a `dim` of it: "one" number, "several", or "any" of these and None."""
    shape = draw(shapes)
    number = st.integers(-len(shape), len(shape) - 1)
    several = st.lists(number, min_size=1, unique_by=lambda d: d % len(shape)).map(tuple)
    if dims != "one":
        number = several if dims == "several" else st.one_of(st.none(), number, several)
    rng = draw(generators)
    return Inputs((values(rng, shape),), {"dim": draw(number), **draw(choices(**options))})


@st.composite
def with_ties(draw, dims="one", **options):
    """As with_dims, of whole numbers, so that the largest often stands in several places."""
    (x,), drawn = draw(with_dims(dims=dims, **options))
    return Inputs((np.asarray(x.round()),), drawn)


def fixed(*arrays, **options) -> st.SearchStrategy[Inputs]:
    """Draw nothing: always these inputs."""
    return st.just(Inputs(arrays, options))
