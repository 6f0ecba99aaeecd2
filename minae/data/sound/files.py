"""Read and write files of sound with soundfile, which wraps the C library libsndfile."""

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from minae.data.folder import children, picture_names
from minae.data.pictures import check_regular
from minae.errors import InputError, complain

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au")
Source = Path | bytes  # a file, or its content
RATES = 1_000, 768_000  # the lowest and highest that are believed
SECONDS = 30  # of a file that are read at once


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
    """Return whether a path is a sound, or a folder with more sounds than pictures."""
    if not os.path.isdir(path):
        return is_sound(path)
    sounds = [each for each in list_sounds(path) if is_sound(each)]
    return len(sounds) > len(picture_names(path))


def list_sounds(path: Path) -> list[Path]:
    """Return the sounds of a folder, or of its subfolders if it has none itself, or a file."""
    if not os.path.isdir(path):
        return [path]
    own = [child for child in children(path) if is_sound(child) and child.is_file()]
    return own or [each for child in children(path) for each in children(child) if is_sound(each)]


def read_header(source: Source) -> Header:
    """Return a file's rate, channels and length. Raises InputError if it is no sound, or empty."""
    import soundfile

    if isinstance(source, Path):
        check_regular(source)
        if not os.path.getsize(source):
            raise InputError("is empty; record it again")
    try:
        found = soundfile.info(_opened(source))
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(f"is no sound that can be read ({_reason(error)}); convert it") from error
    if not RATES[0] <= found.samplerate <= RATES[1]:
        raise InputError(f"has {found.samplerate:,} samples a second; give {RATES[0]:,} or more")
    if not found.frames:
        raise InputError("holds no samples; record it again")
    return Header(found.samplerate, found.channels, found.frames)


def read_blocks(source: Source, header: Header, rate: int) -> Iterator[np.ndarray]:
    """Yield a sound as blocks (n,) float32 at a rate: channels are averaged, and it is resampled.

    Blocks are as they would be cut from the whole, and short enough that a file of any length can
    be read. Raises InputError if a sample is infinite or no number, or the file is cut short.
    """
    import soundfile

    up, down = _ratio(header.rate, rate)
    # the filter reaches over 10 samples of the lower rate; a block begins at a whole sample of both
    around = down * math.ceil((10 * max(up, down) / up + 1) / down)
    size = down * math.ceil(SECONDS * header.rate / down)
    with soundfile.SoundFile(_opened(source)) as sound:
        for start in range(0, header.samples, size):
            low = max(0, start - around)
            sound.seek(low)
            mono = _mono(sound.read(min(start + size + around, header.samples) - low), low, header)
            skip, count = (
                (start - low) // down * up,
                math.ceil(min(size, header.samples - start) * up / down),
            )
            yield _resampled(mono, up, down)[skip : skip + count]


def _opened(source: Source) -> str | IO[bytes]:
    return str(source) if isinstance(source, Path) else io.BytesIO(source)


def _ratio(source: int, rate: int) -> tuple[int, int]:
    common = math.gcd(source, rate)
    return rate // common, source // common


def _mono(samples: np.ndarray, start: int, header: Header) -> np.ndarray:
    """Return the mean of the channels of samples (n,) or (n, C), checked: (n,) float32."""
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    wrong = ~np.isfinite(mono)
    if wrong.any():
        at = (start + int(wrong.argmax())) / header.rate
        raise InputError(f"has a sample that is infinite or no number at {at:.3f} s; mend it")
    return mono.astype(np.float32)


def _resampled(mono: np.ndarray, up: int, down: int) -> np.ndarray:
    if up == down:
        return mono
    from scipy.signal import resample_poly

    return resample_poly(mono, up, down)


def _reason(error: Exception) -> str:
    """Return libsndfile's words for an error, or the system's, without the file's name."""
    words = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return words.strip().rstrip(".")


def as_wav(waveform: np.ndarray, rate: int) -> bytes:
    """Return a waveform (n,), full scale 1, as the content of a WAV file of 16 bits."""
    import soundfile

    soundfile.write(content := io.BytesIO(), to_int16(waveform), rate, "PCM_16", format="WAV")
    return content.getvalue()


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Return a waveform, full scale 1, as 16-bit samples: rounded, and clipped, which is said."""
    scaled = np.rint(np.asarray(waveform, np.float64) * 32768)
    beyond = int(((scaled < -32768) | (scaled > 32767)).sum())
    if beyond:
        complain(f"{beyond:,} samples are beyond full scale, and clipped: make the sound quieter")
    return np.clip(scaled, -32768, 32767).astype(np.int16)
