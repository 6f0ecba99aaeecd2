"""A GPU's place taken by the simulator, whose clock says that every call takes a millisecond."""

from types import SimpleNamespace

import numpy as np
import pytest

from minae.bench.gpu import convolution, matmul, steps
from minae.bench.gpu.convolution import Geometry
from minae.bench.workloads import WORKLOADS
from minae.kernels.cuda.launch.rung import Step

TINY = Geometry(C=2, H=5, O=3, HO=3, K=3, stride=2, padding=1)


class Machine:
    """What machine.Gpu is, on NumPy's arrays."""

    device, torch, l2_bytes = "cpu", None, 1
    peak_tflops, bandwidth = 10.0, 1e12

    def __init__(self):
        self.rng = np.random.default_rng(0)

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


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def tiny():
    return TINY


def by_columns(a, b, c, empty, *, transposed_a, transposed_b, tf32, processors):
    """In the place of `product`: the rung that the simulator runs fastest."""
    a, b = a.T.copy() if transposed_a else a, b.T.copy() if transposed_b else b
    return [Step(matmul.matmul.RUNGS["coalesced"], c.shape, (a, b, c))]


@pytest.fixture
def small(monkeypatch):
    """Everything at sizes that the simulator computes at once; the larger rungs left out."""
    names = "coalesced", "tiled"
    rungs = {name: matmul.matmul.RUNGS[name] for name in names}
    monkeypatch.setattr(matmul.matmul, "RUNGS", rungs)
    monkeypatch.setattr(matmul, "product", by_columns)
    names = "direct", "direct_dx", "direct_dweight", "implicit_gemm_64x32", "dweight_32x32"
    names += "im2col", "dbias", "add_splits"
    rungs = {name: convolution.convolution.RUNGS[name] for name in names}
    monkeypatch.setattr(convolution.convolution, "RUNGS", rungs)
    passes = {"forward": ["conv2d"], "backward": ["conv2d_dx"]}
    monkeypatch.setattr(matmul, "SIDE", 8)
    monkeypatch.setattr(matmul, "SIZES", ((4, 8, 12), (5, 3, 7)))
    monkeypatch.setattr(matmul, "BATCHES", (4,))
    monkeypatch.setattr(matmul, "LAYERS", ((8, 3),))
    monkeypatch.setattr(convolution, "IMAGES", 1)
    monkeypatch.setattr(convolution, "workload", lambda name: SimpleNamespace(batch=2))
    monkeypatch.setattr(convolution, "layers", lambda name: [(TINY, passes)])
    monkeypatch.setattr(steps, "WORKLOADS", {name: WORKLOADS[name] for name in ("W5", "W5-1")})
    monkeypatch.setattr(steps, "BATCHES", (3,))
    monkeypatch.setattr(steps, "LOSS_STEPS", 3)
    monkeypatch.setattr(steps, "LAUNCHES", 2)
