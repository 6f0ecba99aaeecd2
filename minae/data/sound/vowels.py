"""Vowels made by machine, so that everything about them is known: `vowels`.

A source of pulses is filtered by the resonances of the mouth, the formants (Fant 1960; Klatt 1980).
The formants and pitches are those that Peterson and Barney (1952) measured: the means of men, women
and children for ten English vowels, table II. Each sound differs from them at random.

Four numbers make a sound: the pitch F0 and the formants F1, F2 and F3, in Hz. All else is the same.
"""

from pathlib import Path

import numpy as np

RATE = 10_000  # Hz, as in Klatt 1980
SECONDS = 0.3
EACH = 100  # sounds for each vowel and voice
SPREAD = np.array([0.12, 0.08, 0.08, 0.06])  # standard deviations of the logarithms of F0 to F3
BANDWIDTHS = 60.0, 90.0, 150.0  # Hz, of F1 to F3
TOP = 4500.0, 300.0  # Hz: a last resonance, and its bandwidth, the same in all sounds
FALL = 0.15  # by how much the pitch falls in a sound
LOUDNESS = 0.1  # root mean square, of full scale 1
FACTORS = "F0", "F1", "F2", "F3"


def read_means() -> tuple[list[str], list[str], np.ndarray]:
    """Return Peterson and Barney's vowels and voices, and their means (30, 4) of F0 to F3 in Hz."""
    text = Path(__file__).with_name("peterson_barney.csv").read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines()[1:]]
    return (
        [row[0] for row in rows],
        [row[1] for row in rows],
        np.array([r[2:] for r in rows], float),
    )


def draw_factors() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the names of all sounds, such as "heed man 7", their vowels, and factors (N, 4)."""
    vowels, voices, means = read_means()
    rng = np.random.default_rng(1952)
    scatter = np.clip(rng.standard_normal((len(means), EACH, 4)), -2.5, 2.5) * SPREAD
    factors = means[:, None] * np.exp(scatter)  # (30, EACH, 4)
    pairs = list(zip(vowels, voices, strict=True))
    names = [f"{vowel} {voice} {i}" for vowel, voice in pairs for i in range(EACH)]
    return (
        np.array(names, object),
        np.repeat(np.array(vowels, object), EACH),
        factors.reshape(-1, 4),
    )


def vowel_factors(names: np.ndarray) -> np.ndarray:
    """Return F0, F1, F2 and F3 of the sounds of `vowels` with these names (N,): (N, 4), in Hz."""
    known, _, factors = draw_factors()
    row = {name: i for i, name in enumerate(known)}
    return factors[[row[str(name)] for name in names]]


def synthesise(factors: np.ndarray, seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    """Return the vowels with these F0 to F3 (N, 4) in Hz, as waveforms (N, n) float32."""
    t = np.arange(round(seconds * rate)) / rate
    sound = pulses(factors[:, :1] * (1 - FALL * (t / seconds - 0.5)), rate)
    sound = resonator(sound, 0.0, 100.0, rate)  # the voice's source: -12 dB per octave
    for formant, bandwidth in zip(factors.T[1:], BANDWIDTHS, strict=True):
        sound = resonator(sound, formant, bandwidth, rate)
    sound = resonator(sound, *TOP, rate)
    sound = np.diff(sound, axis=1, prepend=0)  # what the lips send out: +6 dB per octave
    sound *= np.clip(np.minimum(t / 0.02, (seconds - t) / 0.06), 0, 1)
    rms = np.sqrt(np.mean(sound**2, axis=1, keepdims=True))
    return (LOUDNESS * sound / rms).astype(np.float32)


def pulses(pitch: np.ndarray, rate: int) -> np.ndarray:
    """Return a train of pulses with the pitch (N, n) in Hz at each sample: (N, n).

    A pulse has all harmonics below half the rate, and none above, which would be heard as others:
    1/2 + cos a + ... + cos K a = sin((K + 1/2) a) / (2 sin(a / 2)), less the constant.
    """
    periods = np.cumsum(pitch, axis=1) / rate
    angle = (2 * np.pi * (periods - np.rint(periods))).astype(np.float32)  # from -pi to pi
    angle[np.abs(angle) < 1e-6] = 1e-6  # where both sines are 0
    K = np.floor(rate / 2 / pitch.max(axis=1, keepdims=True)).astype(np.float32)
    return np.sin((K + np.float32(0.5)) * angle) / (2 * np.sin(angle / 2)) - np.float32(0.5)


def resonator(
    sound: np.ndarray, frequency: np.ndarray | float, bandwidth: float, rate: int
) -> np.ndarray:
    """Return sounds (N, n) through a resonance at a frequency, or one (N,) for each, in Hz.

    y[t] = a x[t] + b y[t - 1] + c y[t - 2], with a gain of 1 at 0 Hz (Klatt 1980, equation 2).
    """
    c = -np.exp(-2 * np.pi * bandwidth / rate)
    b = 2 * np.exp(-np.pi * bandwidth / rate) * np.cos(2 * np.pi * np.asarray(frequency) / rate)
    a = 1 - b - c
    out = (a * sound.T).astype(np.float64, order="C")  # (n, N)
    last = before = np.zeros(len(sound))
    for x in out:
        x += b * last + c * before
        last, before = x, last
    return out.T
