"""Fused kernels: layers with activations, losses with gradients, optimiser steps."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.kernels import cpu, reference
from minae.kernels.shapes import SMOOTH

from .cases import LAYOUTS, assert_close, assert_same, both, cut_into, examples, normal, read_only

ACTIVATIONS = st.sampled_from([None, "relu"])
shares = st.integers(1, 3)
sizes = st.integers(0, 9)


@examples
@given(
    batch=st.sampled_from([(), (0,), (1,), (7,), (2, 3), (40,)]),
    inputs=sizes,
    outputs=sizes,
    activation=ACTIVATIONS,
    smooth=st.sampled_from(SMOOTH),
    with_bias=st.booleans(),
    needs=st.tuples(st.booleans(), st.booleans()),
    layouts=st.tuples(LAYOUTS, LAYOUTS),
    transposed=st.booleans(),
    shares=shares,
    seed=st.integers(0, 99),
)
def test_linear(
    dtype,
    batch,
    inputs,
    outputs,
    activation,
    smooth,
    with_bias,
    needs,
    layouts,
    transposed,
    shares,
    seed,
):
    x, dy = normal(seed, *batch, inputs, dtype=dtype), normal(seed, *batch, outputs, dtype=dtype)
    if len(batch) == 1:
        x, dy = (read_only(np.array(f(a))) for f, a in zip(layouts, (x, dy), strict=True))
    weight = normal(seed + 2, outputs, inputs, dtype=dtype)
    weight = np.asfortranarray(weight) if transposed else weight
    bias = normal(seed + 3, outputs, dtype=dtype) if with_bias else None
    y = reference.linear(x, weight, bias, activation)
    with cut_into(shares):
        assert_same("linear", dtype, x, weight, bias, activation)
        assert_same("linear_backward", dtype, dy, x, weight, y, activation, needs)
        assert_same("linear_smooth", dtype, x, weight, bias, smooth)
        assert_same("linear_backward", dtype, dy, x, weight, dy[::-1], "slope", needs)


@examples
@given(
    batch=st.sampled_from([(), (0,), (1,), (7,), (2, 3), (40,)]),
    sizes=st.lists(sizes, min_size=3, max_size=4),
    activations=st.tuples(*[ACTIVATIONS] * 3),
    with_bias=st.booleans(),
    needs=st.tuples(*[st.booleans()] * 4),
    layout=st.one_of(st.none(), LAYOUTS),
    transposed=st.booleans(),
    shares=shares,
)
def test_linear_stack(
    dtype, batch, sizes, activations, with_bias, needs, layout, transposed, shares
):
    layers = len(sizes) - 1
    activations, needs = activations[:layers], needs[: 1 + layers]
    x, dy = normal(0, *batch, sizes[0], dtype=dtype), normal(1, *batch, sizes[-1], dtype=dtype)
    weights = [normal(2, o, i, dtype=dtype) for i, o in pairwise(sizes)]
    biases = [normal(3, o, dtype=dtype) if with_bias else None for o in sizes[1:]]
    outputs = reference.linear_stack(x, weights, biases, activations)
    if activations[-1] is None:
        outputs[-1] = None
    if layout is None:  # all plain, as in training
        x, dy, *weights = (np.array(a) for a in (x, dy, *weights))
        biases = [bias if bias is None else np.array(bias) for bias in biases]
        outputs = [y if y is None else np.array(y) for y in outputs]
    elif len(batch) == 1:
        x, dy = (read_only(np.array(layout(a))) for a in (x, dy))
    if transposed:
        weights[0] = np.asfortranarray(weights[0])
    weights, biases, nowhere = tuple(weights), tuple(biases), [None] * layers
    with cut_into(shares):
        assert_same("linear_stack", dtype, x, weights, biases, activations)
        arguments = dy, x, weights, outputs, activations, needs, nowhere, nowhere
        assert_same("linear_stack_backward", dtype, *arguments)


@pytest.mark.parametrize("bad", ["x", "weight", "bias", "dy", "output", "one dimension"])
def test_a_stack_that_does_not_fit(kernels, bad):
    """What the compiled checks refuse is explained by a sentence of `shapes`."""
    x, dy, hidden = np.ones((5, 3)), np.ones((5, 2)), np.ones((5, 4))
    weights, biases = [np.ones((4, 3)), np.ones((2, 4))], [np.ones(4), np.ones(2)]
    activations, needs, nowhere = (None, None), (True,) * 3, [None] * 2
    if bad == "x":
        x = np.ones((5, 2))
    elif bad == "weight":
        weights[1] = np.ones((2, 3))
    elif bad == "one dimension":
        weights[1] = np.ones(4)
    elif bad == "bias":
        biases[0] = np.ones(5)
    elif bad == "dy":
        dy = np.ones((4, 2))
    else:
        hidden = np.ones((5, 5))
    if bad not in ("dy", "output"):
        with pytest.raises(ValueError, match="linear: "):
            kernels.linear_stack(x, tuple(weights), tuple(biases), activations)
    if bad not in ("bias", "one dimension"):
        arguments = [hidden, None], activations, needs, nowhere, nowhere
        with pytest.raises(ValueError, match="linear_backward: "):
            kernels.linear_stack_backward(dy, x, tuple(weights), *arguments)


@pytest.mark.parametrize("size", [(300, 200, 100), (70, 1000, 65), (65, 130, 600)])
def test_products_larger_than_a_tile(dtype, size):
    rows, inputs, outputs = size
    x, weight = normal(0, rows, inputs, dtype=dtype), normal(1, outputs, inputs, dtype=dtype)
    dy = normal(2, rows, outputs, dtype=dtype)
    wide = dtype if dtype == np.float64 else np.float32
    np.testing.assert_allclose(cpu.linear(x, weight), x @ weight.T, rtol=1e-3, atol=1e-3)
    dx, dweight, dbias = cpu.linear_backward(dy, x, weight, None)
    np.testing.assert_allclose(dx, dy @ weight, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(dweight, dy.T @ x, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(dbias, dy.sum(axis=0, dtype=wide), rtol=1e-3, atol=1e-3)


def test_gradients_are_written_where_they_are_wanted(kernels, dtype):
    x, weight, dy = (normal(i, *s, dtype=dtype) for i, s in enumerate([(5, 3), (4, 3), (5, 4)]))
    dweight, dbias = np.empty_like(weight), np.empty(4, dtype)
    result = kernels.linear_backward(dy, x, weight, None, dweight=dweight, dbias=dbias)
    assert result[1] is dweight
    assert result[2] is dbias
    np.testing.assert_allclose(dweight, dy.T @ x, rtol=1e-5)

    unit = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    images, dimages = normal(0, 2, 3, 5, 5, dtype=dtype), normal(1, 2, 4, 3, 3, dtype=dtype)
    dkernel = np.zeros((4, 3, 3, 3), dtype)
    for backward, arrays in [
        (kernels.conv2d_backward, (dimages, images, dkernel.copy(), dimages)),
        (kernels.conv_transpose2d_backward, (images, dimages, dkernel.copy(), images)),
    ]:
        assert backward(*arrays, dweight=dkernel, **unit)[1] is dkernel
        np.testing.assert_array_equal(dkernel, backward(*arrays, **unit)[1])


SHAPES = st.sampled_from([(), (1,), (7,), (0, 3), (3, 1), (5, 9), (2, 1, 5, 4)])


@examples
@given(
    name=st.sampled_from(["mse", "bce_with_logits"]),
    shape=SHAPES,
    size=st.sampled_from([0.1, 1, 30, 300]),
    scale=st.sampled_from([1.0, 0.25]),
    shares=shares,
)
def test_losses(dtype, name, shape, size, scale, shares):
    x = (normal(0, *shape, dtype=dtype) * size).astype(dtype)
    target = np.asarray(np.random.default_rng(1).random(shape), dtype)
    with cut_into(shares):
        for actual, expected in zip(*both(name, x, target, scale), strict=True):
            tolerance = 2e-6 if dtype == np.float32 else 1e-12
            assert actual.dtype == dtype
            np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["mse", "bce_with_logits", "linear", "conv2d"])
def test_what_is_not_finite_stays_so(dtype, name, bad):
    """When training diverges, it must show: no kernel may lose a nan."""
    x = np.ones((2, 1, 4, 4), dtype)
    x[0, 0, 1, 1] = bad
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    calls = {
        "mse": lambda backend: backend.mse(x, np.zeros_like(x))[0],
        "bce_with_logits": lambda backend: backend.bce_with_logits(x, np.ones_like(x))[0],
        "linear": lambda backend: backend.linear(x, np.ones((3, 4), dtype), None, "relu"),
        "conv2d": lambda backend: backend.conv2d(
            x, np.ones((1, 1, 3, 3), dtype), None, "relu", **options
        ),
    }
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(calls[name](cpu), calls[name](reference))


@examples
@given(
    shape=st.sampled_from([(0, 3), (2, 1), (5, 3), (4, 3, 6), (3, 2, 5, 4), (2, 9, 1, 3, 2)]),
    layouts=st.tuples(LAYOUTS, LAYOUTS),
    affine=st.booleans(),
    shares=shares,
)
def test_batch_norm(dtype, shape, layouts, affine, shares):
    x, dy = (f(normal(i, *shape, dtype=dtype) + 3) for i, f in enumerate(layouts))
    weight, bias = normal(2, 2, shape[1], dtype=dtype) if affine else (None, None)
    mean, var = normal(3, shape[1], dtype=dtype), normal(4, shape[1], dtype=dtype) ** 2 + 1
    with cut_into(shares), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the mean of no rows
        assert_same("batch_norm", dtype, x, weight, bias, 1e-5)
        assert_same("batch_norm_backward", dtype, dy, x, weight, mean, var, 1e-5)


@examples
@given(
    rows=st.integers(0, 5),
    length=st.sampled_from([1, 3, 17, 130]),
    layouts=st.tuples(LAYOUTS, LAYOUTS),
    with_weight=st.booleans(),
    with_bias=st.booleans(),
    offset=st.sampled_from([0, 3]),
    shares=shares,
)
def test_layer_norm(dtype, rows, length, layouts, with_weight, with_bias, offset, shares):
    x, dy = (f(normal(i, rows, length, dtype=dtype) + offset) for i, f in enumerate(layouts))
    weight = normal(2, length, dtype=dtype) if with_weight else None
    bias = normal(3, length, dtype=dtype) if with_bias else None
    mean, rstd = normal(4, rows, dtype=dtype), normal(5, rows, dtype=dtype) ** 2 + 0.5
    with cut_into(shares):
        assert_same("layer_norm", dtype, x, weight, bias, 1e-3)
        assert_same("layer_norm_backward", dtype, dy, x, weight, mean, rstd)


@pytest.mark.parametrize("length", [1, 7, 1000])
def test_layer_norm_of_a_row_far_from_0(kernels, length):
    """The variance must not be a difference of two large numbers."""
    x = (1000 + normal(0, 2, length)).astype(np.float32)
    y, mean, _ = kernels.layer_norm(x, None, None, 1e-5)
    wide = x.astype(np.float64)
    deviation = np.sqrt(wide.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(mean, wide.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(y, (wide - wide.mean(axis=1, keepdims=True)) / deviation, atol=1e-3)


@examples
@given(rows=st.integers(1, 6), classes=st.integers(1, 6), shares=shares, seed=st.integers(0, 99))
def test_cross_entropy(dtype, rows, classes, shares, seed):
    x = (normal(seed, rows, classes, dtype=dtype) * 20).astype(dtype)
    target = np.random.default_rng(seed).integers(0, classes, rows, np.int32)
    with cut_into(shares):
        assert_same("cross_entropy", dtype, x, target, 0.5)
        assert_same("cross_entropy", dtype, x, target, 0.5, 0)


@pytest.mark.parametrize("classes", [31, 32, 33, 50_257])
@pytest.mark.parametrize("place", [0, 31, 32, -1])
def test_cross_entropy_of_a_large_vocabulary(dtype, classes, place):
    """Wherever the largest logit is, its exponential is not infinite."""
    x = (normal(0, 2, classes, dtype=dtype) + 3).astype(dtype)
    x[0, min(place, classes - 1)] = 200
    target = np.array([classes - 1, 0])
    for actual, expected in zip(*both("cross_entropy", x, target), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@examples
@given(shape=SHAPES.filter(len), layout=LAYOUTS, shares=shares)
def test_gaussians(dtype, shape, layout, shares):
    mean, log_var, noise = (normal(i, *shape, dtype=dtype) for i in range(3))
    mean = layout(mean) if len(shape) > 1 else mean
    with cut_into(shares):
        assert_same("reparameterise", dtype, mean, log_var, noise)
        assert_same("reparameterise_dlog_var", dtype, mean, log_var, noise)
        assert_same("gaussian_kl", dtype, mean, log_var)


@examples
@given(
    size=st.sampled_from([1, 5, 1000]),
    momentum=st.sampled_from([0.0, 0.9]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    flag=st.booleans(),
    step=st.sampled_from([1, 10]),
    shares=shares,
)
def test_optimisers(dtype, size, momentum, weight_decay, flag, step, shares):
    dx, start = normal(0, size, dtype=dtype), normal(1, 3, size, dtype=dtype)
    start = np.stack([start[0], start[1], start[2] ** 2])
    states = []
    for backend in (cpu, reference):
        with cut_into(shares):
            x, velocity, _ = sgd = start.copy()
            options = {"lr": 0.1, "weight_decay": weight_decay}
            backend.sgd(x, dx, velocity, momentum=momentum, nesterov=flag, **options)
            x, m, v = adam = start.copy()
            options |= {"betas": (0.9, 0.99), "eps": 1e-8, "decoupled": flag}
            backend.adam(x, dx, m, v, step=step, **options)
        states.append(np.concatenate([sgd, adam]))
    assert_close(*states, dtype)


@examples
@given(shape=SHAPES, layout=LAYOUTS)
def test_contiguous(kernels, dtype, shape, layout):
    x = normal(0, *shape, dtype=dtype)
    x = layout(x) if len(shape) > 1 else x
    assert kernels.contiguous(x).flags.c_contiguous
    np.testing.assert_array_equal(kernels.contiguous(x), x)
    np.testing.assert_array_equal(kernels.channels_last(x), x)
