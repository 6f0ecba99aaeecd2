"""Memory that knows who touched it: bounds, what was never written, and races between threads.

Two accesses to one place by different threads, one of them a write, are a race unless something
orders them: a barrier of their block that lies between, or one of their warp. Blocks of a launch
are never ordered. Every place remembers who wrote it last and who has read it since, with the
barriers that each had then passed. So a race is found whatever order the threads happen to run in,
also where the result comes out right.
"""

from math import prod
from sys import _getframe
from typing import NamedTuple

import numpy as np
from greenlet import getcurrent

POISON = {"f": np.nan, "i": -77777777, "u": 0xDEADBEEF, "b": True}  # what unwritten places hold


class SimulationError(Exception):
    """A kernel did what a GPU would not forgive. The message names line, threads and place."""


class Moment(NamedTuple):
    """A thread between two barriers."""

    thread: object
    barriers: int  # of the block, passed so far
    warp_barriers: int

    def comes_before(self, other: "Moment") -> bool:
        """Return whether something orders what is done at this moment before the other one."""
        thread = self.thread
        if thread is other.thread:
            return True
        if thread.block is not other.thread.block:
            return False
        if self.barriers < other.barriers:
            return True
        return thread.warp is other.thread.warp and self.warp_barriers < other.warp_barriers


class Access(NamedTuple):
    """Who touched a place, when, and at which instruction."""

    moment: Moment
    code: object
    instruction: int
    atomic: bool = False

    def __str__(self) -> str:
        return f"{self.moment.thread} at {line_of(self.code, self.instruction)}"


def line_of(code, instruction: int) -> str:
    """Return file and line of an instruction."""
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line)
    return f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{next(lines)}"


class Copy(NamedTuple):
    """An asynchronous copy on its way."""

    target: "Memory"
    first: int
    numbers: np.ndarray
    ordered: Access

    def arrive(self) -> None:
        """Write the numbers: the copying thread can read them from now on, others by a barrier."""
        memory, count = self.target, len(self.numbers)
        access = self.ordered._replace(moment=self.ordered.moment.thread.moment)
        for i in range(self.first, self.first + count):
            del memory.arriving[i]
            memory.writers[i], memory.readers[i] = access, {}
        memory.numbers[self.first : self.first + count] = self.numbers
        memory.note("store", self.first, count, access)


class Memory:
    """An array in shared or global memory, as a kernel sees it. Indexing it is an access.

    Args:
        name: for messages.
        array: what it holds; contiguous, and written through.
        space: "shared" or "global".
        traffic: what counts the accesses, or None.
    """

    def __init__(self, name: str, array: np.ndarray, space: str, traffic=None):
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} is not contiguous, as an array on a GPU has to be here")
        self.name, self.space, self.traffic = name, space, traffic
        self.array, self.shape, self.dtype, self.size = array, array.shape, array.dtype, array.size
        self.numbers = array.reshape(-1)
        self.strides = [prod(self.shape[n + 1 :]) for n in range(array.ndim)]
        self.writers: list[Access | None] = [None] * self.size
        self.readers: list[dict] = [{} for _ in range(self.size)]  # by thread
        self.arriving: dict[int, Access] = {}  # places that an asynchronous copy will write

    def __getitem__(self, index):
        frame = _getframe(1)
        i = self._place(index, frame)
        self._read(i, frame)
        return self.numbers[i]

    def __setitem__(self, index, value):
        frame = _getframe(1)
        i = self._place(index, frame)
        self._write(i, frame)
        self.numbers[i] = value

    def add(self, index, value):
        """Add to a place in one step that no other thread can come between; return what it was."""
        frame = _getframe(2)
        i = self._place(index, frame)
        self._write(i, frame, atomic=True)
        old = self.numbers[i]
        self.numbers[i] = old + value
        return old

    # What intrinsics call: the kernel is then three frames up.

    def load(self, i: int, count: int) -> tuple:
        """Return `count` neighbours from place i on, at once; i must be a multiple of count."""
        frame = _getframe(3)
        self._check_block(i, count, frame)
        for n in range(count):
            self._read(i + n, frame, 0 if n else count)
        return tuple(self.numbers[i : i + count])

    def store(self, i: int, values: tuple) -> None:
        """Write neighbours from place i on, at once; i must be a multiple of their number."""
        frame = _getframe(3)
        self._check_block(i, len(values), frame)
        for n in range(len(values)):
            self._write(i + n, frame, count=0 if n else len(values))
        self.numbers[i : i + len(values)] = values

    def order(self, i: int, source: "Memory", j: int, count: int, valid: bool) -> Copy:
        """Check an asynchronous copy from another memory to this one, and await its numbers."""
        frame = _getframe(3)
        self._check_block(i, count, frame)
        access = Access(getcurrent().moment, frame.f_code, frame.f_lasti)
        for place in range(i, i + count):
            self._check_write(access, place)
            self.arriving[place] = access
        numbers = np.zeros(count, self.dtype)
        if valid:
            source._check_block(j, count, frame)
            for n in range(count):
                source._read(j + n, frame, 0 if n else count)
            numbers[:] = source.numbers[j : j + count]
        return Copy(self, i, numbers, access)

    def note(self, kind: str, i: int, count: int, access: Access) -> None:
        """Have an access counted."""
        if self.traffic is not None:
            self.traffic.count(self, kind, i, count, access)

    def _place(self, index, frame) -> int:
        """Return the place of an index in memory; what NumPy would wrap around is an error."""
        shape = self.shape
        if type(index) is not tuple:
            index = (index,)
        if len(index) == len(shape) == 2:  # most are, and a loop would take long
            i, j = index
            if 0 <= i < shape[0] and 0 <= j < shape[1]:
                return i * shape[1] + j
        fits = len(index) == len(shape)
        if not fits or not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
            shown = ", ".join(str(int(i)) for i in index)
            self._fail(frame, f"{self}[{shown}] is out of bounds: its shape is {shape}")
        return sum(i * stride for i, stride in zip(index, self.strides, strict=True))

    def _check_block(self, i: int, count: int, frame) -> None:
        if not 0 <= i <= self.size - count:
            self._fail(frame, f"{self}[{i}:{i + count}] is out of bounds: its size is {self.size}")
        if i % count:
            self._fail(frame, f"{self}[{i}] is misaligned: {count} at once start at multiples")

    def _read(self, i: int, frame, count: int = 1) -> None:
        """Check a read of place i and remember it; `count` of them are one request, 0 is none."""
        moment = getcurrent().moment
        writer = self.writers[i]
        if writer is None:
            if self.space == "shared" and i not in self.arriving:
                self._fail(frame, f"{self.at(i)} is read but was never written")
        elif writer.moment is not moment and not writer.moment.comes_before(moment):
            self._fail(frame, f"a race: {self.at(i)} is read, and was written by {writer}")
        if self.arriving and i in self.arriving:
            self._fail(frame, f"{self.at(i)} is read before the copy to it was waited for")
        access = (moment, frame.f_code, frame.f_lasti)  # an Access in short, for the sake of time
        self.readers[i][moment.thread] = access
        if count:
            self.note("load", i, count, access)

    def _write(self, i: int, frame, count: int = 1, atomic: bool = False) -> None:
        """Check a write to place i, and remember it."""
        access = Access(getcurrent().moment, frame.f_code, frame.f_lasti, atomic)
        self._check_write(access, i)
        self.writers[i], self.readers[i] = access, {}
        if count:
            self.note("store", i, count, access)

    def _check_write(self, access: Access, i: int) -> None:
        writer, moment = self.writers[i], access.moment
        both_atomic = access.atomic and writer is not None and writer.atomic
        if writer is not None and not both_atomic and not writer.moment.comes_before(moment):
            self._fail(access, f"a race: {self.at(i)} is written, and was written by {writer}")
        for reader in self.readers[i].values():
            if not reader[0].comes_before(moment):
                reader = Access(*reader)
                self._fail(access, f"a race: {self.at(i)} is written, and was read by {reader}")
        if i in self.arriving:
            self._fail(access, f"{self.at(i)} is written while a copy to it is on its way")

    def at(self, i: int) -> str:
        """Return what a message calls place i."""
        return f"{self}[{', '.join(str(int(n)) for n in np.unravel_index(i, self.shape))}]"

    def __str__(self) -> str:
        return f"{self.space} {self.name}"

    @staticmethod
    def _fail(place, what: str) -> None:
        """Raise SimulationError; place is an Access or the kernel's frame."""
        if not isinstance(place, Access):
            place = Access(None, place.f_code, place.f_lasti)
        line = line_of(place.code, place.instruction)
        raise SimulationError(f"{line}: {what}. This is {getcurrent()}")
