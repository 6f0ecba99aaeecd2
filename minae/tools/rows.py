"""Rows of a table and windows of a series for people to look at, in their own units.

A table becomes a CSV file, windows become curves. Images have `minae.plots`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from minae import plots
from minae.data import AudioKind, ImageKind, Kind, SeriesKind, Split, TableKind
from minae.errors import InputError
from minae.files import write_whole

DIGITS = "%.7g"  # what float32 holds
MOST_WINDOWS = 40  # in one figure


def write_reconstructions(
    kind: Kind, split: Split, corrupted: np.ndarray | None, outputs: np.ndarray, out: Path
) -> None:
    """Write rows, what was made of them for the model to undo, if anything, and what it rebuilt.

    All arrays are (N, C, H, W). Raises InputError if `out` has not the ending of what is written.
    """
    if isinstance(kind, ImageKind):
        figure = plots.reconstructions(split.inputs, outputs, corrupted=corrupted)
        return plots.save(figure, out)
    if isinstance(kind, AudioKind):
        rows = {"original": split.inputs, "reconstructed": outputs}
        return plots.save(plots.strips({name: x / 6 + 0.5 for name, x in rows.items()}), out)
    if isinstance(kind, SeriesKind):
        curves = {"original": kind.decode(split.inputs)}
        if corrupted is not None:
            curves["corrupted"] = kind.decode(corrupted)
        curves["reconstructed"] = kind.decode(outputs)
        return plots.save(plots.windows(curves, kind.columns, _names(split)), out)
    return _write_csv(_beside(kind, split, corrupted, outputs), out)


def write_samples(
    kind: Kind, inputs: np.ndarray, out: Path, labels: np.ndarray | None = None
) -> None:
    """Write rows (N, C, H, W) that a model made up: a CSV, curves or a grid of images.

    `labels` (N,) are those that it was told. Raises InputError if there are too many to draw.
    """
    if isinstance(kind, TableKind):
        frame = kind.decode(inputs)
        if labels is not None:
            frame[kind.label_column or "label"] = np.array(kind.classes)[labels]
        return _write_csv(frame, out)
    if isinstance(kind, SeriesKind):
        if len(inputs) > MOST_WINDOWS:
            raise InputError(f"{len(inputs)} windows are too many to draw: ask for {MOST_WINDOWS}")
        names = [f"sample {number}" for number in range(1, len(inputs) + 1)]
        figure = plots.windows({"sample": kind.decode(inputs)}, kind.columns, names)
        return plots.save(figure, out)
    return plots.save(plots.image_grid(inputs), out)


def ending(kind: Kind) -> str:
    """Return how the names of files end that show rows of a kind."""
    return ".csv" if isinstance(kind, TableKind) else ".png"


def _names(split: Split) -> list[str]:
    if split.names is None:
        return [f"window {number}" for number in range(len(split))]
    if split.names.dtype.kind != "M":
        return [f"from reading {name:,}" for name in split.names]
    return [f"from {str(name.astype('datetime64[s]')).replace('T', ' ')}" for name in split.names]


def _beside(
    kind: TableKind, split: Split, corrupted: np.ndarray | None, outputs: np.ndarray
) -> Any:
    """Return a data frame with each column beside its reconstruction, after the rows' names."""
    tables = {"": kind.decode(split.inputs, split.gaps), " rebuilt": kind.decode(outputs)}
    if corrupted is not None:
        tables |= {" corrupted": kind.decode(corrupted, split.gaps)}
    import pandas as pd

    names = split.names if split.names is not None else np.arange(len(split))
    columns = {kind.id_column or "row": names}
    for column in kind.parts:
        columns |= {column + suffix: table[column] for suffix, table in sorted(tables.items())}
    return pd.DataFrame(columns)


def _write_csv(frame: Any, out: Path) -> None:
    if out.suffix.lower() != ".csv":
        raise InputError(f"{out}: rows of a table are a .csv file; give a name that ends in .csv")
    write_whole(out, frame.to_csv(index=False, float_format=DIGITS).encode())
