"""`minae bench --parts`: which kernels a step calls, and what it says of their time."""

import numpy as np
import pytest

from minae.bench import parts
from minae.kernels import cpu
from minae.tools import cpu_ladder


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(cpu_ladder, "BURSTS", 1)
    monkeypatch.setattr(cpu_ladder, "SECONDS", 1e-4)
    monkeypatch.setattr(parts, "WARM_UP", 0.01)


def kernels(name):
    steps, _ = parts.measure(name, rounds=1, seconds=0.01)
    return [row[:3] for row in parts.rows(steps)[0]]


def test_the_kernels_of_a_convolutional_model(hasty):
    found = kernels("W3")
    for row in (
        ("unfold_dot", "128x28x28x1, 9x16", 1),
        ("_bce_with_logits", "128x784, 128x784", 1),
    ):
        assert row in found
    assert sum(name == "adam" for name, *_ in found) == 1
    assert found[-1] == ("Python and memory", "", "")


@pytest.mark.parametrize(("name", "batch"), [("W2", "128x784"), ("W5", "16x64")])
def test_a_dense_model_takes_its_step_in_one_call(hasty, name, batch):
    assert kernels(name) == [("dense_step", batch, 1), ("Python and memory", "", "")]


def test_the_table(minae, hasty):
    status, out, _ = minae("bench", "W5-1", "--parts", "--rounds", 1, "--seconds", 0.01)
    assert status == 0
    for said in ("where the time of minae's", "W5-1  dense", "dense_step", "of the limit"):
        assert said in out


def test_a_row_has_all_calls_of_a_step_alike_and_the_rest_is_between_them():
    one, other = ("linear", ((2, 3), (4, 3))), ("adam", ((9,),))
    steps = [(0.010, {one: [0.002, 0.004], other: [0.001]}), (0.020, {one: [0.003, 0.005]})]
    steps.append((0.012, {one: [0.003, 0.004], other: [0.002]}))
    table, ms = parts.rows(steps)
    assert ms == pytest.approx(12)
    assert [row[:3] for row in table[:-1]] == [("linear", "2x3, 4x3", 2), ("adam", "9", 1)]
    np.testing.assert_allclose([row[3] for row in table], [7, 1, 3])  # between: 3, 12, 3
    np.testing.assert_allclose([row[4] for row in table], [n / 12 for n in (7, 1, 3)])


def test_kernels_are_what_they_were_afterwards():
    before = cpu.linear
    with parts.recorded():
        assert cpu.linear is not before
    assert cpu.linear is before
