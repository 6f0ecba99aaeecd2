"""How a recording becomes a spectrogram that a model can take, and a spectrogram a sound again."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minae.data.sound import spectra

LOUDNESS = 0.1  # of full scale 1: leaves room for all bands at once
SILENT = -80.0  # dB beside a full-scale sine: a recording that is never louder is silent


@dataclass(frozen=True)
class Analysis:
    """Log-mel spectrograms (M, T): the power in M bands over T frames, in decibels.

    Decibels are beside the level of the recording, so all recordings are equally loud, and quiet
    and loud within one stay as they are. What is more than `range` below that level is silence:
    noise of a room or a microphone, which would else be much of what a model has to learn.
    """

    rate: int  # samples a second
    bands: int = 40
    frame_ms: float = 32.0  # long enough to tell the harmonics of most voices apart
    hop_ms: float = 16.0
    range: float = 50.0  # dB

    @property
    def frame(self) -> int:
        """Samples in a frame, an even number."""
        return 2 * round(self.rate * self.frame_ms / 2000)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return round(self.rate * self.hop_ms / 1000)

    @cached_property
    def filters(self) -> np.ndarray:
        """The mel filters, (M, B)."""
        return spectra.mel_filters(self.bands, self.frame, self.rate)

    def seconds(self, frames: int) -> float:
        """Return how long so many frames are."""
        return frames * self.hop / self.rate

    def decibels(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Return the spectrogram (M, T) of a recording in blocks (n,), from -`range` up: float32.

        Its level is that of the loudest band, in the frame that one in a hundred is louder than: a
        click does not count. T is 1 + n // hop for a recording of n samples.
        """
        found = spectra.mel_decibels(blocks, self.filters, self.hop)
        loudest = np.sort(found.max(axis=0))
        level = loudest[(len(loudest) - 1) * 99 // 100]
        silence = np.float32(-self.range)
        return (
            np.full_like(found, silence) if level < SILENT else np.maximum(found - level, silence)
        )

    def waveforms(self, decibels: np.ndarray) -> np.ndarray:
        """Return waveforms (N, T * hop), float32, with nearly the spectrograms (N, M, T).

        The phases are made up. A band at the level of the recording is as loud as a sine of
        LOUDNESS.
        """
        power = np.where(decibels > 0.5 - self.range, 10 ** (decibels.astype(np.float64) / 10), 0)
        sine = LOUDNESS * spectra.hann(self.frame).sum() / 2  # the magnitude of such a one
        magnitudes = np.sqrt(spectra.from_mel(power, self.filters)) * sine
        length = decibels.shape[-1] * self.hop
        return spectra.griffin_lim(magnitudes, self.frame, self.hop, length)
