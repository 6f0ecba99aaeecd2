"""A processor's cache, simulated: which lines of memory a program brings in, and how often.

    cache = Cache(sets=64, ways=12)
    x = cache.matrix("x", array)
    x[0, 0]  # brings in the line of 64 bytes that this number is in
    cache.loaded  # Counter({"x": 1})

A line has a place in one set only, chosen by its address: the lines of a set are as many lines
apart as there are sets. When a set is full, the line that has gone unused for longest leaves.
"""

from collections import Counter

import numpy as np

LINE = 64  # bytes


class Cache:
    """A cache of `sets` times `ways` lines; with one set, any line has any place.

    `loaded` counts, by the names of matrices, the lines brought in, for reading and for writing;
    `reads` the numbers read.
    """

    def __init__(self, sets: int, ways: int):
        self.sets, self.ways = sets, ways
        self.loaded: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self._lines: list[dict[int, None]] = [{} for _ in range(sets)]  # the last one used last
        self._end = 0  # of the memory that is given out

    def matrix(self, name: str, numbers: np.ndarray) -> "Cached":
        """Return a matrix that is accessed through the cache; its memory begins with a line."""
        start = self._end
        self._end += -(-numbers.shape[0] * numbers.strides[0] // LINE) * LINE
        return Cached(self, name, numbers, start)

    def touch(self, name: str, address: int) -> None:
        """Bring in the line at an address, unless it is there."""
        line = address // LINE
        lines = self._lines[line % self.sets]
        if line in lines:
            del lines[line]
        else:
            self.loaded[name] += 1
            if len(lines) == self.ways:
                del lines[next(iter(lines))]
        lines[line] = None


class Cached:
    """A matrix seen through a cache, a number at a time: x[i, j]. Negative indices are outside."""

    def __init__(self, cache: Cache, name: str, numbers: np.ndarray, start: int):
        self.shape, self.name = numbers.shape, name
        self._cache, self._numbers, self._start = cache, numbers, start

    def __getitem__(self, index: tuple[int, int]) -> float:
        self._touch(index)
        self._cache.reads[self.name] += 1
        return float(self._numbers[index])

    def __setitem__(self, index: tuple[int, int], value: float) -> None:
        self._touch(index)
        self._numbers[index] = value

    def _touch(self, index: tuple[int, int]) -> None:
        i, j = index
        rows, columns = self.shape
        if not (0 <= i < rows and 0 <= j < columns):
            raise IndexError(f"{self.name}[{i}, {j}] is outside: it is {rows} x {columns}")
        row, column = self._numbers.strides
        self._cache.touch(self.name, self._start + i * row + j * column)
