"""Rows of a table, windows of a series and sounds for people to look at, in their own units.

A table becomes a CSV file, windows become curves, sounds spectrograms and WAV files. Images have
`minae.plots`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from minae import plots
from minae.data import AudioKind, ImageKind, Kind, SeriesKind, Split, TableKind, TextKind
from minae.data.sound.files import as_wav
from minae.errors import InputError
from minae.files import write_together, write_whole
from minae.tools.naming import names_of

DIGITS = "%.7g"  # what float32 holds
MOST_DRAWN = 40  # in one figure
RowKind = ImageKind | TableKind | SeriesKind | AudioKind  # kinds whose rows are arrays


def write_reconstructions(
    kind: RowKind, split: Split, corrupted: np.ndarray | None, outputs: np.ndarray, out: Path
) -> list[Path]:
    """Write rows, what was made of them for the model to undo, if anything, and what it rebuilt.

    All arrays are (N, C, H, W). Returns what was written; of sounds there are WAV files in a folder
    beside `out`, too. Raises InputError if `out` has not the ending of what is written.
    """
    if isinstance(kind, ImageKind):
        figure = plots.reconstructions(split.inputs, outputs, corrupted=corrupted)
        plots.save(figure, out)
    elif isinstance(kind, TableKind):
        _write_csv(_beside(kind, split, corrupted, outputs), out)
    else:
        made = {"original": split.inputs}
        if corrupted is not None:
            made["corrupted"] = corrupted
        made["reconstructed"] = outputs
        if isinstance(kind, AudioKind):
            return _write_sounds(kind, made, names_of(split), out)
        if isinstance(kind, SeriesKind):
            curves = {name: kind.decode(inputs) for name, inputs in made.items()}
            plots.save(plots.windows(curves, kind.columns, _names(split)), out)
    return [out]


def write_samples(
    kind: RowKind, inputs: np.ndarray, out: Path, labels: np.ndarray | None = None
) -> list[Path]:
    """Write rows (N, C, H, W) that a model made up: a CSV, curves, sounds or a grid of images.

    `labels` (N,) are those that it was told. Returns what was written, as `write_reconstructions`
    does. Raises InputError if there are too many to draw.
    """
    if isinstance(kind, SeriesKind | AudioKind) and len(inputs) > MOST_DRAWN:
        raise InputError(
            f"{len(inputs)} {kind.row}s are too many to draw: ask for {MOST_DRAWN} with -n"
        )
    names = [f"sample {number}" for number in range(1, len(inputs) + 1)]
    if isinstance(kind, TableKind):
        frame = kind.decode(inputs)
        if labels is not None:
            frame[kind.label_column or "label"] = np.array(kind.classes)[labels]
        _write_csv(frame, out)
    elif isinstance(kind, SeriesKind):
        figure = plots.windows({"sample": kind.decode(inputs)}, kind.columns, names)
        plots.save(figure, out)
    elif isinstance(kind, AudioKind):
        if labels is not None:
            names = [
                f"{kind.classes[label]}, {name}" for label, name in zip(labels, names, strict=True)
            ]
        return _write_sounds(kind, {"": inputs}, names, out)
    else:
        plots.save(plots.image_grid(inputs), out)
    return [out]


def _write_sounds(
    kind: AudioKind, made: dict[str, np.ndarray], names: list[str], out: Path
) -> list[Path]:
    """Write spectrograms (N, 1, M, T), by what they are, to a picture, and as sounds beside it.

    All files are written or none. They are numbered in the order of the picture.
    """
    plots.check_png(out)
    figure = plots.spectrograms(
        {name: kind.unscaled(inputs) for name, inputs in made.items()},
        names,
        kind.frequencies,
        kind.seconds,
    )
    folder, files = out.with_suffix(""), {out: plots.as_png(figure)}
    waves = {what: kind.decode(inputs) for what, inputs in made.items()}
    peak = max(float(np.abs(wave).max()) for each in waves.values() for wave in each)
    for what, each in waves.items():
        for number, wave in enumerate(each, 1):
            name = f"{number:02} {what}".strip()
            quieter = wave / max(peak, 1)  # all alike: their loudness has a meaning beside others
            files[folder / f"{name}.wav"] = as_wav(quieter, kind.analysis.rate)
    stale = set(folder.glob("[0-9][0-9]*.wav")) - files.keys()
    write_together(files, instead_of=stale)
    return [out, folder]


def ending(kind: Kind) -> str:
    """Return how the names of files end that show rows of a kind."""
    return ".csv" if isinstance(kind, TableKind | TextKind) else ".png"


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
