"""What surrounds the products in a training step, in the simulator, against the reference."""

import math

import numpy as np
import pytest

from minae.kernels import reference
from minae.kernels.cuda import (
    attention,
    elementwise,
    gaussian,
    linear,
    losses,
    norm,
    optim,
    pool,
    random,
    recurrent,
    reductions,
)

SIZES = [1, 255, 257, 1000]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def total(parts, scale):
    out = np.full(1, np.nan, np.float32)
    reductions.RUNGS["total"].simulate((), parts, np.float32(scale), out)
    return out[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["mse", "bce_with_logits"])
def test_losses(name, size):
    x, target = 3 * normal(size), np.abs(normal(size, seed=1)) % 1
    rung, scale = losses.RUNGS[name], 0.125
    parts = np.full(rung.grid(size), np.nan, np.float32)
    dx = np.full(size, np.nan, np.float32)
    rung.simulate((size,), x, target, np.float32(scale), parts, dx)
    expected, expected_dx = getattr(reference, name)(x, target, scale)
    close(dx, expected_dx)
    close(total(parts, scale), expected)


def test_extreme_logits():
    x = np.array([-500.0, 500.0, -np.inf, np.nan], np.float32)
    parts, dx = np.full(1, np.nan, np.float32), np.full(4, np.nan, np.float32)
    ones = np.ones(4, np.float32)
    losses.RUNGS["bce_with_logits"].simulate((4,), x, ones, np.float32(1), parts, dx)
    np.testing.assert_array_equal(dx, [-1, 0, -1, np.nan])


@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (5, 10), (300, 3)])
def test_cross_entropy(rows, classes):
    x = 5 * normal(rows, classes)
    target = np.random.default_rng(1).integers(0, classes, rows)
    parts, dx = np.full(rows, np.nan, np.float32), np.full(x.shape, np.nan, np.float32)
    losses.RUNGS["cross_entropy"].simulate((rows,), x, target, np.float32(0.5), 0, parts, dx)
    expected, expected_dx = reference.cross_entropy(x, target, 0.5, 0)
    close(dx, expected_dx)
    close(total(parts, 0.5), expected)


@pytest.mark.parametrize("size", SIZES)
def test_gaussians(size):
    mean, log_var, noise = (normal(size, seed=i) for i in range(3))
    z, dlog_var = np.full((2, size), np.nan, np.float32)
    gaussian.RUNGS["reparameterise"].simulate((size,), mean, log_var, noise, z)
    close(z, reference.reparameterise(mean, log_var, noise))
    gaussian.RUNGS["reparameterise_dlog_var"].simulate((size,), mean, log_var, noise, dlog_var)
    close(dlog_var, reference.reparameterise_dlog_var(mean, log_var, noise))


def test_gaussian_kl():
    mean, log_var = normal(7, 5), normal(7, 5, seed=1)
    kl, dlog_var = np.full(7, np.nan, np.float32), np.full((7, 5), np.nan, np.float32)
    gaussian.RUNGS["gaussian_kl"].simulate((7,), mean, log_var, kl, dlog_var)
    expected, expected_dlog_var = reference.gaussian_kl(mean, log_var)
    close(kl, expected)
    close(dlog_var, expected_dlog_var)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd(size, nesterov):
    arrays = [normal(size, seed=i) for i in range(3)]
    expected = [a.copy() for a in arrays]
    rates = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    reference.sgd(*expected, **rates, nesterov=nesterov)
    optim.RUNGS["sgd"].simulate((size,), *arrays, *map(np.float32, rates.values()), nesterov)
    for actual, other in zip(arrays, expected, strict=True):
        close(actual, other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("decoupled", [True, False])
def test_adam(size, decoupled):
    arrays = [np.abs(normal(size, seed=i)) for i in range(4)]
    expected = [a.copy() for a in arrays]
    lr, (beta1, beta2), eps, decay, step = 0.1, (0.9, 0.999), 1e-8, 0.01, 3
    options = {"step": step, "lr": lr, "betas": (beta1, beta2), "eps": eps}
    reference.adam(*expected, **options, weight_decay=decay, decoupled=decoupled)
    size_of_step, root = lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)
    ends = (0.0, 1 - lr * decay) if decoupled else (decay, 1.0)
    rates = beta1, beta2, 1 - beta1, 1 - beta2, eps, size_of_step, root, *ends
    counted = [a.copy() for a in arrays]
    optim.RUNGS["adam"].simulate((size,), *arrays, *rates)
    number, logs = np.array([step - 1], np.int32), (lr, math.log(beta1), math.log(beta2))
    optim.RUNGS["count_up"].simulate((), number)
    optim.RUNGS["adam_counted"].simulate((size,), *counted, *rates[:5], number, *logs, *ends)
    for actual, same, other in zip(arrays, counted, expected, strict=True):
        close(actual, other)
        close(same, other)


@pytest.mark.parametrize("activation", [None, "relu", "slope"])
@pytest.mark.parametrize("shape", [(1, 1), (20, 33), (7, 70), (40, 5)])
def test_activation_backward(shape, activation):
    dy, y, blocks = normal(*shape), normal(*shape, seed=1), 2
    passes = [None, "relu", "slope"].index(activation)
    dz, parts = np.full(shape, np.nan, np.float32), np.full((blocks, shape[1]), np.nan, np.float32)
    dbias = np.full(shape[1], np.nan, np.float32)
    linear.RUNGS["activation_backward"].simulate((shape[1], blocks), dy, y, passes, dz, parts)
    reductions.RUNGS["add_rows"].simulate(shape[1:], parts, dbias)
    expected = reference.common.activate_backward(dy, y, activation)
    np.testing.assert_array_equal(dz, expected if passes else np.full(shape, np.nan))
    close(dbias, expected.sum(axis=0))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("batch", "queries", "keys"), [(1, 1, 1), (2, 5, 33), (3, 9, 2)])
def test_attention(batch, queries, keys, causal):
    query, key, value, dy = (normal(batch, n, 4, seed=n) for n in (queries, keys, keys, queries))
    added = np.where(normal(1, batch, queries, 1) > 1, -np.inf, 0).astype(np.float32)
    weights, slopes = query @ key.swapaxes(1, 2), dy @ value.swapaxes(1, 2)
    saved = np.full((2, batch, queries), np.nan, np.float32)
    arguments = weights, added, batch, np.float32(0.5), causal, saved
    attention.RUNGS["weights"].simulate((batch * queries,), *arguments)
    attention.RUNGS["slopes"].simulate((batch * queries,), weights, slopes)
    options = {"mask": added[0], "is_causal": causal}
    expected, expected_saved = reference.attention(query, key, value, 0.5, **options)
    close(weights @ value, expected)
    close(saved, expected_saved)
    *_, dscores = reference.attention_backward(
        dy, query, key, value, saved, 0.5, **options, need_dscores=True
    )
    close(slopes, dscores)


@pytest.mark.parametrize("seed", range(5))
def test_sums_have_the_same_bits_in_any_order_of_threads(seed):
    parts, out = normal(1000), np.zeros(2, np.float32)
    reductions.RUNGS["total"].simulate((), parts, np.float32(1), out[:1])
    reductions.RUNGS["total"].simulate((), parts, np.float32(1), out[1:], seed=seed)
    assert out[0] == out[1]


def test_they_compile():
    pytest.importorskip("cuda.bindings.nvjitlink", reason="needs minae[cuda-compile]")
    from minae.kernels.cuda.launch import build

    modules = (
        attention, elementwise, gaussian, linear, losses, norm, optim, pool, random, recurrent,
        reductions,
    )  # fmt: skip
    for rung in [rung for module in modules for rung in module.RUNGS.values()]:
        code = build.cubin(build.ptx(rung, (9, 0)), (9, 0))
        assert code.spills == 0
