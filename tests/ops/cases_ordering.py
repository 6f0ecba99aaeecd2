"""Sorting, running sums, norms, and products that an equation describes."""

import math

import numpy as np
from hypothesis import strategies as st

from minae import ops

from .cases import (
    KEEP,
    Case,
    Inputs,
    choices,
    fixed,
    generators,
    same,
    torch,
    values,
    with_dims,
    with_ties,
)


@st.composite
def with_many_ties(draw, **options):
    """So many that a sort which is not stable changes their order."""
    x = draw(generators).integers(0, 3, (2, 100)).astype(float)
    return Inputs((x,), draw(choices(**options)))


@st.composite
def distinct(draw):
    """Numbers that differ: which of two equal ones counts as larger is left open by PyTorch."""
    (x,), options = draw(with_dims(largest=KEEP))
    k = draw(st.integers(0, x.shape[options["dim"]]))
    order = draw(generators).permutation(x.size).astype(float)
    return Inputs((order.reshape(x.shape),), {**options, "k": k})


@st.composite
def to_measure(draw):
    """Whole numbers, zeros and ties among them, and every kind of norm."""
    (x,), options = draw(with_dims(dims="any", keepdim=KEEP))
    x = np.asarray(x.round()) if draw(st.booleans()) else x
    p = draw(st.sampled_from([1, 2, 3, 1.5, 0.5, math.inf, "fro"]))
    if p == 0.5:  # torch sends nan, not 0, to zeros
        x = np.where(x == 0, 1, x)
    if p == "fro" and isinstance(options["dim"], tuple):
        options["dim"] = options["dim"][:2]
    return Inputs((x,), {**options, "p": p})


EQUATIONS = {
    # equation: the shapes of its operands
    "ij->ji": [(2, 3)],
    "ij->j": [(2, 3)],
    "ij->": [(2, 3)],
    "ba": [(2, 3)],
    "bA": [(2, 3)],
    "ii->i": [(3, 3)],
    "ii": [(3, 3)],
    "iji->j": [(3, 2, 3)],
    "iiij->ji": [(2, 2, 2, 3)],
    "i,j->ij": [(2,), (3,)],
    "i,i->": [(3,), (3,)],
    "i,i->i": [(3,), (3,)],
    "ij,jk": [(2, 3), (3, 4)],
    " ij , jk -> ki ": [(2, 3), (3, 4)],
    "ij,kj->k": [(2, 3), (4, 3)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "bij,bkj->bik": [(2, 3, 4), (1, 5, 4)],
    "ij,j->i": [(2, 3), (1,)],
    "...ij->...ji": [(2, 3, 4)],
    "...ij->ij": [(2, 3, 4)],
    "i...->...": [(2, 3, 4)],
    "...ij,...jk": [(2, 3, 4), (5, 1, 4, 2)],
    "...,...": [(2, 3), ()],
    "b...d,b...d->b...": [(2, 3, 4), (2, 3, 4)],
    "bhqd,bhkd->bhqk": [(2, 1, 3, 4), (2, 1, 5, 4)],
    "ik,kj,jl->il": [(2, 3), (3, 4), (4, 2)],
    "a,b,c->cab": [(2,), (3,), (4,)],
    "ii,ij->j": [(3, 3), (3, 2)],
    "ij,jk->ik": [(2, 0), (0, 3)],
    "ij,jk -> ik": [(0, 2), (2, 3)],
    "": [()],
}


@st.composite
def operands(draw, shapes):
    rng = draw(generators)
    return Inputs(tuple(values(rng, shape) for shape in shapes))


def written_out(equation, shapes) -> Case:
    return Case(
        operands(shapes),
        lambda *tensors: ops.einsum(equation, *tensors),
        lambda *tensors: torch.einsum(equation, *tensors),
    )


WITH_NAN = np.array([[2.0, math.nan, -1, math.inf], [math.nan, 0, math.nan, -math.inf]])

CASES = {
    "argsort": Case(
        with_ties(descending=KEEP),
        ops.argsort,
        lambda x, **options: torch.argsort(x, stable=True, **options),
    ),
    "sort": Case(
        with_ties(descending=KEEP),
        ops.sort,
        lambda x, **options: torch.sort(x, stable=True, **options),
    ),
    "sort many ties": Case(
        with_many_ties(descending=KEEP),
        ops.sort,
        lambda x, **options: torch.sort(x, stable=True, **options),
    ),
    "sort nan": same(fixed(WITH_NAN), lambda x: (*x.sort(), *x.sort(1, True))),
    "sort a number": same(fixed(np.array(2.5)), lambda x: (*x.sort(0), x.argsort())),
    "sort integers": same(fixed(np.array([[3, 1, 2], [0, 5, -4]])), lambda x: x.sort(0)),
    "topk": Case(distinct(), ops.topk, torch.topk),
    "topk nan": same(fixed(np.array([2.0, math.nan, 1])), lambda x: x.topk(2)),
    "topk a number": same(fixed(np.array(2.5)), lambda x: x.topk(1)),
    "cumsum": Case(with_dims(), ops.cumsum, torch.cumsum),
    "cumsum a number": same(fixed(np.array(2.5)), lambda x: x.cumsum(-1)),
    **{
        f"cumsum {dtype}": same(
            fixed(np.array([[1, 0, 200], [1, 1, 100]], dtype)), lambda x: x.cumsum(1)
        )
        for dtype in ("bool", "uint8", "int32", "int64")
    },
    "norm": Case(to_measure(), ops.norm, lambda x, p, dim, keepdim: torch.norm(x, p, dim, keepdim)),
    "norm of ties": same(fixed(np.array([3.0, -3, 1, 3])), lambda x: x.norm(math.inf)),
    "norm of all": same(with_dims(), lambda x, dim: x.norm()),
    "norm of zeros": same(
        fixed(np.zeros((2, 3))), lambda x: (x.norm(), x.norm(2, 1), x.norm(3, 0))
    ),
    "norm of nothing": same(fixed(np.zeros((2, 0))), lambda x: (x.norm(), x.norm(2, 1))),
    "outer": Case(operands([(2,), (3,)]), ops.outer, torch.outer),
    "bmm": Case(operands([(2, 3, 4), (2, 4, 5)]), ops.bmm, torch.bmm),
    **{f"einsum {name!r}": written_out(name, shapes) for name, shapes in EQUATIONS.items()},
}
