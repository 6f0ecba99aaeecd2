"""Sounds: pieces of equal length as log-mel spectrograms, which a model treats as images.

A sound becomes power in M mel bands over T frames, in decibels beside the recording's own level
(`minae.data.sound.analysis`). Inputs (1, M, T) are the distance from each band's mean in standard
deviations; the lowest band is row 0. A sound that is shorter than T frames has silence behind it. A
longer one is cut into pieces, each named by the second at which it begins.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np

from minae.data.kinds.noise import InputNoise, parse_noise
from minae.data.memory import naming
from minae.data.sound import spectra
from minae.data.sound.analysis import Analysis
from minae.data.sound.recordings import Pieces, find_recordings, read_pieces
from minae.data.split import Split
from minae.errors import InputError

RANGES = 8  # of frequencies, among which an error is divided


@dataclass(frozen=True)
class AudioKind:
    """Pieces of sounds, `rate` samples a second; how they are analysed, and the scaling."""

    name: ClassVar[str] = "audio"
    row: ClassVar[str] = "sound"  # what a row of the data is called
    binary: ClassVar[int] = 0
    analysis: Analysis
    frames: int  # T
    means: list[float]  # dB, of each band
    std: float  # dB, of all
    classes: list[str] = field(default_factory=list)  # names of subfolders, by number

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (1, M, T) of a spectrogram."""
        return 1, len(self.means), self.frames

    @property
    def seconds(self) -> float:
        """How long a piece is."""
        return self.analysis.seconds(self.frames)

    @property
    def frequencies(self) -> np.ndarray:
        """Where the bands have their peaks, (M,) in Hz."""
        return spectra.mel_edges(len(self.means), self.analysis.rate)[1:-1]

    @property
    def parts(self) -> list[str]:
        """What an error is divided among: ranges of frequencies, of a few bands each."""
        last = np.cumsum([len(bands) for bands in self._ranges])[:-1]
        between = (self.frequencies[last - 1] + self.frequencies[last]) / 2
        ends = np.rint([0, *between, self.analysis.rate / 2]).astype(int)
        return [f"{low:,}-{high:,} Hz" for low, high in pairwise(ends)]

    @property
    def _ranges(self) -> list[np.ndarray]:
        return np.array_split(np.arange(len(self.means)), min(RANGES, len(self.means)))

    def errors(self, split: Split, outputs: np.ndarray) -> np.ndarray:
        """Return the squared errors of outputs (N, 1, M, T) by ranges: (N, parts) float64."""
        of_bands = np.square(outputs - split.inputs, dtype=np.float64).sum(axis=(1, 3))
        return np.stack([of_bands[:, bands].sum(axis=1) for bands in self._ranges], axis=1)

    def corruption(self, text: str) -> InputNoise:
        """Return the noise that a text such as `noise:0.3` means. Raises InputError if none."""
        return parse_noise(text, f"{self.row}s", self.binary)

    def read(self, path: Path) -> tuple[Split, list[str]]:
        """Read the sounds of a file or folder as those that the run was trained on."""
        with naming(path):
            found = read_pieces(*find_recordings(path), self.analysis, self.frames)
        notes = [*found.left_out, *([f"{path}: {found.done}"] if found.done else [])]
        return self.encode(found), notes

    def encode(self, pieces: Pieces) -> Split:
        """Return the inputs of pieces, with names, and labels as the run numbers them.

        A label that the run does not know is -1.
        """
        labels = None
        if pieces.labels is not None:
            number = {text: i for i, text in enumerate(self.classes)}
            labels = np.array([number.get(text, -1) for text in pieces.labels], np.int64)
        return Split(self.scaled(pieces.decibels), labels, pieces.names)

    def scaled(self, decibels: np.ndarray) -> np.ndarray:
        """Return decibels (N, M, T) as inputs (N, 1, M, T), float32."""
        means = np.array(self.means, np.float32)[:, None]
        return ((decibels - means) / np.float32(self.std))[:, None]

    def unscaled(self, inputs: np.ndarray) -> np.ndarray:
        """Return the decibels (N, M, T) that inputs or outputs (N, 1, M, T) stand for, float32.

        What is below silence is silence.
        """
        decibels = inputs[:, 0] * np.float32(self.std) + np.array(self.means, np.float32)[:, None]
        return np.maximum(decibels, np.float32(-self.analysis.range))

    def decode(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return waveforms (n,) float32 that sound like inputs or outputs (N, 1, M, T).

        Their phases are made up (Griffin and Lim 1984). Their loudness means nothing but beside
        each other.
        """
        return list(self.analysis.waveforms(self.unscaled(inputs)))


def fit_audio(pieces: Pieces, train: np.ndarray, classes: list[str]) -> AudioKind:
    """Return the kind of pieces, with the scaling of those with the indices `train`.

    Raises InputError if these are silent.
    """
    decibels = pieces.decibels[train]
    means = decibels.mean(axis=(0, 2), dtype=np.float64)
    std = float(np.sqrt(decibels.var(axis=(0, 2), dtype=np.float64).mean()))
    if std < 1e-6:
        raise InputError("holds nothing but silence; give sounds")
    return AudioKind(pieces.analysis, decibels.shape[2], means.tolist(), std, classes)
