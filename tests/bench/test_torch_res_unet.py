"""The workload `restore`, at a small size: the same training in minae and in PyTorch."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from minae.bench import compare, parts
from minae.bench.contenders import CONTENDERS
from minae.bench.workloads import WORKLOADS, Workload, photographs
from minae.models import ResUNet
from minae.tools import cpu_ladder

WIDE = partial(ResUNet, 1, (16, 16), 1)  # wide enough for Winograd's convolutions
TINY = replace(WORKLOADS["restore"], model=WIDE, image_shape=(1, 10, 7), batch=2)


def losses(contender, work, steps=6):
    step = CONTENDERS[contender](work)
    return [step(i) for i in range(steps)]


@pytest.mark.parametrize("way", ["torch", "torch fused", "torch channels last"])
def test_pytorchs_losses_are_the_same(torch, way):
    """Also of pictures whose sides are no multiples of the deepest scale's pixels."""
    np.testing.assert_allclose(losses(way, TINY), losses("minae", TINY), rtol=1e-5)


@pytest.mark.parametrize("contender", ["minae", "torch"])
def test_gradients_are_clipped(torch, contender):
    """The first step of Adam is the same at any scale of the gradient, the others are not."""
    clipped, free = (losses(contender, replace(TINY, max_grad_norm=n), 6) for n in (1.0, None))
    np.testing.assert_allclose(clipped[:2], free[:2], rtol=1e-5)
    assert abs(clipped[-1] / free[-1] - 1) > 1e-4


def test_the_network_is_that_of_minae_train_restore():
    work = WORKLOADS["restore"]
    assert work.model().config == ResUNet().config
    assert (work.batch, work.max_grad_norm) == (
        ResUNet.defaults["batch_size"],
        ResUNet.defaults["clip"],
    )


def test_flops_of_a_small_network():
    """Pixels times channels in, channels out and kernel; of the first layer there is no dx."""
    work = Workload("", partial(ResUNet, 1, (8, 16), 1), (1, 8, 12), 2, photographs)
    head, tail = 24 * 4 * 8 * 9, 24 * 8 * 4 * 9  # 4 x 6 pixels
    above, below = 24 * 8 * 8 * 9, 6 * 16 * 16 * 9  # a convolution of a block
    down = up = 6 * 8 * 16 * 4
    products = head + 4 * above + down + 4 * below + up + tail
    assert work.flops() == 2 * 2 * (3 * products - head)


def test_photographs_are_noisy_and_clean():
    noisy, clean = photographs(np.random.default_rng(0), (3, 4, 1, 24, 36))
    assert noisy.shape == clean.shape == (3, 4, 1, 24, 36)
    for x in (noisy, clean):
        assert x.dtype == np.float32
        assert x.min() >= 0
        assert x.max() <= 1
    assert np.std(noisy - clean) == pytest.approx(0.1, abs=0.005)
    across = np.abs(np.diff(clean))
    assert np.median(across) < 0.04 < 0.15 < np.quantile(across, 0.99)  # soft, but for edges


def test_jax_is_left_out_and_named(monkeypatch):
    begun = []

    def started(contenders, name):
        begun.extend(contenders)
        return nullcontext({"limit": SimpleNamespace(ask=lambda request: 1.0)})

    monkeypatch.setattr(compare, "started", started)
    monkeypatch.setattr(compare, "workload", lambda name: TINY)
    monkeypatch.setattr(compare, "_agreeing", lambda *_: ({}, ["another"]))
    monkeypatch.setattr(compare, "_figures", lambda *_: {"limit_gflops": 1.0})
    _, remarks = compare.measure("restore", [*CONTENDERS], 1, 0.01, 1.0)
    assert begun == [*(name for name in CONTENDERS if name != "jax"), "limit"]
    assert remarks == ["restore: left out jax, in which its network is not written", "another"]


def test_its_kernels(monkeypatch):
    monkeypatch.setattr(cpu_ladder, "BURSTS", 1)
    monkeypatch.setattr(cpu_ladder, "SECONDS", 1e-4)
    monkeypatch.setattr(parts, "WARM_UP", 0.01)
    monkeypatch.setattr(parts, "workload", lambda name: TINY)
    steps, _ = parts.measure("restore", rounds=1, seconds=0.01)
    calls = {}
    for name, _, count, *_ in parts.rows(steps)[0][:-1]:
        calls[name] = calls.get(name, 0) + count
    # head, tail, down and four blocks of two
    assert calls["conv2d"] == calls["conv2d_backward"] == 11
    assert calls["conv_transpose2d_backward"] == calls["adam"] == 1
