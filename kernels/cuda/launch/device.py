"""Launches kernels: on NumPy's arrays in the simulator, on CuPy's on the GPU.

At its first launch a kernel is compiled by `build`, for the GPU at hand. CuPy loads it and puts it
into the current stream. Everything else that is used of CUDA goes through CuPy, too.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minae.kernels.arrays import Array
from minae.kernels.cuda.launch import build
from minae.kernels.cuda.launch.rung import Capability, Rung, Step

OLDEST = (7, 5)  # the first GPUs that these kernels are compiled for
NEEDED = {"CuPy": "cupy", "numba-cuda": "numba_cuda"}  # packages and their modules
INSTALL = 'pip install "minae[cu13]", or "minae[cu12]" for drivers older than 580'
# Tables and their copies on the device, by the id of the table, which no other array can get here.
_moved: dict[int, tuple[np.ndarray, Any]] = {}


@cache
def problem() -> str | None:
    """Return None, or why no GPU can be used, in a sentence that says what to do."""
    missing = [name for name, module in NEEDED.items() if find_spec(module) is None]
    if missing:
        return f"device cuda needs {' and '.join(missing)}: {INSTALL}"
    import cupy  # pyright: ignore[reportMissingImports] - an extra

    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        name = re.findall(r"^\w*", str(error))[0] or type(error).__name__  # CUDA's own, if it says
        return (
            f"no NVIDIA driver that fits CuPy {cupy.__version__} ({name}): install a newer driver,"
            f" or {INSTALL}"
        )
    if not count:
        return "there is no NVIDIA GPU: compute on device cpu"
    if capability() < OLDEST:
        return (
            f"{description()} has compute capability {'.'.join(map(str, capability()))}, but the"
            f" kernels need {'.'.join(map(str, OLDEST))} or later: compute on device cpu"
        )
    return None


@cache
def _properties() -> dict:
    import cupy  # pyright: ignore[reportMissingImports] - an extra

    return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())


def description() -> str:
    """Return the GPU's name."""
    return _properties()["name"].decode()


def capability() -> Capability:
    """Return the GPU's compute capability, such as (9, 0)."""
    return _properties()["major"], _properties()["minor"]


def processors(array: Array) -> int:
    """Return the number of multiprocessors of the array's device, an H100's in the simulator."""
    return 132 if isinstance(array, np.ndarray) else _properties()["multiProcessorCount"]


def empty(shape: tuple[int, ...], like: Array, dtype: DTypeLike = np.float32) -> Array:
    """Return an uninitialised array on the device of `like`; in the simulator it holds nan."""
    array = np.empty(shape, dtype, like=like)
    if isinstance(array, np.ndarray) and array.dtype.kind == "f":
        array.fill(np.nan)
    return array


def launch(steps: Step | Iterable[Step]) -> None:
    """Launch kernels one after another; a grid of no blocks has nothing to do and is left out."""
    for step in [steps] if isinstance(steps, Step) else steps:
        grid = step.rung.grid(*step.sizes)
        if 0 in grid:
            continue
        if isinstance(step.arguments[0], np.ndarray):
            step.simulate()
        else:
            rung, numbers = step.rung, flattened(step.rung, step.arguments)
            _function(rung)(grid, rung.block, numbers, shared_mem=rung.shared_bytes)


@cache
def _function(rung: Rung) -> Any:
    import cupy  # pyright: ignore[reportMissingImports] - an extra

    driver, module = cupy.cuda.driver, cupy.cuda.function.Module()
    code = build.compiled(rung, capability())
    module.load(code.cubin)
    function = module.get_function(code.name)
    if rung.shared_bytes:  # more than 48 KiB must be requested
        size = driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        driver.funcSetAttribute(function.ptr, size, rung.shared_bytes)
    return function


def flattened(rung: Rung, arguments: Sequence) -> list[np.number]:
    """Return the arguments of a compiled kernel: numbers of fixed size.

    A pointer is an address. Numba passes an array as two addresses that only its CPU code uses, the
    number of entries, the size of one, the address of the first, the shape and the strides.
    """
    numbers: list[np.number] = []
    for kind, value in zip(rung.parameters, arguments, strict=True):
        if kind.endswith("]"):
            value = _on_device(value)
            sizes = value.size, value.itemsize, value.data.ptr, *value.shape, *value.strides
            numbers += [np.int64(n) for n in (0, 0, *sizes)]
        elif kind.endswith("*"):
            numbers.append(np.int64(_on_device(value).data.ptr))
        else:
            numbers.append(getattr(np, kind)(value))
    return numbers


def _on_device(array: Array) -> Any:
    """Return the array, or the copy of a table on the device, kept as a graph may refer to it."""
    if not isinstance(array, np.ndarray):
        return array
    if id(array) not in _moved:
        import cupy  # pyright: ignore[reportMissingImports] - an extra

        _moved[id(array)] = array, cupy.asarray(array)
    return _moved[id(array)][1]
