"""Has an array that backward will read been written into since forward? Then backward must refuse.

Every recorded operation and every write into a tensor takes the next tick of one clock. What an
operation saved is intact if it was last written into before the operation was recorded.
"""

import itertools
from typing import Any

import numpy as np


class Clock:
    """Counts recorded operations and writes, so that each has its time."""

    def __init__(self):
        self.tick = itertools.count(1).__next__
        self.last_write = 0  # the latest write into any tensor


clock = Clock()


class Version:
    """When a piece of memory was last written into. All tensors that view that memory share it."""

    time = 0
    memory: np.ndarray | None = None  # the array that owns the memory, once it was written into

    def written(self, array: Any) -> None:
        """Note a write into `array`."""
        self.time = clock.last_write = clock.tick()
        self.memory = memory_of(array)


def memory_of(array: Any) -> Any:
    """Return the array that a view is of, or the array itself."""
    return array if array.base is None else array.base


def share_version(output: Any, inputs: tuple) -> None:
    """If the output tensor is a view of an input, count the writes into both together."""
    memory = memory_of(output.data)
    for x in inputs:
        if x is not None and (x.data is memory or x.data.base is memory):
            output.version = x.version
            return


def check_saved(op: Any) -> None:
    """Raise RuntimeError if an array that the op saved for backward has been written into since."""
    seen = [("an input", x.version, x.data) for x in op.inputs if x is not None]
    output = op.output_version
    for what, version, array in (("its output", output, output.memory), *seen):
        if version.time > op.time and _overlap(op.saved, array):
            raise RuntimeError(
                f"{what} of {type(op).__name__} was changed in place after the forward pass:"
                " call backward() before optimizer.step() and before any x += y or x[i] = y"
            )


def _overlap(saved, array) -> bool:
    """Return whether one of the saved values shares memory with the array."""
    return any(
        _overlap(value, array)
        if isinstance(value, tuple | list)
        else type(value) is type(array) and np.may_share_memory(value, array)
        for value in saved
    )
