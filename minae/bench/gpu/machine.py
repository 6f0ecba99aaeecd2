"""Everything that the GPU benchmark needs from CUDA, in one object that tests replace."""

import math
import platform
import subprocess
import time
from functools import cached_property, partial
from importlib.metadata import distributions
from typing import Any

import numpy as np

from minae.kernels.cuda.launch import device
from minae.kernels.cuda.launch.rung import Rung, Step
from minae.kernels.simulator import float32

POOL = 2**26  # random numbers, 256 MiB: more than the L2 cache of any GPU so far
TRIES = 6  # at timing queued calls
LANES = {(7, 5): 64, (8, 0): 64}  # float32 lanes per multiprocessor; 128 on all others
PACKAGES = "cuda-bindings", "cupy-cuda12x", "cupy-cuda13x", "numba-cuda", "numpy", "torch"


def wait(x, turns):
    """Keep one thread busy: each turn needs the result of the one before."""
    value = x[0]
    for _ in range(turns):
        value = value * float32(0.5) + float32(1)
    x[0] = value


WAIT = Rung(wait, ("float32[:]", "int32"), (1,), lambda: (1,))


class Gpu:
    """The current GPU, through CuPy. `torch` is PyTorch if it can use the GPU, else None."""

    device = "cuda"  # where models go, minae's and PyTorch's

    def __init__(self):
        import cupy  # pyright: ignore[reportMissingImports] - an extra

        self.cupy, self.torch = cupy, _torch()
        numbers = np.random.default_rng().standard_normal(POOL, np.float32)
        self.pool, self.used = cupy.asarray(numbers), 0
        self.one = cupy.asarray(np.ones(1, np.float32))
        self.turn = 1e-8  # seconds of one turn of `wait`, until it is measured
        self.wait(0.2)  # compiles it, and lets the clock rise
        self.turn = self._events(lambda _: self.wait(1e-2), 0, 1)[0] / 1e6  # 1e-2 s of 1e-8 each

    def numpy(self, array) -> np.ndarray:
        """Return a copy of CuPy's or PyTorch's array on the CPU."""
        return array.get() if hasattr(array, "get") else array.cpu().numpy()

    def random(self, shape: tuple[int, ...]):
        """Return draws from the standard normal distribution, the next ones in a pool."""
        size = math.prod(shape)
        first = self.used if self.used + size <= POOL else 0
        self.used = first + -(-size // 64) * 64
        return self.pool[first : first + size].reshape(shape)

    def nan(self, shape: tuple[int, ...]):
        """Return an array full of nan."""
        array = self.cupy.empty(shape, np.float32)
        self.poison(array)
        return array

    def poison(self, array) -> None:
        """Fill an array with nan, which has all bits set."""
        array.data.memset_async(255, array.nbytes)

    def wait(self, seconds: float) -> None:
        """Keep the GPU busy for about this long."""
        device.launch(Step(WAIT, (), (self.one, min(int(seconds / self.turn), 2**31 - 1))))

    def seconds(self, function, first: int, calls: int) -> float:
        """Return the GPU's mean time for the calls function(first), function(first + 1), ...

        They are queued while the GPU is kept busy: otherwise the time of a short kernel would be
        that of the Python code that launches it. If the GPU did not wait until the last call was
        queued, this is tried again with a longer wait and fewer calls. Raises RuntimeError if it
        never succeeds.
        """
        delay = 1e-3 + 5e-5 * calls
        for _ in range(TRIES):
            elapsed, queued = self._events(function, first, calls, delay)
            if queued:
                return elapsed / calls
            delay, calls = 2 * delay, max(1, calls // 2)
        raise RuntimeError("the calls wait for the GPU, so they cannot be queued and timed by it")

    def _events(self, function, first: int, calls: int, delay: float = 0.0) -> tuple[float, bool]:
        """Return the seconds between events around the calls, and if all were queued in time."""
        start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        if delay:
            self.wait(delay)
        start.record()
        for i in range(first, first + calls):
            function(i)
        end.record()
        queued = not start.done
        end.synchronize()
        return self.cupy.cuda.get_elapsed_time(start, end) / 1e3, queued

    def clock(self, function, first: int, calls: int) -> float:
        """Return the mean wall-clock time of the calls, Python's part included."""
        synchronize = self.cupy.cuda.runtime.deviceSynchronize
        synchronize()
        start = time.perf_counter()
        for i in range(first, first + calls):
            function(i)
        synchronize()
        return (time.perf_counter() - start) / calls

    def graph(self, function):
        """Capture what function() launches as a CUDA graph; return a function that replays it."""
        with self.cupy.cuda.Stream(non_blocking=True) as stream:
            stream.begin_capture()
            function()
            graph = stream.end_capture()
        return graph.launch

    def cublas(self, a, b, c, transposed_a: bool, transposed_b: bool, tf32: bool):
        """Return a function that has cuBLAS compute c = a b; arguments as in product.product.

        cuBLAS is called directly: cupy.matmul would write to a new array and copy that. It stores
        matrices by columns and so sees ours as their transposes: it is asked for cᵀ = bᵀ aᵀ. It
        uses TF32 if the handle's math mode says so, which is not the default for float32.
        """
        from cupy.cuda.device import get_cublas_handle  # pyright: ignore[reportMissingImports]
        from cupy_backends.cuda.libs import cublas  # pyright: ignore[reportMissingImports]

        (M, N), K = c.shape, b.shape[1 if transposed_b else 0]
        operations = cublas.CUBLAS_OP_N, cublas.CUBLAS_OP_T
        orders = operations[transposed_b], operations[transposed_a]
        mode = cublas.CUBLAS_TF32_TENSOR_OP_MATH if tf32 else cublas.CUBLAS_DEFAULT_MATH
        handle, factors = get_cublas_handle(), np.array([1, 0], np.float32)  # of a b, and of c
        one = factors.ctypes.data
        left, right = (b.data.ptr, b.shape[1]), (a.data.ptr, a.shape[1])

        def multiply():
            cublas.setMathMode(handle, mode)
            zero = one + factors.itemsize
            cublas.sgemm(handle, *orders, N, M, K, one, *left, *right, zero, c.data.ptr, N)

        return multiply

    @cached_property
    def l2_bytes(self) -> int:
        """Size of the cache that the multiprocessors share."""
        return self._attribute("L2CacheSize")

    @cached_property
    def peak_tflops(self) -> float:
        """Peak in float32: two operations per lane and cycle, at the highest clock."""
        lanes = LANES.get(device.capability(), 128) * self._attribute("MultiProcessorCount")
        return 2 * lanes * self._attribute("ClockRate") * 1e3 / 1e12

    @cached_property
    def bandwidth(self) -> float:
        """Bytes per second that copying reads and writes together, median of seven."""
        copy = self.cupy.empty_like(self.pool)
        start = partial(copy.data.copy_from_device_async, self.pool.data, copy.nbytes)
        times = [self.seconds(lambda _: start(), 0, 4) for _ in range(7)]
        return 2 * copy.nbytes / float(np.median(times))

    def _attribute(self, name: str) -> int:
        runtime = self.cupy.cuda.runtime
        wanted = getattr(runtime, f"cudaDevAttr{name}")
        return runtime.deviceGetAttribute(wanted, runtime.getDevice())

    def facts(self) -> dict:
        """Return which GPU this is, and the versions of the software."""
        found = {d.metadata["Name"]: d.version for d in distributions()}
        versions: dict[str, Any] = {name: found[name] for name in PACKAGES if name in found}
        versions |= {"minae": found.get("minae"), "python": platform.python_version()}
        versions["cuda runtime"] = self.cupy.cuda.runtime.runtimeGetVersion()
        versions["cuda driver"] = self.cupy.cuda.runtime.driverGetVersion()
        if self.torch is not None:
            versions["cudnn"] = self.torch.backends.cudnn.version()
        return {
            "device": device.description(),
            "driver": self._ask("driver_version"),
            "max_clock_mhz": self._attribute("ClockRate") / 1e3,
            "l2_mb": self.l2_bytes / 1e6,
            "versions": versions,
        }

    def state(self) -> str | None:
        """Return the current clocks, power and temperature."""
        return self._ask("clocks.sm,clocks.mem,power.draw,power.limit,temperature.gpu")

    def _ask(self, query: str) -> str | None:
        """Return nvidia-smi's answer, or None if it is missing or fails."""
        which = self.cupy.cuda.Device().pci_bus_id
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader", "-i", which]
        try:
            return subprocess.check_output(command, text=True, timeout=30).strip()
        except (OSError, subprocess.SubprocessError):
            return None


def _torch():
    """Return PyTorch, set to compute in float32 and to pick cuDNN's fastest algorithms."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    if not torch.cuda.is_available():
        return None
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    return torch
