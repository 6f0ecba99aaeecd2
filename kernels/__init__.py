"""The kernels: arrays in, arrays out, with no notion of a Tensor or a gradient tape.

A **backend** is a module with these functions, and nothing else is asked of it:

    matmul(a, b)                            contiguous(x), channels_last(x)
    linear(x, weight, bias, activation)     linear_backward(dy, x, weight, y, activation, ...)
    linear_stack(x, weights, biases, ...)   linear_stack_backward(dy, x, weights, outputs, ...)
    conv2d(x, weight, bias, ...)            conv2d_dx(dy, weight, input_size, bias, ...)
    conv2d_backward(dy, x, weight, y, ...)  conv_transpose2d_backward(dy, x, weight, y, ...)
    max_pool2d(x, ...) -> y, index          max_pool2d_dx(dy, index, input_size)
    avg_pool2d(x, ...)                      avg_pool2d_dx(dy, input_size, ...)
    batch_norm(x, weight, bias, eps)        batch_norm_backward(dy, x, weight, mean, ...)
    mse(x, target) -> loss, dx              bce_with_logits, cross_entropy: likewise
    reparameterise(mean, log_var, noise)    reparameterise_dlog_var(dz, log_var, noise)
    gaussian_kl(mean, log_var) -> kl, dlog_var
    sgd(x, dx, velocity, ...)               adam(x, dx, exp_avg, exp_avg_sq, ...)
    index_add(shape, index, values)         erf(x)
    sum(x, axes)

`reference` is the specification: plain NumPy, written to be read. `cpu` is what runs, and `cuda`
what runs on a GPU, on CuPy's arrays; `vendor` does so with NVIDIA's products, for comparison. All
take float32 and float64 arrays of any memory layout, return the dtype that they were given, never
write into their inputs (an optimiser's parameters and state excepted), and refuse what does not fit
with the sentences of `shapes`.
"""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import ModuleType

import numpy as np

__all__ = ["BACKENDS", "backend_for", "backend_of", "use_backend", "wanted_threads"]

#: Every backend by its name. A module is imported when it is first asked for.
BACKENDS = {
    "reference": "minae.kernels.reference",
    "cpu": "minae.kernels.cpu",
    "cuda": "minae.kernels.cuda.backend",
    "vendor": "minae.kernels.cuda.vendor",
}

# The backend that use_backend() has put in force; None leaves the choice to the array.
_in_force: ContextVar[ModuleType | None] = ContextVar("backend", default=None)


def backend_for(array_type: type) -> ModuleType:
    """Return the backend that computes on arrays of this type.

    NumPy's gives `cpu` and CuPy's `cuda`, or whatever `use_backend` has put in force. Raises
    TypeError for others.
    """
    if array_type is np.ndarray or issubclass(array_type, np.ndarray):
        return _in_force.get() or _load("cpu")
    if array_type.__module__.partition(".")[0] == "cupy":
        return _in_force.get() or _load("cuda")
    raise TypeError(f"no backend computes on {array_type.__module__}.{array_type.__qualname__}")


def backend_of(array) -> ModuleType:
    """Return the backend that computes on this array; see backend_for."""
    return backend_for(type(array))


@contextmanager
def use_backend(name: str) -> Iterator[ModuleType]:
    """Compute everything inside the `with` block on one backend, and yield that backend.

    Raises ValueError for an unknown name. Blocks nest, and each thread has its own choice.
    """
    token = _in_force.set(_load(name))
    try:
        yield _in_force.get()
    finally:
        _in_force.reset(token)


def wanted_threads() -> int | None:
    """Return the environment's MINAE_NUM_THREADS, or None.

    Raises ValueError if it is no whole number above 0.
    """
    given = os.environ.get("MINAE_NUM_THREADS", "")
    if given and not (given.isdecimal() and int(given)):
        raise ValueError(f"MINAE_NUM_THREADS is {given!r}, but must be a whole number above 0")
    return int(given) if given else None


@cache
def _load(name: str) -> ModuleType:
    if name not in BACKENDS:
        raise ValueError(f"unknown backend {name!r}; there are: {', '.join(sorted(BACKENDS))}")
    return importlib.import_module(BACKENDS[name])
