"""The machine: blocks of threads that take turns, and meet at barriers.

Every thread is a greenlet, which runs the kernel's own Python code until it waits or ends. Blocks
run one after the other, which a kernel cannot tell from all at once, for nothing orders them.
"""

import inspect
import random
from collections.abc import Callable

import numpy as np
from greenlet import getcurrent, greenlet

from minae.kernels.simulator.memory import Memory, poisoned, source_name
from minae.kernels.simulator.moments import (
    WARP,
    Moment,
    SimulationError,
    fail,
    line_of,
    span_of,
    standing,
)
from minae.kernels.simulator.traffic import Traffic

LARGEST_BLOCK = 1024  # threads
FIXED_LIMIT = 48 * 1024  # bytes of shared memory whose size is known when a kernel is compiled
SHARED_LIMIT = 227 * 1024  # bytes of shared memory of a block on an H100
ALIGNMENT = 256  # at least, of arrays that were asked of the driver, in bytes


class Dim3:
    """A size or position in up to three dimensions."""

    __slots__ = ("x", "y", "z")

    def __init__(self, x: int, y: int = 1, z: int = 1):
        self.x, self.y, self.z = x, y, z

    def __iter__(self):
        return iter((self.x, self.y, self.z))

    @property
    def count(self) -> int:
        """Number of positions."""
        return self.x * self.y * self.z


def dim3(size: int | tuple[int, ...]) -> Dim3:
    """Return a size given as a number or a tuple."""
    return Dim3(*size) if isinstance(size, tuple) else Dim3(size)


class Thread(greenlet):
    """One CUDA thread."""

    def __init__(self, run: Callable, block: "Block", number: int):
        super().__init__(run)
        size = block.size
        self.block, self.serial = block, block.serial * LARGEST_BLOCK + number
        self.position = Dim3(
            number % size.x, number // size.x % size.y, number // (size.x * size.y)
        )
        self.warp, self.lane = block.warps[number // WARP], number % WARP
        self.moment = Moment(self)
        self.waits_for: str | None = None  # "block" or "warp"
        self.stands: tuple = ()  # there; see standing()
        self.copies: list[list] = [[]]  # asynchronous ones: groups, the last of them open

    def wait(self, what: str) -> None:
        """Let the others run until all of the block, or of the warp, have come here."""
        self.waits_for, self.stands = what, standing()
        self.parent.switch()

    def pass_barrier(self, what: str) -> None:
        """Wait for the others; what was done in memory before comes before what is done after."""
        self.wait(what)
        before = self.moment
        if what == "block":
            self.moment = Moment(self, before.barriers + 1, before.warp_barriers)
        else:
            self.moment = Moment(self, before.barriers, before.warp_barriers + 1)

    def __str__(self) -> str:
        return f"thread {tuple(self.position)} of block {tuple(self.block.position)}"


class Offers(dict):
    """What the lanes of a warp hold out to each other: lane -> value."""

    def __missing__(self, lane: int):
        fail(f"the warp has no lane {lane}")


class Warp:
    """Threads that exchange registers."""

    def __init__(self):
        self.threads: list[Thread] = []
        self.offers = Offers()  # of the exchange to come
        self.scope = object()  # stands for its threads, up to the next barrier

    def exchange(self, value) -> Offers:
        """Have every lane see what every lane brought. This orders nothing in memory."""
        thread, offers = getcurrent(), self.offers
        offers[thread.lane] = value
        thread.wait("warp")
        return offers

    def release(self) -> bool:
        """Let all go on if all wait here; return whether they do."""
        threads = self.threads
        if not all(thread.waits_for == "warp" for thread in threads):
            return False
        self.offers, self.scope = Offers(), object()
        for thread in threads:
            thread.waits_for = None
        return True


class Block:
    """The threads that share memory and barriers."""

    def __init__(self, launch: "Launch", position: Dim3, serial: int):
        self.launch, self.position, self.size = launch, position, launch.block
        self.serial = serial
        self.shared: dict = {}  # arrays by the place in the kernel that asks for them
        self.scope = object()  # stands for its threads, up to the next barrier
        self.warps = [Warp() for _ in range(-(-self.size.count // WARP))]
        self.threads = [Thread(launch.run, self, i) for i in range(self.size.count)]
        for thread in self.threads:
            thread.warp.threads.append(thread)

    def shared_array(self, frame, shape, dtype, alignment: int | None) -> Memory:
        """Return the array that the kernel asks for where its frame stands."""
        key = span_of(frame.f_code, frame.f_lasti)
        if key not in self.shared:
            if fixed := shape != 0:
                array = poisoned(shape, dtype)
            else:  # as much as the launch gives
                array = poisoned(self.launch.shared_bytes // np.dtype(dtype).itemsize, dtype)
            name = source_name(frame.f_code, frame.f_lasti)
            alignment = alignment or array.itemsize  # that is all the compiler sees to
            memory = Memory(name, array, "shared", alignment, self.launch.traffic)
            self.shared[key] = memory, fixed
            self._check_size(memory)
        return self.shared[key][0]

    def _check_size(self, new: Memory) -> None:
        sizes = [memory.numbers.nbytes for memory, fixed in self.shared.values() if fixed]
        rest = len(self.shared) - len(sizes)
        if rest > 1:
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
        self._forget()

    def _forget(self) -> None:
        """Drop what refers to itself, so that memory is freed at once and not when Python looks."""
        for thread in self.threads:
            thread.moment = None
        self.shared, self.threads, self.warps = {}, [], []

    def _release(self, living: list[Thread]) -> None:
        """Let those go on for whom all others have come."""
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

    def _diverged(self, waiting: list[Thread], what: str = "") -> None:
        groups: dict[str, list[Thread]] = {}
        for thread in waiting:
            where = f"for the {what or thread.waits_for} at {line_of(*thread.stands[0])}"
            groups.setdefault(where, []).append(thread)
        said = [f"{len(some)} wait {where}, like {some[0]}" for where, some in groups.items()]
        ended = sum(thread.dead for thread in self.threads)
        said += [f"{ended} of the block's {len(self.threads)} have ended"] if ended else []
        raise SimulationError(f"a barrier that not all threads reach: {'; '.join(said)}")


def _together(threads: list[Thread]) -> bool:
    first = threads[0].stands
    apart = [thread.stands for thread in threads if thread.stands != first]
    return all(_spans(stands) == _spans(first) for stands in apart)


def _spans(stands: tuple) -> list[tuple]:
    return [span_of(*place) for place in stands]


class Launch:
    """One launch of a kernel."""

    def __init__(self, kernel, grid, block, arguments, shared_bytes, seed, count):
        self.kernel, self.grid, self.block = kernel, dim3(grid), dim3(block)
        if not 1 <= self.block.count <= LARGEST_BLOCK:
            raise ValueError(f"a block has 1 to {LARGEST_BLOCK} threads, not {self.block.count}")
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
        """Run the kernel, in the thread whose turn it is."""
        with np.errstate(all="ignore"):  # floats overflow silently on a GPU too
            self.kernel(*self.arguments)

    def ordered(self, items: list) -> list:
        """Return them in the order in which they get their turn."""
        return items if self.random is None else self.random.sample(items, len(items))

    def run_blocks(self) -> None:
        """Run all blocks."""
        positions = [
            Dim3(x, y, z)
            for z in range(self.grid.z)
            for y in range(self.grid.y)
            for x in range(self.grid.x)
        ]
        for serial, position in enumerate(self.ordered(positions)):
            Block(self, position, serial).run()


def launch(
    kernel: Callable,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments,
    shared_bytes: int = 0,
    seed: int | None = None,
    count: bool = False,
) -> Traffic | None:
    """Run a kernel as kernel[grid, block](*arguments) would on a GPU, and check what it does.

    Args:
        kernel: the Python function that would be compiled.
        grid, block: blocks, and threads per block, in up to three dimensions.
        arguments: contiguous arrays, written to in place, and numbers.
        shared_bytes: what a shared array of length 0 gets.
        seed: run threads and blocks in another order; None runs them in theirs.
        count: return what the kernel moved.

    Raises:
        SimulationError: a race, a place out of bounds, misaligned or never written, a barrier that
            not all threads reach.
    """
    run = Launch(kernel, grid, block, arguments, shared_bytes, seed, count)
    run.run_blocks()
    return run.traffic
