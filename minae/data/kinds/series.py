"""Series: readings at equal steps in time, cut into windows.

A window of W readings of C columns becomes inputs (C, 1, W), each column in standard deviations
from its mean. No window reaches over a gap, where a step is longer than the others or a reading is
missing. Neighbouring windows begin one step apart, and share memory unless there are gaps.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minae.data import readers
from minae.data.delimited import Frame, is_csv, read_csv
from minae.data.kinds import columns as made
from minae.data.kinds.columns import Numbers
from minae.data.kinds.noise import InputNoise, parse_noise
from minae.data.kinds.table import encode_labels, listed
from minae.data.memory import check_room, naming
from minae.data.split import Split
from minae.errors import InputError

DAY = 86_400.0  # seconds


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings in the order of time: values (T, C) float64 with NaN for gaps.

    times (T,), datetime64[us], or None for readings that are numbered; labels (T,) texts or None.
    """

    columns: list[str]
    values: np.ndarray
    times: np.ndarray | None = None
    labels: np.ndarray | None = None
    time_column: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def step(self) -> float:
        """Seconds from one reading to the next, the most frequent; 0 if they are numbered."""
        if self.times is None or len(self.times) < 2:
            return 0.0
        steps, counts = np.unique(np.diff(self.times), return_counts=True)
        return float(steps[counts.argmax()] / np.timedelta64(1, "us")) / 1e6


@dataclass(frozen=True)
class SeriesKind:
    """Columns of readings `step` seconds apart (0: numbered), in windows of `window` readings."""

    name: ClassVar[str] = "series"
    row: ClassVar[str] = "window"  # what a row of the data is called
    binary: ClassVar[int] = 0
    numbers: list[Numbers]
    window: int
    step: float
    time_column: str | None = None
    label_column: str | None = None
    classes: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (C, 1, W) of a window."""
        return len(self.numbers), 1, self.window

    @property
    def parts(self) -> list[str]:
        """What an error is divided among: the readings of a window, from the first."""
        return [f"reading {number}" for number in range(self.window)]

    def errors(self, split: Split, outputs: np.ndarray) -> np.ndarray:
        """Return the squared errors of outputs (N, C, 1, W) by reading: (N, W) float64."""
        return np.square(outputs - split.inputs, dtype=np.float64).sum(axis=(1, 2))

    def windows(self, readings: Readings, stride: int = 1) -> Split:
        """Return the windows that begin `stride` readings apart, named by when they begin.

        With a stride, the windows on both sides of a gap, and the last, are returned, too: every
        reading of a whole window is in one.
        """
        scaled = [c.scaled(readings.values[:, i]) for i, c in enumerate(self.numbers)]
        values = np.stack(scaled).astype(np.float32)  # (C, T)
        T, W = len(readings.values), self.window
        if T < W:
            return Split(np.zeros((0, *self.shape), np.float32))
        view = np.lib.stride_tricks.sliding_window_view(values, W, axis=1)  # (C, T - W + 1, W)
        inputs = view.transpose(1, 0, 2)[:, :, None]  # (N, C, 1, W)
        breaks = np.any(np.isnan(readings.values), axis=1)  # (T,)
        wide = np.zeros(T, bool)  # where a step that is too long ends
        if readings.times is not None:
            wide[1:] = np.diff(readings.times) > np.timedelta64(round(self.step * 1.5e6), "us")
        whole = _sums(breaks, W) + _sums(wide[1:], W - 1) == 0
        names = np.arange(len(whole)) if readings.times is None else readings.times[: len(whole)]
        labels = None
        if readings.labels is not None:
            of_readings = encode_labels(readings.labels, self.classes)
            labels = np.lib.stride_tricks.sliding_window_view(of_readings, W).max(axis=1)
        split = Split(inputs, labels, names)
        if stride > 1:
            edge = np.ones(len(whole), bool)  # between gaps, the first and the last
            edge[1:-1] = ~(whole[:-2] & whole[2:])
            whole &= edge | (np.arange(len(whole)) % stride == 0)
        if whole.all():
            return split
        check_room(int(whole.sum()) * inputs[0].size, 4)  # a copy, as the rest is left out
        return split.take(np.flatnonzero(whole))

    def decode(self, inputs: np.ndarray) -> np.ndarray:
        """Return inputs or outputs (N, C, 1, W) in the readings' own units, float64."""
        columns = [c.unscaled(inputs[:, i]) for i, c in enumerate(self.numbers)]  # (N, 1, W) each
        return np.stack(columns, axis=1)

    def corruption(self, text: str) -> InputNoise:
        """Return the noise that a text such as `noise:0.3` means. Raises InputError if none."""
        return parse_noise(text, f"{self.row}s", self.binary)

    def read(self, path: Path) -> tuple[Split, list[str]]:
        """Read a series of the same columns and step as windows; see `readings`."""
        readings = self.readings(path)
        return self.windows(readings), [f"{path}: {note}" for note in readings.notes]

    def readings(self, path: Path, label_column: str | None = None) -> Readings:
        """Read a series of the same columns and step.

        Raises InputError if a column is missing, the step is another, or no window is whole.
        """
        with naming(path):
            labels = label_column or self.label_column
            readings = read_readings(path, self.time_column, labels, self.columns)
            if self.step and abs(readings.step - self.step) > 0.01 * self.step:
                raise InputError(
                    f"has a reading {every(readings.step)}, but the run was trained on one"
                    f" {every(self.step)}; resample it"
                )
            if not len(self.windows(readings, self.window)):
                raise InputError(
                    f"has no {self.window} readings in a row without a gap; give a longer series"
                )
        return readings

    @property
    def columns(self) -> list[str]:
        """The names of the columns of readings."""
        return [column.name for column in self.numbers]


def _sums(flags: np.ndarray, length: int) -> np.ndarray:
    """Return how many of every `length` neighbours of flags (T,) are set: (T - length + 1,)."""
    total = np.concatenate([[0], np.cumsum(flags)])
    return total[length:] - total[: len(total) - length]


def with_time(frame: Frame) -> tuple[Frame, str | None]:
    """Return a data frame, and its first column's name if that holds times.

    If the first column holds dates, and the second times of the day, they become one.
    """
    first, *others = frame.columns
    if made.find_kind(frame[first]) != "time":
        return frame, None
    if others and made.is_clock(frame[others[0]]):
        clock = frame[others[0]].astype(str).str.strip().str.replace(".", ":")
        joined = (frame[first].astype(str).str.strip() + " " + clock).rename(f"{first} {others[0]}")
        frame = frame.drop(columns=[first, others[0]])
        frame.insert(0, joined.name, joined)
    return frame, str(frame.columns[0])


def is_series(path: Path, column: Any) -> bool:
    """Return whether times go one way, mostly, or follow one step once they are sorted."""
    times = made.as_times(path, column).astype(np.int64)
    steps, sorted_steps = np.diff(times), np.diff(np.sort(times))
    if not len(steps):
        return True
    usual = np.median(sorted_steps)
    regular = np.mean(np.abs(sorted_steps - usual) <= 0.5 * usual)
    one_way = max(np.mean(steps > 0), np.mean(steps < 0))
    return bool(one_way >= 0.9 or (usual > 0 and regular >= 0.9))


def read_readings(
    path: Path, time_column: str | None, label_column: str | None, columns: list[str] | None = None
) -> Readings:
    """Return the readings in a file; the columns are all that hold numbers, if none are given."""
    if not is_csv(path):
        array, labels = readers.read_numpy(path)
        return numbered(array, labels, columns)
    frame = read_csv(path, (label_column,) if label_column else ())
    frame, time = with_time(frame)
    return from_frame(path, frame, time_column or time, label_column, columns)


def numbered(
    array: np.ndarray, labels: np.ndarray | None, columns: list[str] | None = None
) -> Readings:
    """Return readings (T,) or (T, C) without times."""
    if array.ndim not in (1, 2) or array.dtype.kind not in "iufb":
        raise InputError(
            f"shape {array.shape} of type {array.dtype} is no series; give numbers (T,) or (T, C)"
        )
    values = array.reshape(len(array), -1).astype(np.float64)
    names = [f"column {number}" for number in range(1, values.shape[1] + 1)]
    if columns is not None and names != columns:
        raise InputError(f"has {len(names)} columns, but the run was trained on {len(columns)}")
    if np.isinf(values).any():
        row = int(np.isinf(values).any(axis=1).argmax())
        raise InputError(f"reading {row} is infinite; give a number, or NaN for a gap")
    return Readings(names, values, labels=None if labels is None else labels.astype(str))


def from_frame(
    path: Path,
    frame: Frame,
    time_column: str | None,
    label_column: str | None,
    columns: list[str] | None = None,
) -> Readings:
    """Return the readings of a data frame, sorted by time; a time that comes again is left out."""
    if columns is None and label_column is not None and label_column not in frame:
        raise InputError(f"has no column {label_column!r}; the columns are {', '.join(frame)}")
    others = [name for name in frame if name not in (time_column, label_column)]
    wanted = [name for name in (time_column, *(columns or [])) if name is not None]
    missing = [name for name in wanted if name not in frame]
    if missing:
        raise InputError(f"has no {listed(missing)}, which the run was trained with; add it")
    kinds = {name: made.find_kind(frame[name]) for name in others}
    chosen = columns or [name for name in others if kinds[name] == "number"]
    if not chosen:
        raise InputError("has no column of numbers beside the times; give one with readings")
    more = [name for name in others if name not in chosen]
    notes = [f"{listed(more)} left out"] if more else []
    values = np.stack([made.as_numbers(path, frame[name]) for name in chosen], axis=1)
    labels = made.as_texts(frame[label_column]) if label_column in frame else None
    if time_column is None:
        return Readings(chosen, values, None, labels, None, tuple(notes))
    times = made.as_times(path, frame[time_column])
    if made.names_offset(frame[time_column]):
        notes.append("times converted to UTC")
    order = np.argsort(times, kind="stable")
    back = int((np.diff(times) < np.timedelta64(0)).sum())
    times, values = times[order], values[order]
    again = np.concatenate([[False], times[1:] == times[:-1]])
    if back:
        notes.append(f"out of order in {back:,} place{'s' * (back > 1)}, so sorted by time")
    if again.any():
        count = int(again.sum())
        notes.append(f"{count:,} reading{'s' * (count > 1)} with a repeated time left out")
    labels = None if labels is None else labels[order][~again]
    return Readings(chosen, values[~again], times[~again], labels, time_column, tuple(notes))


def every(step: float) -> str:
    """Return a step in seconds in words: "every 30 minutes"."""
    for name, seconds in (("day", DAY), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0)):
        if step >= seconds:
            count = step / seconds
            return f"every {name}" if count == 1 else f"every {count:.4g} {name}s"
    return f"every {step * 1000:.4g} milliseconds"


def usual_window(readings: Readings) -> int:
    """Return how many readings a window has by default: a day's if that is 16 to 288, else 64.

    Of a short series it is less: a tenth.
    """
    a_day = round(DAY / readings.step) if readings.step else 0
    return max(2, min(a_day if 16 <= a_day <= 288 else 64, len(readings.values) // 10))
