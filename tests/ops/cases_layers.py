"""What layers are made of: products, convolutions, pooling, normalisation, dropout, attention."""

import operator

import numpy as np
from hypothesis import strategies as st

from minae import Tensor, manual_seed, ops

from .cases import Case, F, Inputs, choices, generators, same, torch, values

sizes = st.integers(1, 4)
BATCHES = [((), ()), ((3,), ()), ((), (2,)), ((2, 1), (3,)), ((0,), (1,))]


@st.composite
def products(draw):
    """Matrices with batches that broadcast, and vectors on either side."""
    rng, (m, k, n) = draw(generators), draw(st.tuples(sizes, sizes, sizes))
    left, right = draw(st.sampled_from(BATCHES))
    a, b = (*left, m, k), (*right, k, n)
    a, b = draw(st.sampled_from([(a, b), ((k,), b), (a, (k,)), ((k,), (k,))]))
    return Inputs((values(rng, a), values(rng, b)))


@st.composite
def affine(draw):
    rng, batch = draw(generators), draw(st.lists(st.integers(0, 3), max_size=3))
    inputs, outputs = draw(sizes), draw(sizes)
    bias = values(rng, outputs) if draw(st.booleans()) else None
    return Inputs((values(rng, (*batch, inputs)), values(rng, (outputs, inputs)), bias))


@st.composite
def affine_stacks(draw):
    rng, batch = draw(generators), draw(st.lists(st.integers(0, 3), max_size=3))
    inputs, hidden, outputs = draw(sizes), draw(sizes), draw(sizes)
    weights = values(rng, (hidden, inputs)), values(rng, (outputs, hidden))
    bias = values(rng, hidden) if draw(st.booleans()) else None
    return Inputs((values(rng, (*batch, inputs)), *weights, bias, values(rng, outputs)))


@st.composite
def lookups(draw):
    rng, rows = draw(generators), draw(st.integers(1, 5))
    index = np.asarray(rng.integers(0, rows, draw(st.lists(st.integers(0, 4), max_size=3))))
    return Inputs((index, values(rng, (rows, 3))))


def one_or_pair(low, high):
    """An int for both dimensions, or one for each."""
    number = st.integers(low, high)
    return st.one_of(number, st.tuples(number, number))


@st.composite
def convolutions(draw, dims=2, transposed=False):
    rng, groups = draw(generators), draw(st.integers(1, 2))
    number = one_or_pair if dims == 2 else st.integers
    options = draw(choices(stride=number(1, 3), padding=number(0, 2), dilation=number(1, 2)))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * dims))
    inside, outside = groups * draw(sizes), draw(sizes)
    # with padding <= 2 and dilation <= 2, a kernel of 3 always finds room in 5 pixels
    size = draw(st.tuples(*[st.integers(5, 7)] * dims))
    if transposed:
        weight, channels = (inside, outside, *kernel), outside * groups
        strides = np.broadcast_to(options["stride"], dims).tolist()
        options["output_padding"] = tuple(draw(st.integers(0, stride - 1)) for stride in strides)
    else:
        weight, channels = (outside * groups, inside // groups, *kernel), outside * groups
    bias = values(rng, channels) if draw(st.booleans()) else None
    x = values(rng, (draw(st.integers(1, 3)), inside, *size))
    return Inputs((x, values(rng, weight), bias), {**options, "groups": groups})


@st.composite
def images(draw, **options):
    shape = draw(st.tuples(sizes, sizes, st.integers(4, 7), st.integers(4, 7)))
    return Inputs((values(draw(generators), shape),), draw(choices(**options)))


POOLS = {
    "kernel_size": [2, 3, (3, 2)],
    "stride": [None, 1, (2, 3)],
    "padding": [0, 1, (1, 0)],
}


@st.composite
def rows_to_normalise(draw):
    rng, batch = draw(generators), draw(st.lists(sizes, max_size=2))
    shape = tuple(draw(st.lists(st.integers(3, 5), min_size=1, max_size=2)))
    weights = (values(rng, shape), values(rng, shape)) if draw(st.booleans()) else (None, None)
    options = draw(choices(eps=[1e-5, 1e-2]))
    return Inputs((values(rng, (*batch, *shape)), *weights), {"normalized_shape": shape, **options})


@st.composite
def channels_to_normalise(draw, training):
    rng, channels = draw(generators), draw(sizes)
    positions = draw(st.lists(st.integers(1, 3), max_size=2))
    x = values(rng, (draw(st.integers(4, 6)), channels, *positions))
    running = values(rng, channels), values(rng, channels, 0.5)
    if training and draw(st.booleans()):
        running = (None, None)
    affine = (values(rng, channels), values(rng, channels)) if draw(st.booleans()) else (None, None)
    options = draw(choices(momentum=[0.1, 0.7], eps=[1e-5, 1e-2]))
    return Inputs((x, *running, *affine), {"training": training, **options})


def with_running_statistics(batch_norm):
    """Return the running statistics too: they are part of the result."""

    def call(x, mean, var, weight, bias, **options):
        running = [s if s is None else s.detach() for s in (mean, var)]
        y = batch_norm(x, *running, weight, bias, **options)
        return (y, *(s for s in running if s is not None))

    return call


def seeded_dropout(x, p):
    manual_seed(3)
    return ops.dropout(x, p)


def torch_dropout(x, p):
    """Apply the mask that our dropout draws; which one that is shows on ones."""
    mask = seeded_dropout(Tensor(np.ones(x.shape)), p).data != 0
    return x * torch.tensor(mask) / (1 - p if p < 1 else 1)


@st.composite
def queries(draw, masked=False, **options):
    rng, batch = draw(generators), draw(st.lists(sizes, max_size=2))
    length, keys, features, out = (draw(sizes) for _ in range(4))
    x = [values(rng, (*batch, *s)) for s in ((length, features), (keys, features), (keys, out))]
    if masked:
        mask = rng.random((length, keys)) < 0.6
        mask[:, 0] = True  # every query may look somewhere
        x.append(mask)
    return Inputs(tuple(x), draw(choices(**options)))


CASES = {
    "matmul": Case(products(), ops.matmul, torch.matmul),
    "@": same(products(), operator.matmul),
    "linear": Case(affine(), ops.linear, F.linear),
    "linear_stack": Case(
        affine_stacks(),
        lambda x, w1, w2, b1, b2: ops.linear_stack(x, (w1, w2), (b1, b2), (None, None)),
        lambda x, w1, w2, b1, b2: F.linear(F.linear(x, w1, b1), w2, b2),
    ),
    "embedding": Case(lookups(), ops.embedding, F.embedding),
    "conv2d": Case(convolutions(), ops.conv2d, F.conv2d),
    "conv1d": Case(convolutions(dims=1), ops.conv1d, F.conv1d),
    "conv_transpose2d": Case(
        convolutions(transposed=True), ops.conv_transpose2d, F.conv_transpose2d
    ),
    "max_pool2d": Case(images(**POOLS), ops.max_pool2d, F.max_pool2d),
    "avg_pool2d": Case(images(**POOLS), ops.avg_pool2d, F.avg_pool2d),
    "upsample_nearest": Case(
        images(scale_factor=[1, 2, (3, 2)]),
        ops.upsample_nearest,
        lambda x, scale_factor: F.interpolate(x, scale_factor=scale_factor, mode="nearest"),
    ),
    "layer_norm": Case(
        rows_to_normalise(),
        lambda x, w, b, **options: ops.layer_norm(x, weight=w, bias=b, **options),
        lambda x, w, b, **options: F.layer_norm(x, weight=w, bias=b, **options),
    ),
    "batch_norm training": Case(
        channels_to_normalise(training=True),
        with_running_statistics(ops.batch_norm),
        with_running_statistics(F.batch_norm),
    ),
    "batch_norm evaluation": Case(
        channels_to_normalise(training=False),
        with_running_statistics(ops.batch_norm),
        with_running_statistics(F.batch_norm),
    ),
    "dropout": Case(images(p=[0.0, 0.2, 0.9, 1.0]), seeded_dropout, torch_dropout),
    "dropout evaluation": Case(
        images(training=[False]), ops.dropout, lambda x, training: F.dropout(x, training=training)
    ),
    "scaled_dot_product_attention": Case(
        queries(is_causal=[False, True]),
        ops.scaled_dot_product_attention,
        F.scaled_dot_product_attention,
    ),
    "scaled_dot_product_attention mask": Case(
        queries(masked=True), ops.scaled_dot_product_attention, F.scaled_dot_product_attention
    ),
}
