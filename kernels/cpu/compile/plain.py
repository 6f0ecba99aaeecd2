"""Functions compiled by `numba.njit` alone, in every process anew: the path for any Numba."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cfunc, njit, prange

from minae.kernels.cpu.compile.calls import noted

# Like fastmath=True, this lets sums be reordered into vectors, but it leaves nan and inf what they
# are: when a training diverges, it must show.
FASTMATH = {"reassoc", "contract", "arcp", "nsz", "afn"}
OPTIONS: Any = {"fastmath": FASTMATH, "error_model": "numpy"}  # x / 0 is inf, without a branch


def compiled(function: Callable) -> Any:
    """Compile a function for all types of arguments it is called with."""
    return njit(**OPTIONS)(function)


@compiled
def rows(a, first, end):
    """Return a[first:end]."""
    return a[first:end]


@compiled
def columns(a, first, end):
    """Return a[:, first:end]."""
    return a[:, first:end]


compiled_inside = compiled


def compiled_if(accepts: Callable[..., bool]) -> Callable[[Callable], Any]:
    """Compile a function for Python to call; it returns False unless accepts(*arguments)."""

    def decorate(function: Callable) -> Any:
        dispatcher = compiled(function)

        @noted
        @functools.wraps(function)
        def call(*args):
            return dispatcher(*args) if accepts(*args) else False

        return call

    return decorate


def at_address(name: str, signature: Any, function: Callable) -> Any:
    """Compile a function with a C signature; the result's `address` is that of its machine code."""
    return cfunc(signature, **OPTIONS)(function)


def where_kept() -> str:
    """Say where compiled code is kept."""
    return "compiled anew in every process, since MINAE_COMPILE is plain"


def parallel(function: Callable) -> Any:
    """Make `function(t, T, *args)`, share t of T, a function of (T, *args) that runs all shares.

    Its attributes `share` and `all_shares` are for compiled code.
    """
    share = compiled(function)

    @njit(parallel=True, **OPTIONS)
    def on_threads(T, *args):
        for t in prange(T):
            share(np.int64(t), T, *args)  # not uint64, which would be compiled for as well

    def all_shares(T, *args):
        if T == 1:
            share(0, 1, *args)
        else:
            on_threads(T, *args)

    @noted
    @functools.wraps(function)
    def run(T, *args):
        all_shares(T, *args)  # not compiled: where T is 1, on_threads need not be, which takes long

    run.share = share  # pyright: ignore[reportAttributeAccessIssue]
    run.all_shares = njit(**OPTIONS)(all_shares)  # pyright: ignore[reportAttributeAccessIssue]
    return run
