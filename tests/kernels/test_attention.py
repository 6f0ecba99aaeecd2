"""Attention on the CPU against the reference, whatever the sizes, layouts, masks and threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.kernels import cpu, reference

from .cases import (
    assert_close,
    contiguous,
    cut_into,
    every_second,
    examples,
    flat,
    normal,
    one_row_for_all,
    read_only,
    reversed_rows,
)

INF = np.inf


def heads_side_by_side(x):
    """Return x (..., heads, L, E) as it lies in the output of a linear layer."""
    if x.ndim < 3:
        return contiguous(x)
    return contiguous(np.concatenate([x, x], -1).swapaxes(-2, -3)).swapaxes(-2, -3)[..., 1::2]


def first_last(x):
    """Return x (A, B, ...) as it lies when the second dimension comes first."""
    return contiguous(x.swapaxes(0, 1)).swapaxes(0, 1) if x.ndim > 3 else contiguous(x)


def part_of_rows(x):
    """Return x as some columns of longer rows."""
    return contiguous(np.concatenate([x, x], -1))[..., : x.shape[-1]]


LAYOUTS = [contiguous, part_of_rows, heads_side_by_side, first_last, every_second, reversed_rows]
LAYOUTS = st.sampled_from([*LAYOUTS, one_row_for_all])
MASKS = ["none", "causal", "booleans", "floats", "keys", "one column"]


def mask_for(kind, batch, L, S, dtype):
    rng = np.random.default_rng(5)
    if kind == "booleans":
        return rng.random((L, S)) < 0.5
    if kind == "floats":
        return read_only(rng.choice([-INF, 0, 0.5, 3], (*batch, L, S)).astype(dtype))
    if kind == "keys":  # as padding is masked: for every sequence other keys, for all its heads
        return rng.random((*batch[:1], *(1,) * len(batch[1:]), 1, S)) < 0.5
    return normal(6, L, 1, dtype=dtype) if kind == "one column" else None


@examples
@given(data=st.data())
def test_what_the_reference_computes(data):
    batch = data.draw(st.sampled_from([(), (3,), (2, 3), (1, 2), (2, 2, 3)]))
    L, S = data.draw(st.tuples(*[st.sampled_from([1, 2, 7, 31, 32, 33, 70])] * 2))
    E, V = data.draw(st.tuples(*[st.sampled_from([1, 3, 8, 17])] * 2))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    kind, layout = data.draw(st.sampled_from(MASKS)), data.draw(LAYOUTS)
    shapes = (L, E), (S, E), (S, V), (L, V)
    query, key, value, dy = (
        layout(normal(i, *batch, *shape, dtype=dtype)) for i, shape in enumerate(shapes)
    )
    options = {"mask": mask_for(kind, batch, L, S, dtype), "is_causal": kind == "causal"}
    with cut_into(data.draw(st.integers(1, 5))):
        results = [b.attention(query, key, value, 0.4, **options) for b in (cpu, reference)]
        for actual, expected in zip(*results, strict=True):
            assert_close(actual, expected, dtype)
        options |= {"need_dscores": data.draw(st.booleans())}
        arrays = dy, query, key, value, results[1][1], 0.4
        both = [flat(b.attention_backward(*arrays, **options)) for b in (cpu, reference)]
    for actual, expected in zip(*both, strict=True):
        if expected is None:
            assert actual is None
        else:
            assert_close(actual, expected, dtype)


def arrays(*sizes, dtype=np.float32):
    return [normal(i, *sizes, dtype=dtype) for i in range(4)]


def test_gradients_are_written_to_their_places():
    query, key, value, dy = arrays(2, 3, 40, 8)
    _, saved = cpu.attention(query, key, value, 0.3, None, True)
    *expected, _ = cpu.attention_backward(dy, query, key, value, saved, 0.3, None, True)
    together = np.full((2, 40, 3, 3, 8), np.nan, np.float32)  # of all heads, side by side
    one_by_one = np.full((3, 2, 3, 40, 16), np.nan, np.float32)[..., ::2]
    for places in ([together[:, :, i].swapaxes(1, 2) for i in range(3)], [*one_by_one]):
        *written, _ = cpu.attention_backward(
            dy, query, key, value, saved, 0.3, None, True, tuple(places)
        )
        for place, actual, e in zip(places, written, expected, strict=True):
            assert actual is place
            np.testing.assert_array_equal(actual, e)


def test_the_result_lies_in_memory_as_the_queries_do():
    rows = normal(0, 2, 5, 3, 8, dtype=np.float32)  # of 3 heads, side by side
    query = rows.swapaxes(1, 2)
    y, _ = cpu.attention(query, query, query, 1.0)
    assert y.swapaxes(1, 2).flags.c_contiguous


def test_the_future_changes_no_bit():
    query, key, value, _ = arrays(2, 70, 16)
    y, _ = cpu.attention(query, key, value, 0.25, None, True)
    for first in (1, 31, 32, 69):
        other_key, other_value = key.copy(), value.copy()
        other_key[:, first:], other_value[:, first:] = 100, -7
        other, _ = cpu.attention(query, other_key, other_value, 0.25, None, True)
        np.testing.assert_array_equal(other[:, :first], y[:, :first])
        assert (other[:, first:] != y[:, first:]).any()


@pytest.mark.parametrize("shares", [1, 3])
def test_a_query_has_the_same_bits_alone(shares):
    """So keys and values that were kept give what computing everything again does."""
    query, key, value, _ = arrays(3, 150, 16)
    y, saved = cpu.attention(query, key, value, 0.25, None, True)
    with cut_into(shares):
        for i in (0, 1, 40, 149):
            seen = key[:1, : i + 1], value[:1, : i + 1]
            alone, of_it = cpu.attention(query[:1, i : i + 1], *seen, 0.25)
            np.testing.assert_array_equal(alone, y[:1, i : i + 1])
            np.testing.assert_array_equal(of_it, saved[:, :1, i : i + 1])


def test_keys_that_no_query_may_look_at():
    query, key, value, dy = arrays(1, 70, 4)
    query, dy = query[:, :3], dy[:, :3]
    _, saved = cpu.attention(query, key, value, 1.0, None, True)
    arguments = dy, query, key, value, saved, 1.0, None, True
    _, dkey, dvalue, _ = cpu.attention_backward(*arguments)
    assert (dkey[:, 3:] == 0).all()
    assert (dvalue[:, 3:] == 0).all()
    assert (dkey[:, :3] != 0).all()


def test_many_keys_lose_nothing():
    """Sums over thousands of keys are as good as over a few."""
    query, key, value = normal(0, 1, 8), normal(1, 20_000, 8), 1 + normal(2, 20_000, 2) / 10
    exact, _ = reference.attention(query, key, value, 0.1)
    single = [a.astype(np.float32) for a in (query, key, value)]
    y, _ = cpu.attention(*single, 0.1)
    np.testing.assert_allclose(y, exact, rtol=3e-6)


NOT_FINITE = {
    # how queries, keys and a mask are changed; whether the result is nan, and dquery
    "a key that may not be looked at": (lambda q, k, m: k[:, 4].fill(np.nan), False, True),
    "a key": (lambda q, k, m: k[:, 0].fill(np.nan), True, True),
    "a query": (lambda q, k, m: q[:, 1].fill(np.nan), True, True),
    "a mask": (lambda q, k, m: m[1].fill(np.nan), True, True),
    "no key that may be looked at": (lambda q, k, m: m[1].fill(-INF), False, False),
    "scores far below": (lambda q, k, m: q[:, 1].fill(-1e30), False, False),
}


@pytest.mark.parametrize("backend", [cpu, reference])
@pytest.mark.parametrize("case", NOT_FINITE)
def test_what_is_not_finite_is_seen_where_it_counts(case, backend):
    change, seen, seen_by_gradient = NOT_FINITE[case]
    query, key, value, dy = (a.copy() for a in arrays(1, 5, 4))
    mask = np.where(np.arange(5) < 4, 0, -INF).astype(np.float32).repeat(5).reshape(5, 5).T.copy()
    change(query, key, mask)
    with np.errstate(all="ignore"):
        y, saved = backend.attention(query, np.abs(key), value, 0.5, mask)
        dquery, *_ = backend.attention_backward(dy, query, np.abs(key), value, saved, 0.5, mask)
    assert np.isnan(y[0, 1]).all() == np.isnan(y[0, 1]).any() == seen
    assert np.isnan(dquery[0, 1]).all() == np.isnan(dquery[0, 1]).any() == seen_by_gradient


CALLS = {
    r"attention: .* do not go together: \(2, 3, 4\), \(2, 5, 3\), \(2, 5, 2\)": lambda b, q, k, v: (
        b.attention(q, k[..., 1:], v, 1.0)
    ),
    r"attention: .* do not go together: \(4,\)": lambda b, q, k, v: b.attention(q[0, 0], k, v, 1.0),
    r"attention: attn_mask \(5, 3\) does not broadcast to the scores \(2, 3, 5\)": (
        lambda b, q, k, v: b.attention(q, k, v, 1.0, np.zeros((5, 3)))
    ),
    r"attention_backward: dy \(2, 3, 4\) and saved \(2, 2, 3\) must be \(2, 3, 2\) and": (
        lambda b, q, k, v: b.attention_backward(q, q, k, v, b.attention(q, k, v, 1.0)[1], 1.0)
    ),
}


@pytest.mark.parametrize("backend", [cpu, reference])
@pytest.mark.parametrize("message", CALLS)
def test_what_does_not_fit_is_refused(message, backend):
    query, key, value = normal(0, 2, 3, 4), normal(1, 2, 5, 4), normal(2, 2, 5, 2)
    with pytest.raises(ValueError, match=message):
        CALLS[message](backend, query, key, value)
