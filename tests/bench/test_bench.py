"""The benchmark compares like with like; how fast anything is, is not for tests."""

import json

import numpy as np
import pytest

from minae.bench import compare, contenders, kernels, record, show, worker
from minae.bench.contenders import CONTENDERS, LIMIT_FLOPS
from minae.bench.workloads import WORKLOADS, workload
from minae.errors import InputError
from minae.kernels import reference
from minae.kernels.cpu.ladders import limit


def losses(contender, name, steps=5):
    with compare.Worker(contender, name) as process:
        return np.array(process.ask(f"losses {steps}"))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Two threads of PyTorch wait for each other when another test runs: ten times as long."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("name", ["W2", "W3", "W5"])
def test_all_libraries_compute_the_same_losses(torch, name):
    np.testing.assert_allclose(losses("minae", name), losses("torch", name), rtol=1e-5)


SLOW = {"restore": pytest.mark.slow}  # a step takes PyTorch a second


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SLOW.get(name, ())) for name in WORKLOADS]
)
def test_the_losses_of_many_steps_are_pytorchs(torch, name):
    steps = compare.LOSS_STEPS.get(name, 50)
    tolerance = compare.LOSS_TOLERANCE.get(name, 1e-5)
    expected = losses("torch", name, steps)
    np.testing.assert_allclose(losses("minae", name, steps), expected, rtol=tolerance)
    assert expected[-1] < expected[0]


def test_flops_of_a_dense_step():
    """Two a multiplication: forward and dweight of all layers, dx of all but the first."""
    sizes = [(64, 32), (32, 16), (16, 32), (32, 64)]
    products = [a * b for a, b in sizes]
    assert WORKLOADS["W5-1"].flops() == 2 * (3 * sum(products) - products[0])


def test_flops_of_a_convolution():
    work = WORKLOADS["W3"]
    layers = [
        9 * 16 * 196,
        16 * 32 * 9 * 49,
        1568 * 32,
        32 * 1568,
        32 * 16 * 16 * 49,
        16 * 16 * 196,
    ]
    assert work.flops() == 2 * 128 * (3 * sum(layers) - layers[0])


def test_flops_of_a_sequence_autoencoder():
    """For each token, one way and back, then on; tables of vectors are looked up."""
    reads, writes = 2 * 3 * 128 * (32 + 128), 3 * 128 * (32 + 64 + 128) + 128 * 64
    of_codes = 2 * 128 * 64 + 64 * 128
    assert WORKLOADS["W6"].flops() == 2 * 3 * 32 * (32 * (reads + writes) + of_codes)


def test_flops_of_a_language_model():
    """Weights but those of tables that are looked up, and the tokens before each one, twice."""
    of_weights = 4 * (3 + 1 + 4 + 4) * 128 * 128 + 65 * 128
    of_tokens = 4 * 2 * 128 * (64 + 1) / 2
    assert WORKLOADS["W7"].flops() == 2 * 3 * 12 * 64 * (of_weights + of_tokens)


def test_the_language_model_is_nanogpts_for_a_cpu():
    work = WORKLOADS["W7"]
    model = work.build()
    assert (work.batch, work.max_grad_norm, work.adamw["betas"]) == (12, 1.0, (0.9, 0.99))
    assert sum(p.numel() for p in model.parameters()) == 804_096


def test_figures(monkeypatch):
    times = {"minae": (1.0, 2.0, 1.0), "torch": (2.0, 4.0, 3.0), "torch fused": (1.5, 3.0, 1.5)}
    memory, limits = dict.fromkeys(times, 100.0), np.array([4.0, 2.0, 4.0])  # GFLOP/s
    figures = compare._figures(times | {"limit": LIMIT_FLOPS / limits / 1e6}, memory, 2e6)
    assert figures["contenders"].keys() == memory.keys()
    assert figures["limit_gflops"] == 4.0
    assert figures["ms"] == 1.0
    assert figures["ratio_eager"] == 2.0
    assert figures["ratio_tuned"] == 1.5
    assert figures["ceiling_share"] == pytest.approx(0.5)
    assert figures["contenders"]["torch"]["quartiles"] == [2.0, 2.5]


@pytest.mark.parametrize(("gflops", "said"), [(90, False), (80, True)])
def test_it_is_said_that_something_else_used_the_cores(gflops, said):
    remarks = compare._disturbed("W1", gflops, 100.0)
    assert [remark.partition(" GFLOP")[0] for remark in remarks] == ["W1: the cores did 80"] * said


def test_the_limit_multiplies_and_adds_as_often_as_it_says(monkeypatch):
    calls = []
    monkeypatch.setattr(limit, "multiply_add_at_once", lambda *call: calls.append(call))
    contenders.limit(WORKLOADS["W1"])(0)
    ((T, numbers, turns),) = calls
    assert numbers.shape == (T, limit.SIZE)
    assert T * turns * limit.FLOPS == pytest.approx(LIMIT_FLOPS, rel=1e-3)


def test_workloads_from_end_to_end(tmp_path, monkeypatch, capsys):
    """With minae alone, briefly: what is printed and written."""
    monkeypatch.setattr(compare, "installed", lambda names: ["minae"])
    monkeypatch.setattr(compare, "WARM_UP", 0.01)
    monkeypatch.setattr(compare, "ceilings", lambda: {"limit_gflops": 1.0, "triad_gb_per_s": 1.0})
    monkeypatch.setattr(record, "machine", lambda: "mine")
    (tmp_path / "bench.json").write_text(
        json.dumps({"other": {"workloads": {}}, "mine": {"workloads": {"W1": {}}}})
    )
    show.measure_workloads(["W5-1"], rounds=2, seconds=0.01, out=tmp_path / "bench.json")
    printed = capsys.readouterr().out
    assert "PyTorch is not installed" in printed
    assert "W5-1" in printed
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["other"] == {"workloads": {}}
    assert set(written["mine"]) == {"workloads", "machine"}
    assert {"ms", "ceiling_share", "peak_mb"} <= written["mine"]["workloads"]["W5-1"].keys()


@pytest.mark.parametrize("title", kernels.CASES)
def test_every_kernel_can_be_called_by_workers(title):
    """The shapes go together. Slow references are not run: their time is not for tests."""
    kernels.call("cpu", title)(0)
    assert callable(getattr(reference, kernels.CASES[title][0]))


def test_kernels_from_end_to_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kernels, "CASES", {"SGD": kernels.CASES["SGD"]})
    monkeypatch.setattr(kernels, "WARM_UP", 0.01)
    show.measure_kernels(rounds=2, seconds=0.01, out=tmp_path / "kernels.json")
    assert "SGD" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "kernels.json").read_text())["kernels"]
    assert row["ms"] > 0
    assert row["reference"] > 0


def test_a_contender_that_dies_is_named():
    with compare.Worker("minae", "dense-0-1") as process, pytest.raises(RuntimeError) as raised:
        process.ask("time 0.1")
    assert str(raised.value).startswith("minae ended: ")


def test_why_it_died_is_one_line(capsys):
    """Without the advice that PyTorch adds to its errors."""
    worker._say_why(ValueError, ValueError("backend raised:\nno compiler\n\nSet THIS=1"), None)
    assert capsys.readouterr().err == "ValueError: backend raised: no compiler\n"


def test_an_unknown_workload():
    with pytest.raises(InputError, match="no workload 'W9'; there are: W1, W2"):
        show.measure_workloads(["W9"], 1, 0.01, None)


def test_every_workload_has_a_name_that_workers_understand():
    assert workload("dense-64-2").title == "dense 784-64-32-32"
    assert set(compare.TUNED) <= set(CONTENDERS)
