"""Recurrent kernels on the CPU against the reference, whatever the sizes, layouts and threads."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.kernels import cpu, reference
from minae.kernels.cpu.compile.compiled import compiled_if
from minae.kernels.cpu.compile.vector_math import sigmoid, tanh

from .cases import assert_close, contiguous, cut_into, examples, flat, normal, reversed_rows

KINDS = {"gru": (3, 1), "lstm": (4, 2)}  # gates, states


def batch_first(x):
    return np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)


def arrays(kind, sizes, directions, biased, from_zeros, dtype) -> tuple[Any, list[Any], list[Any]]:
    """Return x, the states before the first step, and the weights."""
    (gates, states), (L, N, I, H) = KINDS[kind], sizes  # noqa: E741
    G = gates * H
    shapes = ((G, I), (G, H), (G,), (G,)) * directions
    weights = [
        normal(i, *shape, dtype=dtype) / shape[-1] ** 0.5 if biased or len(shape) == 2 else None
        for i, shape in enumerate(shapes)
    ]
    first = [
        None if from_zeros else normal(20 + i, directions, N, H, dtype=dtype) for i in range(states)
    ]
    return normal(30, L, N, I, dtype=dtype), first, weights


@examples
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_reference_computes(kind, data):
    sizes = tuple(data.draw(st.tuples(*[st.integers(1, n) for n in (5, 20, 7, 20)])))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    directions, choice = data.draw(st.sampled_from([1, 2])), st.booleans()
    x, first, weights = arrays(kind, sizes, directions, data.draw(choice), data.draw(choice), dtype)
    layout = data.draw(st.sampled_from([contiguous, batch_first, reversed_rows]))
    L, N = sizes[:2]
    lengths = data.draw(
        st.none() | st.lists(st.integers(1, L), min_size=N, max_size=N).map(np.array)
    )
    needs = data.draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    with cut_into(data.draw(st.integers(1, 5))):
        x = layout(x)
        results = [getattr(b, kind)(x, *first, weights, lengths) for b in (cpu, reference)]
        for actual, expected in zip(*results, strict=True):
            assert_close(actual, expected, dtype)
        y, saved = results[1]
        dy = layout(normal(40, *y.shape[-3:], dtype=dtype))
        dy = dy if kind == "gru" else np.stack([dy, dy[::-1]])
        given = dy, x, weights, saved, lengths, needs
        both = [flat(getattr(b, f"{kind}_backward")(*given)) for b in (cpu, reference)]
    for actual, expected in zip(*both, strict=True):
        if expected is None:
            assert actual is None
        else:
            assert_close(actual, expected, dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_the_same_bits_in_any_batch_and_on_any_threads(kind):
    x, first, weights = arrays(kind, (6, 33, 5, 40), 2, True, False, np.float32)
    y, _ = getattr(cpu, kind)(x, *first, weights)
    alone, _ = getattr(cpu, kind)(x[:, 7:8], *[a[:, 7:8] for a in first], weights)
    np.testing.assert_array_equal(y[..., 7:8, :], alone)
    with cut_into(3):
        cut, _ = getattr(cpu, kind)(x, *first, weights)
    np.testing.assert_array_equal(y, cut)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_written_to_their_places(kind):
    x, first, weights = arrays(kind, (3, 4, 5, 6), 2, True, False, np.float32)
    y, saved = getattr(cpu, kind)(x, *first, weights)
    places = [np.full_like(w, 9) for w in weights]
    places[1] = places[6] = None
    backward = getattr(cpu, f"{kind}_backward")
    *_, expected = backward(y, x, weights, saved)
    *_, dweights = backward(y, x, weights, saved, dweights=places)
    for place, dweight, e in zip(places, dweights, expected, strict=True):
        assert place is None or dweight is place
        np.testing.assert_array_equal(dweight, e)


@pytest.mark.parametrize("kind", KINDS)
def test_large_and_undefined_inputs(kind):
    """Gates close and open completely; a nan stays in its row, and is seen."""
    x, first, weights = arrays(kind, (3, 3, 2, 4), 1, True, False, np.float32)
    x = 1e4 * x
    x[1, 2] = np.nan
    results = [getattr(b, kind)(x, *first, weights)[0] for b in (cpu, reference)]
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)
    assert np.isfinite(results[0][..., :2, :]).all()
    assert np.isnan(results[0][..., 1:, 2, :]).all()


@compiled_if(lambda *arguments: True)
def _of_all(x, s, t):
    for i in range(x.size):
        s[i] = sigmoid(x[i])
    for i in range(x.size):
        t[i] = tanh(x[i])


def test_sigmoid_and_tanh_to_the_last_digits():
    """Within some units in the last place, also where they are nearly 0, and at the ends."""
    exponents = np.linspace(-20, 1.94, 20001)
    x = np.concatenate([10**exponents, -(10**exponents), [0, np.inf, -np.inf, np.nan]])
    x = x.astype(np.float32)
    s, t = np.empty_like(x), np.empty_like(x)
    _of_all(x, s, t)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(t, np.tanh(exact), rtol=4e-7, atol=0)
    np.testing.assert_allclose(s, 1 / (1 + np.exp(-exact)), rtol=4e-7, atol=2e-38)


CALLS = {
    r"gru: x \(3, 2\) must be \(L, N, I\)": lambda b, x, h, w: b.gru(x[0], h, w),
    r"gru: x \(2, 0, 2\) must be .* a row at least": lambda b, x, h, w: b.gru(x[:, :0], None, w),
    r"gru: weight \(12, 4\) must be \(12, 2\)": lambda b, x, h, w: b.gru(x, h, [w[1], *w[1:]]),
    "gru: there are four weights for each": lambda b, x, h, w: b.gru(x, h, w[:3]),
    r"gru: initial state \(1, 3, 3\) must be \(1, 3, 4\)": lambda b, x, h, w: b.gru(
        x, h[..., 1:], w
    ),
    r"gru: lengths \(2,\) must be \(3,\)": lambda b, x, h, w: b.gru(x, h, w, np.array([1, 2])),
    r"lstm: weight \(12, 2\) must be \(16, 2\)": lambda b, x, h, w: b.lstm(x, h, h, w),
    r"gru_backward: dy \(2, 3, 3\) .* must be \(2, 3, 4\)": lambda b, x, h, w: b.gru_backward(
        normal(0, 2, 3, 3), x, w, normal(0, 1, 2, 3, 20)
    ),
}


@pytest.mark.parametrize("backend", [cpu, reference])
@pytest.mark.parametrize("message", CALLS)
def test_what_does_not_fit_is_refused(message, backend):
    x, (h,), weights = arrays("gru", (2, 3, 2, 4), 1, True, False, np.float64)
    with pytest.raises(ValueError, match=message):
        CALLS[message](backend, x, h, weights)
