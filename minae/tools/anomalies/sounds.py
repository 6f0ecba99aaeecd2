"""Where the error of a sound is: from when to when, and between which frequencies."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from minae import plots
from minae.data import AudioKind
from minae.data.sound import spectra
from minae.data.sound.recordings import start_of
from minae.tools.images import reconstruct
from minae.train.runs import Run

SHOWN = 5  # sounds


def stretch(errors: np.ndarray) -> tuple[int, int, int, int]:
    """Return the frames and bands with the largest errors (M, T): first and last of each.

    Bands are those around the worst one, near the worst moment, whose errors are half of its at
    least; frames are chosen likewise, by the errors in these bands.
    """
    first, last = _around_peak(errors.sum(axis=0))
    low, high = _around_peak(errors[:, first : last + 1].sum(axis=1))
    return *_around_peak(errors[low : high + 1].sum(axis=0)), low, high


def _around_peak(values: np.ndarray) -> tuple[int, int]:
    """Return the first and the last index around the largest of values (K,) that are half of it."""
    peak = int(values.argmax())
    low = np.flatnonzero(values < values[peak] / 2)
    before, behind = low[low < peak], low[low > peak]
    first = before[-1] + 1 if len(before) else 0
    return int(first), int(behind[0] - 1 if len(behind) else len(values) - 1)


def in_units(kind: AudioKind, places: np.ndarray, names: Sequence | np.ndarray) -> np.ndarray:
    """Return frames and bands (N, 4), as `stretch` does, as seconds of the recordings and hertz."""
    edges = spectra.mel_edges(len(kind.means), kind.analysis.rate)
    starts = np.array([start_of(str(name)) for name in names])
    seconds = starts + kind.analysis.seconds(1) * np.array([places[:, 0], places[:, 1] + 1])
    return np.stack([*seconds, edges[places[:, 2]], edges[places[:, 3] + 2]], axis=1)


def draw_worst(run: Run, inputs: np.ndarray, names: list[str], places: np.ndarray) -> Figure:
    """Draw sounds (N, 1, M, T), what the model makes of them, and where the error is (N, 4)."""
    kind = run.kind
    assert isinstance(kind, AudioKind)
    both = {"original": inputs, "reconstructed": reconstruct(run.autoencoder, inputs)}
    shown = {name: kind.unscaled(each) for name, each in both.items()}
    title = "The strangest sounds; the frame shows where the error is largest"
    return plots.spectrograms(
        shown, names, kind.frequencies, kind.seconds, title, framed=list(map(tuple, places))
    )
