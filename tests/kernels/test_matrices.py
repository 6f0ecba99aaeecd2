"""Matrix products, sums and GELU on every backend."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minae.kernels import cpu
from minae.kernels.cpu.compile import threads
from minae.kernels.shapes import SMOOTH

from .cases import (
    assert_close,
    channels_last,
    contiguous,
    cut_into,
    every_second,
    examples,
    normal,
    one_number_for_all,
    read_only,
    reversed_rows,
)

sizes = st.integers(0, 4)


@examples
@given(
    batches=st.sampled_from(
        [((), ()), ((3,), ()), ((), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0,), (1,))]
    ),
    rows=st.one_of(st.none(), sizes),
    inner=sizes,
    columns=st.one_of(st.none(), sizes),
    layouts=st.tuples(*[st.sampled_from([contiguous, every_second, one_number_for_all])] * 2),
    seed=st.integers(0, 999),
)
def test_matmul_is_numpys(kernels, dtype, batches, rows, inner, columns, layouts, seed):
    assume(rows is not None or not batches[0])
    assume(columns is not None or not batches[1])
    a_shape = (*batches[0], *([] if rows is None else [rows]), inner)
    b_shape = (*batches[1], inner, *([] if columns is None else [columns]))
    a = read_only(layouts[0](normal(seed, *a_shape, dtype=dtype)))
    b = read_only(layouts[1](normal(seed + 1, *b_shape, dtype=dtype)))
    assert_close(kernels.matmul(a, b), np.asarray(np.matmul(a, b)), dtype)


@pytest.mark.parametrize("shares", [1, 2, 5])
@pytest.mark.parametrize("a_shape", [(3, 4, 20), (2, 3, 4, 20), (1, 4, 20), (4, 20)])
@pytest.mark.parametrize("turned", [False, True])
def test_batches_are_shared_by_threads(dtype, shares, a_shape, turned):
    a, b = normal(0, *a_shape, dtype=dtype), normal(1, 3, 20, 7, dtype=dtype)
    if turned:  # transposes of plain matrices, as in attention
        a, b = (np.array(x.swapaxes(-1, -2)).swapaxes(-1, -2) for x in (a, b))
    with cut_into(shares):
        assert_close(cpu.matmul(a, b), np.matmul(a, b), dtype)


HEADS = {  # of (rows, steps, parts, heads, size), as attention reads them
    "heads": lambda x: x[:, :, 1].swapaxes(1, 2),
    "turned heads": lambda x: x[:, :, 1].transpose(0, 2, 3, 1),
    "backwards": lambda x: x[:, ::-1, 1].swapaxes(1, 2),
    "every second": lambda x: x[:, :, 1].swapaxes(1, 2)[..., ::2],
    "one step": lambda x: x[:, :1, 1].swapaxes(1, 2),
    "one number": lambda x: x[..., :1][:, :, 1].swapaxes(1, 2),
    "the first row's": lambda x: np.broadcast_to(x[:1, :, 1], x[:, :, 1].shape).swapaxes(1, 2),
    "one for all": lambda x: np.broadcast_to(x[0, 0, 0, 0, 0], (2, 4, 70, 6)),
}


@pytest.mark.parametrize("a", HEADS)
@pytest.mark.parametrize("b", HEADS)
@pytest.mark.parametrize("shares", [1, 3, 9])
def test_matmul_of_parts_of_arrays(dtype, a, b, shares):
    left, right = (HEADS[n](normal(i, 2, 70, 3, 4, 6, dtype=dtype)) for i, n in enumerate((a, b)))
    inner = min(left.shape[-1], right.shape[-2])
    left, right = left[..., :inner], right[..., :inner, :]
    with cut_into(shares):
        assert_close(cpu.matmul(left, right), np.matmul(left, right), dtype)


def test_matmul_of_transposed_batches(kernels, dtype):
    a = normal(0, 5, 3, 4, dtype=dtype).transpose(1, 0, 2)
    b = normal(1, 6, 4, dtype=dtype).T
    assert_close(kernels.matmul(a, b), np.stack([matrix @ b for matrix in a]), dtype)


@examples
@given(
    leading=st.lists(sizes, max_size=3),
    inputs=sizes,
    outputs=sizes,
    with_bias=st.booleans(),
    layout=st.sampled_from([contiguous, every_second, one_number_for_all]),
    seed=st.integers(0, 999),
)
def test_linear_is_torchs(kernels, dtype, torch, leading, inputs, outputs, with_bias, layout, seed):
    x = read_only(layout(normal(seed, *leading, inputs, dtype=dtype)))
    weight = normal(seed + 1, outputs, inputs, dtype=dtype)
    bias = normal(seed + 2, outputs, dtype=dtype) if with_bias else None
    expected = torch.tensor(x) @ torch.tensor(weight).T
    if with_bias:
        expected = expected + torch.tensor(bias)
    assert_close(kernels.linear(x, weight, bias), expected, dtype)


# --- sums ---------------------------------------------------------------------------------------

LAYOUTS = [contiguous, channels_last, every_second, reversed_rows, one_number_for_all]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("other", LAYOUTS)
def test_sums_keep_the_layout(kernels, dtype, layout, other, monkeypatch):
    monkeypatch.setattr(threads, "num_threads", lambda: 2)  # which as many numbers are worth
    a = read_only(layout(normal(0, 2, 50, 40, 30, dtype=dtype)))
    b = read_only(other(normal(1, 2, 50, 40, 30, dtype=dtype)))
    y = kernels.add(a, b)
    np.testing.assert_array_equal(y, a + b)
    assert y.dtype == dtype
    assert layout is not other or y.strides == np.add(a, b).strides


# --- smooth activations -------------------------------------------------------------------------


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("layout", [contiguous, every_second, reversed_rows, one_number_for_all])
def test_a_smooth_activation_is_torchs(kernels, dtype, torch, layout, activation):
    x = read_only(layout(3 * normal(0, 2, 3, 50, dtype=dtype)))
    exact = torch.tensor(x.copy()).double().requires_grad_()
    name, _, approximate = activation.partition("_")
    options = {"approximate": approximate} if approximate else {}
    expected = getattr(torch.nn.functional, name)(exact, **options)
    expected.sum().backward()
    y, slope = kernels.smooth(x, activation)
    for actual, by_torch in ((y, expected.detach()), (slope, exact.grad)):
        assert actual.dtype == dtype
        tolerance = 1e-6 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(actual, by_torch, rtol=tolerance, atol=tolerance)


def _share(activation, x):
    """Return f(x) / x for x below 0, by formulas in which nothing cancels."""
    if activation == "silu":
        return np.exp(x) / (1 + np.exp(x))
    if activation == "gelu_tanh":
        z = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return 1 / (1 + np.exp(-2 * z))
    return np.array([math.erfc(-v / 2**0.5) / 2 for v in x])


@pytest.mark.parametrize("activation", SMOOTH)
def test_a_smooth_activation_keeps_its_digits_where_it_is_nearly_0(kernels, dtype, activation):
    """As x (1 + erf(x/√2)) / 2 a GELU would lose them: the sum cancels."""
    x = np.linspace(-8, -0.5, 50, dtype=dtype)
    wide = x.astype(np.float64)
    y, _ = kernels.smooth(x, activation)
    np.testing.assert_allclose(y, wide * _share(activation, wide), rtol=2e-5)


@pytest.mark.parametrize("activation", SMOOTH)
def test_a_smooth_activation_at_the_ends(kernels, dtype, activation):
    x = np.array([-np.inf, -1e30, -2000, 0, 2000, 1e30, np.inf], dtype)
    y, slope = kernels.smooth(x, activation)
    assert_close(y, np.maximum(x, 0), dtype)
    assert_close(slope, np.array([0, 0, 0, 0.5, 1, 1, 1]), dtype)
    assert all(np.isnan(a).all() for a in kernels.smooth(np.array([np.nan], dtype), activation))
    for empty in (np.zeros((0, 3), dtype), np.zeros((), dtype)):
        assert_close(kernels.smooth(empty, activation)[0], empty, dtype)


def test_no_other_activation_is_smooth(kernels, dtype):
    for call in (
        lambda: kernels.smooth(normal(0, 3, dtype=dtype), "relu"),
        lambda: kernels.linear_smooth(*(normal(0, 2, 2, dtype=dtype),) * 2, None, "tanh"),
    ):
        with pytest.raises(ValueError, match="smooth activation is one of gelu, gelu_tanh, silu"):
            call()
