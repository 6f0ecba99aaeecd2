"""How kernels are launched, and what is said if there is no GPU to launch them on."""

import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from minae.kernels.arrays import device_problem
from minae.kernels.cuda import losses
from minae.kernels.cuda.ladders import convolution, gemm, matmul
from minae.kernels.cuda.launch import build, device
from minae.kernels.cuda.launch.rung import Step

KERNELS = {
    "arrays and a number": losses.RUNGS["mse"],
    "whole numbers of 64 bits": losses.RUNGS["cross_entropy"],
    "pointers": gemm.simple(64, 64, True, False, 4),
    "images": convolution.RUNGS["direct"],
    "tables": convolution.RUNGS["implicit_gemm_64x32"],
}
BYTES = {"u64": 8, "u32": 4, "f32": 4}


class OnDevice:
    """What a launch uses of one of CuPy's arrays."""

    def __init__(self, address, shape, dtype):
        array = np.empty(shape, dtype)
        self.data = SimpleNamespace(ptr=address)
        self.size, self.itemsize = array.size, array.itemsize
        self.shape, self.strides = array.shape, array.strides


@pytest.mark.parametrize("name", KERNELS)
def test_arguments_have_the_sizes_that_compiled_code_expects(name):
    pytest.importorskip("cuda.bindings.nvjitlink", reason="needs minae[cuda-compile]")
    rung, arguments = KERNELS[name], []
    for i, kind in enumerate(rung.parameters):
        dtype = kind.strip("*").partition("[")[0]
        shape = (2,) * max(1, kind.count(":"))
        arguments.append(i if kind == dtype else OnDevice(1000 * i, shape, dtype))
    numbers = device.flattened(rung, arguments)
    header = re.search(r"\.entry[^(]*\(([^)]*)\)", build.ptx(rung, (9, 0)))[1]
    kinds = re.findall(r"\.param \.(\w+)", header)
    assert [number.itemsize for number in numbers] == [BYTES[kind] for kind in kinds]


def test_an_array_is_its_address_shape_and_strides():
    x = OnDevice(4096, (3, 5), "float32")
    rung = convolution.RUNGS["im2col"]  # an array of four dimensions, one of two, ten numbers
    images = OnDevice(64, (2, 3, 4, 5), "float32")
    numbers = device.flattened(rung, (images, x, *range(10)))
    assert numbers[:13] == [0, 0, 120, 4, 64, 2, 3, 4, 5, 240, 80, 20, 4]
    assert numbers[13:22] == [0, 0, 15, 4, 4096, 3, 5, 20, 4]
    assert numbers[22:] == list(range(10))


def test_a_grid_of_no_blocks_is_not_launched(monkeypatch):
    """CUDA refuses it, though CuPy would turn it into one block."""
    launched = []
    monkeypatch.setattr(device, "_function", lambda _: lambda grid, *_, **__: launched.append(grid))
    arrays = [OnDevice(64, (3, 3), "float32")] * 3
    for rows in (0, 3):
        device.launch(Step(matmul.RUNGS["naive"], (rows, 3), arrays))
    assert launched == [matmul.RUNGS["naive"].grid(3, 3)]


def cupy_with(**runtime):
    class CUDARuntimeError(RuntimeError):
        pass

    def refuse():
        raise CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")

    cupy = ModuleType("cupy")
    cupy.__version__ = "14"
    properties = {"name": b"GeForce 8800", "major": 6, "minor": 1}
    runtime = {
        "CUDARuntimeError": CUDARuntimeError,
        "getDeviceCount": refuse,
        "getDevice": lambda: 0,
        "getDeviceProperties": lambda _: properties,
        **runtime,
    }
    cupy.cuda = SimpleNamespace(runtime=SimpleNamespace(**runtime))
    return cupy


PROBLEMS = {
    "device cuda needs CuPy and numba-cuda: pip install": None,
    "no NVIDIA driver that fits CuPy 14 (cudaErrorInsufficientDriver): install": {},
    "there is no NVIDIA GPU: compute on device cpu": {"getDeviceCount": lambda: 0},
    "GeForce 8800 has compute capability 6.1, but the kernels need 7.5": {
        "getDeviceCount": lambda: 1
    },
}


@pytest.mark.parametrize("sentence", PROBLEMS)
def test_a_gpu_that_cannot_be_used_is_told_in_a_sentence(sentence, monkeypatch):
    runtime = PROBLEMS[sentence]
    monkeypatch.setattr(device, "find_spec", lambda module: None if runtime is None else module)
    monkeypatch.setitem(sys.modules, "cupy", cupy_with(**runtime or {}))
    for function in (device.problem, device._properties):
        function.cache_clear()
    try:
        assert device_problem("cuda").startswith(sentence)
    finally:
        for function in (device.problem, device._properties):
            function.cache_clear()
