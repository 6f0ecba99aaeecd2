"""Cut rows, readings or sounds into parts, fit their kind to the training part, and say so."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from minae.data.delimited import Frame
from minae.data.kinds import columns as made
from minae.data.kinds import table as tables
from minae.data.kinds.audio import AudioKind, fit_audio
from minae.data.kinds.series import Readings, SeriesKind, every, usual_window
from minae.data.kinds.table import TableKind, fit_table, left_out, listed
from minae.data.sound.analysis import Analysis
from minae.data.sound.recordings import (
    Pieces,
    choose_frames,
    choose_rate,
    find_recordings,
    order_of,
    read_pieces,
)
from minae.data.split import Split, divide, find_class, keep_normal, validation_size
from minae.errors import InputError


@dataclass(frozen=True)
class Reading:
    """How a user's data are to be read; what is None is found out from the data, or not there."""

    kind: str | None = None  # images, table, series or audio
    id_column: str | None = None
    label_column: str | None = None
    normal: str | None = None  # the label of the rows to train on
    window: int | None = None  # readings in a window of a series
    seconds: float | None = None  # of a piece of a sound


Fitted = tuple[
    TableKind | SeriesKind | AudioKind, list[Split], list[str]
]  # with train, validation, test


def table_parts(
    path: Path,
    frame: Frame,
    labels: np.ndarray | None,
    how: Reading,
    seed: int,
    validation: int | None,
) -> Fitted:
    """Shuffle the rows of a table by the seed, and cut them 80 / 10 / 10 per cent."""
    if how.window is not None:
        raise InputError("is a table, which has no windows: leave out --window")
    for column in (how.id_column, how.label_column):
        if column is not None and column not in frame:
            raise InputError(f"has no column {column!r}; the columns are {', '.join(frame)}")
    id_column = how.id_column or tables.find_id(frame)
    if how.label_column is not None:
        labels = made.as_texts(frame[how.label_column])
    elif labels is not None:
        labels = labels.astype(str)
    classes = [] if labels is None else in_order({text or "" for text in labels})
    pool, test = _divided(len(frame), labels, classes, how, seed)
    usual = max(1, round(len(frame) / 10)) if how.normal is None else max(1, len(pool) // 9)
    cut = len(pool) - validation_size(
        path.name, "rows", len(pool), usual if validation is None else validation
    )
    kind = fit_table(
        path, frame, pool[:cut], {"id_column": id_column, "label_column": how.label_column}
    )
    kind = replace(kind, classes=classes)
    if not kind.parts:
        raise InputError("has no column of numbers or categories; give one with such columns")
    everything = kind.encode(path, frame)
    if labels is not None and everything.labels is None:
        everything = replace(everything, labels=tables.encode_labels(labels, classes))
    parts = [everything.take(rows) for rows in (pool[:cut], pool[cut:], test)]
    return kind, parts, [_about_table(path, frame, kind, how, len(test))]


def _divided(
    rows: int, labels: np.ndarray | None, classes: list[str], how: Reading, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    if rows < 3:
        raise InputError(
            f"holds {rows} of the at least 3 rows that are needed to train, validate and test; "
            "add more"
        )
    pool, test = divide(rows, seed)
    if how.normal is None:
        return pool, test
    if labels is None:
        raise InputError("--normal needs labels: say with --label-column which column has them")
    find_class(classes, how.normal)
    pool, test = keep_normal(pool, test, labels == how.normal)
    return pool, test


def _about_table(path: Path, frame: Frame, kind: TableKind, how: Reading, test: int) -> str:
    """Return a line that says what was made of the columns of a table."""
    counts = {"numbers": len(kind.numbers), "categories": len(kind.categories)}
    columns = [f"{n:,} column{'s' * (n > 1)} of {what}" for what, n in counts.items() if n]
    said = [f"{kind.id_column} names the rows"] if kind.id_column else []
    said += [f"{kind.label_column} has the labels"] if kind.label_column else []
    gaps = [column.name for column in kind.numbers if column.gaps]
    said += [f"{listed(gaps)} with gaps"] if gaps else []
    said += [f"{listed(names)} left out: {why}" for why, names in left_out(frame, kind).items()]
    constant = [column.name for column in kind.numbers if frame[column.name].nunique() == 1]
    said += [f"{listed(constant)} always the same"] if constant else []
    if how.normal is not None:
        said.append(f"{test:,} rows to test on, with those that are not {how.normal}")
    return f"{path.name}: a table of {len(frame):,} rows, {' and '.join(columns)}" + (
        f" ({'; '.join(said)})" if said else ""
    )


def series_parts(path: Path, readings: Readings, how: Reading, validation: int | None) -> Fitted:
    """Cut readings in the order of time, 80 / 10 / 10 per cent, and into windows.

    No reading is in the windows of two parts.
    """
    if how.id_column is not None:
        raise InputError("is a series, whose rows are named by their times: leave out --id-column")
    if how.window is not None and how.window < 2:
        raise InputError(f"--window is a number of readings from 2, not {how.window}")
    _check_steps(readings)
    T, window = len(readings.values), how.window or usual_window(readings)
    classes = []
    if readings.labels is not None:  # a window has its rarest label, and "normal" is none of these
        found, counts = np.unique(readings.labels.astype(str), return_counts=True)
        classes = [str(label) for label in found[np.argsort(-counts, kind="stable")]]
    if how.normal is not None:
        if not classes:
            raise InputError("--normal needs labels: say with --label-column which column has them")
        classes.insert(0, classes.pop(find_class(classes, how.normal)))
    fitted = [
        made.fit_numbers(name, readings.values[: round(0.8 * T), i])
        for i, name in enumerate(readings.columns)
    ]
    kind = SeriesKind(
        fitted, window, readings.step, readings.time_column, how.label_column, classes
    )
    windows = kind.windows(readings)
    N, between = len(windows), window - 1  # windows that would share readings with two parts
    tenth = max(1, round(N / 10))
    pool = N - tenth - between
    size = tenth if validation is None else validation
    if (train := pool - size - between * (size > 0)) < 1 or size < 0:
        raise InputError(
            f"gives {N:,} windows of {window:,} readings, too few for {size:,} to validate,"
            f" {tenth:,} to test, and {between:,} before each of these; give more readings, a"
            " smaller --window or a smaller --validation"
        )
    cuts = slice(0, train), slice(pool - size, pool), slice(N - tenth, N)
    parts = [windows.take(cut) for cut in cuts]
    if how.normal is not None:
        normal = parts[0].labels == 0, parts[1].labels == 0
        parts[:2] = [part.take(np.flatnonzero(n)) for part, n in zip(parts, normal, strict=False)]
    return kind, parts, [_about_series(path, readings, kind)]


def _check_steps(readings: Readings) -> None:
    """Raise InputError unless most readings follow each other at one step."""
    if readings.times is None or len(readings.times) < 2:
        return
    steps = np.diff(readings.times) / np.timedelta64(1, "us") / 1e6
    regular = np.abs(steps - readings.step) <= 0.5 * readings.step
    if regular.mean() < 0.5:
        raise InputError(
            f"its times follow no regular step ({every(np.percentile(steps, 10))} to"
            f" {every(np.percentile(steps, 90))}): resample it, or read it with --kind table"
        )


def _about_series(path: Path, readings: Readings, kind: SeriesKind) -> str:
    """Return a line that says what was made of a series."""
    count = len(readings.columns)
    columns = f"{count} column{'s' * (count > 1)}"
    step = f", {every(kind.step)}" if kind.step else ""
    said = [f"column {kind.time_column} is the time"] if kind.time_column else []
    said += [f"windows of {kind.window} readings", *readings.notes]
    return (
        f"{path.name}: a series of {len(readings.values):,} readings of {columns}{step}"
        f" ({'; '.join(said)}); --kind table reads it as a table"
    )


def audio_parts(path: Path, how: Reading, seed: int, validation: int | None) -> Fitted:
    """Shuffle recordings by the seed, and cut them, in pieces, 80 / 10 / 10 per cent.

    A few that are in pieces are cut in the order of time instead: see `order_of`.
    """
    recordings, left_out = find_recordings(path)
    analysis = Analysis(choose_rate(recordings))
    frames = choose_frames(recordings, analysis, how.seconds)
    pieces = read_pieces(recordings, left_out, analysis, frames)
    if len(pieces) < 3:
        raise InputError(
            f"gives {len(pieces)} of the at least 3 sounds that are needed to train, validate and"
            " test; add more, or give fewer --seconds"
        )
    order, test = order_of(pieces, seed), max(1, round(len(pieces) / 10))
    return split_sounds(path, pieces, order[:-test], order[-test:], how, validation)


def split_sounds(
    path: Path,
    pieces: Pieces,
    pool: np.ndarray,
    test: np.ndarray,
    how: Reading,
    validation: int | None,
) -> Fitted:
    """Set aside the last of a pool of pieces for validation, and fit the kind to the others.

    As many are for validation as for the test, if nobody says otherwise.
    """
    others = {"--window": how.window, "--id-column": how.id_column}
    for option, value in (others | {"--label-column": how.label_column}).items():
        if value is not None:
            raise InputError(f"holds sounds, which have none: leave out {option}")
    usual = len(test)
    if how.normal is not None:
        if pieces.labels is None:
            raise InputError("--normal needs labels: put sounds of a kind into a subfolder of it")
        find_class(in_order(set(pieces.labels.tolist())), how.normal)
        pool, test = keep_normal(pool, test, pieces.labels == how.normal)
        usual = max(1, len(pool) // 9)
    cut = len(pool) - validation_size(
        path.name, "sounds", len(pool), usual if validation is None else validation
    )
    classes = [] if pieces.labels is None else in_order(set(pieces.labels.tolist()))
    kind = fit_audio(pieces, pool[:cut], classes)
    everything = kind.encode(pieces)
    parts = [everything.take(rows) for rows in (pool[:cut], pool[cut:], test)]
    done = f" ({pieces.done})" if pieces.done else ""
    return kind, parts, [*pieces.left_out, f"{path.name}: {pieces.about}{done}"]


def in_order(labels: set[str]) -> list[str]:
    """Return labels in order: whole numbers by their size, before texts."""
    return sorted(
        labels, key=lambda text: (not text.isdecimal(), text.isdecimal() and int(text), text)
    )
