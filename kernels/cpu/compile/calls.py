"""Calls noted while they are made, to be made again: a list of kernels and their arguments.

What a step computes on arrays that stay where they are can be computed again without the Python
around its kernels; see minae.train.replay. A function whose calls are noted writes its results into
its arguments and returns nothing that matters. Whatever is computed elsewhere is not computed
again: so NumPy may allocate arrays and view them between two kernels, but copies are `copied`.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minae.kernels.arrays import Array

Calls = list[tuple[Callable, tuple]]


class _Notes(threading.local):
    calls: Calls | None = None


_notes = _Notes()


def noted(function: Callable) -> Any:
    """Have calls of the function noted wherever they are recorded."""

    def call(*args):
        result = function(*args)
        if _notes.calls is not None:
            _notes.calls.append((function, args))
        return result

    return functools.update_wrapper(call, function, updated=())


@contextmanager
def recorded() -> Iterator[Calls]:
    """Record the calls of noted functions that this thread makes inside the `with` block."""
    before, _notes.calls = _notes.calls, []
    try:
        yield _notes.calls
    finally:
        _notes.calls = before


def replay(calls: Calls) -> None:
    """Make the calls again."""
    for function, args in calls:
        function(*args)


def bytes_of(calls: Calls) -> int:
    """Return how much memory the calls keep: that of their arrays."""
    owners, left = {}, [args for _, args in calls]
    while left:
        for x in left.pop():
            if isinstance(x, tuple):
                left.append(x)
            elif isinstance(x, np.ndarray):
                owner = x if x.base is None else x.base
                owners[id(owner)] = getattr(owner, "nbytes", 0)
    return sum(owners.values())


copy = noted(np.copyto)  # of (target, source)


def copied(x: Array) -> Array:
    """Return a copy of x in which rows lie one after another."""
    y = np.empty(x.shape, x.dtype)
    copy(y, x)
    return y
