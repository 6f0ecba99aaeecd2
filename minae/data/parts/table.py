"""The parts of a table, and a line that says what was made of its columns."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from minae.data.delimited import Frame
from minae.data.kinds import columns as made
from minae.data.kinds import table as tables
from minae.data.kinds.table import TableKind, fit_table, left_out, listed
from minae.data.parts.dividing import Fitted, Reading, divided, in_order, set_aside
from minae.errors import InputError


def table_parts(
    path: Path,
    frame: Frame,
    labels: np.ndarray | None,
    how: Reading,
    seed: int,
    validation: int | None,
) -> Fitted:
    """Shuffle the rows of a table by the seed, and cut them 80 / 10 / 10 per cent."""
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
    train, held_out, test = set_aside("rows", pool, test, labels, how, validation)
    kind = fit_table(path, frame, train, {"id_column": id_column, "label_column": how.label_column})
    kind = replace(kind, classes=classes)
    if not kind.parts:
        raise InputError("has no column of numbers or categories; give one with such columns")
    everything = kind.encode(path, frame)
    if labels is not None and everything.labels is None:
        everything = replace(everything, labels=tables.encode_labels(labels, classes))
    parts = [everything.take(rows) for rows in (train, held_out, test)]
    return kind, parts, [_about_table(path, frame, kind, how, len(test))]


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
