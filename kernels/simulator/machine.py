"""The machine: blocks of threads that take turns, and meet at barriers.

Every thread is a greenlet, which runs the kernel's own Python code until it waits or ends. Blocks
run one after another, which a kernel cannot tell from running at once, since nothing orders them.
"""

import inspect
import random
from collections.abc import Callable
from itertools import product, starmap
from math import prod
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import numpy as np
from greenlet import greenlet

from minae.kernels.simulator.memory import Memory, poisoned, source_name
from minae.kernels.simulator.moments import (
    WARP,
    Moment,
    SimulationError,
    fail,
    line_of,
    running,
    span_of,
    standing,
)
from minae.kernels.simulator.traffic import Traffic

LARGEST_BLOCK = 1024  # threads
FIXED_LIMIT = 48 * 1024  # bytes of shared memory whose size is known when a kernel is compiled
SHARED_LIMIT = 227 * 1024  # bytes of shared memory of a block on an H100
ALIGNMENT = 256  # bytes, at least, of arrays allocated by the driver


class Dim3(NamedTuple):
    """A size or position in up to three dimensions."""

    x: int
    y: int = 1
    z: int = 1


class Thread(greenlet):
    """One CUDA thread."""

    def __init__(self, run: Callable, block: "Block", number: int):
        super().__init__(run)
        x, y, _ = block.size
        self.block, self.serial = block, block.serial * LARGEST_BLOCK + number
        self.position = Dim3(number % x, number // x % y, number // (x * y))
        self.warp, self.lane = block.warps[number // WARP], number % WARP
        self.moment: Any = Moment(self)
        self.waits_for: str | None = None  # "block" or "warp"
        self.stands: tuple = ()  # there; see standing()
        self.copies: list[list] = [[]]  # asynchronous ones, in groups, the last of which is open

    def wait(self, what: str) -> None:
        """Let others run until all threads of the "block" or "warp" wait."""
        self.waits_for, self.stands = what, standing()
        main: Any = self.parent
        main.switch()

    def pass_barrier(self, what: str) -> None:
        """Wait for the others; memory accesses before come before those after."""
        self.wait(what)
        block, warp = self.moment.barriers, self.moment.warp_barriers
        self.moment = Moment(self, block + (what == "block"), warp + (what == "warp"))

    def __str__(self) -> str:
        return f"thread {tuple(self.position)} of block {tuple(self.block.position)}"


class Offers(dict):
    """What the lanes of a warp offer each other: lane -> value."""

    def __missing__(self, lane: int) -> NoReturn:
        fail(f"the warp has no lane {lane}")


class Warp:
    """Threads that exchange registers."""

    def __init__(self):
        self.threads: list[Thread] = []
        self.offers = Offers()  # of the next exchange
        self.scope = object()  # stands for its threads until the next barrier

    def exchange(self, value: Any) -> Offers:
        """Return the values of all lanes, once all have come. This orders nothing in memory."""
        thread, offers = running(), self.offers
        offers[thread.lane] = value
        thread.wait("warp")
        return offers

    def release(self) -> bool:
        """Let all threads go on if all are waiting; return whether they are."""
        if not all(thread.waits_for == "warp" for thread in self.threads):
            return False
        self.offers, self.scope = Offers(), object()
        for thread in self.threads:
            thread.waits_for = None
        return True


class Block:
    """The threads that share memory and barriers."""

    def __init__(self, launch: "Launch", position: Dim3, serial: int):
        self.launch, self.position, self.size = launch, position, launch.block
        self.serial = serial
        self.shared: dict = {}  # arrays by the place in the kernel that creates them
        self.scope = object()  # stands for its threads until the next barrier
        self.warps = [Warp() for _ in range(-(-prod(self.size) // WARP))]
        self.threads = [Thread(launch.run, self, i) for i in range(prod(self.size))]
        for thread in self.threads:
            thread.warp.threads.append(thread)

    def shared_array(self, frame: FrameType, shape, dtype, alignment: int | None) -> Memory:
        """Return the array that the kernel creates where its frame stands."""
        key = span_of(frame.f_code, frame.f_lasti)
        if key not in self.shared:
            fixed = shape != 0  # else it is as large as the launch says
            size = shape if fixed else self.launch.shared_bytes // np.dtype(dtype).itemsize
            array = poisoned(size, dtype)
            name = source_name(frame.f_code, frame.f_lasti)
            alignment = alignment or array.itemsize  # all that the compiler ensures
            memory = Memory(name, array, "shared", alignment, self.launch.traffic)
            self.shared[key] = memory, fixed
            self._check_size(memory)
        return self.shared[key][0]

    def _check_size(self, new: Memory) -> None:
        sizes = [memory.numbers.nbytes for memory, fixed in self.shared.values() if fixed]
        if len(self.shared) > len(sizes) + 1:
            raise SimulationError(f"{new}: all shared arrays of length 0 start at the same place")
        if sum(sizes) > FIXED_LIMIT:
            limits = f"has at most {FIXED_LIMIT} bytes in arrays of fixed size"
            raise SimulationError(f"{new}: a block {limits}, and this makes {sum(sizes)}")
        if sum(sizes) + self.launch.shared_bytes > SHARED_LIMIT:
            used = f"{sum(sizes) + self.launch.shared_bytes} bytes of shared memory"
            raise SimulationError(f"{new}: this makes {used}; a block has {SHARED_LIMIT}")

    def run(self) -> None:
        """Run all threads to their end."""
        living = self.threads
        while living:
            for thread in self.launch.ordered(living):
                if thread.waits_for is None:
                    thread.switch()
            living = [thread for thread in living if not thread.dead]
            if living:
                self._release(living)
        # Without reference cycles, memory is freed at once.
        for thread in self.threads:
            thread.moment = None
        self.shared, self.threads, self.warps = {}, [], []

    def _release(self, living: list[Thread]) -> None:
        """Let those threads go on whose whole block or warp is waiting."""
        if all(thread.waits_for == "block" for thread in living):
            if len(living) < len(self.threads) or not _together(living):
                self._diverged(living)
            self.scope = object()
            for warp in self.warps:
                warp.scope = object()
            for thread in living:
                thread.waits_for = None
            return
        met = [warp for warp in self.warps if warp.release()]
        if not met:
            self._diverged(living)
        for warp in met:
            if not _together(warp.threads):
                self._diverged(warp.threads, "warp")

    def _diverged(self, waiting: list[Thread], what: str = "") -> NoReturn:
        groups: dict[str, list[Thread]] = {}
        for thread in waiting:
            where = f"for the {what or thread.waits_for} at {line_of(*thread.stands[0])}"
            groups.setdefault(where, []).append(thread)
        said = [f"{len(some)} wait {where}, like {some[0]}" for where, some in groups.items()]
        ended = sum(thread.dead for thread in self.threads)
        said += [f"{ended} of the block's {len(self.threads)} have ended"] if ended else []
        raise SimulationError(f"a barrier that not all threads reach: {'; '.join(said)}")


def _together(threads: list[Thread]) -> bool:
    first, *others = (thread.stands for thread in threads)
    spans = [*starmap(span_of, first)]
    return all(stands == first or [*starmap(span_of, stands)] == spans for stands in others)


class Launch:
    """One launch of a kernel."""

    def __init__(self, kernel, grid, block, arguments, shared_bytes, seed, count):
        self.kernel = kernel
        self.grid, self.block = (Dim3(*np.atleast_1d(size).tolist()) for size in (grid, block))
        if not 1 <= prod(self.block) <= LARGEST_BLOCK:
            raise ValueError(f"a block has 1 to {LARGEST_BLOCK} threads, not {prod(self.block)}")
        self.shared_bytes = shared_bytes
        self.random = None if seed is None else random.Random(seed)
        self.traffic = Traffic() if count else None
        self.arguments, self.arrays = [], []
        names = inspect.signature(kernel).parameters
        for name, argument in zip(names, arguments, strict=True):
            given = isinstance(argument, np.ndarray)
            self.arguments.append(self._memory(name, argument) if given else argument)

    def _memory(self, name: str, array: np.ndarray) -> Memory:
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} is not contiguous, as an array on a GPU has to be here")
        for other, memory in self.arrays:
            if other is array:
                return memory
            if np.may_share_memory(other, array):
                raise ValueError(f"{name} and {memory.name} overlap, and races would not be seen")
        memory = Memory(name, array, "global", ALIGNMENT, self.traffic)
        self.arrays.append((array, memory))
        return memory

    def run(self) -> None:
        """Run the kernel in the current thread."""
        with np.errstate(all="ignore"):  # floats overflow silently on a GPU, too
            self.kernel(*self.arguments)

    def ordered(self, items: list) -> list:
        """Return items in the order of their turns."""
        return items if self.random is None else self.random.sample(items, len(items))


def launch(
    kernel: Callable,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments: Any,
    shared_bytes: int = 0,
    seed: int | None = None,
    count: bool = False,
) -> Traffic | None:
    """Run a kernel as kernel[grid, block](*arguments) would on a GPU, and check what it does.

    The kernel is the Python function that would be compiled. `grid` and `block` are the blocks, and
    the threads per block, in up to three dimensions; the arguments are numbers, and contiguous
    arrays, which the kernel may write to. A shared array of length 0 has `shared_bytes`. With a
    seed, threads and blocks run in a random order, else by their numbers. With `count`, what the
    kernel moved is returned.

    Raises SimulationError for a race, an access that is out of bounds, misaligned or to a number
    never written, and a barrier that not all threads reach.
    """
    run = Launch(kernel, grid, block, arguments, shared_bytes, seed, count)
    zyx = product(*map(range, reversed(run.grid)))
    positions = [Dim3(*reversed(position)) for position in zyx]
    for serial, position in enumerate(run.ordered(positions)):
        Block(run, position, serial).run()
    return run.traffic
