"""The data to score: images, rows, texts, sounds, lines, or readings of a series in windows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minae.data import (
    DATASETS,
    AudioKind,
    CorpusKind,
    Ragged,
    SeriesKind,
    Split,
    TableKind,
    TextKind,
)
from minae.data.folder import list_files
from minae.data.kinds.columns import as_texts
from minae.data.kinds.series import Readings
from minae.data.kinds.table import read_frame
from minae.data.named import SERIES, load_readings
from minae.data.sound.files import list_sounds
from minae.data.text.files import read_running, read_texts
from minae.errors import InputError, LeftOut, complain
from minae.tools.images import as_batch, check_out, read_usable
from minae.tools.naming import file_of, labels_of, written
from minae.train.runs import Run

PER_WINDOW = 8  # windows that a reading lies in
MOST_VALUES = 20_000_000  # of a run's own data, which usual errors and baselines come from
MOST_TOKENS = 200_000  # of a running text that was held out, which usual errors come from


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to score, in their order; those of a series are its readings."""

    split: Split  # N rows, or windows of a series
    names: Sequence | np.ndarray  # (N,) files, ids, times (datetime64) or indices
    labels: np.ndarray | None = None  # (N,) texts
    starts: np.ndarray | None = None  # (windows,), of a series: the reading each begins with
    readings: Readings | None = None  # of a series
    whole: bool = True  # nothing was left out

    def __len__(self) -> int:
        return len(self.names)

    @property
    def numbered(self) -> bool:
        """Whether rows have no names but their indices."""
        return isinstance(self.names, range)


def read_data(run: Run, data: str, out: Path, label_column: str | None) -> Data:
    """Read the test part of a named dataset, a named series, or all rows of a file or folder.

    A picture that cannot be used is left out, with a line on stderr. Raises InputError if the data
    do not fit the run or have no such column of labels, or `out` is no folder or holds pictures to
    be read.
    """
    path, kind = Path(data), run.kind
    if isinstance(kind, SeriesKind):
        check_out(out, [])
        return _read_series(kind, data, label_column)
    if isinstance(kind, TextKind):
        return _read_texts(run, kind, data, out, label_column)
    if isinstance(kind, CorpusKind):
        return _read_lines(run, kind, data, out)
    sounds = isinstance(kind, AudioKind) and data not in DATASETS and path.exists()
    if data not in DATASETS and path.is_dir() and not sounds:
        return _read_folder(run, path, out)
    check_out(out, list_sounds(path)[0] if sounds else [])
    split, whole = run.read_usable(data)
    names = range(len(split)) if split.names is None else split.names
    column = label_column if label_column != "label" else None
    column = column or getattr(kind, "label_column", None)
    if isinstance(kind, TableKind) and column and path.is_file():
        labels = _read_labels(path, column, required=label_column is not None)
    elif column in (None, getattr(kind, "label_column", None)) and split.labels is not None:
        texts: Any = labels_of(run, split)
        labels = texts.astype(str).astype(object)
    else:
        labels = None
    return Data(split, names, labels, whole=whole)


def _read_texts(run: Run, kind: TextKind, data: str, out: Path, label_column: str | None) -> Data:
    """Read texts; labels are subfolders, or a column: the one that is asked for, or the run's."""
    path = Path(data)
    if data in DATASETS or not os.path.exists(file_of(data)):
        check_out(out, [])
        split, whole = run.read_usable(data)
        labels = labels_of(run, split)
        labels = None if labels is None else labels.astype(object)
    else:
        check_out(out, list_files([Path(file_of(data))]))
        own = label_column in (None, "label") and kind.label_column
        columns = kind.text_column, kind.id_column, own or label_column
        found = read_texts(path, *columns)
        split, notes = kind.split(found)
        for note in notes:
            complain(f"{path}: {note}")
        labels, whole = found.labels, not any(isinstance(note, LeftOut) for note in notes)
    if labels is not None:
        labels = np.array([label or None for label in labels], object)  # an empty cell is none
    assert split.names is not None
    return Data(split, split.names, labels, whole=whole)


def _read_lines(run: Run, kind: CorpusKind, data: str, out: Path) -> Data:
    """Read a running text, whose lines are the rows; of several texts, as name:line."""
    if data in DATASETS or not os.path.exists(file_of(data)):
        check_out(out, [])
        split, whole = run.read_usable(data)
        return replace(_lines(kind, Ragged.of([split.inputs])), whole=whole)
    check_out(out, list_files([Path(file_of(data))]))
    found = read_running(Path(data), kind.text_column)
    notes = [*found.notes, *kind.unknown_notes(found.texts)]
    for note in notes:
        complain(f"{data}: {note}")
    texts = kind.rows(found.texts)
    lines = _lines(kind, texts)
    if len(texts) > 1:
        of = np.searchsorted(texts.offsets, lines.split.inputs.offsets[:-1], side="right") - 1
        pairs = zip(found.names[of], lines.names, strict=True)
        lines = replace(lines, names=np.array([f"{name}:{line}" for name, line in pairs], object))
    return replace(lines, whole=not any(isinstance(note, LeftOut) for note in notes))


def _lines(kind: CorpusKind, texts: Ragged) -> Data:
    lines = kind.lines(texts)
    assert lines.names is not None
    return Data(lines, lines.names)


def _read_series(kind: SeriesKind, data: str, label_column: str | None) -> Data:
    """Read a series and cut it into windows, so many that a reading lies in PER_WINDOW."""
    if data in SERIES:
        readings, _ = load_readings(data)
        if label_column not in (None, "label"):
            raise InputError(f"there is no file {label_column!r}; {data} has --labels label")
    else:
        readings = kind.readings(_existing(data), label_column)
        for note in readings.notes:
            complain(f"{data}: {note}")
    split = kind.windows(readings, max(1, kind.window // PER_WINDOW))
    T, times = len(readings.values), readings.times
    starts = split.names if times is None else np.searchsorted(times, np.asarray(split.names))
    if label_column is not None and readings.labels is None:
        raise InputError(f"{data} has no column {label_column!r}, nor is there such a file")
    names = range(T) if times is None else times
    return Data(split, names, readings.labels, np.asarray(starts), readings)


def _read_folder(run: Run, path: Path, out: Path) -> Data:
    """Read the pictures of a folder; subfolders are labels."""
    if isinstance(run.kind, TableKind):
        raise InputError(f"{path} is a folder, and the run is of a table: give a file")
    files = list_files([path])
    check_out(out, files)
    usable = read_usable(files, run.image_shape)
    paths = [found for found, _ in usable]
    nested = all(found.parent != path for found in paths)
    labels = np.array([written(found.parent.name) for found in paths], object) if nested else None
    split = Split(as_batch(image for _, image in usable))
    names = [written(found) for found in paths]
    return Data(split, names, labels, whole=len(usable) == len(files))


def _existing(data: str) -> Path:
    path = Path(data)
    if not os.path.exists(path):  # unlike path.exists(), never raises
        raise InputError(
            f"there is no series and no file called {data!r}; the series are {', '.join(SERIES)}"
        )
    if path.is_dir():
        raise InputError(f"{path} is a folder, and the run is of a series: give a file")
    return path


def _read_labels(path: Path, column: str, required: bool) -> np.ndarray | None:
    """Return a column of a table, (N,) texts with None for gaps; None if it is not there.

    The labels of a split would not do: they are numbers, of the labels that were in training.
    """
    frame, _ = read_frame(path, (column,))
    if column in frame:
        return as_texts(frame[column])
    if not required:
        return None
    shown = ", ".join(list(frame)[:10])
    raise InputError(
        f"{path} has no column {column!r}, nor is there such a file; its columns are {shown}"
    )


@dataclass(frozen=True, eq=False)
class Own:
    """A run's own data: what it was trained on, and what it was not."""

    train: Split
    held_out: Data
    part: str  # that held_out is: validation or test


def read_own(run: Run) -> Own:
    """Return the run's own data, evenly thinned if they are large.

    Held out are the validation rows, or, if there are none, the test rows. Raises InputError if
    the data are gone, have changed, or nothing that is normal was held out.
    """
    if not run.settings.data:
        raise InputError(
            f"{run.folder} was imported and has no text of its own, which says what is usual: train"
            " a gpt on usual text, and take that run"
        )
    try:
        dataset = run.data()
    except InputError as error:
        raise InputError(f"the run's own data are needed for the threshold: {error}") from error
    part = "validation" if len(dataset.validation) else "test"
    held_out = getattr(dataset, part)
    if isinstance(run.kind, CorpusKind):
        if not len(held_out):
            raise InputError(
                "the run was trained on all of its text, so that its usual scores are not known:"
                " train it without --validation 0"
            )
        text = Ragged.of([held_out.inputs[:MOST_TOKENS]])
        return Own(dataset.train, _lines(run.kind, text), part)
    if part == "test" and run.settings.normal is not None:
        raise InputError(
            "the run has no validation rows, and its test rows are not all normal: train it"
            " without --validation 0"
        )
    most = max(1000, MOST_VALUES // int(np.prod(run.image_shape)))
    return Own(_thinned(dataset.train, most), _held_out(run, _thinned(held_out, most)), part)


def _thinned(split: Split, most: int) -> Split:
    return split.take(slice(None, None, -(-len(split) // most) or 1))


def _held_out(run: Run, split: Split) -> Data:
    if not isinstance(run.kind, SeriesKind):
        return Data(split, range(len(split)))
    starts = step_numbers(run.kind, split)
    starts -= starts[0]
    return Data(split, range(int(starts[-1]) + run.kind.window), starts=starts)


def step_numbers(kind: SeriesKind, split: Split) -> np.ndarray:
    """Return when windows begin, (N,) int64, in steps since a Monday at 0:00, or as numbered."""
    begin = np.asarray(split.names)
    if begin.dtype.kind != "M":
        return begin.astype(np.int64)
    monday = np.datetime64("1970-01-05", "us")
    seconds = (begin - monday) / np.timedelta64(1, "s")
    return np.round(seconds / kind.step).astype(np.int64)
