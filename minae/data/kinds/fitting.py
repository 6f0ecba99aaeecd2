"""Cut data into parts, fit their kind to the training part, and say what was made."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from minae.data.delimited import Frame
from minae.data.kinds import columns as made
from minae.data.kinds import table as tables
from minae.data.kinds.audio import AudioKind, fit_audio
from minae.data.kinds.series import Readings, SeriesKind, every, usual_window
from minae.data.kinds.table import TableKind, fit_table, left_out, listed
from minae.data.kinds.text import LONGEST, VOCABULARY, TextKind, fit_text, usual_tokens
from minae.data.sound.recordings import (
    Analysis,
    Found,
    Pieces,
    choose_frames,
    choose_rate,
    read_pieces,
    sound_order,
)
from minae.data.split import Split, divide, find_class, keep_normal, validation_size
from minae.data.text.files import Texts, column_of
from minae.data.text.tokens import END, SPECIAL, UNKNOWN
from minae.errors import InputError


@dataclass(frozen=True)
class Reading:
    """How a user's data are to be read; what is None is found out from the data, or not there."""

    kind: str | None = None  # images, table, series, text or audio
    id_column: str | None = None
    label_column: str | None = None
    normal: str | None = None  # the label of the rows to train on
    window: int | None = None  # readings in a window of a series
    tokens: str | None = None  # of texts: words, characters or bpe
    vocabulary: int | None = None  # how many tokens there are at most
    longest: int | None = None  # tokens of a text at most, with that of its end
    seconds: float | None = None  # of a piece of a sound


Fitted = tuple[
    TableKind | SeriesKind | TextKind | AudioKind, list[Split], list[str]
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
    pool, test = divided(len(frame), "rows", seed)
    train, held_out, test = _set_aside("rows", pool, test, labels, how, validation)
    kind = fit_table(path, frame, train, {"id_column": id_column, "label_column": how.label_column})
    kind = replace(kind, classes=classes)
    if not kind.parts:
        raise InputError("has no column of numbers or categories; give one with such columns")
    everything = kind.encode(path, frame)
    if labels is not None and everything.labels is None:
        everything = replace(everything, labels=tables.encode_labels(labels, classes))
    parts = [everything.take(rows) for rows in (train, held_out, test)]
    return kind, parts, [_about_table(path, frame, kind, how, len(test))]


def divided(count: int, what: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of rows to train and validate on, and of those to test on; see `divide`.

    Raises InputError if there are too few.
    """
    if count < 3:
        raise InputError(
            f"holds {count} of the at least 3 {what} that are needed to train, validate and test; "
            "add more"
        )
    return divide(count, seed)


def _set_aside(
    what: str,
    pool: np.ndarray,
    test: np.ndarray,
    labels: np.ndarray | None,
    how: Reading,
    validation: int | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the indices of the rows to train, to validate and to test on.

    As many are for validation as for the test, if nobody says otherwise.
    """
    usual = len(test)
    if how.normal is not None:
        if labels is None:
            raise InputError("--normal needs labels: say with --label-column which column has them")
        find_class(in_order({text or "" for text in labels}), how.normal)
        pool, test = keep_normal(pool, test, labels == how.normal)
        usual = max(1, len(pool) // 9)
    size = validation_size(what, len(pool), usual if validation is None else validation)
    cut = len(pool) - size
    return pool[:cut], pool[cut:], test


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


def text_parts(
    path: Path,
    found: Texts,
    pool: np.ndarray,
    test: np.ndarray,
    how: Reading,
    validation: int | None,
) -> Fitted:
    """Divide texts, make the vocabulary of those to train on, and number all by it.

    `pool` and `test` are the indices of the texts to train and validate on, and to test on.
    """
    if how.window is not None:
        raise InputError("is text, which has no windows: leave out --window")
    classes = [] if found.labels is None else in_order(set(found.labels))
    rows = _set_aside("texts", pool, test, found.labels, how, validation)
    train = [found.texts[i] for i in rows[0]]
    tokens = how.tokens or usual_tokens(train)
    vocabulary, merges = fit_text(train, tokens, how.vocabulary or VOCABULARY)
    kind = TextKind(
        tokens,
        vocabulary,
        merges,
        how.longest or LONGEST,
        column_of(path)[1],
        how.id_column,
        how.label_column,
        classes,
    )
    everything = kind.split(found)
    parts = [everything.take(part) for part in rows]
    return kind, parts, [*found.notes, _about_texts(path, kind, parts)]


def _about_texts(path: Path, kind: TextKind, parts: list[Split]) -> str:
    """Return a line that says what was made of texts."""
    count = sum(map(len, parts))
    what = "tokens" if kind.tokens == "bpe" else kind.tokens
    longest = max(int(part.inputs.lengths.max(initial=1)) - 1 for part in parts)
    said = [f"a vocabulary of {kind.shape[2] - len(SPECIAL):,}"]
    held_out = parts[1].inputs.values
    if len(held_out):
        unknown = (held_out == UNKNOWN).sum() / max((held_out != END).sum(), 1)
        said.append(f"{unknown:.1%} of the validation part is not in it")
    said.append(f"the longest text has {longest:,}")
    if kind.classes:
        said.append(f"{len(kind.classes):,} labels")
    return f"{path.name}: {count:,} texts of {what} ({'; '.join(said)})"


def audio_parts(
    path: Path, found: Found, how: Reading, seed: int, validation: int | None
) -> Fitted:
    """Shuffle recordings by the seed, and cut them 80 / 10 / 10 per cent.

    Fewer than ten that are cut into pieces are each divided in the order of time instead.
    """
    analysis = Analysis(choose_rate(found.recordings))
    frames = choose_frames(found.recordings, analysis, how.seconds)
    pieces = read_pieces(found, analysis, frames)
    if len(pieces) < 3:
        raise InputError(
            f"gives {len(pieces)} of the at least 3 sounds that are needed to train, validate and"
            " test; add more, or longer ones"
        )
    order, test = sound_order(pieces, seed), max(1, round(len(pieces) / 10))
    return split_sounds(path, pieces, order[:-test], order[-test:], how, test, validation)


def split_sounds(
    path: Path,
    pieces: Pieces,
    pool: np.ndarray,
    test: np.ndarray,
    how: Reading,
    usual: int,
    validation: int | None,
) -> Fitted:
    """Set aside the last of a pool of pieces for validation, and fit the kind to the others."""
    if how.normal is not None:
        if pieces.labels is None:
            raise InputError("--normal needs labels: put sounds of a kind into a subfolder of it")
        find_class(in_order(set(pieces.labels.tolist())), how.normal)
        pool, test = keep_normal(pool, test, pieces.labels == how.normal)
        usual = max(1, len(pool) // 9)
    cut = len(pool) - validation_size(
        "sounds", len(pool), usual if validation is None else validation
    )
    classes = [] if pieces.labels is None else in_order(set(pieces.labels.tolist()))
    kind = fit_audio(pieces, pool[:cut], classes)
    everything = kind.encode(pieces)
    parts = [everything.take(rows) for rows in (pool[:cut], pool[cut:], test)]
    return kind, parts, [*pieces.left_out, f"{path.name}: {pieces.said}"]


def in_order(labels: set[str]) -> list[str]:
    """Return labels in order: whole numbers by their size, before texts."""
    return sorted(
        labels, key=lambda text: (not text.isdecimal(), text.isdecimal() and int(text), text)
    )
