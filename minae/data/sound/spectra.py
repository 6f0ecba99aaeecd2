"""Spectra of sounds: short-time Fourier transform and back, mel bands, and phases made up.

Frames are centred: frame t has its middle at sample t * hop, and there is silence before the first
sample and behind the last. So n samples make 1 + n // hop frames, as in PyTorch and librosa.
Mel bands are HTK's: mel = 2595 log10(1 + f / 700) (O'Shaughnessy 1987), triangles of height 1.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

import numpy as np

QUIETEST = 1e-10  # power: -100 dB, below what 16 bits hold
AT_ONCE = 4096  # frames


@cache
def hann(frame: int) -> np.ndarray:
    """Return the periodic Hann window of `frame` samples, float32, which is not to be written."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)).astype(np.float32)
    window.setflags(write=False)
    return window


def frames_of(signal: np.ndarray, frame: int, hop: int) -> np.ndarray:
    """Return the frames (..., T, frame) that begin `hop` samples apart in a signal (..., n).

    T is 1 + (n - frame) // hop. They are a view.
    """
    return np.lib.stride_tricks.sliding_window_view(signal, frame, axis=-1)[..., ::hop, :]


def centred(signal: np.ndarray, frame: int) -> np.ndarray:
    """Return a signal (..., n) with half a frame of silence before it and behind: (..., n + frame).

    `frame` is even.
    """
    return np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(frame // 2, frame // 2)])


def stft(signal: np.ndarray, frame: int, hop: int) -> np.ndarray:
    """Return the short-time Fourier transform of signals (..., n): complex (..., B, T).

    B is frame // 2 + 1: frequencies from 0 to half the rate. `frame` is even.
    """
    frames = frames_of(centred(signal, frame), frame, hop) * hann(frame)
    return np.fft.rfft(frames).swapaxes(-1, -2)


def overlap_add(frames: np.ndarray, hop: int) -> np.ndarray:
    """Return the sum (..., (T - 1) * hop + frame) of frames (..., T, frame), each `hop` later."""
    *batch, T, frame = frames.shape
    parts = -(-frame // hop)
    padded = np.zeros((*batch, T, parts * hop), frames.dtype)
    padded[..., :frame] = frames
    padded = padded.reshape(*batch, T, parts, hop)
    total = np.zeros((*batch, T + parts - 1, hop), frames.dtype)
    for part in range(parts):
        total[..., part : part + T, :] += padded[..., part, :]
    return total.reshape(*batch, -1)[..., : (T - 1) * hop + frame]


def istft(spectrum: np.ndarray, frame: int, hop: int, length: int) -> np.ndarray:
    """Return the signals (..., length) whose `stft` is nearest to a spectrum (..., B, T).

    Nearest by the sum of squares (Griffin and Lim 1984, equation 6): windowed frames are added and
    divided by the sum of the squared windows. `hop` is at most half a frame.
    """
    window = hann(frame)
    frames = np.fft.irfft(spectrum.swapaxes(-1, -2), frame) * window
    squares = np.broadcast_to(window * window, (spectrum.shape[-1], frame))
    signal = overlap_add(frames, hop)[..., frame // 2 :]
    weight = overlap_add(squares, hop)[frame // 2 :]
    signal = signal / np.maximum(weight, 1e-3)
    missing = max(0, length - signal.shape[-1])
    return np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)])[..., :length]


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    """Return frequencies in mel."""
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Return frequencies in Hz."""
    return 700 * (10 ** (np.asarray(mel) / 2595) - 1)


def mel_edges(bands: int, rate: int) -> np.ndarray:
    """Return where bands begin, peak and end, in Hz: band m at m, m + 1 and m + 2 of (bands + 2,).

    They are at equal steps in mel, from 0 to half the rate.
    """
    return mel_to_hz(np.linspace(0, hz_to_mel(rate / 2), bands + 2))


def mel_filters(bands: int, frame: int, rate: int) -> np.ndarray:
    """Return the weight of each frequency in each band, (bands, B) float32, the lowest band first.

    A weight is the triangle's mean over the frequency's bin, so that no band is empty, however
    narrow it is beside a bin.
    """
    edges = mel_edges(bands, rate)
    fine = 32  # places in a bin
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    at = (np.arange(frame // 2 + 1)[:, None] + offsets) * rate / frame  # (B, fine) Hz
    low, peak, high = (edges[i : bands + i, None, None] for i in range(3))
    triangles = np.minimum((at - low) / (peak - low), (high - at) / (high - peak))
    return np.maximum(triangles, 0).mean(axis=-1).astype(np.float32)


def from_mel(power: np.ndarray, filters: np.ndarray, steps: int = 30) -> np.ndarray:
    """Return powers (..., B, T), none negative, that give powers (..., M, T) in mel bands.

    Those that do so best by the sum of squares are approached step by step from smooth ones, each a
    multiplication (Lee and Seung 2001).
    """
    back, tiny = filters.T, 1e-20
    found = back @ (power / filters.sum(axis=1, keepdims=True))
    target = back @ power
    for _ in range(steps):
        found *= target / np.maximum(back @ (filters @ found), tiny)
    return found


def mel_decibels(blocks: Iterable[np.ndarray], filters: np.ndarray, hop: int) -> np.ndarray:
    """Return the power of a sound in mel bands, (M, T) float32, in dB of a full-scale sine.

    The sound comes in blocks (n,) of any length, float32, so that a long one need not fit into
    memory. Powers below QUIETEST are QUIETEST.
    """
    found = [_powers(frames, filters) for frames in _in_frames(blocks, filters, hop)]
    power = np.concatenate(found)  # (T, M)
    return np.ascontiguousarray(10 * np.log10(np.maximum(power, QUIETEST)).T)


def _in_frames(blocks: Iterable[np.ndarray], filters: np.ndarray, hop: int) -> Iterator[np.ndarray]:
    """Yield the centred frames (t, frame) of a sound in blocks (n,)."""
    frame = 2 * (filters.shape[1] - 1)
    silence = np.zeros(frame // 2, np.float32)
    left = silence
    for block in chain(blocks, [silence]):
        left = np.concatenate([left, block])
        while len(left) >= frame:
            frames = frames_of(left, frame, hop)[:AT_ONCE]
            yield frames
            left = left[len(frames) * hop :]


def _powers(frames: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return the power of frames (T, frame) in mel bands, (T, M)."""
    window = hann(frames.shape[1])
    spectrum = np.fft.rfft(frames * (window * (2 / window.sum())))  # (T, B); 1 for a sine of 1
    return (spectrum.real**2 + spectrum.imag**2) @ filters.T


def griffin_lim(
    magnitudes: np.ndarray,
    frame: int,
    hop: int,
    length: int,
    iterations: int = 100,
    momentum: float = 0.99,
    seed: int = 0,
) -> np.ndarray:
    """Return signals (..., length) whose spectra have nearly the magnitudes (..., B, T).

    Phases begin at random, and become those of the nearest signal's spectrum again and again
    (Griffin and Lim 1984), with momentum (Perraudin, Balazs and Soendergaard 2013).
    """
    magnitudes = magnitudes.astype(np.float32)
    angles = np.random.default_rng(seed).random(magnitudes.shape, np.float32)
    spectrum = magnitudes * np.exp(2j * np.pi * angles).astype(np.complex64)
    before = np.zeros_like(spectrum)
    for _ in range(iterations):
        reached = stft(istft(spectrum, frame, hop, length), frame, hop)[..., : before.shape[-1]]
        ahead = reached + momentum * (reached - before)
        spectrum = magnitudes * (ahead / np.maximum(np.abs(ahead), 1e-12))
        before = reached
    return istft(spectrum, frame, hop, length)


def spectral_error(signal: np.ndarray, magnitudes: np.ndarray, frame: int, hop: int) -> float:
    """Return how far the magnitudes of a signal (..., n) are from others (..., B, T), relatively.

    It is the norm of the difference by the norm of the others: 0 if they are equal.
    """
    own = np.abs(stft(signal, frame, hop))[..., : magnitudes.shape[-1]]
    return float(np.linalg.norm(own - magnitudes) / np.linalg.norm(magnitudes))
