"""A stand-in for CuPy on machines without a GPU: as strict as CuPy, with kernels in the simulator.

It shows that minae never passes NumPy's arrays to CuPy or CuPy's to NumPy, that kernels get their
arguments as compiled code takes them, and what a captured step replays. An array here has its
numbers in the CPU's memory, but only get() turns it into one of NumPy's.

Capturing works as in CUDA: operations between begin_capture and end_capture are recorded, with the
memory that they read and write, and not carried out until the graph is launched.
"""

import sys
from contextlib import contextmanager, nullcontext
from operator import attrgetter
from types import ModuleType, SimpleNamespace

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minae.kernels import simulator
from minae.kernels.cuda.launch import device

NAMES = """
    absolute add arange argsort array asarray bitwise_and bitwise_or broadcast_to ceil clip
    concatenate copyto cos cumsum divide empty equal exp expand_dims expm1 flip floor
    floor_divide full full_like greater greater_equal invert isfinite isinf less less_equal log
    log1p logical_and logical_not logical_or matmul maximum minimum moveaxis multiply
    negative not_equal ones_like pad power remainder rint sign sin sliding_window_view split
    sqrt square stack subtract take tanh tensordot vdot where zeros zeros_like
"""
FUNCTIONS = set(NAMES.split())  # that CuPy has, and minae uses
NAMES = "any all argmax argmin copy cumprod max mean min prod squeeze std sum take var"
METHODS = set(NAMES.split())

capturing: list | None = None  # the recorded launches


class Runtime(SimpleNamespace):
    class CUDARuntimeError(RuntimeError):
        pass


def refuse_in_capture():
    if capturing is not None:
        raise Runtime.CUDARuntimeError("cudaErrorStreamCaptureUnsupported")


class ndarray(NDArrayOperatorsMixin):  # noqa: N801 - CuPy's name
    """An array of the GPU."""

    __module__ = "cupy"

    def __init__(self, shape, dtype=float, memptr=None, base=None):
        if memptr is None:
            self._a = np.full(shape, 0, dtype)
        else:
            flat = memptr.array.reshape(-1)
            self._a = flat[: int(np.prod(shape, dtype=int))].view(dtype).reshape(shape)
        self.base = base

    shape, dtype, ndim, size, itemsize, nbytes, strides, flags = (
        property(attrgetter(f"_a.{name}"))
        for name in "shape dtype ndim size itemsize nbytes strides flags".split()  # noqa: SIM905
    )
    T = property(lambda self: view(self, self._a.T))

    @property
    def data(self):
        return SimpleNamespace(ptr=self._a.ctypes.data, array=self._a)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method != "__call__" or ufunc.__name__ not in FUNCTIONS:
            return NotImplemented
        return compute(ufunc, inputs, options, out[0] if out else None)

    def __array_function__(self, function, types, args, options):
        if function.__name__ not in FUNCTIONS:
            return NotImplemented
        options.pop("like", None)
        if function in (np.asarray, np.array):
            return asarray(*args, **options)
        if function is np.copyto:
            return args[0].__setitem__(..., args[1])
        if function in (np.broadcast_to, np.moveaxis, np.expand_dims, np.split, np.flip):
            results = function(args[0]._a, *args[1:], **options)
            if isinstance(results, list):
                return [view(args[0], r) for r in results]
            return view(args[0], results)
        if function is np.lib.stride_tricks.sliding_window_view:
            return view(args[0], function(args[0]._a, *args[1:], **options))
        return compute(function, args, options)

    def __getattr__(self, name):
        if name not in METHODS:
            raise AttributeError(f"cupy.ndarray has no {name!r} here")

        def method(*args, **options):
            return compute(lambda a, *b, **o: getattr(a, name)(*b, **o), (self, *args), options)

        return method

    def reshape(self, *shape):
        if self._a.flags.c_contiguous:
            return view(self, self._a.reshape(*shape))
        return self.copy().reshape(*shape)

    def ravel(self):
        return self.reshape(-1)

    def swapaxes(self, *axes):
        return view(self, self._a.swapaxes(*axes))

    def transpose(self, *axes):
        return view(self, self._a.transpose(*axes))

    def astype(self, dtype, copy=True):
        if not copy and self.dtype == dtype:
            return self
        return compute(lambda a: a.astype(dtype, order="C"), (self,), {})

    def __getitem__(self, index):
        plain = unwrapped(index)
        found = self._a[plain]
        if isinstance(found, np.ndarray) and np.shares_memory(found, self._a):
            return view(self, found)
        return compute(lambda a: a[plain], (self,), {})

    def __setitem__(self, index, value):
        if isinstance(value, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        into(lambda v: v, (unwrapped(value),), {}, self._a, unwrapped(index))

    def fill(self, value):
        self[...] = value

    def get(self):
        refuse_in_capture()
        return self._a.copy()

    def item(self):
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def __len__(self):
        return len(self._a)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.get())

    def __float__(self):
        return float(self.get())

    __hash__ = object.__hash__


def view(source: ndarray, a: np.ndarray) -> ndarray:
    array = ndarray.__new__(ndarray)
    array._a, array.base = a, source if source.base is None else source.base
    return array


def unwrapped(value):
    if isinstance(value, tuple | list):
        return type(value)(unwrapped(v) for v in value)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return value._a if isinstance(value, ndarray) else value


def compute(function, args, options, out=None):
    """Carry out an operation, or record it; return its result as an array of the GPU."""
    plain, named = unwrapped(tuple(args)), {k: unwrapped(v) for k, v in options.items()}
    if out is not None:
        into(function, plain, named, out._a)
        return out
    result = np.asarray(function(*plain, **named))
    array = ndarray(result.shape, result.dtype)
    into(function, plain, named, array._a)
    return array


def into(function, args, options, memory, index=...):
    """Write what the function returns to memory, now or whenever the graph is launched."""

    def run():
        memory[index] = function(*args, **options)

    later(run)


def asarray(value, dtype=None, ndmin=0):
    if isinstance(value, ndarray):
        return value
    value = np.array(value, dtype, ndmin=ndmin)
    if value.ndim:
        refuse_in_capture()  # a copy from memory that will be gone
    array = ndarray(value.shape, value.dtype)
    array[...] = value.item() if value.size == 1 and not value.ndim else view(array, value)
    return array


class Graph:
    def __init__(self, launches):
        self.launches = launches

    def launch(self, stream=None):
        for run in self.launches:
            run()


class Stream:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def begin_capture(self, mode=None):
        global capturing
        capturing = []

    def end_capture(self):
        global capturing
        launches, capturing = capturing, None
        return Graph(launches)


def launcher(rung, remembered):
    """Stand in for a compiled kernel: check the numbers it is given, and simulate it."""

    def function(grid, block, numbers, shared_mem):
        arguments, rest = [], list(numbers)
        for kind, argument in zip(rung.parameters, remembered, strict=True):
            if not kind.endswith(("]", "*")):
                number = rest.pop(0)
                assert type(number) is getattr(np, kind)
                arguments.append(number if kind == "float32" else number.item())
                continue
            array = argument._a if isinstance(argument, ndarray) else argument
            assert array.flags.c_contiguous
            assert array.dtype == kind.strip("*").partition("[")[0]
            arguments.append(array)
            if kind.endswith("*"):
                rest.pop(0)
            else:
                numbers = 0, 0, array.size, array.itemsize, None, *array.shape, *array.strides
                given, rest = rest[: len(numbers)], rest[len(numbers) :]
                assert all(n in (None, g) for n, g in zip(numbers, given, strict=True))
        assert not rest
        later(
            lambda: simulator.launch(rung.kernel, grid, block, *arguments, shared_bytes=shared_mem)
        )

    return function


def later(run):
    """Do it now, or record it."""
    if capturing is None:
        run()
    else:
        capturing.append(run)


@contextmanager
def installed(monkeypatch):
    """Make `import cupy` find this module, and launch kernels here."""
    remembered, flattened = [], device.flattened

    def remember(rung, arguments):
        remembered[:] = arguments
        return flattened(rung, arguments)

    cupy = ModuleType("cupy")
    cupy.ndarray, cupy.asarray = ndarray, asarray
    cupy.zeros = lambda shape, dtype=float: ndarray(np.zeros(shape).shape, dtype)
    cupy.cuda = SimpleNamespace(
        Stream=Stream,
        MemoryPool=lambda: SimpleNamespace(malloc=None),
        using_allocator=lambda _: nullcontext(),
        runtime=Runtime(streamCaptureModeRelaxed=2),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(device, "problem", lambda: None)
    monkeypatch.setattr(device, "flattened", remember)
    monkeypatch.setattr(device, "_function", lambda rung: launcher(rung, remembered))
    monkeypatch.setattr(device, "_properties", lambda: {"multiProcessorCount": 132})
    yield cupy
