"""Products, convolutions and steps: what is compared with what, and at which sizes."""

from functools import partial

import numpy as np
import pytest

from minae.bench.gpu import convolution, matmul, steps
from minae.bench.gpu.race import Contender
from minae.bench.workloads import WORKLOADS, workload


def race_steps(machine):
    return {row["contender"]: row for row in steps._race(machine, "W5", WORKLOADS["W5"])}


def test_against_pytorch(torch, machine, small, tiny):
    """cuDNN's place is taken by PyTorch on the CPU: it computes the same, in either layout."""
    machine.torch = torch
    for function in convolution.RUNGS:
        (row,) = convolution._race(machine, tiny, function)
        assert row["of_cudnn"] == 1
        assert row["cudnn_ms"] == row["cudnn_nhwc_ms"] == 1
        assert row["error"] < 1e-4
    rows = race_steps(machine)
    assert rows["torch"]["loss"] == pytest.approx(rows["minae"]["loss"], rel=1e-5)
    assert rows["minae"]["ratio"] == 1
    assert "failed" in rows["torch captured"]


def test_what_a_captured_step_can_train(machine):
    """A workload that clips its gradients is left out, and so is one model's second batch."""
    titles = {title.partition(",")[0] for title, _ in steps.steps(machine)}
    assert titles == set(WORKLOADS) - {"W5-1", "W6", "W7", "restore"}


def test_a_captured_step(machine, small, monkeypatch):
    """It is made of model and optimizer, and called with a batch."""
    from minae.train import capture, train_step

    monkeypatch.setattr(capture, "CapturedStep", partial(partial, train_step))
    rows = race_steps(machine)
    assert rows["minae captured"]["loss"] == rows["minae"]["loss"]


def test_a_step_that_computes_something_else_is_not_timed(machine, small, monkeypatch):
    other = Contender("other", lambda work, device: lambda i: 1.0)
    monkeypatch.setattr(steps, "CONTENDERS", (steps.CONTENDERS[0], other))
    row = race_steps(machine)["other"]
    assert row["failed"].startswith("wrong: the loss of step 3 is 1, not ")
    assert "ms" not in row


@pytest.mark.parametrize("case", ["vectors 128x128x8", "product tt, TF32 5x3x7"])
def test_comparisons(case, machine, monkeypatch):
    """Of a rung that takes whole tiles only, and of what `product` chooses."""
    monkeypatch.setattr(matmul, "WHOLE", (128, 128, 8))
    monkeypatch.setattr(matmul, "SIZES", [(5, 3, 7)])
    name = case.rpartition(" ")[0]
    rows = {title.removeprefix("matmul "): row for title, row in matmul.correctness(machine)}
    (row,) = rows[name]()
    assert row["case"] == f"matmul {case}"
    assert row["right"]


def test_a_wrong_product_is_found(machine):
    contender = matmul._contender(machine, matmul.Form(), "it", lambda a, b, c: lambda: c.fill(0))
    assert [row["right"] for row in contender.check()] == [False] * len(matmul.SIZES)


def test_products_of_a_layer(machine):
    """Each pass's sizes and transpositions give what the chain rule asks for."""
    B, I, O = 4, 3, 2  # noqa: E741
    normal = np.random.default_rng(0).standard_normal
    x, weight, dy = normal((B, I)), normal((O, I)), normal((B, O))
    operands = {"forward": (x, weight), "dx": (dy, weight), "dweight": (dy, x)}
    expected = {"forward": x @ weight.T, "dx": dy @ weight, "dweight": dy.T @ x}
    for name, (size, form) in matmul.products(B, I, O).items():
        a, b = operands[name]
        assert [a.shape, b.shape, expected[name].shape] == form.shapes(*size)
        c = np.empty_like(expected[name])
        machine.cublas(a, b, c, *form)()
        np.testing.assert_allclose(c, expected[name])


@pytest.mark.parametrize("name", convolution.WORKLOADS)
def test_operations_of_convolutions(name):
    """They and those of the two linear layers are what the workload counts."""
    work = workload(name)
    linear = [p for m in (work.build(),) for p in m.parameters() if p.data.ndim == 2]
    total = sum(3 * 2 * work.batch * p.data.size for p in linear)
    for geometry, passes in convolution.layers(name):
        total += sum(map(len, passes.values())) * geometry.flops(work.batch)
    assert total == work.flops()


def test_ratio_of_a_workload():
    """Sums of times, the faster of cuDNN's two ways for each."""
    rows = [
        {"ms": 1.0, "cudnn_ms": 3.0, "cudnn_nhwc_ms": 2.0},
        {"ms": 3.0, "cudnn_ms": 4.0, "cudnn_nhwc_ms": None},
    ]
    assert convolution._ratio(rows) == 1.5
    assert convolution._ratio([*rows, {"failed": "it"}]) is None


def test_totals(small, tiny):
    """Of a workload's convolutions, whichever function they are, by pass."""
    rows = [
        {"function": function, "geometry": str(tiny), "ms": ms, "cudnn_ms": 6.0}
        for function, ms in (("conv2d", 2.0), ("conv2d_dx", 3.0))
    ]
    packed = convolution.pack(rows)
    assert packed["passes"] == rows
    assert packed["workloads"]["W3"] == {"forward": 3.0, "backward": 2.0}
