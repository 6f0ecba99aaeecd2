"""The parts of a series, and a line that says what was made of it."""

from pathlib import Path

import numpy as np

from minae.data.kinds import columns as made
from minae.data.kinds.series import Readings, SeriesKind, every, usual_window
from minae.data.parts.dividing import Fitted, Reading
from minae.data.split import find_class
from minae.errors import InputError


def series_parts(path: Path, readings: Readings, how: Reading, validation: int | None) -> Fitted:
    """Cut readings in the order of time, 80 / 10 / 10 per cent, and into windows.

    No reading is in the windows of two parts.
    """
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
            f"gives {N:,} windows of {window:,} readings without a gap, too few for {size:,} to"
            f" validate, {tenth:,} to test, and {between:,} before each of these; give more"
            " readings, a smaller --window or a smaller --validation"
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
