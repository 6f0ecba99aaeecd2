"""The GPU benchmark without a GPU: its kernels in the simulator, its times as a clock here says."""

import ctypes
import json
import math
import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from minae import plots
from minae.bench import gpu, gpu_convolution, gpu_machine, gpu_matmul, gpu_race, gpu_steps
from minae.bench.gpu_convolution import Geometry
from minae.bench.gpu_race import Contender
from minae.bench.workloads import WORKLOADS, workload
from minae.kernels.cuda.ladders import convolution, matmul
from minae.kernels.cuda.launch import device
from minae.kernels.cuda.launch.rung import Step

TINY = Geometry(C=2, H=5, O=3, HO=3, K=3, stride=2, padding=1)


class Machine:
    """What gpu_machine.Gpu is, on NumPy's arrays. Every call takes a millisecond."""

    device, torch, l2_bytes = "cpu", None, 1
    peak_tflops, bandwidth = 10.0, 1e12

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def array(self, values):
        return values.copy()

    def numpy(self, array):
        return array.copy() if isinstance(array, np.ndarray) else array.numpy()

    def random(self, shape):
        return self.rng.standard_normal(shape, np.float32)

    def nan(self, shape):
        return np.full(shape, np.nan, np.float32)

    def poison(self, array):
        array.fill(np.nan)

    def seconds(self, function, first, calls):
        return 1e-3

    clock = seconds

    def graph(self, function):
        return function

    def cublas(self, a, b, c, transposed_a, transposed_b, tf32):
        left, right = a.T if transposed_a else a, b.T if transposed_b else b
        return lambda: np.matmul(left, right, out=c)

    def facts(self):
        return {"device": "a simulator", "driver": None, "versions": {}}

    def state(self):
        return None


def by_columns(a, b, c, empty, *, transposed_a, transposed_b, tf32, processors):
    """In the place of `product`: the rung that the simulator runs fastest."""
    a, b = a.T.copy() if transposed_a else a, b.T.copy() if transposed_b else b
    return [Step(matmul.RUNGS["coalesced"], c.shape, (a, b, c))]


SMALL_RUNGS = "direct", "direct_dx", "direct_dweight", "implicit_gemm_64x32", "dweight_32x32"


@pytest.fixture
def small(monkeypatch):
    """Everything at sizes that the simulator computes at once; the larger rungs left out."""
    rungs = {name: matmul.RUNGS[name] for name in ("coalesced", "tiled")}
    monkeypatch.setattr(matmul, "RUNGS", rungs)
    monkeypatch.setattr(gpu_matmul, "product", by_columns)
    names = *SMALL_RUNGS, "im2col", "dbias", "add_splits"
    rungs = {name: convolution.RUNGS[name] for name in names}
    monkeypatch.setattr(convolution, "RUNGS", rungs)
    monkeypatch.setattr(gpu_matmul, "SIDE", 8)
    monkeypatch.setattr(gpu_matmul, "SIZES", ((4, 8, 12), (5, 3, 7)))
    monkeypatch.setattr(gpu_matmul, "BATCHES", (4,))
    monkeypatch.setattr(gpu_matmul, "LAYERS", ((8, 3),))
    monkeypatch.setattr(gpu_convolution, "_geometries", lambda: {TINY: {"conv2d", "conv2d_dx"}})
    monkeypatch.setattr(gpu_convolution, "IMAGES", 1)
    monkeypatch.setattr(gpu_convolution, "workload", lambda name: SimpleNamespace(batch=2))
    monkeypatch.setattr(gpu_convolution, "layers", lambda name: [(TINY, "conv2d", ["conv2d_dx"])])
    monkeypatch.setattr(gpu_steps, "WORKLOADS", {"W5": WORKLOADS["W5"], "W5-1": WORKLOADS["W5-1"]})
    monkeypatch.setattr(gpu_steps, "BATCHES", (3,))
    monkeypatch.setattr(gpu_steps, "LOSS_STEPS", 3)
    monkeypatch.setattr(gpu_steps, "LAUNCHES", 2)


def test_from_end_to_end(small, tmp_path, capsys):
    """Without PyTorch: what is measured, printed and written."""
    gpu.run(Machine(), "minae bench --device cuda", tmp_path / "gpu.json")
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert written["command"] == "minae bench --device cuda"
    assert written["errors"] == {}
    assert written["not_measured"] == []
    assert all(row["right"] for row in written["correctness"])
    cases = {row["case"].split(",")[0] for row in written["correctness"]}
    assert {case.split()[1] for case in cases if case.startswith("conv2d")} == set(SMALL_RUNGS)
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
    steps = written["steps"]["W5"]["3"]
    assert steps["minae"]["ms"] == 1
    assert steps["minae vendor"]["loss"] == pytest.approx(steps["minae"]["loss"], rel=1e-5)
    assert steps["torch"]["failed"] == "RuntimeError: no PyTorch with CUDA"
    assert (tmp_path / "gpu.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "no PyTorch with CUDA" in printed
    assert "of cublas" in printed


def test_against_pytorch(torch, small, monkeypatch):
    """cuDNN's place is taken by PyTorch on the CPU: it computes the same, in either layout."""
    machine = Machine()
    machine.torch = torch
    for function in gpu_convolution.FUNCTIONS:
        (row,) = gpu_convolution._race(machine, TINY, function)
        assert row["of_cudnn"] == 1
        assert row["cudnn_ms"] == row["cudnn_nhwc_ms"] == 1
        assert row["error"] < 1e-4
    rows = gpu_steps._race(machine, "W5", WORKLOADS["W5"])
    rows = {row["contender"]: row for row in rows}
    assert rows["torch"]["loss"] == pytest.approx(rows["minae"]["loss"], rel=1e-5)
    assert rows["minae"]["ratio"] == 1
    assert "failed" in rows["torch captured"]


def test_a_captured_step(small, monkeypatch):
    """It is made of model and optimizer, and called with a batch."""
    from minae.train import capture, train_step

    class Captured:
        def __init__(self, model, optimizer):
            self.step = partial(train_step, model, optimizer)

        def __call__(self, batch):
            return self.step(batch)

    monkeypatch.setattr(capture, "CapturedStep", Captured)
    rows = {r["contender"]: r for r in gpu_steps._race(Machine(), "W5", WORKLOADS["W5"])}
    assert rows["minae captured"]["loss"] == rows["minae"]["loss"]


def test_a_step_that_computes_something_else_is_not_timed(small, monkeypatch):
    def other(machine, work, batches):
        return lambda i: 1.0

    contenders = {"minae": gpu_steps.CONTENDERS["minae"], "other": (other, ())}
    monkeypatch.setattr(gpu_steps, "CONTENDERS", contenders)
    _, row = gpu_steps._race(Machine(), "W5", WORKLOADS["W5"])
    assert row["failed"].startswith("wrong: the loss of step 3 is 1, not ")
    assert "ms" not in row


@pytest.mark.parametrize("case", ["vectors 128x128x8", "product tt, TF32 5x3x7"])
def test_comparisons(case, monkeypatch):
    """Of a rung that takes whole tiles only, and of what `product` chooses."""
    monkeypatch.setattr(gpu_matmul, "WHOLE", (128, 128, 8))
    monkeypatch.setattr(gpu_matmul, "SIZES", [(5, 3, 7)])
    name = case.rpartition(" ")[0]
    rows = {title.removeprefix("matmul "): row for title, row in gpu_matmul.correctness(Machine())}
    (row,) = rows[name]()
    assert row["case"] == f"matmul {case}"
    assert row["right"]


def test_what_is_wrong_at_another_size_is_not_timed():
    def nothing(machine, a, b, c):
        return lambda: np.zeros_like(c)

    contender = gpu_matmul._contender(Machine(), [], "tiled", nothing, [(2, 3, 4)])
    with pytest.raises(ValueError, match=r"wrong: error .* in matmul tiled 2x3x4"):
        contender.make()


def test_what_fails_is_recorded_and_the_rest_goes_on(tmp_path, capsys):
    def broken(machine):
        yield "this", lambda: 1 / 0
        yield "that", lambda: [{"value": 1.0}]
        raise LookupError("no more")

    def last(machine):
        assert json.loads(out.read_text())["broken"] == [{"value": 1.0}]  # written by now
        yield "row", lambda: [{"value": 2.0}]

    out = tmp_path / "gpu.json"
    sections = [
        gpu.Section(name, (name,), rows, ("value",))
        for name, rows in (("broken", broken), ("last", last))
    ]
    gpu.run(Machine(), "", out, sections)
    written = json.loads(out.read_text())
    assert written["errors"] == {
        "broken, this": "ZeroDivisionError: division by zero",
        "broken": "LookupError: no more",
    }
    assert written["last"] == [{"value": 2.0}]
    assert "failed: broken, this: ZeroDivisionError" in capsys.readouterr().out


def test_out_of_time(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu, "SECONDS", -1)
    section = gpu.Section("a", ("a", "b"), lambda _: iter([("row", lambda: 1 / 0)]), ("value",))
    gpu.run(Machine(), "", tmp_path / "gpu.json", [section])
    assert json.loads((tmp_path / "gpu.json").read_text())["not_measured"] == ["b, row"]
    assert "not measured: out of time: b, row" in capsys.readouterr().out


def test_turns():
    """Each contender is first in turn, makes as many calls as fill a turn, and none twice."""
    asked, lengths = [], {"a": 1e-4, "b": 3e-4, "c": 1e-9}

    def timer(name, first, calls):
        asked.append((name, first, calls))
        return lengths[name]

    times = gpu_race.turns({name: name for name in lengths}, timer)
    assert times == {name: [length] * gpu_race.ROUNDS for name, length in lengths.items()}
    rounds = [asked[i : i + 3] for i in range(6, len(asked), 3)]
    assert [turn[0][0] for turn in rounds] == list("abcabca")
    for name, calls in (("a", 10), ("b", 4), ("c", gpu_race.MOST_CALLS)):
        starts = [(first, n) for other, first, n in asked[6:] if other == name]
        assert starts == [(6 + i * calls, calls) for i in range(gpu_race.ROUNDS)]


def test_figures():
    times = {"minae": [1e-3, 2e-3, 1e-3], "x": [2e-3, 2e-3, 3e-3], "y": [5e-3] * 3}
    assert gpu_race.figures("minae", ("x", "y", "z"), times) == {"ms": 1.0, "ratio": 2.0}
    assert gpu_race.figures("x", (), times) == {"ms": 2.0, "ratio": None}


@pytest.mark.parametrize(
    ("flops", "nbytes", "of_roof"),
    [(4e9, 4e8, 0.4), (4e9, 4e9, 4.0), (4e9, 1e6, 0.4)],  # 10 operations a byte is the ridge
)
def test_roofline_numbers(flops, nbytes, of_roof):
    """4 GFLOP in a millisecond, where 10 TFLOP/s and 1 TB/s are the best."""
    row = gpu_race.on_roofline(Machine(), flops, nbytes, 1.0)
    assert row == {"tflops": 4.0, "intensity": flops / nbytes, "of_roof": pytest.approx(of_roof)}


def test_only_what_is_right_is_timed():
    """Not what is wrong, or leaves an entry unwritten, or fails."""
    out, right = np.zeros(4, np.float32), np.arange(4, dtype=np.float32)

    def write(values):
        out[: len(values)] = values
        return out

    contenders = [
        Contender("right", lambda: lambda i: write(right)),
        Contender("close", lambda: lambda i: write(right * 1.00001), ("right",)),
        Contender("wrong", lambda: lambda i: write(right * 1.001), ("right",)),
        Contender("short", lambda: lambda i: write(right[:3]), ("right",)),
        Contender("fails", lambda: 1 / 0, ("right",)),
    ]
    results = gpu_race.race(Machine(), contenders, out, 1e9, 10**6)
    assert [name for name in results if "ms" in results[name]] == ["right", "close"]
    assert results["close"]["ratio"] == 1
    assert results["short"]["error"] is None
    assert results["fails"]["failed"] == "ZeroDivisionError: division by zero"


def test_sets_are_twice_as_large_as_the_cache():
    machine = Machine()
    machine.l2_bytes = 1000
    arrays = gpu_race.sets(machine, [(2, 5), (5, 3)], (2, 3))  # 31 numbers
    assert len(arrays) == math.ceil(2000 / (31 * 4))
    assert [a.shape for a in arrays[0]] == [(2, 5), (5, 3), (2, 3)]
    assert np.isnan(arrays[0][2]).all()


def test_products_of_a_layer():
    """Each pass's sizes and transpositions give what the chain rule asks for."""
    B, I, O = 4, 3, 2  # noqa: E741
    normal = np.random.default_rng(0).standard_normal
    x, weight, dy = normal((B, I)), normal((O, I)), normal((B, O))
    operands = {"forward": (x, weight), "dx": (dy, weight), "dweight": (dy, x)}
    expected = {"forward": x @ weight.T, "dx": dy @ weight, "dweight": dy.T @ x}
    for name, ((M, N, K), how) in gpu_matmul.products(B, I, O).items():
        a, b = operands[name]
        assert (a.shape, b.shape) == gpu_matmul._stored(M, N, K, how)
        c = np.empty((M, N))
        np.testing.assert_allclose(Machine().cublas(a, b, c, **how)(), expected[name])


@pytest.mark.parametrize("name", gpu_convolution.WORKLOADS)
def test_operations_of_convolutions(name):
    """They and those of the two linear layers are what the workload counts."""
    work = workload(name)
    passes = [(g, 1 + len(backward)) for g, _, backward in gpu_convolution.layers(name)]
    linear = [p for m in (work.build(),) for p in m.parameters() if p.data.ndim == 2]
    total = sum(n * g.flops(work.batch) for g, n in passes)
    total += sum(3 * 2 * work.batch * p.data.size for p in linear)
    assert total == work.flops()


def test_ratio_of_a_workload():
    """Sums of times, the faster of cuDNN's two ways for each."""
    rows = [
        {
            "function": "conv2d",
            "geometry": str(TINY),
            "ms": 1.0,
            "cudnn_ms": 3.0,
            "cudnn_nhwc_ms": 2.0,
        },
        {
            "function": "conv2d",
            "geometry": "other",
            "ms": 3.0,
            "cudnn_ms": 4.0,
            "cudnn_nhwc_ms": None,
        },
    ]
    assert gpu_convolution._ratio(rows) == 1.5
    assert gpu_convolution._ratio([*rows, {"failed": "it"}]) is None


@pytest.mark.parametrize("right_at", [1, 3, 99])
def test_a_time_counts_if_the_gpu_had_to_wait(right_at):
    """Otherwise with a longer wait and fewer calls, a few times."""
    machine, asked = object.__new__(gpu_machine.Gpu), []

    def events(function, first, calls, delay):
        asked.append((calls, delay))
        return 1e-6 * calls, len(asked) == right_at

    machine._events = events
    if right_at == 99:
        with pytest.raises(RuntimeError, match="cannot be queued"):
            machine.seconds(None, 0, 100)
        assert len(asked) == gpu_machine.TRIES
        return
    assert machine.seconds(None, 0, 100) == pytest.approx(1e-6)
    calls, delays = zip(*asked, strict=True)
    assert calls == (100, 50, 25)[:right_at]
    assert list(delays) == [delays[0] * 2**i for i in range(right_at)]


@pytest.mark.parametrize("orders", [(False, False), (False, True), (True, False), (True, True)])
def test_what_cublas_is_asked_for(orders, monkeypatch):
    """A routine with cuBLAS's arguments and matrices that run down columns gives our product."""
    library = ModuleType("cublas")
    library.CUBLAS_OP_N, library.CUBLAS_OP_T = 0, 1
    library.CUBLAS_DEFAULT_MATH, library.CUBLAS_TF32_TENSOR_OP_MATH = 0, 3
    modes = []
    library.setMathMode = lambda handle, mode: modes.append(mode)

    def columns(address, leading, count):
        numbers = (ctypes.c_float * (leading * count)).from_address(address)
        return np.frombuffer(numbers, np.float32).reshape(count, leading).T

    def sgemm(handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        left = columns(a, lda, m).T[:, :k] if op_a else columns(a, lda, k)[:m]
        right = columns(b, ldb, k).T[:, :n] if op_b else columns(b, ldb, n)[:k]
        alpha, beta = columns(alpha, 1, 1), columns(beta, 1, 1)
        out = columns(c, ldc, n)
        out[...] = alpha * (left @ right) + (beta * out if beta else 0)

    library.sgemm = sgemm
    handles, libraries = ModuleType("device"), ModuleType("libs")
    handles.get_cublas_handle, libraries.cublas = lambda: 1, library
    monkeypatch.setitem(sys.modules, "cupy.cuda.device", handles)
    monkeypatch.setitem(sys.modules, "cupy_backends.cuda.libs", libraries)

    def on_gpu(array):
        return SimpleNamespace(shape=array.shape, data=SimpleNamespace(ptr=array.ctypes.data))

    a, b = np.random.default_rng(0).standard_normal((2, 12), np.float32)
    a, b, c = a[:8].reshape(2, 4), b.reshape(4, 3), np.full((2, 3), np.nan, np.float32)
    stored = [np.ascontiguousarray(x.T) if t else x for x, t in zip((a, b), orders, strict=True)]
    arrays = [on_gpu(x) for x in (*stored, c)]
    for tf32 in (False, True):
        gpu_machine.Gpu.cublas(None, *arrays, *orders, tf32)()
        np.testing.assert_allclose(c, a @ b, rtol=1e-5)
    assert modes == [0, 3]


def test_the_kernel_that_waits():
    x = np.ones(1, np.float32)
    gpu_machine.WAIT.simulate((), x, 3)
    assert x == 1.875  # halfway to 2, three times
    pytest.importorskip("cuda.bindings.nvjitlink", reason="needs minae[cuda-compile]")
    from minae.kernels.cuda.launch import build

    assert build.cubin(build.ptx(gpu_machine.WAIT, (9, 0)), (9, 0)).spills == 0


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
    monkeypatch.setattr(gpu_matmul, "SIDE", 512)
    monkeypatch.setattr(gpu_matmul, "BATCHES", (128,))
    monkeypatch.setattr(gpu_matmul, "LAYERS", ((784, 512),))
    geometry, *_ = gpu_convolution.layers("W4")[1]
    needed = {geometry: set(gpu_convolution.FUNCTIONS)}
    monkeypatch.setattr(gpu_convolution, "_geometries", lambda: needed)
    monkeypatch.setattr(gpu_steps, "WORKLOADS", {"W3": WORKLOADS["W3"]})
    gpu.run(gpu_machine.Gpu(), "pytest", tmp_path / "gpu.json")
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
