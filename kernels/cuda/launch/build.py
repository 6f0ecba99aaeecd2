"""Compiles kernels ahead of time, for any GPU, and on machines without one.

A kernel is a Python function that uses the names of `minae.kernels.simulator`. To compile it, these
names are bound to other objects: `cuda` and `float32` to Numba's, intrinsics to what emits LLVM
code for them, other functions to inlined device functions. Numba compiles the result to PTX, and
NVIDIA's assembler that to a cubin.
"""

import dis
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from types import CellType, FunctionType, SimpleNamespace
from typing import Any

from minae.kernels import files, simulator
from minae.kernels.cuda.launch.intrinsics import Intrinsic
from minae.kernels.cuda.launch.rung import Capability, Rung


@dataclass(frozen=True)
class Compiled:
    """A kernel's machine code for one kind of GPU."""

    cubin: bytes
    name: str  # of the kernel in the cubin
    registers: int  # per thread
    spills: int  # bytes that did not fit into registers
    stack: int  # bytes of memory per thread: spills, and arrays that are not in registers


def compiled(rung: Rung, capability: Capability) -> Compiled:
    """Return a kernel's machine code, from the disk if it was compiled before.

    The disk only saves time: a file that is missing, damaged or not writable is no error.
    """
    bounds = rung.parameters, rung.threads, rung.blocks
    key = _identity(rung.kernel), *bounds, capability, _versions()
    path = cache_folder() / files.name_for(key)
    content = None
    with suppress(OSError):
        content = files.read(path)
    if content is not None:
        header, _, code = content.partition(b"\n")
        return Compiled(code, **json.loads(header))
    built = cubin(ptx(rung, capability), capability)
    header = {field: value for field, value in asdict(built).items() if field != "cubin"}
    with suppress(OSError):
        files.write(path, json.dumps(header).encode() + b"\n" + built.cubin)
    return built


def cache_folder() -> Path:
    """Return where compiled kernels are kept."""
    return files.folder_for(Path(__file__).parent.parent)


def _identity(value: Any) -> Any:
    """Return what distinguishes a kernel from others with the same source: what it closes over."""
    if not isinstance(value, FunctionType):
        return value.__name__ if isinstance(value, Intrinsic) else repr(value)
    cells = [_identity(cell.cell_contents) for cell in value.__closure__ or ()]
    return value.__module__, value.__qualname__, cells


@cache
def _versions() -> list[str]:
    packages = "numba", "numba-cuda", "nvidia-nvvm", "nvidia-nvjitlink"
    found = {d.metadata["Name"]: d.version for d in distributions()}
    return [f"{name} {found[name]}" for name in packages if name in found]


class _Binding:
    """Functions rebound from the simulator's objects to the compiler's."""

    def __init__(self, capability: Capability):
        cuda, types = map(_numba, ("", ".types"))
        self.jit, self.capability = cuda.jit, capability
        self.replacements = {id(simulator.cuda): cuda}
        for name in ("float32", "int32", "int64", "uint32"):
            self.replacements[id(getattr(simulator, name))] = getattr(types, name)

    def value(self, value: Any) -> Any:
        """Return what replaces a global or closed-over value."""
        if id(value) in self.replacements:
            return self.replacements[id(value)]
        if isinstance(value, Intrinsic):
            made = value.compiled(self.capability)
        elif isinstance(value, FunctionType) and value.__module__.startswith("minae.kernels.cuda"):
            made = self.jit(device=True, forceinline=True)(self.function(value))
        else:
            return value
        self.replacements[id(value)] = made
        return made

    def function(self, function: FunctionType) -> FunctionType:
        """Return a copy of the function whose names are bound to the compiler's objects."""
        code = dis.get_instructions(function)
        names = {one.argval for one in code if one.opname == "LOAD_GLOBAL"}  # and no attributes
        scope = {n: self.value(v) for n, v in function.__globals__.items() if n in names}
        scope |= {"__name__": function.__module__, "__builtins__": __builtins__}
        cells = tuple(CellType(self.value(c.cell_contents)) for c in function.__closure__ or ())
        return FunctionType(function.__code__, scope, function.__name__, None, cells)


def ptx(rung: Rung, capability: Capability) -> str:
    """Compile a kernel to PTX, the assembly language of all NVIDIA GPUs."""
    # Device functions ask which GPU they are compiled for; there may be none.
    device = SimpleNamespace(compute_capability=capability)
    _numba(".dispatcher").get_current_device = lambda: device
    kernel, types = _Binding(capability).function(rung.kernel), tuple(map(_type, rung.parameters))
    bounds = rung.threads, rung.blocks
    text, _ = _numba("").compile_ptx(kernel, types, cc=capability, launch_bounds=bounds)
    return text


def cubin(text: str, capability: Capability) -> Compiled:
    """Assemble PTX with NVIDIA's assembler. Raises ValueError with its message."""
    nvjitlink: Any = import_module("cuda.bindings.nvjitlink")
    options = [f"-arch=sm_{capability[0]}{capability[1]}", "-Xptxas=-v", "-verbose"]
    linker, data = nvjitlink.create(len(options), options), text.encode()
    try:
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, data, len(data), "kernel.ptx")
        nvjitlink.complete(linker)
        code = bytearray(nvjitlink.get_linked_cubin_size(linker))
        nvjitlink.get_linked_cubin(linker, code)
        log = bytearray(nvjitlink.get_info_log_size(linker))
        nvjitlink.get_info_log(linker, log)
    except nvjitlink.nvJitLinkError as error:
        log = bytearray(nvjitlink.get_error_log_size(linker))
        nvjitlink.get_error_log(linker, log)
        raise ValueError(f"the kernel does not assemble: {log.decode()}") from error
    finally:
        nvjitlink.destroy(linker)
    said = log.decode()
    name = re.findall(r"\.entry ([\w$]+)", text)[0]
    registers = int(re.findall(r"Used (\d+) registers", said)[0])
    spills = sum(map(int, re.findall(r"(\d+) bytes spill", said)))
    stack = int(re.findall(r"(\d+) bytes stack frame", said)[0])
    return Compiled(bytes(code), name, registers, spills, stack)


def _numba(module: str) -> Any:
    """Import numba.cuda, whose names are not known before it runs, or a module of it."""
    return import_module(f"numba.cuda{module}")


def _type(name: str) -> Any:
    types = _numba(".types")
    if name.endswith("*"):
        return types.CPointer(getattr(types, name[:-1]))
    if name.endswith("]"):
        kind, dimensions = name[:-1].split("[")
        return types.Array(getattr(types, kind), dimensions.count(":"), "C")
    return getattr(types, name)
