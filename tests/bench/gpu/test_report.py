"""The GPU benchmark without a GPU: its kernels in the simulator, its times made up."""

import json
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest

from minae import plots
from minae.bench.gpu import convolution, matmul, report, steps
from minae.bench.gpu.machine import Gpu
from minae.bench.workloads import WORKLOADS
from minae.kernels.cuda.launch import device
from minae.report import print_table


def test_from_end_to_end(machine, small, tmp_path, capsys):
    """Without PyTorch: what is measured, printed and written."""
    report.measure(machine, "minae bench --device cuda", tmp_path / "gpu.json")
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert written["command"] == "minae bench --device cuda"
    assert written["errors"] == {}
    assert written["not_measured"] == []
    assert all(row["right"] for row in written["correctness"])
    cases = {row["case"].split(",")[0] for row in written["correctness"]}
    assert {case.split()[1] for case in cases if case.startswith("conv2d")} == {
        *(direct for direct, _ in convolution.RUNGS.values()),
        "implicit_gemm_64x32",
        "dweight_32x32",
    }
    assert {"im2col", "dbias", "matmul tiled 5x3x7", "matmul product tt 4x8x12"} <= cases
    assert list(written["matmul"]["rungs"]) == [
        "cublas",
        "cublas_tf32",
        "coalesced",
        "tiled",
        "pipelined",
        "tensor_cores",
    ]
    assert written["matmul"]["rungs"]["tiled"]["of_cublas"] == 1
    assert written["matmul"]["rungs"]["tiled"]["tflops"] == pytest.approx(2 * 8**3 / 1e-3 / 1e12)
    assert [row["pass"] for row in written["matmul"]["shapes"]] == ["forward", "dx", "dweight"]
    assert [row["function"] for row in written["convolution"]["passes"]] == ["conv2d", "conv2d_dx"]
    assert written["convolution"]["workloads"]["W3"] == {"forward": None, "backward": None}
    assert written["launch"]["graph"]["us"] == pytest.approx(1e6 * 1e-3 / 2)
    trained = written["steps"]["W5"]["3"]
    assert trained["minae"]["ms"] == 1
    assert trained["minae vendor"]["loss"] == pytest.approx(trained["minae"]["loss"], rel=1e-5)
    assert trained["torch"]["failed"] == "RuntimeError: no PyTorch with CUDA"
    assert (tmp_path / "gpu.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "no PyTorch with CUDA" in printed
    assert "of cublas" in printed


@pytest.mark.parametrize(
    ("lesson", "printed"),
    [
        ("16_gpu_matmul", ["matmul, measured on a simulator", "cublas_tf32", "tiled", "100%"]),
        ("17_gpu_convolution", ["convolutions, measured on a simulator", "conv2d_dx", "kernel 3"]),
    ],
)
def test_lessons_show_what_is_written(machine, small, tmp_path, capsys, lesson, printed):
    report.measure(machine, "", tmp_path / "results.json")
    text = (files("minae.lessons") / lesson / "lesson.py").read_text(encoding="utf-8")
    (cell,) = [cell for cell in text.split("# %%\n") if cell.startswith("measured = ")]
    capsys.readouterr()
    places = {"files": lambda package: tmp_path, "json": json, "print_table": print_table}
    exec(cell.partition("# %%")[0], places | {"resources": SimpleNamespace(**places)})
    shown = capsys.readouterr().out
    assert all(words in shown for words in printed)


def test_what_fails_is_recorded_and_the_rest_goes_on(machine, tmp_path, capsys):
    def broken(machine):
        yield "this", lambda: 1 / 0
        yield "that", lambda: [{"value": 1.0}]
        raise LookupError("no more")

    def last(machine):
        assert json.loads(out.read_text())["broken"] == [{"value": 1.0}]  # written by now
        yield "row", lambda: [{"value": 2.0}]

    out = tmp_path / "gpu.json"
    sections = {
        name: report.Section(name, rows, "value")
        for name, rows in (("broken", broken), ("last", last))
    }
    report.measure(machine, "", out, sections)
    written = json.loads(out.read_text())
    assert written["errors"] == {
        "broken, this": "ZeroDivisionError: division by zero",
        "broken": "LookupError: no more",
    }
    assert written["last"] == [{"value": 2.0}]
    assert "failed: broken, this: ZeroDivisionError" in capsys.readouterr().out


def test_out_of_time(machine, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(report, "SECONDS", -1)
    section = report.Section("a/b", lambda _: iter([("row", lambda: 1 / 0)]), "value")
    report.measure(machine, "", tmp_path / "gpu.json", {"a": section})
    assert json.loads((tmp_path / "gpu.json").read_text())["not_measured"] == ["b, row"]
    assert "not measured: out of time: b, row" in capsys.readouterr().out


def test_roofline_picture():
    with pytest.raises(ValueError, match="one or two groups"):
        plots.roofline({}, 10, 1000)
    axes = plots.roofline({"minae": [(2.0, 1.0, "tiled"), (50.0, 5.0, "")]}, 10, 1000).axes[0]
    (roof,) = axes.lines
    np.testing.assert_allclose(roof.get_xydata(), [(1, 1), (10, 10), (100, 10)])
    assert [text.get_text() for text in axes.texts] == ["tiled"]


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore")  # PyTorch's
def test_on_a_gpu(monkeypatch, tmp_path):
    """All of it with few rows: nothing fails, nothing is wrong."""
    if why := device.problem():
        pytest.skip(why)
    monkeypatch.setattr(matmul, "SIDE", 512)
    monkeypatch.setattr(matmul, "BATCHES", (128,))
    monkeypatch.setattr(matmul, "LAYERS", ((784, 512),))
    geometry, *_ = convolution.layers("W4")[1]
    needed = {geometry: set(convolution.RUNGS)}
    monkeypatch.setattr(convolution, "_geometries", lambda: needed)
    monkeypatch.setattr(steps, "WORKLOADS", {"W3": WORKLOADS["W3"]})
    report.measure(Gpu(), "pytest", tmp_path / "gpu.json")
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert written["errors"] == {}
    assert all(row["right"] for row in written["correctness"])
    rows = [*written["matmul"]["rungs"].values(), *written["matmul"]["shapes"]]
    rows += [*written["convolution"]["passes"], *written["launch"].values()]
    rows += [row for batch in written["steps"]["W3"].values() for row in batch.values()]
    failed = [value for row in rows for key, value in row.items() if key.endswith("failed")]
    assert {said for said in failed if said} <= {"RuntimeError: no PyTorch with CUDA"}


def test_without_a_gpu(minae, monkeypatch):
    monkeypatch.setattr(device, "problem", lambda: "there is no NVIDIA GPU: compute on device cpu")
    assert minae("bench", "--device", "cuda", "--out", "gpu.json") == (
        2,
        "",
        "minae: there is no NVIDIA GPU: compute on device cpu\n",
    )
