"""Arithmetic, comparisons, functions of one operand, activations, softmaxes."""

import operator

import numpy as np
from hypothesis import strategies as st

from minae import ops

from .cases import (
    KEEP,
    Case,
    F,
    Inputs,
    broadcastable,
    fixed,
    full_shapes,
    generators,
    same,
    same_shape,
    shapes,
    torch,
    values,
    with_dims,
)


def unary(ours, theirs, **options) -> Case:
    return Case(same_shape(**options), ours, theirs)


@st.composite
def conditional(draw):
    x, y = draw(broadcastable()).arrays
    condition = draw(generators).random(np.broadcast_shapes(x.shape, y.shape)) < 0.5
    return Inputs((np.asarray(condition), x, y))


@st.composite
def integers_and_floats(draw):
    rng, shape = draw(generators), draw(shapes)
    return Inputs((np.asarray(rng.integers(-3, 4, shape)), values(rng, shape)))


@st.composite
def integers(draw, low=-9):
    rng, shape = draw(generators), draw(shapes)
    return Inputs((np.asarray(rng.integers(low, 10, shape)),))


@st.composite
def zero_to_the_power(draw):
    """Bases of 0 and others, exponents of either sign: some slopes are infinite."""
    x, y = draw(broadcastable(low=0.5, high=3)).arrays
    rng = draw(generators)
    x, y = x * rng.integers(0, 2, x.shape), y * rng.integers(-1, 2, y.shape)
    return Inputs((np.asarray(x), np.asarray(y)))


@st.composite
def not_finite(draw):
    (x,), _ = draw(same_shape())
    which = draw(generators).integers(0, 4, x.shape)
    return Inputs((np.asarray(np.choose(which, [x, np.nan, np.inf, -np.inf])),))


COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
some_shapes = st.one_of(full_shapes, full_shapes.map(lambda shape: (*shape[:-1], 0)))
DTYPES = {np.float32: torch.float32, np.float64: torch.float64, np.int64: torch.int64}

ARITHMETIC = {
    "add": Case(broadcastable(), ops.add, torch.add),
    "sub": Case(broadcastable(), ops.sub, torch.sub),
    "mul": Case(broadcastable(), ops.mul, torch.mul),
    "div": Case(broadcastable(low=0.3), ops.div, torch.div),
    "pow": Case(broadcastable(low=0.3), ops.pow, torch.pow),
    "pow negative base": same(same_shape(), lambda x: x**3),
    "pow of zero": Case(zero_to_the_power(), ops.pow, torch.pow),
    "pow of whole numbers": same(integers(low=0), lambda x: x ** (x % 3)),
    "remainder": Case(broadcastable(low=0.3), ops.remainder, torch.remainder),
    "remainder by negatives": same(
        same_shape(low=0.3, shapes=full_shapes), lambda x: (x % -0.7, -x % 2, 3 % x.detach())
    ),
    "remainder of whole numbers": same(integers(), lambda x: (x % 5, x % -3, 7 % (x * 2 + 1))),
    "floor_divide": Case(
        integers(), lambda x: ops.floor_divide(x, 3), lambda x: torch.floor_divide(x, 3)
    ),
    "floor_divide of floats": same(
        broadcastable(low=0.3), lambda x, y: (x.detach() // y.detach(), x.detach() // -2)
    ),
    "methods": same(
        broadcastable(low=0.3), lambda x, y: x.add(y).sub(2).mul(y).div(x).neg().pow(2) + x.pow(y)
    ),
    "maximum": Case(broadcastable(whole=True), ops.maximum, torch.maximum),
    "minimum": Case(broadcastable(whole=True), ops.minimum, torch.minimum),
    "maximum and minimum at nan": same(
        fixed(np.array([np.nan, 1.0, 2.0]), np.array([1.0, np.nan, 2.0])),
        lambda x, y: (x.maximum(y), x.minimum(y)),
    ),
    "where": Case(conditional(), ops.where, torch.where),
    "where method and numbers": same(
        conditional(), lambda c, x, y: (x.where(c, y), x.where(c, 0), x.where(~c, 1.5))
    ),
    "cast": Case(same_shape(dtype=list(DTYPES)), ops.cast, lambda x, dtype: x.to(DTYPES[dtype])),
    "+": same(broadcastable(), operator.add),
    "-": same(broadcastable(), operator.sub),
    "*": same(broadcastable(), operator.mul),
    "/": same(broadcastable(low=0.3), operator.truediv),
    "**": same(broadcastable(low=0.3), operator.pow),
    "mixed dtypes": same(integers_and_floats(), operator.mul),
    "number on the right": same(same_shape(), lambda x: ((x + 2) * 3 - 1) / 4),
    "number on the left": same(same_shape(low=-1.0), lambda x: 2.5 ** (1 - 3 / (4 + 2 * x))),
    **{
        name: same(broadcastable(whole=True), lambda x, y, name=name: getattr(x, name)(y))
        for name in COMPARISONS
    },
    **{
        f"{name} operator": same(broadcastable(whole=True), getattr(operator, name))
        for name in COMPARISONS
    },
    "and or xor not": same(
        broadcastable(whole=True),
        lambda x, y: ((x > 0) & (y > 0), (x > 0) | (y > 0), (x > 0) ^ (y > 0), ~(x > 0)),
    ),
    "and or xor not of integers": same(
        integers(), lambda x: (x & 6, 5 | x, x ^ 3, ~x, True & (x > 0))
    ),
    "isnan": Case(not_finite(), ops.isnan, torch.isnan),
    "isinf": Case(not_finite(), ops.isinf, torch.isinf),
    "isfinite": Case(not_finite(), ops.isfinite, torch.isfinite),
    "isfinite of integers": same(
        integers(), lambda x: (x.isnan(), x.isinf(), x.isfinite(), (x > 0).isfinite())
    ),
    "eq number": same(same_shape(), lambda x: x.clip(-1, 1) == 1),
    "booleans and numbers": same(
        same_shape(), lambda x: ((x > 0) + 1, (x > 0) * 2.5, (x > 0) + True, (x > 0) == 2)
    ),
}

POINTWISE = {
    "neg": unary(ops.neg, torch.neg),
    "abs": unary(ops.abs, torch.abs, whole=True),
    "exp": unary(ops.exp, torch.exp),
    "log": unary(ops.log, torch.log, low=0.1),
    "sqrt": unary(ops.sqrt, torch.sqrt, low=0.1),
    "sin": unary(ops.sin, torch.sin),
    "cos": unary(ops.cos, torch.cos),
    "sign": unary(ops.sign, torch.sign, whole=True),
    "round": unary(ops.round, torch.round),
    "floor": unary(ops.floor, torch.floor, whole=True),
    "ceil": unary(ops.ceil, torch.ceil, whole=True),
    "round halves": same(same_shape(whole=True), lambda x: (x.round() + 0.5).round()),
    "steps of integers": same(integers(), lambda x: (x.sign(), x.round(), x.floor(), x.ceil())),
    "abs of integers": same(integers(), lambda x: (x.abs(), -x, x.neg())),
    "clip of integers": same(
        integers(), lambda x: (x.clip(-1, 2), x.clamp(min=-0.5), x.clip(3, 1), x.relu())
    ),
    "clip": unary(ops.clip, torch.clip, whole=True, min=[None, -1.0, 0.5], max=[2.0, 1]),
    "clip from below": unary(ops.clip, torch.clip, min=[0.5]),
}

ACTIVATIONS = {
    "relu": unary(ops.relu, F.relu, whole=True),
    "leaky_relu": unary(ops.leaky_relu, F.leaky_relu, whole=True, negative_slope=[0.01, 0.3]),
    "elu": unary(ops.elu, F.elu, whole=True, alpha=[1.0, 0.4]),
    "gelu": unary(ops.gelu, F.gelu, low=-6.0, high=6.0),
    "gelu tanh": unary(ops.gelu, F.gelu, low=-4.0, high=6.0, approximate=["tanh"]),
    "silu": unary(ops.silu, F.silu),
    "softplus": unary(ops.softplus, F.softplus, low=-20.0, high=19.0),  # torch's own is cut at 20
    "sigmoid": unary(ops.sigmoid, torch.sigmoid, low=-20.0, high=20.0),
    "tanh": unary(ops.tanh, torch.tanh),
    "to a dtype": same(
        same_shape(),
        lambda x: (x.half(), x.float(), x.double(), x.int(), x.long(), (x > 0).float(), x.bool()),
    ),
    "to": unary(lambda x: ops.to(x, "cpu"), lambda x: x.to("cpu")),
    "softmax": Case(with_dims(some_shapes), ops.softmax, torch.softmax),
    "log_softmax": Case(with_dims(some_shapes), ops.log_softmax, torch.log_softmax),
    "logsumexp": Case(with_dims(some_shapes, keepdim=KEEP), ops.logsumexp, torch.logsumexp),
    "logsumexp of several": Case(
        with_dims(dims="several", keepdim=KEEP), ops.logsumexp, torch.logsumexp
    ),
    "softmaxes of a number": same(
        fixed(np.array(2.5)),
        lambda x: (x.softmax(0), x.log_softmax(-1), x.logsumexp(0), x.logsumexp(-1, True)),
    ),
    "softmaxes by axis": same(
        with_dims(), lambda x, dim: (x.softmax(axis=dim), x.logsumexp(axis=dim, keepdims=True))
    ),
}

CASES = ARITHMETIC | POINTWISE | ACTIVATIONS
