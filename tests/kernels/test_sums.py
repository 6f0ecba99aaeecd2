"""Sums over millions of numbers: added up one by one in float32, they would be wrong."""

import numpy as np
import pytest

from minae import Tensor, ops
from minae.kernels import cpu, reference

ROWS = 1_000_000  # and 37: a number that no block divides
MILLIONS = [(2**20 + 37, 2), (2**20 + 37, 1), (37, 2**15 + 1, 3), (2**21,), (2**12 + 5, 300)]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def assert_exact(actual, expected, relative=1e-6):
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=relative)


@pytest.mark.parametrize("kernels", [cpu, reference])
@pytest.mark.parametrize("layout", ["C", "F", "parts"])
@pytest.mark.parametrize("shape", MILLIONS, ids=str)
def test_sum_is_exact(kernels, shape, layout):
    x = numbers(shape)
    if layout == "parts":
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    x = np.asfortranarray(x) if layout == "F" else x
    for axes in [(0,), (x.ndim - 1,), tuple(range(x.ndim)), (0, x.ndim - 1)]:
        axes = tuple(dict.fromkeys(axes))
        assert_exact(kernels.sum(x, axes), x.sum(axis=axes, dtype=np.float64))


@pytest.mark.parametrize("value", [1, 0.1, 1 / 3, 0.7, 1e-30])
def test_sum_of_equal_numbers(value):
    """Their rounding errors all have the same sign."""
    x = np.full((2**24 + 100, 2), value, np.float32)
    assert_exact(Tensor(x).sum(0).data, float(x[0, 0]) * len(x))


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 2, 5])
def test_sum_of_two_to_the_26_rows(columns):
    x = numbers((2**26 + 1, columns))
    assert_exact(Tensor(x).sum(0).data, x.sum(axis=0, dtype=np.float64))
    assert_exact(Tensor(x).mean(0).data, x.mean(axis=0, dtype=np.float64))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_so(bad):
    x = np.ones((1000, 3), np.float32)
    x[500, 1] = bad
    np.testing.assert_array_equal(Tensor(x).sum(0).data, [1000, bad, 1000])


def test_statistics_over_millions_of_rows():
    x = 3 + numbers((4_000_000, 2))
    exact = x.astype(np.float64)
    assert_exact(Tensor(x).mean(0).data, exact.mean(axis=0))
    assert_exact(Tensor(x).var(0, correction=0).data, exact.var(axis=0))
    assert_exact(Tensor(x).std(0, correction=0).data, exact.std(axis=0))


def of_bias(x, layer):
    """Return the gradient of a layer's bias, and dy, the gradient of its output."""
    bias = Tensor(np.zeros(2, np.float32), requires_grad=True)
    y = layer(Tensor(x), bias)
    dy = numbers(y.shape, seed=1)
    y.backward(dy)
    return bias.grad.data, dy.astype(np.float64)


WEIGHT = Tensor(np.ones((2, 1), np.float32))
LAYERS = {
    "add": (lambda x, bias: x + bias, (ROWS + 37, 2), 0),
    "linear": (lambda x, bias: ops.linear(x, WEIGHT, bias), (ROWS + 37, 1), 0),
    "linear_stack": (
        lambda x, bias: ops.linear_stack(x, [WEIGHT], [bias], [None]),
        (ROWS + 37, 1),
        0,
    ),
    "conv2d": (
        lambda x, bias: ops.conv2d(x, WEIGHT.reshape(2, 1, 1, 1), bias),
        (3, 1, 600, 600),
        (0, 2, 3),
    ),
    "conv2d 3x3": (
        lambda x, bias: ops.conv2d(x, Tensor(np.ones((2, 8, 3, 3), np.float32)), bias, padding=1),
        (2, 8, 400, 400),
        (0, 2, 3),
    ),
    "conv_transpose2d": (
        lambda x, bias: ops.conv_transpose2d(x, WEIGHT.reshape(1, 2, 1, 1), bias),
        (3, 1, 600, 600),
        (0, 2, 3),
    ),
    "layer_norm": (
        lambda x, bias: ops.layer_norm(x, (2,), Tensor(np.ones(2, np.float32)), bias),
        (ROWS, 2),
        0,
    ),
    "batch_norm": (
        lambda x, bias: ops.batch_norm(
            x, None, None, Tensor(np.ones(2, np.float32)), bias, training=True
        ),
        (ROWS, 2),
        0,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_a_bias_over_a_million_rows(name):
    layer, shape, axes = LAYERS[name]
    dbias, dy = of_bias(numbers(shape), layer)
    assert_exact(dbias, dy.sum(axis=axes))


@pytest.mark.parametrize("loss", [ops.mse_loss, ops.l1_loss, ops.binary_cross_entropy_with_logits])
@pytest.mark.parametrize("shape", [(2**23 + 1,), (2**22, 2), (1, 2**22)], ids=str)
def test_losses_over_millions_of_entries(loss, shape):
    x, target = numbers(shape), numbers(shape, seed=1)
    actual = loss(Tensor(x), Tensor(target)).data
    exact = loss(Tensor(x.astype(np.float64)), Tensor(target.astype(np.float64))).data
    assert_exact(actual, exact)


def test_softmax_down_a_long_column():
    x = numbers((2**20, 2))
    y = Tensor(x).softmax(0).data
    exact = np.exp(x.astype(np.float64))
    assert_exact(y, exact / exact.sum(axis=0))


SAME = 2**24 + 100  # so many times one entry is used


@pytest.mark.parametrize("index", [lambda x, i: x[i], lambda x, i: x.index_select(0, i)])
def test_gradients_of_one_entry_used_millions_of_times(index):
    x = Tensor(np.ones(1, np.float32), requires_grad=True)
    index(x, Tensor(np.zeros(SAME, np.int64))).sum().backward()
    assert_exact(x.grad.data, SAME)


def test_a_window_as_large_as_an_image():
    x = numbers((1, 2, 2048, 1500))
    y = ops.avg_pool2d(Tensor(x), x.shape[2:]).data
    assert_exact(y[..., 0, 0], x.mean(axis=(2, 3), dtype=np.float64))


@pytest.mark.parametrize("scale", [1e30, 1e20, 1e-30])
def test_the_squares_of_a_standard_deviation_may_be_too_large(scale):
    x = Tensor(numbers((5, 3)) * np.float32(scale), requires_grad=True)
    y = x.std(0)
    y.sum().backward()
    exact = x.data.astype(np.float64)
    assert_exact(y.data, exact.std(axis=0, ddof=1))
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0, ddof=1) / 4
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-4, atol=1e-6)
