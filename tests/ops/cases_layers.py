"""What layers are made of: products, normalisation, dropout, attention; see also cases_images."""

import operator

import numpy as np
from hypothesis import strategies as st

from minae import Tensor, manual_seed, ops

from .cases import Case, F, Inputs, choices, generators, same, torch, values
from .cases_images import images

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
def sequences(draw, gates, states):
    """x, the states before the first step, and the weights of one or two directions."""
    rng, directions = draw(generators), draw(st.sampled_from([1, 2]))
    L, N, I, H = (draw(sizes) for _ in range(4))  # noqa: E741
    G = gates * H
    shapes = (((G, I), (G, H)) + ((G,), (G,)) * draw(st.booleans())) * directions
    before = [values(rng, (directions, N, H), -1, 1) for _ in range(states)]
    weights = [values(rng, shape, -1, 1) for shape in shapes]
    return Inputs((values(rng, (L, N, I)), *before, *weights), {"directions": directions})


def four_each(weights, directions):
    """Return the weights of each direction, with None where it has no bias."""
    each = len(weights) // directions
    rows = [weights[i : i + each] for i in range(0, len(weights), each)]
    return [w for row in rows for w in (*row, *[None] * (4 - each))]


def run_torch(function, x, states, weights, directions):
    biased = len(weights) == 4 * directions
    return function(x, states, weights, biased, 1, 0.0, True, directions == 2, False)


@st.composite
def lookups(draw):
    rng, rows = draw(generators), draw(st.integers(1, 5))
    index = np.asarray(rng.integers(0, rows, draw(st.lists(st.integers(0, 4), max_size=3))))
    return Inputs((index, values(rng, (rows, 3))))


def one_or_both(draw, weight, bias):
    """Parameters of a layer, either of which may be missing."""
    return draw(st.sampled_from([(weight, bias), (weight, None), (None, bias), (None, None)]))


@st.composite
def rows_to_normalise(draw):
    rng, batch = draw(generators), draw(st.lists(st.integers(0, 4), max_size=2))
    shape = tuple(draw(st.lists(st.integers(3, 5), min_size=1, max_size=2)))
    weights = one_or_both(draw, values(rng, shape), values(rng, shape))
    options = draw(choices(eps=[1e-5, 1e-2]))
    return Inputs((values(rng, (*batch, *shape)), *weights), {"normalized_shape": shape, **options})


@st.composite
def groups_to_normalise(draw):
    rng, groups, size = draw(generators), draw(sizes), draw(sizes)
    channels, positions = groups * size, draw(st.lists(st.integers(1, 3), max_size=2))
    # PyTorch refuses groups of one value, and has no gradient for a bias without weight
    x = values(rng, (draw(st.integers(0, 3)), channels, 3, *positions))
    weights = draw(st.sampled_from([(None, None), (channels, None), (channels, channels)]))
    weights = (n if n is None else values(rng, n) for n in weights)
    return Inputs((x, *weights), {"num_groups": groups, **draw(choices(eps=[1e-5, 1e-2]))})


@st.composite
def channels_to_normalise(draw, training):
    rng, channels = draw(generators), draw(sizes)
    positions = draw(st.lists(st.integers(1, 3), max_size=2))
    x = values(rng, (draw(st.integers(4, 6)), channels, *positions))
    running = values(rng, channels), values(rng, channels, 0.5)
    if training and draw(st.booleans()):
        running = (None, None)
    affine = one_or_both(draw, values(rng, channels), values(rng, channels))
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


@st.composite
def side_by_side(draw):
    rng, (N, T, heads, size) = draw(generators), (draw(sizes) for _ in range(4))
    x = values(rng, (N, T, 3 * heads * size))
    return Inputs((x,), {"heads": heads, "is_causal": draw(st.booleans())})


def heads_apart(x, heads, is_causal):
    N, T, width = x.shape
    parts = x.reshape(N, T, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
    y = F.scaled_dot_product_attention(*parts, is_causal=is_causal)
    return y.transpose(1, 2).reshape(N, T, width // 3)


CASES = {
    "matmul": Case(products(), ops.matmul, torch.matmul),
    "@": same(products(), operator.matmul),
    "linear": Case(affine(), ops.linear, F.linear),
    "linear_stack": Case(
        affine_stacks(),
        lambda x, w1, w2, b1, b2: ops.linear_stack(x, (w1, w2), (b1, b2), (None, None)),
        lambda x, w1, w2, b1, b2: F.linear(F.linear(x, w1, b1), w2, b2),
    ),
    "gru": Case(
        sequences(3, 1),
        lambda x, h, *weights, directions: ops.gru(x, h, four_each(weights, directions)),
        lambda x, h, *weights, directions: run_torch(torch.gru, x, h, weights, directions),
    ),
    "lstm": Case(
        sequences(4, 2),
        lambda x, h, c, *weights, directions: ops.lstm(x, h, c, four_each(weights, directions)),
        lambda x, h, c, *weights, directions: run_torch(torch.lstm, x, (h, c), weights, directions),
    ),
    "embedding": Case(lookups(), ops.embedding, F.embedding),
    "layer_norm": Case(
        rows_to_normalise(),
        lambda x, w, b, **options: ops.layer_norm(x, weight=w, bias=b, **options),
        lambda x, w, b, **options: F.layer_norm(x, weight=w, bias=b, **options),
    ),
    "group_norm": Case(
        groups_to_normalise(),
        lambda x, w, b, **options: ops.group_norm(x, weight=w, bias=b, **options),
        lambda x, w, b, **options: F.group_norm(x, weight=w, bias=b, **options),
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
    "self_attention": Case(side_by_side(), ops.self_attention, heads_apart),
    "scaled_dot_product_attention mask": Case(
        queries(masked=True), ops.scaled_dot_product_attention, F.scaled_dot_product_attention
    ),
}
