"""Recordings, in files or made by machine, as spectrograms cut into pieces of one length."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minae.data.memory import check_room, naming
from minae.data.sound.analysis import Analysis
from minae.data.sound.files import Header, list_sounds, read_blocks, read_header
from minae.errors import InputError, LeftOut

HIGHEST_RATE = (
    16_000  # Hz: above 8 kHz a voice has little, and the mel scale a quarter of its bands
)
LONGEST = 1.024  # seconds of a piece of longer recordings, unless something else is asked for
FEW = 10  # recordings: fewer are divided in the order of time


@dataclass(frozen=True)
class Recording:
    """A recording that is to be read: its blocks (n,), float32, at a rate that they are asked for.

    `name` is what its sounds are called, `path` the file that messages name.
    """

    name: str
    label: str | None
    path: Path
    header: Header
    blocks: Callable[[int], Iterable[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of recordings: decibels (N, M, T), names (N,), labels (N,) texts or None.

    recording (N,) is the number of the recording that a piece is of, place (N,) where its middle
    lies there, from 0 to 1. `about` says what was read, and `done` what was done to some of it;
    `left_out` has a line for each file that cannot be used.
    """

    analysis: Analysis
    decibels: np.ndarray
    names: np.ndarray
    labels: np.ndarray | None
    recording: np.ndarray
    place: np.ndarray
    about: str
    done: str
    left_out: list[LeftOut]

    def __len__(self) -> int:
        return len(self.decibels)


def find_recordings(path: Path) -> tuple[list[Recording], list[LeftOut]]:
    """Return the sounds of a folder, or of its subfolders, or of a file; and what is left out.

    The latter are lines, one for each file that is no sound. Raises InputError if there is none, or
    there are some both in the folder and in its subfolders.
    """
    found, left_out = [], []
    paths, others = list_sounds(path)
    depths = {len(each.parent.parts): each for each in paths}
    if len(depths) > 1:
        above, below = (depths[depth].relative_to(path).as_posix() for depth in sorted(depths))
        raise InputError(
            f"sounds lie both in this folder ({above}) and in its subfolders ({below}); use one or"
            " the other"
        )
    for each in paths:
        try:
            with naming(each):
                header = read_header(each)
        except InputError as error:
            left_out.append(LeftOut(error))
            continue
        inside = each.relative_to(path) if each != path else Path(each.name)
        label = _written(inside.parent.name) or None

        def blocks(rate: int, each: Path = each, header: Header = header) -> Iterable[np.ndarray]:
            return read_blocks(each, header, rate)

        found.append(Recording(_written(inside.as_posix()), label, each, header, blocks))
    left_out += [LeftOut(f"{other}: is no sound") for other in others]
    if not found:
        if paths == [path]:
            read_header(path)  # which says why
        raise InputError("holds no sound that can be read: give WAV or FLAC files")
    return found, left_out


def _written(name: str) -> str:
    """Return a file's name as text that can be written, also where it is not UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def made_recording(name: str, label: str, waveform: np.ndarray, rate: int) -> Recording:
    """Return a waveform (n,) that is in memory, at the rate that will be asked for."""
    return Recording(name, label, Path(name), Header(rate, 1, len(waveform)), lambda _: [waveform])


def choose_rate(recordings: Sequence[Recording]) -> int:
    """Return the rate that most recordings have, but at most HIGHEST_RATE."""
    rates = Counter(each.header.rate for each in recordings)
    return min(rates.most_common(1)[0][0], HIGHEST_RATE)


def choose_frames(recordings: Sequence[Recording], analysis: Analysis, asked: float | None) -> int:
    """Return how many frames a piece has, a multiple of 4.

    They are as long as is asked for, in seconds, or as 95 in 100 recordings are at most, but no
    longer than LONGEST.
    """
    lengths = [each.header.seconds for each in recordings]
    seconds = asked or min(float(np.percentile(lengths, 95)), LONGEST)
    return max(4, 4 * round(seconds / analysis.seconds(4)))


def read_pieces(
    recordings: Sequence[Recording],
    left_out: Sequence[LeftOut],
    analysis: Analysis,
    frames: int,
    whole: bool = False,
) -> Pieces:
    """Read recordings, and cut them into pieces of so many frames, or keep only their beginnings.

    `left_out` are lines about those that were none; one that is damaged gets another. Raises
    InputError if none can be used, or the pieces do not fit into memory.
    """
    total = sum(each.header.seconds for each in recordings)
    check_room(round(total / analysis.seconds(1)) * analysis.bands, 4)
    lines, used, cut = list(left_out), [], []
    for each in recordings:
        try:
            with naming(each.path):
                decibels = analysis.decibels(each.blocks(analysis.rate))
        except InputError as error:
            lines.append(LeftOut(error))
            continue
        cut.append(cut_up(decibels, frames, -analysis.range, whole))
        used.append(each)
    if not used:
        raise InputError(lines[-1])
    names, labels, numbers, places = [], [], [], []
    for number, (each, (starts, _)) in enumerate(zip(used, cut, strict=True)):
        for i, start in enumerate(starts):
            at = "" if len(starts) == 1 else f" @ {analysis.seconds(start):.2f} s"
            names.append(each.name + at)
            labels.append(each.label)
            numbers.append(number)
            places.append((i + 0.5) / len(starts))
    decibels = np.concatenate([pieces for _, pieces in cut])
    return Pieces(
        analysis,
        decibels,
        np.array(names, object),
        None if None in labels else np.array(labels, object),
        np.array(numbers),
        np.array(places),
        _about(used, decibels, analysis),
        _done(used, decibels, analysis, whole),
        lines,
    )


def start_of(name: str) -> float:
    """Return the second at which a piece begins in its recording, by its name."""
    found = re.search(r" @ (\d+\.\d\d) s$", name)
    return float(found[1]) if found else 0.0


def cut_up(
    decibels: np.ndarray, frames: int, silence: float, whole: bool
) -> tuple[list[int], np.ndarray]:
    """Cut a spectrogram (M, T) into pieces (K, M, frames); return where they begin, and them.

    One that is at most half longer than a piece, or any if it is to stay `whole`, becomes one
    piece, without its end; a shorter one gets silence behind it. Of others the last piece ends
    where the recording does, and shares some frames with the one before.
    """
    T = decibels.shape[1] - 1  # in the middle of the last frame the recording ends
    if whole or 1.5 * frames >= T:
        piece = np.full((1, len(decibels), frames), silence, np.float32)
        piece[0, :, : T + 1] = decibels[:, :frames]
        return [0], piece
    starts = [*range(0, T - frames, frames), T - frames]
    return starts, np.stack([decibels[:, start : start + frames] for start in starts])


def order_of(pieces: Pieces, seed: int) -> np.ndarray:
    """Return the order (N,) of pieces of which the parts are cut: recordings shuffled by the seed.

    The pieces of one stay together, or a model would be tested on recordings that it knows. If
    there are only a FEW, and they are in pieces, these are in the order of time instead.
    """
    count = int(pieces.recording[-1]) + 1
    if count < min(FEW, len(pieces)):
        return np.argsort(pieces.place, kind="stable")
    shuffled = np.random.default_rng(seed).permutation(count)
    return np.argsort(shuffled[pieces.recording], kind="stable")


def _about(used: list[Recording], decibels: np.ndarray, analysis: Analysis) -> str:
    """Return what was made of recordings, in words."""
    lengths = [each.header.seconds for each in used]
    low, high = f"{min(lengths):.2f}", f"{max(lengths):.2f}"
    N, M, T = decibels.shape
    return (
        f"{len(used):,} recording{'s' * (len(used) > 1)} of {low}{f' to {high}' * (low != high)} s"
        f" as {N:,} sound{'s' * (N > 1)} of {analysis.seconds(T):.2f} s at {analysis.rate:,} Hz,"
        f" {M} bands, {T} frames"
    )


def _done(used: list[Recording], decibels: np.ndarray, analysis: Analysis, whole: bool) -> str:
    """Return what was done to some recordings, with their numbers."""
    rates = Counter(each.header.rate for each in used if each.header.rate != analysis.rate)
    length = analysis.seconds(decibels.shape[2])
    longest = np.inf if whole else 1.5 * length
    silent = int((decibels == -analysis.range).all(axis=(1, 2)).sum())
    counts = {
        f"resampled from {', '.join(f'{rate:,}' for rate in sorted(rates))} Hz": rates.total(),
        "with several channels, averaged": sum(each.header.channels > 1 for each in used),
        "without their end": sum(length < each.header.seconds <= longest for each in used),
        "silent": silent,
    }
    return "; ".join(f"{count:,} {what}" for what, count in counts.items() if count)
