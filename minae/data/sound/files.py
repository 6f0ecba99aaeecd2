"""Read and write files of sound with soundfile, which wraps the C library libsndfile."""

import io
import math
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minae.data import folder
from minae.data.folder import children
from minae.data.pictures import check_regular
from minae.errors import InputError, complain

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au")
RATES = 1_000, 768_000  # the lowest and highest that are believed
AT_ONCE = 30  # seconds of a file
UNKNOWN = 2**31 - 2**16  # bytes, from which on a length only stands for one not known when writing
TEXTS = (".txt", ".md")
Source = Path | bytes  # a file, or its content


@dataclass(frozen=True)
class Header:
    """What a file of sound says of itself."""

    rate: int  # samples a second
    channels: int
    samples: int  # of a channel

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples / self.rate


def is_sound(path: Path) -> bool:
    """Return whether a file is a sound, judging by its name."""
    return path.suffix.lower() in SUFFIXES


def holds_sounds(path: Path) -> bool:
    """Return whether a path is a sound, or a folder with no fewer sounds than pictures or texts."""
    if not os.path.isdir(path):
        return is_sound(path)
    sounds, others = list_sounds(path)
    endings = [other.suffix.lower() for other in others]
    counts = [sum(map(endings.count, kind)) for kind in (folder.SUFFIXES, TEXTS)]
    return len(sounds) >= max(1, *counts)


def list_sounds(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the sounds in a folder and its subfolders, and others; a file is its own sound."""
    if not os.path.isdir(path):
        return [path], []
    files = [each for child in children(path) for each in (child, *children(child))]
    files = [each for each in files if not os.path.isdir(each)]
    return list(filter(is_sound, files)), [each for each in files if not is_sound(each)]


def read_header(source: Source) -> Header:
    """Return a file's rate, channels and length. Raises InputError if it is no sound, or empty."""
    if isinstance(source, Path):
        check_regular(source)
        if os.path.isfile(source) and not os.path.getsize(source):
            raise InputError("is empty: record it again")
    with _opened(source) as sound:
        rate, samples = sound.samplerate, sound.frames
        if not RATES[0] <= rate <= RATES[1]:
            raise InputError(f"has {rate:,} samples a second: give {RATES[0]:,} to {RATES[1]:,}")
        if samples < 1:
            raise InputError("holds no samples: record it again")
        if (share := share_there(sound.extra_info)) < 1:
            seconds = samples / rate
            raise InputError(
                f"ends at {seconds:.2f} s, cut short: its header says {seconds / share:.2f} s"
            )
        return Header(rate, sound.channels, samples)


def share_there(log: str) -> float:
    """Return which share of the samples that a header announces is there, by libsndfile's log."""
    found = re.search(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)$", log, re.M)
    announced, there = map(int, found.groups()) if found else (1, 1)
    return there / announced if there < announced < UNKNOWN else 1


def read_blocks(source: Source, header: Header, rate: int) -> Iterator[np.ndarray]:
    """Yield a sound as blocks (n,) float32 at a rate: channels are averaged, and it is resampled.

    Blocks are as they would be cut from the whole, and so short that a file of any length can be
    read. Raises InputError if a sample is infinite or no number, or the file is damaged.
    """
    common = math.gcd(header.rate, rate)
    up, down = rate // common, header.rate // common
    # the filter reaches over 10 samples of the lower rate; blocks begin where samples of both do
    around = down * math.ceil((10 * max(up, down) / up + 1) / down)
    size = down * math.ceil(AT_ONCE * header.rate / down)
    with _opened(source) as sound:
        for start in range(0, header.samples, size):
            stop = min(start + size, header.samples)
            first, last = max(0, start - around), min(stop + around, header.samples)
            sound.seek(first)
            mono = _mono(sound.read(last - first, "float32", always_2d=True), first, header.rate)
            if len(mono) < last - first:
                raise InputError(f"ends at {(first + len(mono)) / header.rate:.2f} s, cut short")
            skip = (start - first) // down * up
            count = math.ceil((stop - start) * up / down)
            yield _resampled(mono, up, down)[skip : skip + count]


def read_archive(path: Path) -> tuple[np.ndarray, list[np.ndarray], int]:
    """Return the WAV files of a .tar archive, all of one rate: names, waveforms (n,), and the rate.

    Names (N,) are without folder and ending, in their order.
    """
    found, rates = {}, set()
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None and is_sound(Path(member.name)):
                source = content.read()
                header = read_header(source)
                rates.add(header.rate)
                found[Path(member.name).stem] = np.concatenate(
                    [*read_blocks(source, header, header.rate)]
                )
    (rate,) = rates
    names = sorted(found)
    return np.array(names, object), [found[name] for name in names], rate


def _mono(samples: np.ndarray, first: int, rate: int) -> np.ndarray:
    """Return the mean of the channels of samples (n, C): (n,) float32, all of them finite."""
    mono = samples.mean(axis=1)
    wrong = ~np.isfinite(mono)
    if wrong.any():
        at = (first + int(wrong.argmax())) / rate
        raise InputError(f"has a sample at {at:.3f} s that is infinite or no number: mend it")
    return mono


def _resampled(mono: np.ndarray, up: int, down: int) -> np.ndarray:
    if up == down:
        return mono
    from scipy.signal import resample_poly

    return resample_poly(mono, up, down)


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """Open a sound, for as long as the context lasts; what libsndfile refuses is an InputError."""
    import soundfile

    try:
        # by a file object: libsndfile itself takes no names that are not UTF-8
        with (
            open(source, "rb") if isinstance(source, Path) else io.BytesIO(source) as file,
            soundfile.SoundFile(file) as sound,
        ):
            yield sound
    except soundfile.LibsndfileError as error:
        why = error.error_string.strip().rstrip(".")
        raise InputError(f"cannot be read as a sound ({why}): mend or remove it") from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})") from error


def as_wav(waveform: np.ndarray, rate: int) -> bytes:
    """Return a waveform (n,), full scale 1, as the content of a WAV file of 16 bits."""
    import soundfile

    soundfile.write(content := io.BytesIO(), to_int16(waveform), rate, "PCM_16", format="WAV")
    return content.getvalue()


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Return a waveform, full scale 1, as 16-bit samples, rounded.

    What is beyond full scale is clipped, with a line on stderr.
    """
    scaled = np.rint(np.asarray(waveform, np.float64) * 32768)
    beyond = int(((scaled < -32768) | (scaled > 32768)).sum())
    if beyond:
        complain(f"{beyond:,} samples beyond full scale are clipped: make the sound quieter")
    return np.clip(scaled, -32768, 32767).astype(np.int16)
