"""What a kernel needs beside its source: types to compile it for, and how to launch it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minae.kernels import simulator

Capability = tuple[int, int]  # of a GPU: (9, 0) is an H100


@dataclass(frozen=True)
class Rung:
    """One kernel of a ladder, and how it is launched."""

    kernel: Callable
    parameters: tuple[str, ...]  # their types: "float32*", "float32[:, :]", "int32"
    block: tuple[int, ...]  # threads
    grid: Callable[..., tuple[int, ...]]  # blocks, from the sizes of the problem
    shared_bytes: int = 0  # beyond what the kernel's own arrays of fixed size take
    since: Capability = (7, 5)  # the first GPUs that have its instructions
    blocks: int = 1  # that shall fit on one multiprocessor: bounds the registers of a thread

    @property
    def threads(self) -> int:
        """Threads of a block."""
        count = 1
        for n in self.block:
            count *= n
        return count

    def simulate(self, sizes: tuple[int, ...], *arguments, seed: int | None = None, count=False):
        """Run it in the simulator on arrays that it writes to; see simulator.launch."""
        how = {"shared_bytes": self.shared_bytes, "seed": seed, "count": count}
        kinds = zip(self.parameters, arguments, strict=True)
        arguments = [np.float32(value) if kind == "float32" else value for kind, value in kinds]
        return simulator.launch(self.kernel, self.grid(*sizes), self.block, *arguments, **how)


class Step(NamedTuple):
    """One launch: a kernel, the sizes that its grid is computed from, and what it gets."""

    rung: Rung
    sizes: tuple[int, ...]
    arguments: tuple

    def simulate(self, seed: int | None = None, count: bool = False):
        """Run it in the simulator on arrays that it writes to; see simulator.launch."""
        return self.rung.simulate(self.sizes, *self.arguments, seed=seed, count=count)
