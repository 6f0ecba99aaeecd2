"""Batches, of rows in an order that can be replayed, or of what is drawn at random."""

from collections.abc import Iterator

import numpy as np

from minae.data.ragged import Ragged
from minae.kernels.arrays import Array, beside

CHUNK = 50  # batches whose rows are sorted by length together


def _rows(array: Array | Ragged, rows: np.ndarray) -> Array:
    """Return rows of an array, copied; take is faster, but copies windows on one memory first."""
    if isinstance(array, Ragged):
        return array[rows].padded()
    rows = beside(rows, array)
    return np.take(array, rows, axis=0) if array.flags.c_contiguous else array[rows]


class Loader:
    """Iterates over arrays in batches of rows.

    All arrays share their first axis, of size `num_rows`; row i of one belongs to row i of the
    others. A batch is a tuple of `batch_size` rows of each array, copied; the last may be smaller,
    or is left out with `drop_last`.

    Of rows of different lengths, a batch is padded with zeros: (n, longest of the batch). If they
    are shuffled, and unless `by_length` is False, rows of similar length come into one batch, so
    that little is padded.

    `epoch(n)` depends on `seed` and `n` only, not on what was read before. So a training that
    stopped in epoch 7 goes on with `epoch(7)` and sees the batches that it would have seen.
    Iterating gives epoch 0 the first time, then epoch 1, and so on.

    Raises ValueError if there are no arrays, if their first axes differ, or if `batch_size` < 1.
    """

    def __init__(
        self,
        *arrays: Array | Ragged,
        batch_size: int = 128,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        by_length: bool = True,
    ):
        if not arrays:
            raise ValueError("a Loader needs at least one array")
        if others := [a.shape for a in arrays if len(a) != len(arrays[0])]:
            message = "arrays must have the same number of rows, but their shapes are {} and {}"
            raise ValueError(message.format(arrays[0].shape, others[0]))
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self.arrays, self.batch_size = arrays, batch_size
        self.shuffle, self.seed, self.drop_last = shuffle, seed, drop_last
        self.by_length = by_length
        self.num_rows = len(arrays[0])
        self._next_epoch = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(self.num_rows, self.batch_size)
        return full if self.drop_last or rest == 0 else full + 1

    def epoch(self, n: int) -> Iterator[tuple[Array, ...]]:
        """Yield the batches of epoch `n`, counted from 0."""
        order, batches = np.arange(self.num_rows), np.arange(len(self))
        if self.shuffle:
            rng = np.random.default_rng([self.seed, n])
            rng.shuffle(order)
            ragged = [array for array in self.arrays if isinstance(array, Ragged)]
            if ragged and self.by_length:
                order = self._by_length(order, ragged[0].lengths)
                rng.shuffle(batches)
        for i in batches:
            rows = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield tuple(_rows(array, rows) for array in self.arrays)

    def _by_length(self, order: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Sort rows by their lengths (N,), those of CHUNK batches at a time.

        What is left for a smaller batch stays as it is: otherwise it would be the longest rows.
        """
        whole, size = len(order) - len(order) % self.batch_size, CHUNK * self.batch_size
        for start in range(0, whole, size):
            chunk = order[start : min(start + size, whole)]
            chunk[...] = chunk[np.argsort(lengths[chunk], kind="stable")]
        return order

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        n = self._next_epoch
        self._next_epoch += 1
        return self.epoch(n)


class RandomBatches:
    """Batches that a subclass draws at random, anew in every epoch.

    `epoch(n)` yields `per_epoch` rows in batches of `batch_size`, and depends on `seed` and `n`
    only, as that of a `Loader` does.
    """

    batch_size: int
    per_epoch: int
    seed: int

    @property
    def data(self) -> tuple[np.ndarray, ...]:
        """What the batches are cut from."""
        raise NotImplementedError

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Return a batch of `count` rows."""
        raise NotImplementedError

    @property
    def num_rows(self) -> int:
        """The number of rows in an epoch."""
        return self.per_epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-self.per_epoch // self.batch_size)

    def epoch(self, n: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the batches of epoch `n`, counted from 0."""
        rng = np.random.default_rng([self.seed, n])
        for start in range(0, self.per_epoch, self.batch_size):
            yield self.draw(min(self.batch_size, self.per_epoch - start), rng)
