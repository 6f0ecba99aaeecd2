"""Memory that records accesses, to find races, unwritten numbers and indices out of bounds.

Two accesses to one place by different threads, at least one of them a write, are a race unless
something orders them: a barrier of their block or of their warp in between. Blocks of a launch are
never ordered, and an exchange of registers orders nothing in memory. Two atomic accesses are not a
race. Every place remembers who wrote it last, and who has read or added to it since, with the
barriers that each had passed by then. So a race is found in whatever order the threads happen to
run, even if the result is right.

Two readers of a place are enough to remember. If both are in one warp, without a barrier between
them, a write that is unordered with any reader of that warp is unordered with one of these two,
since at least one of them is another thread than the writer. The same holds for two warps of a
block, and for two blocks. The place is then *settled*: other threads of that warp, block or launch
may read it without a check.
"""

import linecache
from functools import cache
from sys import _getframe
from types import CodeType, FrameType
from typing import Any

import numpy as np

from minae.kernels.simulator.moments import Access, fail, line_of, running, shown

POISON = {"f": np.nan, "i": -77777777, "u": 0xDEADBEEF, "b": True}  # in places never written


def poisoned(shape: Any, dtype: Any) -> np.ndarray:
    """Return an array that was never written."""
    return np.full(shape, POISON[np.dtype(dtype).kind], dtype)


@cache
def source_name(code: CodeType, instruction: int) -> str:
    """Return the name that the kernel's line assigns to, such as "tile"."""
    number = int(line_of(code, instruction).rpartition(":")[2])
    text = linecache.getline(code.co_filename, number)
    return text.partition("=")[0].strip() or "memory"


class Array:
    """What a kernel indexes, a contiguous array; negative indices are out of bounds."""

    def __init__(self, name: str, array: np.ndarray, space: str):  # shared, global or local
        self.name, self.space, self.label = name, space, f"{space} {name}"
        self.shape, self.size = array.shape, array.size
        self.itemsize, self.numbers = array.itemsize, array.reshape(-1)

    def place(self, index: Any) -> int:
        """Return the place of an index in memory."""
        shape: Any = self.shape
        if type(index) is not tuple:
            index = (index,)
        if len(index) == len(shape) == 2:  # most are, and the loop is slow
            i, j = index
            if 0 <= i < shape[0] and 0 <= j < shape[1]:
                return i * shape[1] + j
        if len(index) != len(shape):
            fail(f"{self} has {len(shape)} dimensions, not {len(index)}")
        place = 0
        for i, n in zip(index, shape, strict=True):
            if not 0 <= i < n:
                numbers = ", ".join(str(int(i)) for i in index)
                fail(f"{self}[{numbers}] is out of bounds: its shape is {shape}")
            place = place * n + i
        return place

    def at(self, i: int) -> str:
        """Return the name of place i in messages."""
        return f"{self}[{', '.join(str(int(n)) for n in np.unravel_index(i, self.shape))}]"

    def __str__(self) -> str:
        return self.label


class Local(Array):
    """An array of one thread: no other can access it, so there are no races."""

    def __init__(self, name: str, array: np.ndarray):
        super().__init__(name, array, "local")
        self.written = bytearray(self.size)

    def __getitem__(self, index):
        i = self.place(index)
        if not self.written[i]:
            fail(f"{self.at(i)} is read but was never written")
        return self.numbers[i]

    def __setitem__(self, index, value):
        i = self.place(index)
        self.numbers[i], self.written[i] = value, True


class Memory(Array):
    """An array in shared or global memory. Indexing it is an access, which `traffic` may count."""

    def __init__(self, name: str, array: np.ndarray, space: str, alignment: int, traffic: Any):
        super().__init__(name, array, space)
        self.alignment, self.traffic = alignment, traffic  # of the first byte; or None
        self.writers: list[Access | None] = [None] * self.size  # the last one of each place
        self.readers: list[tuple[Access, ...]] = [()] * self.size  # since then, at most two
        self.settled: list[object] = [None] * self.size  # for whom: see above
        self.adders: dict[int, dict] = {}  # atomic ones since then: place -> thread -> Access
        self.arriving: dict[int, Access] = {}  # by the places that asynchronous copies will write

    def __getitem__(self, index):
        i = self.place(index)
        moment = running().moment
        settled = self.settled[i] in moment.scopes
        if not settled or self.traffic is not None:
            frame = _getframe(1)
            access = moment, frame.f_code, frame.f_lasti
            if not settled:
                self.read(i, access)
            self.count("load", i, 1, access)
        return self.numbers[i]

    def __setitem__(self, index, value):
        frame = _getframe(1)
        i = self.place(index)
        access = running().moment, frame.f_code, frame.f_lasti
        self.write(i, access)
        self.count("store", i, 1, access)
        self.numbers[i] = value

    def add(self, index: Any, value: Any) -> Any:
        """Add to a place atomically; return what it was."""
        frame = _getframe(2)
        i = self.place(index)
        access = running().moment, frame.f_code, frame.f_lasti
        self._check_written(i, access)
        self._check_free(i, access, atomic=True)
        self.adders.setdefault(i, {})[access[0].thread] = access
        self.count("store", i, 1, access)
        old = self.numbers[i]
        self.numbers[i] = old + value
        return old

    # Called by intrinsics: the kernel is three frames up.

    def load(self, i: int, count: int) -> tuple:
        """Return `count` neighbours from place i on; i must be a multiple of count."""
        access = self._block_access(i, count, _getframe(3))
        for place in range(i, i + count):
            self.read(place, access)
        self.count("load", i, count, access)
        return tuple(self.numbers[i : i + count])

    def store(self, i: int, values: tuple) -> None:
        """Write neighbours from place i on; i must be a multiple of their number."""
        access = self._block_access(i, len(values), _getframe(3))
        for place in range(i, i + len(values)):
            self.write(place, access)
        self.count("store", i, len(values), access)
        self.numbers[i : i + len(values)] = values

    def order(self, i: int, source: "Memory", j: int, count: int, valid: bool) -> "Copy":
        """Check an asynchronous copy from another memory to this one, and return it."""
        frame = _getframe(3)
        access = self._block_access(i, count, frame)
        for place in range(i, i + count):
            self._check_free(place, access)
            self.arriving[place] = access
        if valid:
            source._block_access(j, count, frame)
            for place in range(j, j + count):
                source.read(place, access)
            source.count("load", j, count, access)
        return Copy(self, i, source if valid else None, j, count, access)

    def count(self, kind: str, i: int, count: int, access: Access) -> None:
        """Count an access to `count` neighbours as one request."""
        if self.traffic is not None:
            self.traffic.count(self, kind, i, count, access)

    def read(self, i: int, access: Access) -> None:
        """Check and record a read of place i."""
        moment, writer = access[0], self.writers[i]
        if self.settled[i] in moment.scopes:
            return
        if writer is None:
            self._check_written(i, access)
        elif not writer[0].comes_before(moment):
            self._race(i, "read", "written", access, writer)
        if i in self.arriving:
            order = shown(self.arriving[i])
            fail(f"{self.at(i)} is read before the copy by {order} was waited for", access)
        if i in self.adders:
            self._check_after(i, "read", access, "added to", self.adders[i].values())
        # Whatever comes after this read also comes after all that this read comes after.
        others = [other for other in self.readers[i] if not other[0].comes_before(moment)]
        self.readers[i] = (*others[:1], access)
        self.settled[i] = moment.scope_with(others[0][0]) if others else None

    def write(self, i: int, access: Access) -> None:
        """Check and record a write to place i."""
        self._check_free(i, access)
        self.set_writer(i, access)

    def set_writer(self, i: int, access: Access) -> None:
        """Record a write; the reads and additions before it need not be remembered any longer."""
        self.writers[i], self.readers[i], self.settled[i] = access, (), None
        self.adders.pop(i, None)

    def _block_access(self, i: int, count: int, frame: FrameType) -> Access:
        if not 0 <= i <= self.size - count:
            fail(f"{self}[{i}:{i + count}] is out of bounds: its size is {self.size}")
        if i % count:
            fail(f"{self}[{i}] is misaligned: {count} at once start at multiples")
        if self.alignment % (count * self.itemsize):
            needed = f"alignment={count * self.itemsize}"
            fail(f"{self} is misaligned: for {count} at once it needs {needed}")
        return running().moment, frame.f_code, frame.f_lasti

    def _check_written(self, i: int, access: Access) -> None:
        if self.space == "shared" and self.writers[i] is None and i not in self.arriving:
            fail(f"{self.at(i)} is read but was never written", access)

    def _check_free(self, i: int, access: Access, atomic: bool = False) -> None:
        """Check that everything done at place i is ordered before this write."""
        writer = self.writers[i]
        if writer is not None and not writer[0].comes_before(access[0]):
            self._race(i, "written", "written", access, writer)
        self._check_after(i, "written", access, "read", self.readers[i])
        if i in self.adders and not atomic:
            self._check_after(i, "written", access, "added to", self.adders[i].values())
        if i in self.arriving:
            order = shown(self.arriving[i])
            fail(f"{self.at(i)} is written before the copy by {order} has arrived", access)

    def _check_after(self, i: int, what: str, access: Access, before: str, others) -> None:
        for other in others:
            if not other[0].comes_before(access[0]):
                self._race(i, what, before, access, other)

    def _race(self, i: int, what: str, before: str, access: Access, other: Access) -> None:
        fail(f"a race: {self.at(i)} is {what}, and was {before} by {shown(other)}", access)


class Copy:
    """An asynchronous copy: it may read its source at any time until it was waited for."""

    def __init__(self, target, i, source, j, count, ordered: Access):
        self.target, self.i, self.source, self.j, self.count = target, i, source, j, count
        self.ordered = ordered
        self.writers = source.writers[j : j + count] if source else []

    def arrive(self) -> None:
        """Write the numbers, for the copying thread to read, and for others after a barrier."""
        target, i, source, j, count = self.target, self.i, self.source, self.j, self.count
        access = running().moment, *self.ordered[1:]
        for place, writer in enumerate(self.writers, j):
            if source.writers[place] is not writer:
                source._race(place, "copied", "meanwhile written", access, source.writers[place])
            source.read(place, access)
        for place in range(i, i + count):
            del target.arriving[place]
            target.set_writer(place, access)
        target.numbers[i : i + count] = source.numbers[j : j + count] if source else 0
        target.count("store", i, count, access)
