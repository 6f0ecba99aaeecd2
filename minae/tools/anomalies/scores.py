"""How badly a model rebuilds each row: its score, and how that is divided among columns.

An image's score is its squared error. In a table, a series or a sound, the squared error of each
number, or of a range of frequencies, is divided by twice its mean on the run's own data, so that a
column that cannot be foretold counts no more than others; that is minus the log-likelihood of a
Gaussian, in nats, as the cross-entropy of a category is, and the score is the sum over the columns.
A window's score is the mean over its readings, and a reading's the mean over the windows that it
lies in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from minae.data import AudioKind, ImageKind, SeriesKind, Split, TableKind, TextKind
from minae.tools.anomalies.reading import Data
from minae.tools.anomalies.sounds import stretch
from minae.tools.images import reconstruct
from minae.train.runs import Run

AT_ONCE = 4096  # rows
LEAST = 0.02  # a column that hardly varies counts as if its mean squared error were this
Method = Callable[[Split], np.ndarray]  # scores (N,) of rows or windows


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores (N,) of rows, larger ones stranger; nan for a reading that is in no whole window.

    errors (N, P) are what each column has of it; in a series, of the reading's own error, and of
    images P is 1, of texts 0.
    """

    values: np.ndarray
    errors: np.ndarray

    @property
    def divided(self) -> bool:
        """Whether a score is divided among parts."""
        return self.errors.shape[1] > 1

    def largest(self, names: list[str]) -> tuple[list[str], np.ndarray]:
        """Return by row the name of the column with the largest error, and its share, (N,)."""
        total = np.maximum(self.errors.sum(axis=1), np.finfo(float).tiny)
        return [names[i] for i in self.errors.argmax(axis=1)], self.errors.max(axis=1) / total

    def take(self, row: int) -> "Scores":
        """Return the score of one row."""
        return Scores(self.values[row : row + 1], self.errors[row : row + 1])


@dataclass(frozen=True, eq=False)
class SoundScores(Scores):
    """Scores of sounds; places (N, 4) are the frames and bands with the largest error."""

    places: np.ndarray


def columns(run: Run) -> list[str]:
    """Return the names of the columns among which errors are divided; none for images."""
    match run.kind:
        case TableKind() | AudioKind():
            return run.kind.parts
        case SeriesKind():
            return run.kind.columns
        case _:
            return []


def find_weights(run: Run, *own: Split) -> np.ndarray:
    """Return what the errors of each column (P,) are multiplied by, from the run's own data.

    That is 1 for images and categories, and 1 / (2 the mean squared error) for numbers.
    """
    if isinstance(run.kind, ImageKind):
        return np.ones(1)
    total, rows = np.zeros(1), 0
    for split in own:
        for part, outputs in rebuilt(run, split):
            errors = _errors(run, part, outputs)  # (N, P) or (N, C, W)
            total = total + errors.reshape(*errors.shape[:2], -1).mean(axis=2).sum(axis=0)
            rows += len(part)
    weights = 0.5 / np.maximum(total / rows, LEAST)
    if isinstance(run.kind, TableKind):
        weights[len(run.kind.numbers) :] = 1
    return weights


def score(run: Run, data: Data, weights: np.ndarray) -> Scores:
    """Score rows, or the readings of a series, by the model's errors times weights (P,)."""
    if isinstance(run.kind, SeriesKind):
        return _score_series(run, data, weights)
    found, places = [], []
    for part, outputs in rebuilt(run, data.split):
        found.append(_errors(run, part, outputs) * weights)
        if isinstance(run.kind, AudioKind):
            places += map(stretch, np.square(outputs - part.inputs)[:, 0])  # (M, T) each
    errors = np.concatenate(found)
    if places:
        return SoundScores(errors.sum(axis=1), errors, np.array(places))
    return Scores(errors.sum(axis=1), errors)


def _score_series(run: Run, data: Data, weights: np.ndarray) -> Scores:
    T, (C, _, W) = len(data), run.image_shape
    windows, total, count = [], np.zeros((T, C)), np.zeros(T)
    at = 0
    for part, outputs in rebuilt(run, data.split):
        errors = _errors(run, part, outputs) * weights[:, None]  # (N, C, W)
        windows.append(errors.sum(axis=1).mean(axis=1))
        assert data.starts is not None
        starts = data.starts[at : (at := at + len(part))]
        for offset in range(W):  # no reading twice
            total[starts + offset] += errors[:, :, offset]
            count[starts + offset] += 1
    return Scores(by_row(np.concatenate(windows), data, W), total / np.maximum(count, 1)[:, None])


def by_row(scores: np.ndarray, data: Data, window: int) -> np.ndarray:
    """Return the scores of rows; of readings (T,), the means over their windows, or nan."""
    if data.starts is None:
        return scores
    total, count = np.zeros(len(data)), np.zeros(len(data))
    for offset in range(window):  # no reading twice
        total[data.starts + offset] += scores
        count[data.starts + offset] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def rebuilt(run: Run, split: Split) -> Iterator[tuple[Split, np.ndarray]]:
    """Yield pieces of a split and what the model makes of them."""
    for start in range(0, len(split), AT_ONCE):
        part = split.take(slice(start, start + AT_ONCE))
        yield part, reconstruct(run.autoencoder, part.inputs)


def _errors(run: Run, split: Split, outputs: np.ndarray) -> np.ndarray:
    """Return the errors by column: (N, P), or of a series, by column and reading: (N, C, W)."""
    match run.kind:
        case SeriesKind():
            return np.square(outputs - split.inputs, dtype=np.float64)[:, :, 0]
        case ImageKind():
            return run.kind.errors(split, outputs).sum(axis=1, keepdims=True)
        case TableKind() | TextKind() | AudioKind():
            return run.kind.errors(split, outputs)
        case _:
            raise AssertionError(f"a {run.kind.name} has no rows")
