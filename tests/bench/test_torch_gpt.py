"""The workload W7, at a small size: the same training in minae and in PyTorch."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from minae.bench.contenders import CONTENDERS
from minae.bench.workloads import CHARACTERS, WORKLOADS, characters
from minae.models import GPT

SMALL = {"context": 7, "layers": 2, "heads": 2, "width": 8}
TINY = replace(WORKLOADS["W7"], model=partial(GPT, CHARACTERS, **SMALL), image_shape=(8,), batch=3)


def losses(contender, work, steps=6):
    step = CONTENDERS[contender](work)
    return [step(i) for i in range(steps)]


@pytest.mark.parametrize("way", ["torch", "torch fused"])
@pytest.mark.parametrize("options", [{}, {"bias": True, "approximate": "tanh"}])
def test_pytorchs_losses_are_the_same(torch, way, options):
    work = replace(TINY, model=partial(GPT, CHARACTERS, **SMALL, **options))
    np.testing.assert_allclose(losses(way, work), losses("minae", work), rtol=1e-5)


@pytest.mark.parametrize("contender", ["minae", "torch"])
@pytest.mark.parametrize("change", [{"weight_decay": 5.0}, {"betas": (0.5, 0.99)}, {"lr": 2e-3}])
def test_options_of_adamw_reach_it(torch, contender, change):
    usual, other = (
        losses(contender, replace(TINY, adamw={**WORKLOADS["W7"].adamw, **options}), 4)
        for options in ({}, change)
    )
    assert abs(other[-1] / usual[-1] - 1) > 1e-4


def test_characters_are_as_unequal_as_in_a_language():
    (ids,) = characters(np.random.default_rng(0), (100, 65))
    assert (ids.dtype, ids.shape, ids.min(), ids.max()) == (np.int32, (100, 65), 0, 64)
    counts = np.bincount(ids.ravel())
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.15)
