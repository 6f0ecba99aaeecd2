"""Rows of different lengths, one after the other in memory: the token ids of texts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Ragged:
    """N rows of whole numbers: row i is values[offsets[i] : offsets[i + 1]].

    values (T,), int32; offsets (N + 1,), int64, which begin with 0 and end with T.
    """

    values: np.ndarray
    offsets: np.ndarray

    @staticmethod
    def of(rows: Iterable[np.ndarray | list[int]]) -> "Ragged":
        """Return rows (L,), each of its own length, as one."""
        arrays = [np.asarray(row, np.int32) for row in rows]
        values = np.concatenate([np.zeros(0, np.int32), *arrays])
        return Ragged(values, _offsets(np.array(list(map(len, arrays)), np.int64)))

    @property
    def shape(self) -> tuple[int]:
        """The number of rows."""
        return (len(self),)

    @property
    def lengths(self) -> np.ndarray:
        """How many numbers each row has: (N,) int64."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the rows, each (L,)."""
        for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.values[start:end]

    def __getitem__(self, rows: slice | np.ndarray) -> "Ragged":
        """Return some of the rows, copied, by a slice, indices or flags (N,)."""
        return self._starts_of(self.offsets[:-1][rows], self.lengths[rows])

    def cut(self, length: int) -> "Ragged":
        """Return the first `length` numbers of each row; the same rows if none is longer."""
        if self.lengths.max(initial=0) <= length:
            return self
        return self._starts_of(self.offsets[:-1], np.minimum(self.lengths, length))

    def _starts_of(self, starts: np.ndarray, lengths: np.ndarray) -> "Ragged":
        """Return rows of these lengths (N,) that begin in `values` at starts (N,)."""
        offsets = _offsets(lengths)
        places = np.repeat(starts - offsets[:-1], lengths)  # (T,)
        places += np.arange(len(places), dtype=np.int32)
        return Ragged(self.values[places], offsets)

    def padded(self) -> np.ndarray:
        """Return the rows as one array (N, L), with zeros behind the end of those that are shorter.

        L is the length of the longest.
        """
        lengths = self.lengths
        array = np.zeros((len(self), lengths.max(initial=0)), self.values.dtype)
        array[np.arange(array.shape[1]) < lengths[:, None]] = self.values
        return array

    def joined(self, other: "Ragged") -> "Ragged":
        """Return these rows and those of another."""
        lengths = np.concatenate([self.lengths, other.lengths])
        return Ragged(np.concatenate([self.values, other.values]), _offsets(lengths))


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
