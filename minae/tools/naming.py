"""A user's rows: what they are called, and which one a query names."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from minae.data import DATASETS, Split
from minae.data.folder import list_files, read_pictures
from minae.data.kinds import AudioKind, CorpusKind, ImageKind, SeriesKind, TextKind
from minae.data.kinds.table import OTHER
from minae.data.kinds.text import splitter
from minae.data.memory import naming
from minae.data.text.files import SUFFIXES, column_of
from minae.data.text.files import read_file as read_text
from minae.data.text.tokens import SPECIAL, UNKNOWN, tidy
from minae.errors import InputError, complain
from minae.tools.images import as_batch, read_usable
from minae.train.runs import Run


def read_rows(run: Run, data: str) -> tuple[Split, bool]:
    """Return rows as `Run.read` does, and whether they are all that there are.

    A picture of a folder that cannot be used is left out, with a line on stderr.
    """
    if data in DATASETS or not isinstance(run.kind, ImageKind) or not os.path.isdir(data):
        return run.read_usable(data)
    files = list_files([Path(data)])
    usable = read_usable(files, run.kind.shape)
    names = [path.relative_to(data) for path, _ in usable]
    labels = None
    if all(len(name.parts) > 1 for name in names):  # classes are subfolders
        labels = np.unique([name.parts[0] for name in names], return_inverse=True)[1]
    texts = np.array([written(name.as_posix()) for name in names], object)
    rows = Split(as_batch(image for _, image in usable), labels, texts)
    return rows, len(usable) == len(files)


def written(name: Path | str) -> str:
    """Return a file's name as text that can be written, also where it is not UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def stem(data: str) -> str:
    """Return what the files that are made from data are called: its name without an ending."""
    return Path(os.path.realpath(file_of(data))).stem  # unlike Path.resolve, never raises


def file_of(data: str) -> str:
    """Return data, or the file of which it names a column, as in my.csv:column."""
    return str(column_of(Path(data))[0])


def name_column(run: Run, rows: Split) -> str:
    """Return what the names of rows are called: the user's column, or what they are."""
    if rows.names is None:
        return "index"
    if rows.names.dtype.kind in "iu":
        return "number" if isinstance(run.kind, TextKind) else "index"  # of a line, or a row
    if isinstance(run.kind, ImageKind | AudioKind):
        return "name"
    assert not isinstance(run.kind, CorpusKind)  # which has no rows
    own = run.kind.time_column if isinstance(run.kind, SeriesKind) else run.kind.id_column
    return own or "name"


def names_of(rows: Split) -> list[str]:
    """Return the names of rows as texts; indices if they have none."""
    if rows.names is None:
        return list(map(str, range(len(rows))))
    return as_texts(rows.names)


def as_texts(names: np.ndarray) -> list[str]:
    """Return names (N,) as texts, times with seconds, and with their fractions if they have any."""
    if names.dtype.kind != "M":
        return [str(name) for name in names]
    whole = (names == names.astype("datetime64[s]")).all()
    texts = np.datetime_as_string(names, unit="s" if whole else "us")
    return [text.replace("T", " ") for text in texts]


def labels_of(run: Run, rows: Split) -> np.ndarray | None:
    """Return labels (N,) as the user calls them: names of folders, texts, or whole numbers.

    One that the run does not know is called OTHER, unless it is a folder's name.
    """
    if rows.labels is None:
        return None
    if isinstance(run.kind, ImageKind | AudioKind) and rows.names is not None:
        folders = [Path(name).parent.name for name in rows.names]
        if all(folders):
            return np.array(folders)
    if isinstance(run.kind, ImageKind):
        return rows.labels
    assert not isinstance(run.kind, CorpusKind)  # which has no rows
    return np.array([*run.kind.classes, OTHER])[rows.labels]  # -1 if the run does not know it


@dataclass(frozen=True, eq=False)
class Query:
    """What is asked for: a split of one row, its name, and its index if it is one of the data.

    Of a text, `unknown` are the tokens that the run's vocabulary has not.
    """

    row: Split
    name: str
    index: int | None = None
    unknown: tuple[str, ...] = ()


def find_query(run: Run, rows: Split, query: str, data: str) -> Query:
    """Return what a query names, or says itself: of texts, it may be a text.

    Raises InputError if that is nothing, or several rows, or a text of unknown words.
    """
    if isinstance(run.kind, TextKind):
        return check_known(run.kind, _find(run, rows, query, data))
    return _find(run, rows, query, data)


def _find(run: Run, rows: Split, query: str, data: str) -> Query:
    names = names_of(rows)
    path, found = Path(query), [i for i, name in enumerate(names) if name == query]
    if not found and os.path.isfile(path):  # unlike path.is_file(), never raises
        real = os.path.realpath(path)
        if os.path.isdir(data) and rows.names is not None:
            found = [i for i, n in enumerate(names) if os.path.realpath(Path(data, n)) == real]
        if not found:
            pieces = [name for name in names if name.rpartition(" @ ")[0] == path.name]
            if pieces and isinstance(run.kind, AudioKind):
                raise InputError(
                    f"{query} is in {len(pieces)} pieces: give one, such as {pieces[0]!r}"
                )
            return Query(read_file(run, path), query)
    if not found and isinstance(run.kind, SeriesKind) and rows.names is not None:
        found = window_at(run.kind, rows.names, query, data)
    of_files = rows.names is not None and rows.names.dtype.kind == "O"
    if not found and of_files and isinstance(run.kind, ImageKind | AudioKind | TextKind):
        found = [i for i, name in enumerate(names) if Path(name).name == query]
    is_name = query.isdecimal() or (path.suffix.lower() in SUFFIXES and len(query.split()) == 1)
    if not found and isinstance(run.kind, TextKind) and not is_name:
        return Query(one_text(run.kind, query), f'"{" ".join(query.split())}"')
    if not found:
        raise InputError(
            f"{query!r} is no row of {data}, and no file: give a name such as {names[0]!r}"
        )
    if len(found) > 1:
        raise InputError(
            f"{query!r} names {len(found)} rows of {data}, such as number {found[0]} and"
            f" {found[1]}: give one a name of its own, or put it into a file of its own"
        )
    return Query(rows.take(np.array(found)), names[found[0]], found[0])


def read_file(run: Run, path: Path) -> Split:
    """Return the one row of a file, a picture or a sound. Raises InputError if there are more."""
    if isinstance(run.kind, ImageKind):
        (outcome,) = read_pictures([path], run.kind.shape)
        if outcome.image is None:
            raise InputError(str(outcome.remark))
        if outcome.remark:
            complain(outcome.remark)
        return Split(as_batch([outcome.image]))
    if isinstance(run.kind, TextKind):
        with naming(path):
            return one_text(run.kind, read_text(path))
    row = run.read(str(path))
    if len(row) != 1:
        raise InputError(f"{path} holds {len(row):,} {run.kind.row}s: give a file of one")
    return row


def one_text(kind: TextKind, text: str) -> Split:
    """Return a text as a split of one row."""
    return Split(kind.encode([text]), texts=np.array([text], object))


def check_known(kind: TextKind, asked: Query) -> Query:
    """Return a query for a text with its unknown tokens. Raises InputError if all are unknown."""
    assert asked.row.texts is not None
    ids = asked.row.inputs.values
    if not (ids >= len(SPECIAL)).any():
        what = "tokens" if kind.tokens == "bpe" else kind.tokens
        raise InputError(
            f"none of the {what} of {asked.name} is in the run's vocabulary: ask with others"
        )
    tokens = splitter(kind.tokens, kind.merges)(tidy(asked.row.texts[0]))
    unknown = [token for token, i in zip(tokens, ids, strict=False) if i == UNKNOWN]
    return replace(asked, unknown=tuple(dict.fromkeys(unknown)))


def window_at(kind: SeriesKind, times: np.ndarray, query: str, data: str) -> list[int]:
    """Return the index of the last window that begins at a time or before it, and has it in it."""
    import pandas as pd

    first, last = as_texts(times[[0, -1]])
    # year first, as names are printed: 3.4.2025 is in March here, and in April there
    found = pd.to_datetime(query, format="ISO8601", errors="coerce", utc=True)
    if pd.isna(found):
        raise InputError(f"{query!r} is no time, and no file: give a time such as {first}")
    time = found.tz_localize(None).to_datetime64()
    row = int(np.searchsorted(times, time, side="right")) - 1
    length = np.timedelta64(round(kind.step * kind.window * 1e6), "us")
    if row < 0 or time >= times[row] + length:
        raise InputError(
            f"no window of {data} has {query!r} in it: they begin from {first} to {last}"
        )
    return [row]
