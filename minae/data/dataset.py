"""Load images, tables, series, texts or sounds by their name, or a user's own by their path."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minae.data import named, readers
from minae.data.delimited import is_csv
from minae.data.kinds import KINDS, ImageKind, Kind
from minae.data.kinds.images import read_images
from minae.data.kinds.series import (
    Readings,
    from_frame,
    is_series,
    numbered,
    read_readings,
    with_time,
)
from minae.data.kinds.table import read_frame
from minae.data.memory import naming
from minae.data.named import DATASETS, Event, ImageParts
from minae.data.parts.audio import audio_parts, split_sounds
from minae.data.parts.corpus import corpus_parts
from minae.data.parts.dividing import Reading, divided
from minae.data.parts.series import series_parts
from minae.data.parts.table import table_parts
from minae.data.parts.text import text_parts
from minae.data.sound.files import holds_sounds
from minae.data.split import Split, divide, find_class, validation_size
from minae.data.text.files import column_of, is_text, read_running, read_texts
from minae.errors import InputError, flag

OPTIONS = {  # fields of Reading that are for some kinds of data only: which, and in words
    "id_column": (("table", "text"), "tables and separate texts"),
    "label_column": (("table", "series", "text"), "tables, series and separate texts"),
    "normal": (("images", "table", "series", "text", "audio"), "data with labels"),
    "window": (("series",), "series"),
    "tokens": (("text", "corpus"), "texts"),
    "vocabulary": (("text", "corpus"), "texts"),
    "longest": (("text",), "separate texts"),
    "seconds": (("audio",), "sounds"),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset in its three parts."""

    name: str
    train: Split
    validation: Split
    test: Split
    kind: Kind
    notes: list[str]  # a line or more about what was made of a user's file
    events: list[Event]  # in a named series, what people have labelled as anomalies

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of every input."""
        return self.kind.shape


def load(
    name_or_path: str | Path, *, seed: int = 0, validation: int | None = None, **how: Any
) -> Dataset:
    """Load a named dataset, or a user's data from a file or folder.

    A string that is the name of a dataset means that dataset; anything else is a path (`./mnist`
    for a folder of that name).

    - `mnist`, `fashion_mnist`: 55,000 / 5,000 / 10,000 for train / validation / test; the test set
      is the official one, validation the last of the official training set.
    - `mnist5k`: 4,000 / 500 / 500, every digit equally often in each.
    - `digits`: 1,437 / 180 / 180, every digit about equally often in each.
    - `breast_cancer`: a table of 569 rows of 30 numbers, labelled benign or malignant.
    - `machine_temperature`, `nyc_taxi`, `ambient_temperature`: series, labelled 0, and
      1 in the windows that people have marked.
    - a user's images, table or texts: about 80 / 10 / 10 per cent, at least one row each, after a
      shuffle by `seed`, which changes nothing in the named datasets.
    - `docstrings`: about 3,000 texts on functions of NumPy, SciPy, scikit-learn and scikit-image,
      labelled by subpackage, every one equally often in each part, nearly.
    - `unicode_names`: the 12,771 names of characters in Unicode 3.2 that say what they are,
      labelled by category; `names`: 29,494 first names; `tiny_shakespeare`: 25,557 lines.
    - `trec`: 4,952 / 500 / 500 questions, labelled by what is asked for; the test set is the
      official one.
    - `vowels`: sounds, 2,400 / 300 / 300, labelled by vowel; `minae.data.vowel_factors` says how
      each was made.
    - `spoken_digits`: sounds, 2,400 / 300 / 300, the test part the official one; their names are
      DIGIT_SPEAKER_NUMBER.
    - as a `corpus`, one running text: a user's text, 90 / 10 / 0 per cent of its characters in
      their order, but a million at most to validate; `tiny_shakespeare`, the whole file, likewise;
      other named texts, one after the other, with the test part that they have.
    - a user's series: 80 / 10 / 10 per cent in the order of time.
    - a user's sounds: about 80 / 10 / 10 per cent of the pieces, after a shuffle of the recordings.

    A folder, an idx file, and arrays of 3 or 4 dimensions are images; a CSV file whose first column
    is a time that goes on is a series, another a table; arrays (T,) are a series, (N, F) a table.
    Texts are the lines of a .txt or .md file, the files of a folder of such (its subfolders are
    labels), or the cells of a CSV file's column: `my.csv:column`. A WAV or FLAC file, and a folder
    with as many of these as pictures, or texts, or more, are sounds. Any text is a corpus if that
    is the `kind`.

    `validation` is the number of validation rows (of a corpus, of characters), taken from the
    training part; 0 is allowed.
    `how` are fields of `Reading`: kind, id_column, label_column, normal, window, tokens,
    vocabulary, longest, seconds.

    Raises InputError if the dataset is unknown, cannot be downloaded or read, has too few rows, or
    has no more rows to train on than `validation`.
    """
    reading = Reading(**how)
    if reading.kind is not None and reading.kind not in KINDS:
        raise InputError(f"kind {reading.kind!r} is unknown: choose one of {', '.join(KINDS)}")
    if isinstance(name_or_path, str) and name_or_path in DATASETS:
        if reading.seconds is not None:
            raise InputError(f"{name_or_path} is cut up already: leave out --seconds")
        dataset = _load_named(name_or_path, reading, validation)
    else:
        path = Path(name_or_path)
        if not os.path.exists(column_of(path)[0]):  # unlike path.exists(), never raises
            raise InputError(
                f"there is no dataset and no file called {str(path)!r}; "
                f"the datasets are {', '.join(DATASETS)}"
            )
        dataset = _load_path(path, reading, seed, validation)
    for option, (kinds, data) in OPTIONS.items():
        if getattr(reading, option) is not None and dataset.kind.name not in kinds:
            raise InputError(f"{name_or_path}: {flag(option)} is for {data}: leave it out")
    return dataset


def _load_named(name: str, how: Reading, validation: int | None) -> Dataset:
    kind = named.kind_of(name)
    if how.kind == "corpus":
        with naming(Path(name)):
            return _dataset(
                name, corpus_parts(Path(name), *named.load_running(name), how, validation)
            )
    if how.kind not in (None, kind):
        raise InputError(f"{name} is of kind {kind}: leave out --kind {how.kind}")
    if kind == "images":
        return _images(name, named.IMAGES[name](name), how, validation)
    if kind == "table":
        frame, labels = named.TABLES[name](name)
        how = replace(how, label_column=how.label_column or labels)
        found = table_parts(Path(name), frame, None, how, 0, validation)
        return _dataset(name, found)
    if kind == "text":
        if column := how.id_column or how.label_column:
            raise InputError(f"{name} has no column {column!r}: leave it out")
        texts, test = named.TEXTS[name]()
        rows = np.arange(len(texts))
        found = text_parts(Path(name), texts, rows[:-test], rows[-test:], how, validation)
        return _dataset(name, found)
    if kind == "audio":
        with naming(Path(name)):
            return _dataset(
                name, split_sounds(Path(name), *named.load_pieces(name), how, validation)
            )
    readings, events = named.load_readings(name)
    return _dataset(name, series_parts(Path(name), readings, how, validation), events)


def _load_path(path: Path, how: Reading, seed: int, validation: int | None) -> Dataset:
    name = Path(os.path.realpath(path)).name  # unlike path.resolve(), never raises
    if how.kind == "corpus":
        with naming(path):
            return _dataset(name, corpus_parts(path, read_running(path), None, how, validation))
    if how.kind == "audio" or (how.kind is None and holds_sounds(path)):
        with naming(path):
            return _dataset(name, audio_parts(path, how, seed, validation))
    if how.kind == "text" or (how.kind is None and is_text(path)):
        return _texts(path, name, how, seed, validation)
    of_rows = is_csv(path) or _is_array_of_rows(path)
    if how.kind == "images" or (how.kind is None and not of_rows):
        return _images(name, _user_images(path, seed), how, validation)
    with naming(path):
        if path.is_dir():
            raise InputError(f"is a folder, which is read as images: leave out --kind {how.kind}")
        if how.kind == "series":
            return _dataset(name, series_parts(path, _readings(path, how), how, validation))
        texts = tuple(column for column in (how.id_column, how.label_column) if column)
        if is_csv(path) or how.kind == "table":
            frame, labels = read_frame(path, texts)
            timed, time = with_time(frame)
            if how.kind is None and time and is_series(path, timed[time]):
                readings = from_frame(path, timed, time, how.label_column)
                return _dataset(name, series_parts(path, readings, how, validation))
            return _dataset(name, table_parts(path, frame, labels, how, seed, validation))
        array, labels = readers.read_numpy(path)
        if array.ndim == 1:
            return _dataset(name, series_parts(path, numbered(array, labels), how, validation))
        frame, labels = read_frame(path)
        return _dataset(name, table_parts(path, frame, labels, how, seed, validation))


def _texts(path: Path, name: str, how: Reading, seed: int, validation: int | None) -> Dataset:
    texts = read_texts(path, None, how.id_column, how.label_column)
    with naming(path):
        if column_of(path)[1] is None and (column := how.id_column or how.label_column):
            raise InputError(f"has no column {column!r}, as it is no CSV file: leave it out")
        if how.label_column is not None and texts.labels is None:
            raise InputError(f"has no column {how.label_column!r}; name another as --label-column")
        rows = divided(len(texts), "texts (lines, cells or files)", seed)
        return _dataset(name, text_parts(path, texts, *rows, how, validation))


def _is_array_of_rows(path: Path) -> bool:
    """Return whether a file holds an array of one or two dimensions, no images."""
    if path.suffix.lower() not in (".npy", ".npz") or not path.is_file():
        return False
    with naming(path):
        return readers.read_numpy(path)[0].ndim in (1, 2)


def _readings(path: Path, how: Reading) -> Readings:
    return read_readings(path, None, how.label_column)


def _dataset(name: str, found: Any, events: list[Event] | None = None) -> Dataset:
    kind, (train, validation, test), notes = found
    return Dataset(name, train, validation, test, kind, notes, events or [])


def _images(name: str, parts: ImageParts, how: Reading, validation: int | None) -> Dataset:
    """Set aside a part for validation, and train on normal images only if that is asked for."""
    pool, test, usual = parts
    if how.normal is not None:
        pool, test = _normal_images(name, pool, test, how.normal)
    with naming(Path(name)):
        size = validation_size("images", len(pool), usual if validation is None else validation)
    cut = len(pool) - size
    kind = ImageKind(pool.inputs.shape[1:])
    return Dataset(name, pool.take(slice(cut)), pool.take(slice(cut, None)), test, kind, [], [])


def _normal_images(name: str, pool: Split, test: Split, normal: str) -> tuple[Split, Split]:
    """Move the images with another label than `normal` to the test part."""
    if pool.labels is None or test.labels is None:
        raise InputError(
            f"{name}: --normal needs labels, and there are none; give data with labels"
        )
    with naming(Path(name)):
        find_class([str(label) for label in np.unique(pool.labels)], normal)
    is_normal = pool.labels == int(normal)
    other = pool.take(np.flatnonzero(~is_normal))
    return pool.take(np.flatnonzero(is_normal)), test.joined(other)


def _user_images(path: Path, seed: int) -> ImageParts:
    everything = read_images(path)
    if len(everything) < 3:
        raise InputError(
            f"{path}: holds too few images: {len(everything)}, and at least 3 are needed to train,"
            " validate and test; add more"
        )
    pool, test = divide(len(everything), seed)
    with naming(path):
        return everything.take(pool), everything.take(test), len(test)
