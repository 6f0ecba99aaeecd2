"""Read a user's texts: lines of a file, files of a folder, or cells of a CSV file's column."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minae.data.delimited import is_csv, read_csv
from minae.data.folder import SUFFIXES as PICTURES
from minae.data.memory import available, naming
from minae.data.pictures import check_regular
from minae.errors import InputError, LeftOut

SUFFIXES = (".txt", ".md")
_MEMORY = 24  # bytes that a byte of text takes: as text, as tokens, as their numbers


@dataclass(eq=False)
class Texts:
    """Texts as they were read, each with a name, and a label if there are any.

    names (N,): numbers of lines or rows, names of files, or ids; labels (N,), texts or None.
    """

    texts: list[str]
    names: np.ndarray
    labels: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)  # what was left out, and why

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> "Texts":
        """Return some of the texts, by their indices."""
        labels = None if self.labels is None else self.labels[rows]
        return Texts([self.texts[i] for i in rows], self.names[rows], labels, self.notes)


def column_of(path: Path) -> tuple[Path, str | None]:
    """Return the file and the column that a path such as `my.csv:column` names."""
    file, colon, column = str(path).rpartition(":")
    if colon and column and is_csv(Path(file)) and os.path.isfile(file):
        return Path(file), column
    return path, None


def is_text(path: Path) -> bool:
    """Return whether a path is a text's: a .txt or .md file, a column of a CSV, or a folder.

    A folder is one of texts if it has more of such files than pictures, subfolders included.
    """
    if column_of(path)[1] is not None:
        return True
    if not os.path.isdir(path):
        return path.suffix.lower() in SUFFIXES
    endings = [file.suffix.lower() for file in _files(path)]
    texts, pictures = (sum(map(endings.count, kind)) for kind in (SUFFIXES, PICTURES))
    return texts > pictures


def read_texts(
    path: Path,
    text_column: str | None = None,
    id_column: str | None = None,
    label_column: str | None = None,
) -> Texts:
    """Read the texts of a file or folder; `text_column` is that of a CSV if the path names none.

    A file of a folder that cannot be read is left out, and a note says why. Raises InputError if
    there is no text, a file cannot be read, or a column is missing, but that of labels.
    """
    file, column = column_of(path)
    with naming(path):
        if os.path.isdir(file):
            return _read_folder(file)
        if column is not None or _has_columns(file):
            return _read_column(file, column or text_column, id_column, label_column)
        return _read_lines(file)


def read_running(path: Path, text_column: str | None = None) -> Texts:
    """Read running text: a file is one text, not one in each line.

    Line breaks become \\n, and all else stays as it is. See `read_texts`.
    """
    file, column = column_of(path)
    if os.path.isdir(file) or column is not None or _has_columns(file):
        found = read_texts(path, text_column)
    else:
        with naming(path):
            _check_room([path])
            found = Texts([read_file(path)], np.arange(1))
    texts = [text.replace("\r\n", "\n").replace("\r", "\n") for text in found.texts]
    return Texts(texts, found.names, notes=found.notes)


def _has_columns(path: Path) -> bool:
    """Return whether a file is a table, of which one column has the texts."""
    return is_csv(path) and path.suffix.lower() != ".txt"


def _read_lines(path: Path) -> Texts:
    _check_room([path])
    text = read_file(path).replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    lines = [line.strip() for line in text.split("\n")]
    numbers = [number for number, line in enumerate(lines, 1) if line]
    blank = len(lines) - len(numbers)
    notes = [f"{blank:,} blank line{'s' * (blank > 1)} left out"] if blank else []
    return Texts([line for line in lines if line], np.array(numbers), notes=notes)


def _read_folder(folder: Path) -> Texts:
    files, found, notes = _files(folder), {}, []
    chosen = [path for path in files if path.suffix.lower() in SUFFIXES]
    room = available()
    large = [path for path in chosen if path.stat().st_size * _MEMORY > room]
    _check_room([path for path in chosen if path not in large])
    for path in chosen:
        name = path.relative_to(folder).as_posix()
        try:
            if path in large:
                _check_room([path])
            found[name] = read_file(path)
        except InputError as error:
            notes.append(LeftOut(f"{name} left out: it {error}"))
    if not found:
        raise InputError("; ".join(notes) or "holds no .txt or .md files; put some there")
    if others := len(files) - len(chosen):
        notes.append(f"{others:,} other file{'s' * (others > 1)} left out")
    parts = [name.split("/") for name in found]
    labels = None
    if all(len(part) > 1 for part in parts):  # the subfolders are the classes
        labels = np.array([part[0] for part in parts], object)
    names = np.array([os.fsencode(name).decode(errors="replace") for name in found], object)
    return Texts([*found.values()], names, labels, notes)


def _read_column(
    path: Path, column: str | None, id_column: str | None, label_column: str | None
) -> Texts:
    if column is None:
        raise InputError(f"holds columns; say which one has the texts, as in {path.name}:COLUMN")
    wanted = [name for name in (column, id_column, label_column) if name is not None]
    frame = read_csv(path, tuple(wanted))
    for name in wanted:
        if name not in frame and name != label_column:
            raise InputError(f"has no column {name!r}; the columns are {', '.join(frame)}")
    wanted = [name for name in wanted if name in frame]
    cells = {name: frame[name].fillna("").str.strip().to_numpy(object) for name in wanted}
    there = cells[column] != ""  # (N,)
    empty = int((~there).sum())
    notes = [f"{empty:,} row{'s' * (empty > 1)} without a text left out"] if empty else []
    names = np.arange(len(frame)) if id_column is None else cells[id_column]
    labels = cells[label_column][there] if label_column in cells else None
    return Texts(cells[column][there].tolist(), names[there], labels, notes)


def read_file(path: Path) -> str:
    """Return the text in a file: UTF-8, or UTF-16 that says so at its beginning.

    Raises InputError if it is empty, no text, or in another encoding.
    """
    check_regular(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); give access to it") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise InputError("is damaged UTF-16; save it as UTF-8") from error
        if b"\0" in content[:4096]:
            raise InputError("is no text; give a text file") from error
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"is not in UTF-8, as line {line:,} shows; save it as UTF-8") from error
    if "\0" in text:
        raise InputError("is no text; give a text file")
    if not text.strip():
        raise InputError("is empty; give a file with text")
    return text


def _check_room(paths: list[Path]) -> None:
    """Raise InputError unless the texts of files fit into the memory."""
    size, room = sum(path.stat().st_size for path in paths), available()
    needed = size * _MEMORY
    if needed > room:
        raise InputError(
            f"holds {size / 1e9:,.1f} GB of text, which take about {needed / 1e9:,.1f} GB of"
            f" memory, but {room / 1e9:,.1f} GB are free; give a part of it"
        )


def _files(folder: Path) -> list[Path]:
    """Return the files in a folder and below it, in order, without hidden ones."""
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    for child in folder.iterdir():
        if not child.name.startswith("."):
            if child.is_dir():
                yield from _walk(child)
            elif child.is_file():
                yield child
