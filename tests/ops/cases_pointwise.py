"""Arithmetic, comparisons, functions of one operand, activations, softmaxes."""

import operator

import numpy as np
from hypothesis import strategies as st

from minae import ops

from .cases import (
    Case,
    F,
    Inputs,
    broadcastable,
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


DTYPES = {np.float32: torch.float32, np.float64: torch.float64, np.int64: torch.int64}

ARITHMETIC = {
    "add": Case(broadcastable(), ops.add, torch.add),
    "sub": Case(broadcastable(), ops.sub, torch.sub),
    "mul": Case(broadcastable(), ops.mul, torch.mul),
    "div": Case(broadcastable(low=0.3), ops.div, torch.div),
    "pow": Case(broadcastable(low=0.3), ops.pow, torch.pow),
    "pow negative base": same(same_shape(), lambda x: x**3),
    "maximum": Case(broadcastable(whole=True), ops.maximum, torch.maximum),
    "minimum": Case(broadcastable(whole=True), ops.minimum, torch.minimum),
    "where": Case(conditional(), ops.where, torch.where),
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
        name: same(broadcastable(whole=True), getattr(operator, name))
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
    },
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
    "clip": unary(ops.clip, torch.clip, whole=True, min=[None, -1.0, 0.5], max=[2.0, 1]),
    "clip from below": unary(ops.clip, torch.clip, min=[0.5]),
}

ACTIVATIONS = {
    "relu": unary(ops.relu, F.relu, whole=True),
    "leaky_relu": unary(ops.leaky_relu, F.leaky_relu, whole=True, negative_slope=[0.01, 0.3]),
    "elu": unary(ops.elu, F.elu, whole=True, alpha=[1.0, 0.4]),
    "gelu": unary(ops.gelu, F.gelu, low=-6.0, high=6.0),
    "silu": unary(ops.silu, F.silu),
    "softplus": unary(ops.softplus, F.softplus, low=-20.0, high=19.0),  # torch's own is cut at 20
    "sigmoid": unary(ops.sigmoid, torch.sigmoid, low=-20.0, high=20.0),
    "tanh": unary(ops.tanh, torch.tanh),
    "to": unary(lambda x: ops.to(x, "cpu"), lambda x: x.to("cpu")),
    "softmax": Case(with_dims(), ops.softmax, torch.softmax),
    "log_softmax": Case(with_dims(), ops.log_softmax, torch.log_softmax),
    "logsumexp": Case(with_dims(keepdim=[False, True]), ops.logsumexp, torch.logsumexp),
}

CASES = ARITHMETIC | POINTWISE | ACTIVATIONS
