"""A part of a dataset, and how data are cut into parts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from minae.data.ragged import Ragged
from minae.errors import InputError

Inputs = Any  # np.ndarray | Ragged: most functions take the rows of one kind of data only


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset, a row for each image, row of a table, window of a series or text.

    inputs (N, C, H, W), float32, is what a model takes; of texts, token ids: a `Ragged` of N
    rows. labels (N,), int64 or None; names (N,), what the rows are called: file names, ids, numbers
    of lines, the times at which windows begin (datetime64[us]), or None, where they are numbered;
    gaps (N, parts), bool or None, the values that are missing; texts (N,), as they were read, or
    None where rows are no texts.
    """

    inputs: Inputs
    labels: np.ndarray | None = None
    names: np.ndarray | None = None
    gaps: np.ndarray | None = None
    texts: np.ndarray | None = None

    @property
    def images(self) -> np.ndarray:
        """The inputs, where they are images."""
        return self.inputs

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: slice | np.ndarray) -> "Split":
        """Return some of the rows: by a slice as views, by their indices in that order."""
        arrays = (self.labels, self.names, self.gaps, self.texts)
        return Split(self.inputs[rows], *(None if a is None else a[rows] for a in arrays))

    def joined(self, other: "Split") -> "Split":
        """Return these rows and those of another part of the same data."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Split(**{name: _joined(*pair) for name, pair in pairs.items()})


def _joined(one: Any, other: Any) -> Any:
    if one is None:
        return None
    return one.joined(other) if isinstance(one, Ragged) else np.concatenate([one, other])


def divide(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle the indices of rows; return those to train on, and those to test on, a tenth."""
    order, test = np.random.default_rng(seed).permutation(rows), max(1, round(rows / 10))
    return order[:-test], order[-test:]


def stratified_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle rows so that every class is spread evenly over the whole order.

    labels (N,) -> permutation (N,). Wherever this order is cut, the parts hold each class in its
    proportion, give or take a few rows. The n rows of a class are put in random order, and the k-th
    of them gets a random place in [k/n, (k+1)/n); all rows are then sorted by their places.
    """
    shuffled = np.argsort(rng.random(len(labels)), kind="stable")
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        place[rows] = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
    return np.argsort(place, kind="stable")


def keep_normal(
    pool: np.ndarray, test: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Move the indices of rows that are not normal, (N,) bool, to those of the test part."""
    return pool[normal[pool]], np.concatenate([test, pool[~normal[pool]]])


def validation_size(rows: str, pool: int, size: int) -> int:
    """Return how many of a pool are for validation. Raises InputError if none are left."""
    if not 0 <= size < pool:
        raise InputError(
            f"cannot set aside {size:,} {rows} for validation; "
            f"give a number from 0 to {pool - 1:,}, so that one is left to train on"
        )
    return size


def find_class(classes: Sequence[str], normal: str) -> int:
    """Return the number of the class that `normal` names. Raises InputError if there is none."""
    if normal not in classes:
        shown = ", ".join(map(str, classes[:10]))
        raise InputError(f"has no row with the label {normal!r}; the labels are {shown}")
    return classes.index(normal)
