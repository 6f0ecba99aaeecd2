"""Recordings as spectrograms, cut into pieces of one length."""

import tarfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from minae.data.memory import check_room, naming
from minae.data.sound import spectra
from minae.data.sound.files import Header, Source, list_sounds, read_blocks, read_header
from minae.errors import InputError

BANDS = 40
FRAME, HOP = 32.0, 16.0  # milliseconds
RANGE = 50.0  # dB
HIGHEST_RATE = 16_000  # Hz: above 8 kHz there is little of a voice, and a quarter of the mel scale
LONGEST = 1.024  # seconds of a piece of longer recordings, unless something else is asked for
SILENT = -80.0  # dB: a recording that is never louder is silent
QUIETEST = 10 * np.log10(spectra.QUIETEST)


@dataclass(frozen=True)
class Analysis:
    """How sounds become spectrograms.

    Decibels are those beside the level of a recording, and what is `range` below it is silence: so
    all recordings are equally loud, and what a quiet room has does not matter.
    """

    rate: int  # samples a second
    bands: int = BANDS
    frame_ms: float = FRAME
    hop_ms: float = HOP
    range: float = RANGE

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
        """Return the spectrogram (M, T) of a recording in blocks (n,).

        Its level is that of the loudest band, in a frame that one in a hundred is louder than.
        """
        found = spectra.mel_decibels(blocks, self.filters, self.hop)
        level = np.percentile(found.max(axis=0), 99)
        if level < SILENT:
            return np.full_like(found, -self.range)
        return np.maximum(found - np.float32(level), np.float32(-self.range))

    def waveforms(self, decibels: np.ndarray) -> np.ndarray:
        """Return waveforms (N, T * hop), float32, with nearly these spectrograms (N, M, T)."""
        power = np.where(decibels > 0.5 - self.range, 10 ** (decibels.astype(np.float64) / 10), 0)
        gain = spectra.hann(self.frame).sum() / 2  # of a sine
        magnitudes = np.sqrt(spectra.from_mel(power, self.filters)) * gain
        length = decibels.shape[-1] * self.hop
        return spectra.griffin_lim(magnitudes, self.frame, self.hop, length)


@dataclass(frozen=True)
class Recording:
    """A recording that is to be read, with its label if it has one."""

    name: str
    label: str | None
    source: Source
    header: Header


@dataclass(frozen=True)
class Found:
    """Recordings, and a line for each file that is none."""

    recordings: list[Recording]
    left_out: list[str]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of recordings: decibels (N, M, T), names (N,), labels (N,) texts or None.

    recording (N,) is the number of the recording that a piece is of; place (N,) where it lies
    there, from 0 to 1. `notes` are what was done to recordings.
    """

    analysis: Analysis
    decibels: np.ndarray
    names: np.ndarray
    labels: np.ndarray | None
    recording: np.ndarray
    place: np.ndarray
    said: str
    notes: list[str]
    left_out: list[str]

    def __len__(self) -> int:
        return len(self.decibels)


def find_recordings(path: Path) -> Found:
    """Return the sounds of a folder or file, and a line for each file that is none.

    Raises InputError if there are none.
    """
    found, left_out = [], []
    paths = list_sounds(path)
    for each in paths:
        try:
            with naming(each):
                header = read_header(each)
        except InputError as error:
            left_out.append(str(error))
            continue
        nested = each.parent != path and each != path
        name = each.relative_to(path).as_posix() if each != path else each.name
        found.append(Recording(name, each.parent.name if nested else None, each, header))
    if not found and left_out:
        more = f", and so are {len(left_out) - 1:,} more" if len(left_out) > 1 else ""
        raise InputError(f"holds no sound that can be read: {left_out[0]}{more}")
    if not found:
        raise InputError("holds no sounds: give a folder with WAV or FLAC files")
    return Found(found, left_out)


def choose_rate(recordings: Sequence[Recording]) -> int:
    """Return the rate that most recordings have, but at most HIGHEST_RATE."""
    rates = Counter(each.header.rate for each in recordings)
    return min(rates.most_common(1)[0][0], HIGHEST_RATE)


def choose_frames(
    recordings: Sequence[Recording], analysis: Analysis, seconds: float | None
) -> int:
    """Return how many frames a piece has, a multiple of 4.

    They are as long as asked for, or as 95 in 100 recordings are at most, but no longer than
    LONGEST.
    """
    lengths = [each.header.seconds for each in recordings]
    usual = seconds or min(float(np.percentile(lengths, 95)), LONGEST)
    return max(4, 4 * round(usual * analysis.rate / analysis.hop / 4))


def read_pieces(found: Found, analysis: Analysis, frames: int) -> Pieces:
    """Read recordings, cut into pieces of so many frames; those that are damaged are left out.

    Raises InputError if none can be used, or they do not fit into memory.
    """
    total = sum(each.header.seconds for each in found.recordings)
    check_room(round(total * analysis.bands * analysis.rate / analysis.hop), 4)
    left_out, cut, used, silent = list(found.left_out), [], [], 0
    for each in found.recordings:
        try:
            with naming(Path(each.name)):
                decibels = analysis.decibels(read_blocks(each.source, each.header, analysis.rate))
        except InputError as error:
            left_out.append(str(error))
            continue
        silent += bool((decibels == -analysis.range).all())
        cut.append(cut_up(decibels, frames, -analysis.range))
        used.append(each)
    if not used:
        raise InputError(f"holds no sound that can be used: {left_out[0]}")
    names, labels, numbers, places = [], [], [], []
    for number, (each, (starts, _)) in enumerate(zip(used, cut, strict=True)):
        whole = len(starts) == 1
        for i, start in enumerate(starts):
            names.append(each.name if whole else f"{each.name} @ {analysis.seconds(start):.1f} s")
            labels.append(each.label)
            numbers.append(number)
            places.append((i + 0.5) / len(starts))
    return Pieces(
        analysis,
        np.concatenate([parts for _, parts in cut]),
        np.array(names, object),
        None if None in labels else np.array(labels, object),
        np.array(numbers),
        np.array(places),
        *_said(used, analysis, frames, silent, len(names)),
        left_out,
    )


def pieces_of(
    waveforms: Iterable[np.ndarray],
    names: Sequence[str],
    labels: np.ndarray,
    analysis: Analysis,
    frames: int,
) -> Pieces:
    """Return the beginnings of waveforms (n,), at the rate of the analysis, one piece of each."""
    spectrograms = (analysis.decibels([waveform]) for waveform in waveforms)
    decibels = np.stack([fitted(each, frames, -analysis.range) for each in spectrograms])
    N = len(decibels)
    said = f"{N:,} sounds of {analysis.seconds(frames):.2f} s"
    return Pieces(
        analysis,
        decibels,
        np.array(names, object),
        labels,
        np.arange(N),
        np.full(N, 0.5),
        said,
        [],
        [],
    )


def read_archive(path: Path) -> list[Recording]:
    """Return the WAV files of a .tar.gz archive, by their names without ending, in their order."""
    found = []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".wav"):
                content = archive.extractfile(member)
                assert content is not None
                source = content.read()
                found.append(Recording(Path(member.name).stem, None, source, read_header(source)))
    return found


def sound_order(pieces: Pieces, seed: int) -> np.ndarray:
    """Return the order (N,) of pieces in which parts are cut: recordings shuffled by the seed.

    The pieces of a recording stay together, or training would be tested on what it knows. Fewer
    than ten recordings in pieces are in the order of time instead, side by side.
    """
    count = pieces.recording[-1] + 1
    if count < min(10, len(pieces)):
        return np.argsort(pieces.place, kind="stable")
    shuffled = np.random.default_rng(seed).permutation(count)
    return np.argsort(shuffled[pieces.recording], kind="stable")


def cut_up(decibels: np.ndarray, frames: int, silence: float) -> tuple[list[int], np.ndarray]:
    """Cut a spectrogram (M, T) into pieces (K, M, frames); return where they begin, and them.

    One that is up to half longer becomes one piece, without its end; a shorter one has silence
    behind it. Of others the last piece ends where the recording does, and overlaps.
    """
    T = decibels.shape[1]
    if 1.5 * frames >= T:
        return [0], fitted(decibels, frames, silence)[None]
    starts = [*range(0, T - frames, frames), T - frames]
    return starts, np.stack([decibels[:, start : start + frames] for start in starts])


def fitted(decibels: np.ndarray, frames: int, silence: float) -> np.ndarray:
    """Return the beginning of a spectrogram (M, T), with silence behind it: (M, frames)."""
    cut = decibels[:, :frames]
    return np.pad(cut, [(0, 0), (0, frames - cut.shape[1])], constant_values=silence)


def _said(
    used: list[Recording], analysis: Analysis, frames: int, silent: int, pieces: int
) -> tuple[str, list[str]]:
    """Return a line that says what was made of recordings, and what was done to some."""
    rates = Counter(e.header.rate for e in used if e.header.rate != analysis.rate)
    length = analysis.seconds(frames)
    lengths = [each.header.seconds for each in used]
    counts = {
        f"resampled from {', '.join(f'{rate:,}' for rate in sorted(rates))} Hz": rates.total(),
        "of several channels averaged": sum(each.header.channels > 1 for each in used),
        "silent throughout": silent,
        f"cut off after {length:.2f} s": sum(length < s <= 1.5 * length for s in lengths),
    }
    notes = [f"{count:,} {what}" for what, count in counts.items() if count]
    line = (
        f"{len(used):,} recordings of {min(lengths):.2g} to {max(lengths):.2g} s as {pieces:,}"
        f" sounds of {length:.2f} s, {analysis.rate:,} Hz, {analysis.bands} mel bands, {frames}"
        " frames"
    )
    return line + (f" ({'; '.join(notes)})" if notes else ""), notes
