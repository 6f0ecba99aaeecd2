"""One core of a processor, simulated: its vector instructions and its registers are counted.

    core = Core(width=4)
    a, b, c = Matrix("a", x), Matrix("b", y), Matrix("c", z)
    total = core.zero()
    for k in range(a.shape[1]):
        total = core.fma(core.broadcast(a, 0, k), core.load(b, k, 0), total)
    core.store(total, c, 0, 0)

An instruction that reads or writes outside a row of its matrix raises SimulationError, wherever in
memory that would be. A vector takes up a register from the instruction that makes it to the last
one that reads it, as in a compiled program; so how many are taken up is known at the end.
"""

import sys
from collections import Counter
from typing import Any

import numpy as np

from minae.kernels.simulator.moments import SimulationError


class Matrix:
    """What instructions load from and store to: a float32 matrix of NumPy's, and its name."""

    def __init__(self, name: str, numbers: np.ndarray):
        self.name, self.shape = name, numbers.shape
        self._numbers = numbers


class Vector:
    """What a register holds."""

    def __init__(self, numbers: np.ndarray, made: int, line: str):
        self._numbers, self._made, self._line = numbers, made, line
        self._last = made + 1  # until which instruction it takes up a register


class Core:
    """Executes instructions on vectors of `width` float32, one at a time.

    `counts` has how often each was executed: zero, load, broadcast, fma and store.
    """

    def __init__(self, width: int = 4):
        self.width = width
        self.counts: Counter[str] = Counter()
        self._vectors: list[Vector] = []

    def zero(self) -> Vector:
        """Return a vector of zeros."""
        return self._made("zero", np.zeros(self.width, np.float32))

    def load(self, matrix: Matrix, i: int, j: int, count: int | None = None) -> Vector:
        """Return the numbers of row i from column j on.

        With a count, only so many are read, and zeros take the places of the others.
        """
        count = self._check("load", matrix, i, j, count)
        numbers = np.zeros(self.width, np.float32)
        numbers[:count] = matrix._numbers[i, j : j + count]
        return self._made("load", numbers)

    def broadcast(self, matrix: Matrix, i: int, j: int) -> Vector:
        """Return a vector that has the number at (i, j) in all places."""
        self._check("broadcast", matrix, i, j, 1)
        return self._made("broadcast", np.full(self.width, matrix._numbers[i, j], np.float32))

    def fma(self, x: Vector, y: Vector, z: Vector) -> Vector:
        """Return x y + z, place by place."""
        self._read("fma", x, y, z)
        exact = x._numbers.astype(float) * y._numbers + z._numbers
        return self._made("fma", exact.astype(np.float32))

    def store(self, x: Vector, matrix: Matrix, i: int, j: int, count: int | None = None) -> None:
        """Write a vector to row i from column j on; with a count, only its first numbers."""
        self._read("store", x)
        count = self._check("store", matrix, i, j, count)
        matrix._numbers[i, j : j + count] = x._numbers[:count]
        self.counts["store"] += 1

    def registers(self) -> tuple[int, str]:
        """Return how many registers were taken up at once, and the line where it was so many."""
        changes: Counter[int] = Counter()
        for vector in self._vectors:
            changes[vector._made] += 1
            changes[vector._last] -= 1
        now = most = 0
        line = ""
        made = {vector._made: vector._line for vector in self._vectors}
        for time in sorted(changes):
            now += changes[time]
            if now > most:
                most, line = now, made[time]
        return most, line

    def _made(self, kind: str, numbers: np.ndarray) -> Vector:
        self.counts[kind] += 1
        vector = Vector(numbers, self.counts.total(), _line())
        self._vectors.append(vector)
        return vector

    def _read(self, kind: str, *vectors: Any) -> None:
        for vector in vectors:
            if not isinstance(vector, Vector):
                raise SimulationError(f"{kind} takes vectors, not {vector!r}")
            vector._last = max(vector._last, self.counts.total() + 1)

    def _check(self, kind: str, matrix: Any, i: int, j: int, count: int | None) -> int:
        """Return how many numbers an instruction accesses, all of them inside the matrix."""
        if not isinstance(matrix, Matrix):
            raise SimulationError(f"{kind} takes a matrix, not {matrix!r}")
        if count is not None and not 1 <= count <= self.width:
            raise SimulationError(f"{kind}: count is {count}, but a vector has {self.width} places")
        count = self.width if count is None else count
        rows, columns = matrix.shape
        if not (0 <= i < rows and 0 <= j <= columns - count):
            last = f" to [{i}, {j + count - 1}]" if count > 1 else ""
            raise SimulationError(
                f"{kind} of {matrix.name}[{i}, {j}]{last}: outside, since {matrix.name} is"
                f" {rows} x {columns}"
            )
        return count


def _line() -> str:
    """Return the line of the program that executes an instruction."""
    return f"line {sys._getframe(3).f_lineno}"
