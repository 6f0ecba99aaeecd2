"""Load images or sensor readings by their name, or a user's own images by their path."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minae.data import readers
from minae.data.memory import naming
from minae.data.sources import fetch
from minae.errors import InputError


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset: images (N, C, H, W), float32 in [0, 1]; labels (N,), int64 or None."""

    images: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: slice | np.ndarray) -> "Split":
        """Return some of the rows: by a slice as views, by their indices in that order."""
        return Split(self.images[rows], None if self.labels is None else self.labels[rows])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset in its three parts."""

    name: str
    train: Split
    validation: Split
    test: Split

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of every image."""
        return self.train.images.shape[1:]


Parts = tuple[Split, Split, int]  # to train on, to test on, the validation set's usual size


def load(name_or_path: str | Path, *, seed: int = 0, validation: int | None = None) -> Dataset:
    """Load a named dataset, or a user's images from a file or folder.

    A string that is the name of a dataset means that dataset; anything else is a path (`./mnist`
    for a folder of that name), read by `minae.data.readers.read_images`.

    - `mnist`, `fashion_mnist`: 55,000 / 5,000 / 10,000 for train / validation / test; the test set
      is the official one, validation the last of the official training set.
    - `mnist5k`: 4,000 / 500 / 500, every digit equally often in each.
    - `digits`: 1,437 / 180 / 180, every digit about equally often in each.
    - a user's images: about 80 / 10 / 10 per cent, at least one each, after a shuffle by `seed`,
      which changes nothing in the named datasets.

    `validation` is the number of validation images, taken from the training part; 0 is allowed.

    Raises InputError if the dataset is unknown, cannot be downloaded or read, has fewer than 3
    images, or has no more images to train on than `validation`.
    """
    if isinstance(name_or_path, str) and name_or_path in DATASETS:
        name = name_or_path
        pool, test, usual = DATASETS[name](name)
    else:
        path = Path(name_or_path)
        name = Path(os.path.realpath(path)).name  # unlike path.resolve(), never raises
        pool, test, usual = _load_path(path, seed)
    size = usual if validation is None else validation
    if not 0 <= size < len(pool):
        raise InputError(
            f"{name}: cannot set aside {size:,} images for validation; "
            f"give a number from 0 to {len(pool) - 1:,}, so that one is left to train on"
        )
    cut = len(pool) - size
    return Dataset(name, pool.take(slice(cut)), pool.take(slice(cut, None)), test)


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


def _ordered(everything: Split, order: np.ndarray) -> Parts:
    """Put rows into an order whose last tenth, at least one row, becomes the test set."""
    ordered, test_size = everything.take(order), max(1, round(len(order) / 10))
    return ordered.take(slice(-test_size)), ordered.take(slice(-test_size, None)), test_size


def _load_mnist(name: str) -> Parts:
    """Load the four idx files of MNIST, or of a dataset in the same form."""
    paths, splits = fetch(name), []
    for part in ("train", "t10k"):
        images, _ = readers.read_images(paths[f"{part}-images-idx3-ubyte.gz"])
        path = paths[f"{part}-labels-idx1-ubyte.gz"]
        with naming(path):
            splits.append(Split(images, readers.as_labels(readers.read_idx(path), images)))
    return *splits, 5_000


def _load_embedded(name: str, side: int, white: int) -> Parts:
    """Load an embedded CSV file, whose rows are the pixels, 0 to `white`, then the label."""
    (path,) = fetch(name).values()
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)  # (N, side² + 1)
    images = np.divide(table[:, :-1], white, dtype=np.float32).reshape(-1, 1, side, side)
    labels = table[:, -1].astype(np.int64)
    # The rows may be sorted by label; with a generator of its own, the order is always the same.
    return _ordered(Split(images, labels), stratified_order(labels, np.random.default_rng(0)))


def _load_path(path: Path, seed: int) -> Parts:
    if not os.path.exists(path):  # unlike path.exists(), never raises
        raise InputError(
            f"there is no dataset of images and no file called {str(path)!r}; "
            f"the datasets are {', '.join(DATASETS)}"
        )
    images, labels = readers.read_images(path)
    if len(images) < 3:
        raise InputError(
            f"{path}: holds {len(images)} of the at least 3 images that are needed to train, "
            "validate and test; add more"
        )
    order = np.random.default_rng(seed).permutation(len(images))
    with naming(path):
        return _ordered(Split(images, labels), order)


#: The named datasets of images.
DATASETS: dict[str, Callable[[str], Parts]] = {
    "mnist5k": lambda name: _load_embedded(name, side=28, white=255),
    "digits": lambda name: _load_embedded(name, side=8, white=16),
    "mnist": _load_mnist,
    "fashion_mnist": _load_mnist,
}


@dataclass(frozen=True, eq=False)
class Series:
    """Readings of one sensor: times (T,), datetime64[s]; values (T,), float32.

    `windows` holds (start, end), both datetime64[s], of every interval that people have labelled as
    an anomaly; readings at both ends belong to it.
    """

    name: str
    times: np.ndarray
    values: np.ndarray
    windows: list[tuple[np.datetime64, np.datetime64]]

    def __len__(self) -> int:
        return len(self.times)


# by name, the key of a series in the Numenta Anomaly Benchmark's file of labels
_SERIES = {"machine_temperature": "realKnownCause/machine_temperature_system_failure.csv"}


def load_series(name: str) -> Series:
    """Load a named series.

    `machine_temperature`: the temperature of a part of a large machine, every 5 minutes for 11
    weeks, with 4 labelled windows. The hour from 02:00 on 2014-01-07 occurs twice; readings are in
    the order of the file. Source: Lavin and Ahmad 2015, Numenta Anomaly Benchmark.

    Raises InputError if no series has this name, or if it cannot be downloaded.
    """
    if name not in _SERIES:
        raise InputError(f"no series is called {name!r}; the series are {', '.join(_SERIES)}")
    readings, labels = fetch(name).values()
    columns = [("time", "U19"), ("value", np.float32)]
    table = np.loadtxt(readings, delimiter=",", skiprows=1, dtype=columns)
    windows = json.loads(labels.read_text(encoding="utf-8"))[_SERIES[name]]
    return Series(
        name,
        times=table["time"].astype("datetime64[s]"),
        values=np.ascontiguousarray(table["value"]),
        windows=[(np.datetime64(start, "s"), np.datetime64(end, "s")) for start, end in windows],
    )
