"""The machine: blocks of threads that take turns, and meet at barriers.

Every thread is a greenlet, which runs the kernel's own Python code until it waits or ends. Blocks
run one after the other, which a kernel cannot tell from all at once, for nothing orders them.
"""

import inspect
import linecache
import random
from collections import Counter
from collections.abc import Callable

import numpy as np
from greenlet import getcurrent, greenlet

from minae.kernels.simulator.memory import POISON, Memory, Moment, SimulationError, line_of
from minae.kernels.simulator.traffic import Traffic

WARP = 32  # threads that run in step and exchange registers
SHARED_LIMIT = 227 * 1024  # bytes a block may ask for on an H100; without asking it gets 48 KiB


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
        self.block, self.number = block, number
        self.position = Dim3(
            number % size.x, number // size.x % size.y, number // (size.x * size.y)
        )
        self.warp, self.lane = block.warps[number // WARP], number % WARP
        self.moment = Moment(self, 0, 0)
        self.waits_for: str | None = None  # "block" or "warp"
        self.copies: list[list] = [[]]  # asynchronous ones: groups, the last of them open

    def wait(self, what: str) -> None:
        """Let the others run until all of the block, or of the warp, have come here."""
        self.waits_for = what
        self.parent.switch()

    def pass_barrier(self) -> None:
        """Let this thread go on from where it waits."""
        _, barriers, warp_barriers = self.moment
        if self.waits_for == "block":
            self.moment = Moment(self, barriers + 1, warp_barriers)
        else:
            self.moment = Moment(self, barriers, warp_barriers + 1)
        self.waits_for = None

    def line(self) -> str:
        """Return the kernel's line at which this thread waits."""
        frame = self.gr_frame
        while frame.f_globals.get("__name__", "").startswith(__package__):
            frame = frame.f_back
        return line_of(frame.f_code, frame.f_lasti)

    def __str__(self) -> str:
        return f"thread {tuple(self.position)} of block {tuple(self.block.position)}"


class Warp:
    """Threads that exchange registers."""

    def __init__(self):
        self.threads: list[Thread] = []
        self.offers: dict[int, dict] = {}  # what each lane holds out, by number of the exchange

    def exchange(self, value) -> dict:
        """Have every lane see what every lane brought: lane -> value."""
        thread = getcurrent()
        offer = self.offers.setdefault(thread.moment.warp_barriers, {})
        offer[thread.lane] = value
        thread.wait("warp")
        return offer


class Block:
    """The threads that share memory and barriers."""

    def __init__(self, launch: "Launch", position: Dim3):
        self.launch, self.position, self.size = launch, position, launch.block
        self.shared: dict = {}  # arrays by the place in the kernel that asks for them
        self.warps = [Warp() for _ in range(-(-self.size.count // WARP))]
        self.threads = [Thread(launch.run, self, i) for i in range(self.size.count)]
        for thread in self.threads:
            thread.warp.threads.append(thread)

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

    def _release(self, living: list[Thread]) -> None:
        """Let those go on for whom all others have come."""
        if all(thread.waits_for == "block" for thread in living):
            lines = Counter(thread.line() for thread in living)
            if len(living) < len(self.threads) or len(lines) > 1:
                self._diverged(living)
            for thread in living:
                thread.pass_barrier()
            return
        met = False
        for warp in self.warps:
            if all(not t.dead and t.waits_for == "warp" for t in warp.threads):
                if len({thread.line() for thread in warp.threads}) > 1:
                    self._diverged(warp.threads)
                met = True
                for thread in warp.threads:
                    thread.pass_barrier()
        if not met:
            self._diverged(living)

    def _diverged(self, living: list[Thread]) -> None:
        groups = {}
        for thread in living:
            groups.setdefault(f"wait for the {thread.waits_for} at {thread.line()}", thread)
        waiting = [f"{thread} and others {what}" for what, thread in groups.items()]
        gone = len(self.threads) - len(living)
        ended = [f"{gone} of {len(self.threads)} threads have ended"] if gone else []
        raise SimulationError(f"a barrier that not all reach: {'; '.join(waiting + ended)}")


def source_name(frame) -> str:
    """Return the name to which the kernel's line assigns, such as "tile"."""
    number = int(line_of(frame.f_code, frame.f_lasti).rpartition(":")[2])
    text = linecache.getline(frame.f_code.co_filename, number)
    return text.partition("=")[0].strip() or "memory"


class Launch:
    """One launch of a kernel."""

    def __init__(self, kernel, grid, block, arguments, shared_bytes, seed, count):
        self.kernel, self.grid, self.block = kernel, dim3(grid), dim3(block)
        self.shared_bytes = shared_bytes
        self.random = None if seed is None else random.Random(seed)
        self.traffic = Traffic() if count else None
        names = list(inspect.signature(kernel).parameters)
        self.arguments = [
            Memory(name, a, "global", self.traffic) if isinstance(a, np.ndarray) else a
            for name, a in zip(names, arguments, strict=True)
        ]

    def run(self) -> None:
        """Run the kernel, in the thread whose turn it is."""
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
        for position in self.ordered(positions):
            Block(self, position).run()

    def shared_array(self, block: Block, frame, shape, dtype) -> Memory:
        """Return the block's array that the kernel asks for where its frame stands."""
        key = frame.f_code, frame.f_lasti
        if key not in block.shared:
            if shape == 0:  # as much as the launch gives
                shape = self.shared_bytes // np.dtype(dtype).itemsize
            array = np.full(shape, POISON[np.dtype(dtype).kind], dtype)
            name = source_name(frame)
            memory = Memory(name, array, "shared", self.traffic)
            block.shared[key] = memory
            used = sum(m.array.nbytes for m in block.shared.values())
            if used > SHARED_LIMIT:
                raise SimulationError(
                    f"{line_of(*key)}: a block has at most {SHARED_LIMIT} bytes of shared memory,"
                    f" and asks for {used}"
                )
        return block.shared[key]


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
    with np.errstate(all="ignore"):  # floats overflow silently on a GPU too
        run.run_blocks()
    return run.traffic
