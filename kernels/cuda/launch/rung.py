"""A kernel with what is needed to compile and launch it, and one launch of it."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from math import prod
from typing import Any, NamedTuple

import numpy as np

from minae.kernels import simulator
from minae.kernels.simulator import Traffic

Capability = tuple[int, int]  # of a GPU: (9, 0) is an H100

THREADS = 256  # of a block, unless a kernel asks for another number
VECTOR, MATRIX, IMAGES = "float32[:]", "float32[:, :]", "float32[:, :, :, :]"


def grid_of(*block: int) -> Callable[..., tuple[int, ...]]:
    """Return what gives the grid for counts of items, of which `block` says how many a block takes.

    Where it says nothing more, a block takes one.
    """
    return lambda *counts: tuple(-(-n // b) for n, b in zip_longest(counts, block, fillvalue=1))


per_item = grid_of(THREADS)  # one thread for each item


@dataclass(frozen=True)
class Rung:
    """One kernel of a ladder, and how it is launched."""

    kernel: Callable
    parameters: tuple[str, ...]  # their types: "float32*", "float32[:, :]", "int32"
    block: tuple[int, ...] = (THREADS,)
    grid: Callable[..., tuple[int, ...]] = per_item  # from the sizes of the problem
    shared_bytes: int = 0  # in addition to the kernel's own arrays of fixed size
    since: Capability = (7, 5)  # the first GPUs that have its instructions
    blocks: int = 1  # that must fit on a multiprocessor: limits the registers of a thread

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return prod(self.block)

    def simulate(
        self, sizes: tuple[int, ...], *arguments: Any, seed: int | None = None, count: bool = False
    ) -> Traffic | None:
        """Run the kernel in the simulator, on arrays that it writes to; see simulator.launch."""
        how: Any = {"shared_bytes": self.shared_bytes, "seed": seed, "count": count}
        kinds = zip(self.parameters, arguments, strict=True)
        values = [np.float32(value) if kind == "float32" else value for kind, value in kinds]
        return simulator.launch(self.kernel, self.grid(*sizes), self.block, *values, **how)


class Step(NamedTuple):
    """One launch: a kernel, the sizes from which its grid follows, and its arguments."""

    rung: Rung
    sizes: tuple[int, ...]
    arguments: tuple

    def simulate(self, seed: int | None = None, count: bool = False) -> Traffic | None:
        """Run it in the simulator, on arrays that it writes to; see simulator.launch."""
        return self.rung.simulate(self.sizes, *self.arguments, seed=seed, count=count)
