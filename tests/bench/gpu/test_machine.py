"""The parts of the GPU's own measuring that can be checked without one."""

import ctypes
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from minae.bench.gpu import machine
from minae.bench.gpu.machine import Gpu


@pytest.mark.parametrize("right_at", [1, 3, 99])
def test_a_time_counts_if_the_gpu_had_to_wait(right_at):
    """Otherwise with a longer wait and fewer calls, a few times."""
    gpu, asked = object.__new__(Gpu), []

    def events(function, first, calls, delay):
        asked.append((calls, delay))
        return 1e-6 * calls, len(asked) == right_at

    gpu._events = events
    if right_at == 99:
        with pytest.raises(RuntimeError, match="cannot be queued"):
            gpu.seconds(None, 0, 100)
        assert len(asked) == machine.TRIES
        return
    assert gpu.seconds(None, 0, 100) == pytest.approx(1e-6)
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
        Gpu.cublas(None, *arrays, *orders, tf32)()
        np.testing.assert_allclose(c, a @ b, rtol=1e-5)
    assert modes == [0, 3]


def test_the_kernel_that_waits():
    x = np.ones(1, np.float32)
    machine.WAIT.simulate((), x, 3)
    assert x == 1.875  # halfway to 2, three times
    pytest.importorskip("cuda.bindings.nvjitlink", reason="needs minae[cuda-compile]")
    from minae.kernels.cuda.launch import build

    assert build.cubin(build.ptx(machine.WAIT, (9, 0)), (9, 0)).spills == 0
