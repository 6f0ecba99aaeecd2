"""The kernels: arrays in, arrays out, with no notion of a Tensor or a gradient tape.

A **backend** is a module that has the functions of `contract.Backend`.

`reference` is the specification: plain NumPy, written to be read. `cpu` is what runs, and `cuda`
what runs on a GPU, on CuPy's arrays; `vendor` does the latter with NVIDIA's own products, for
comparison.
"""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import cast

import numpy as np

from minae.kernels.arrays import Array
from minae.kernels.contract import Backend

#: The module of each backend, imported when it is first asked for.
BACKENDS = {
    "reference": "minae.kernels.reference",
    "cpu": "minae.kernels.cpu",
    "cuda": "minae.kernels.cuda.backend",
    "vendor": "minae.kernels.cuda.vendor",
}

# What use_backend() has chosen; None leaves the choice to the array.
_chosen: ContextVar[Backend | None] = ContextVar("backend", default=None)


def backend_for(array_type: type) -> Backend:
    """Return `cpu` for NumPy's arrays and `cuda` for CuPy's, or whatever `use_backend` has chosen.

    Raises TypeError for other types.
    """
    if array_type is np.ndarray or issubclass(array_type, np.ndarray):
        return _chosen.get() or _load("cpu")
    if array_type.__module__.partition(".")[0] == "cupy":
        return _chosen.get() or _load("cuda")
    raise TypeError(f"no backend computes on {array_type.__module__}.{array_type.__qualname__}")


def backend_of(array: Array) -> Backend:
    """Return the backend that computes on this array; see backend_for."""
    return backend_for(type(array))


@contextmanager
def use_backend(name: str) -> Iterator[Backend]:
    """Compute everything inside the `with` block on one backend, and yield that backend.

    Raises ValueError for an unknown name. Blocks nest, and each thread has its own choice.
    """
    backend = _load(name)
    token = _chosen.set(backend)
    try:
        yield backend
    finally:
        _chosen.reset(token)


def wanted_threads() -> int | None:
    """Return MINAE_NUM_THREADS or None. Raises ValueError if it is no whole number above 0."""
    given = os.environ.get("MINAE_NUM_THREADS", "")
    if given and not (given.isdecimal() and int(given)):
        raise ValueError(f"MINAE_NUM_THREADS is {given!r}, but must be a whole number above 0")
    return int(given) if given else None


@cache
def compiles_plainly() -> bool:
    """Return whether MINAE_COMPILE is "plain". Raises ValueError if it is anything else."""
    given = os.environ.get("MINAE_COMPILE", "")
    if given not in ("", "plain"):
        raise ValueError(f"MINAE_COMPILE is {given!r}, but must be 'plain' or not set")
    return given == "plain"


@cache
def _load(name: str) -> Backend:
    if name not in BACKENDS:
        raise ValueError(f"unknown backend {name!r}; there are: {', '.join(sorted(BACKENDS))}")
    return cast(Backend, importlib.import_module(BACKENDS[name]))
