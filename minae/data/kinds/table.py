"""Tables: rows of numbers and categories, some of them missing.

A row becomes inputs (1, 1, F): first the numbers in standard deviations from the mean, then inputs
that are 0 or 1: for each column of numbers with gaps whether there is one, for each category that
the training part has whether it is this one, and a last one for all categories that it has not.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from minae.data import readers
from minae.data.delimited import Frame, is_csv, read_csv
from minae.data.kinds import columns as made
from minae.data.kinds.columns import Categories, Numbers
from minae.data.kinds.noise import InputNoise, parse_noise
from minae.data.memory import naming
from minae.data.split import Split
from minae.errors import InputError

OTHER = "(other)"  # how a category that the training part has not is shown


@dataclass(frozen=True)
class TableKind:
    """Columns of numbers and of categories, a column that names the rows, and one of labels."""

    name: ClassVar[str] = "table"
    row: ClassVar[str] = "row"  # what a row of the data is called
    numbers: list[Numbers]
    categories: list[Categories]
    id_column: str | None = None
    label_column: str | None = None
    classes: list[str] = field(default_factory=list)  # the labels of the training data, by number

    @property
    def parts(self) -> list[str]:
        """What an error is divided among: the columns, numbers first."""
        return [column.name for column in (*self.numbers, *self.categories)]

    @property
    def binary(self) -> int:
        """How many of the last inputs are 0 or 1."""
        gaps = sum(column.gaps for column in self.numbers)
        return gaps + sum(len(column.values) + 1 for column in self.categories)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (1, 1, F) of a row's inputs."""
        return 1, 1, len(self.numbers) + self.binary

    def encode(self, path: Path, frame: Frame) -> Split:
        """Return inputs, labels, names and gaps of a data frame that has the kind's columns."""
        numbers = [made.as_numbers(path, frame[column.name]) for column in self.numbers]
        texts = [made.as_texts(frame[column.name]) for column in self.categories]
        inputs = np.zeros((len(frame), self.shape[2]), np.float32)
        gaps = np.zeros((len(frame), len(self.parts)), bool)
        at = len(numbers)
        for i, (column, values) in enumerate(zip(self.numbers, numbers, strict=True)):
            inputs[:, i], gaps[:, i] = column.scaled(values), np.isnan(values)
            if column.gaps:
                inputs[:, at] = gaps[:, i]
                at += 1
        for i, (column, values) in enumerate(
            zip(self.categories, texts, strict=True), len(numbers)
        ):
            known = {text: number for number, text in enumerate(column.values)}
            index = np.array([known.get(text, len(known)) for text in values])
            gaps[:, i] = values == None  # noqa: E711  # of each entry
            there = np.flatnonzero(~gaps[:, i])
            inputs[there, at + index[there]] = 1
            at += len(known) + 1
        names = None if self.id_column is None else made.as_texts(frame[self.id_column])
        labels = None
        if self.label_column in frame:
            labels = encode_labels(made.as_texts(frame[self.label_column]), self.classes)
        return Split(inputs[:, None, None], labels, names, gaps if gaps.any() else None)

    def errors(self, split: Split, outputs: np.ndarray) -> np.ndarray:
        """Return by column the errors of outputs (N, 1, 1, F): (N, parts), float64.

        That of a number is squared, in standard deviations; that of a category is the
        cross-entropy of its inputs, in nats; that of a gap is 0.
        """
        inputs, outputs = (
            a.reshape(len(a), -1).astype(np.float64) for a in (split.inputs, outputs)
        )
        count = len(self.numbers)
        at = count + sum(column.gaps for column in self.numbers)
        found = [np.square(outputs[:, :count] - inputs[:, :count])]
        for column in self.categories:
            block = slice(at, at := at + len(column.values) + 1)
            p = np.where(inputs[:, block] > 0.5, outputs[:, block], 1 - outputs[:, block])
            found.append(-np.log(np.clip(p, 1e-7, 1)).sum(axis=1, keepdims=True))
        errors = np.concatenate(found, axis=1)
        return errors if split.gaps is None else np.where(split.gaps, 0, errors)

    def decode(self, inputs: np.ndarray, gaps: np.ndarray | None = None) -> Frame:
        """Return inputs or outputs (N, 1, 1, F) in the table's own units; gaps are left empty."""
        import pandas as pd

        inputs = inputs.reshape(len(inputs), -1)
        columns = {c.name: c.unscaled(inputs[:, i]) for i, c in enumerate(self.numbers)}
        at = len(self.numbers) + sum(column.gaps for column in self.numbers)
        for column in self.categories:
            block = inputs[:, at : (at := at + len(column.values) + 1)]
            columns[column.name] = np.array([*column.values, OTHER], object)[block.argmax(axis=1)]
        frame = pd.DataFrame(columns)
        return frame if gaps is None else frame.mask(gaps)

    def corruption(self, text: str) -> InputNoise:
        """Return the noise that a text such as `noise:0.3` means. Raises InputError if none."""
        return parse_noise(text, f"{self.row}s", self.binary)

    def read(self, path: Path) -> tuple[Split, list[str]]:
        """Read new rows; the order of columns does not matter, and other columns are left out.

        Raises InputError if a column is missing, or holds what it should not.
        """
        names = [column.name for column in self.categories]
        texts = tuple(name for name in (self.id_column, self.label_column, *names) if name)
        with naming(path):
            frame, labels = read_frame(path, texts)
            wanted = [*self.parts, *([self.id_column] if self.id_column else [])]
            missing = [name for name in wanted if name not in frame]
            if missing:
                raise InputError(
                    f"has no {listed(missing)}, which the run was trained with; add it"
                )
            more = [name for name in frame if name not in (*wanted, self.label_column)]
            notes = [f"{path}: {listed(more)} left out, as in training"] if more else []
            split = self.encode(path, frame)
        if labels is not None:
            labels = encode_labels(labels.astype(str), self.classes)
            split = Split(split.inputs, labels, split.names, split.gaps)
        return split, notes


def fit_table(path: Path, frame: Frame, train: np.ndarray, texts: dict) -> TableKind:
    """Return the kind of a table, scaled by the rows `train`, and what it says of its columns."""
    numbers, categories = [], []
    used = [name for name in frame if name not in texts.values()]
    for name in used:
        column = frame[name]
        match made.find_kind(column):
            case "number":
                numbers.append(made.fit_numbers(name, made.as_numbers(path, column)[train]))
            case "category":
                values = made.as_texts(column)[train]
                categories.append(Categories(name, sorted({v for v in values if v is not None})))
    return TableKind(numbers, categories, **texts)


def left_out(frame: Frame, kind: TableKind) -> dict[str, list[str]]:
    """Return the columns that are no inputs, by the reason."""
    reasons = {"time": "dates", "text": "text", "nothing": "empty"}
    found: dict[str, list[str]] = {}
    used = (*kind.parts, kind.id_column, kind.label_column)
    for name in frame:
        if name not in used:
            found.setdefault(reasons[made.find_kind(frame[name])], []).append(name)
    return found


def read_frame(path: Path, texts: tuple[str, ...] = ()) -> tuple[Frame, np.ndarray | None]:
    """Return a table in a CSV file, or an array (N, F) in a .npy or .npz file, and its labels."""
    if is_csv(path):
        return read_csv(path, texts), None
    array, labels = readers.read_numpy(path)
    import pandas as pd

    if array.ndim != 2 or array.dtype.kind not in "iufb":
        raise InputError(
            f"shape {array.shape} of type {array.dtype} is no table; give numbers (N, F)"
        )
    names = [f"column {number}" for number in range(1, array.shape[1] + 1)]
    return pd.DataFrame(array, columns=names), labels


def find_id(frame: Frame) -> str | None:
    """Return the column that names the rows, if the first one does: by its name, or all texts."""
    first = str(frame.columns[0])
    unique = frame[first].is_unique and frame[first].notna().all()
    named = first.lower() in ("id", "unnamed: 0") or made.find_kind(frame[first]) == "text"
    return first if unique and named else None


def encode_labels(texts: np.ndarray, classes: list[str]) -> np.ndarray:
    """Return the number of each label (N,) int64; -1 for those that the training data had not."""
    known = {text: number for number, text in enumerate(classes)}
    return np.array([known.get(text or "", -1) for text in texts], np.int64)


def listed(names: list[str], most: int = 5) -> str:
    """Return "column x", or "columns x, y" and how many more."""
    shown = ", ".join(names[:most]) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )
    return f"column{'s' * (len(names) > 1)} {shown}"
