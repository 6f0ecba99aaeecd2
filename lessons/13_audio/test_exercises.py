"""The checks of lesson 13. Each compares the student's function with plain loops, or with SciPy."""

import cmath
import math

import numpy as np
from scipy import signal

from minae.course.checking import same, shape_of, values_of
from minae.course.contract import once


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def filtered(x, frequency, bandwidth, rate):
    """Return the resonance of x by SciPy: its poles are r exp(± i angle)."""
    r, angle = math.exp(-math.pi * bandwidth / rate), 2 * math.pi * frequency / rate
    poles = [1, -2 * r * math.cos(angle), r**2]
    return signal.lfilter([sum(poles)], poles, x)


def test_resonator__agrees_with_scipy(student):
    """Noise, for many resonances, rates and lengths."""
    for n, frequency, bandwidth, rate in [
        (200, 500, 60, 10_000),
        (300, 270, 50, 8_000),
        (250, 3010, 150, 16_000),
        (200, 0, 100, 10_000),
        (150, 4900, 300, 10_000),
        (50, 1000.5, 2000, 44_100),
        (2, 700, 90, 8_000),
        (1, 700, 90, 8_000),
    ]:
        x = normal(n, seed=n)
        expected = filtered(x, frequency, bandwidth, rate)
        call = f"resonator(noise ({n},), frequency={frequency}, bandwidth={bandwidth}, rate={rate})"
        same(student.resonator(x, frequency, bandwidth, rate), expected, call)


def test_resonator__rings_after_a_click(student):
    """One sample of 1, of several types: a fading wave."""
    for kind in (float, np.int64):
        click = np.zeros(40, kind)
        click[0] = 1
        r, angle = math.exp(-math.pi * 100 / 8000), 2 * math.pi * 1000 / 8000
        wave = [r**t * math.sin((t + 1) * angle) / math.sin(angle) for t in range(40)]
        expected = np.array(wave) * (1 - 2 * r * math.cos(angle) + r**2)
        call = f"resonator([1, 0, 0, ...] of {kind.__name__}, 1000, 100, rate=8000)"
        same(student.resonator(click, 1000, 100, 8000), expected, call)


def test_resonator__is_loudest_at_its_frequency(student):
    """The spectrum of what a click becomes: 1 at 0 Hz, and a peak."""
    click = np.zeros(4000)
    click[0] = 1
    call = "resonator([1, 0, 0, ...] (4000,), 1500, 80, rate=8000)"
    with once():
        result = np.asarray(student.resonator(click, 1500, 80, 8000), float)
    spectrum = np.abs(np.fft.rfft(result))  # every 2 Hz
    peak = 2 * int(spectrum.argmax())
    assert abs(peak - 1500) < 20, f"{call}: the spectrum is highest at {peak} Hz, not at 1500"
    same(spectrum[0], 1.0, f"{call}: the gain at 0 Hz")


def test_to_int16__by_hand(student):
    """What fits exactly, and what lies beyond full scale."""
    for values, expected in [
        ([0.0, 0.5, -0.5, 0.25], [0, 16384, -16384, 8192]),
        ([1.0, -1.0], [32767, -32768]),
        ([1.5, -1.5, 3.0, -70.0, 1e6], [32767, -32768, 32767, -32768, 32767]),
        ([32767 / 32768, 32766 / 32768, -32767 / 32768], [32767, 32766, -32767]),
        ([0.1, 0.2], [3277, 6554]),
    ]:
        converted(student, np.array(values), expected, f"to_int16({values})")


def test_to_int16__rounds(student):
    """Quiet samples, a fraction of a step away from a whole number, on both sides of 0."""
    for size in (3, 300, 30_000):
        whole = np.random.default_rng(size).integers(-size, size, 50)
        away = np.random.default_rng(1).uniform(-0.45, 0.45, 50)
        call = f"to_int16 of 50 samples, up to {size} / 32768, times 32768 not whole"
        converted(student, (whole + away) / 32768, whole, call)


def test_to_int16__other_shapes(student):
    """Two channels, none, and a batch."""
    for shape in [(4, 2), (0,), (2, 3, 5)]:
        whole = np.random.default_rng(2).integers(-40_000, 40_000, shape)
        expected = np.minimum(np.maximum(whole, -32768), 32767)
        converted(student, whole / 32768, expected, f"to_int16 of an array {shape}")


def converted(student, x, expected, call):
    """Call to_int16, and compare values and type."""
    result = student.to_int16(x)
    same(result, np.array(expected, float), call, 1e-9)
    assert result.dtype == np.int16, f"{call} is of type {result.dtype}, not int16"


def loop_frames(x, size, hop):
    """Return the frames, one by one."""
    found, start = [], 0
    while start + size <= len(x):
        found.append([x[i] for i in range(start, start + size)])
        start += hop
    return np.array(found)


def test_frames__agrees_with_a_loop(student):
    """Overlapping, side by side, with gaps; a whole last frame, or samples left over."""
    for n, size, hop in [
        (20, 4, 2),
        (21, 4, 2),
        (10, 4, 3),
        (11, 4, 3),
        (12, 4, 3),
        (12, 4, 4),
        (15, 4, 4),
        (9, 2, 5),
        (13, 3, 5),
        (6, 6, 2),
        (7, 6, 2),
        (5, 1, 1),
        (400, 64, 10),
    ]:
        x = normal(n, seed=n)
        same(student.frames(x, size, hop), loop_frames(x, size, hop), framed(n, size, hop))


def test_frames__by_hand(student):
    """The samples 0 to 6 in frames of 4, every 1, 2 and 3 samples."""
    x = np.arange(7.0)
    for hop, expected in [
        (1, [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]),
        (2, [[0, 1, 2, 3], [2, 3, 4, 5]]),
        (3, [[0, 1, 2, 3], [3, 4, 5, 6]]),
    ]:
        expected = np.array(expected, float)
        same(student.frames(x, 4, hop), expected, f"frames([0, 1, ... 6], size=4, hop={hop})")


def framed(n, size, hop):
    """Return a call, as a student would write it."""
    return f"frames(x ({n},), size={size}, hop={hop})"


def loop_mel(bands, size, rate):
    """Return the filters, one weight at a time."""
    top = 2595 * math.log10(1 + rate / 1400)
    places = [700 * (10 ** (top * i / (bands + 1) / 2595) - 1) for i in range(bands + 2)]
    weights = np.zeros((bands, size // 2 + 1))
    for m in range(bands):
        low, peak, high = places[m : m + 3]
        for k in range(size // 2 + 1):
            f = k * rate / size
            if low < f <= peak:
                weights[m, k] = (f - low) / (peak - low)
            elif peak < f < high:
                weights[m, k] = (high - f) / (high - peak)
    return weights


def test_mel_filters__agrees_with_a_loop(student):
    """Few bands and many, frames of even and odd sizes, several rates."""
    for bands, size, rate in [
        (10, 256, 8_000),
        (40, 512, 16_000),
        (3, 64, 10_000),
        (1, 16, 8_000),
        (5, 33, 8_000),
        (20, 401, 22_050),
        (40, 64, 8_000),
    ]:
        call = f"mel_filters(bands={bands}, size={size}, rate={rate})"
        same(student.mel_filters(bands, size, rate), loop_mel(bands, size, rate), call)


def test_mel_filters__add_up(student):
    """Between the first peak and the last, the triangles that lie over a frequency add up to 1."""
    call = "mel_filters(bands=12, size=1000, rate=8000)"
    result = student.mel_filters(12, 1000, 8000)
    assert shape_of(result, call) == (12, 501), f"{call} has shape {shape_of(result, call)}"
    sums = np.asarray(result, float).sum(axis=0)  # peaks at 110 and 3360 Hz
    same(sums[14:420], np.ones(406), f"the sums over bands of {call}, from 112 to 3352 Hz")


def loop_added(frames, window, hop):
    """Return the sound, sample by sample."""
    T, size = frames.shape
    x = np.zeros((T - 1) * hop + size)
    for i in range(len(x)):
        over = [(t, i - t * hop) for t in range(T) if 0 <= i - t * hop < size]
        weight = sum(window[j] ** 2 for _, j in over)
        if weight > 0:
            x[i] = sum(window[j] * frames[t, j] for t, j in over) / weight
    return x


def lopsided(size, seed=0):
    """Return a window that is not symmetric, with entries from 0.1 to 1."""
    return np.random.default_rng(seed).uniform(0.1, 1, size)


def test_overlap_add__agrees_with_a_loop(student):
    """Frames that contradict each other, for hops that divide the size or do not."""
    for T, size, hop in [
        (5, 4, 2),
        (6, 5, 2),
        (4, 6, 1),
        (3, 4, 4),
        (7, 8, 3),
        (1, 5, 2),
        (2, 1, 1),
    ]:
        frames, window = normal(T, size, seed=T), lopsided(size)
        call = f"overlap_add(frames {frames.shape}, window ({size},), hop={hop})"
        same(student.overlap_add(frames, window, hop), loop_added(frames, window, hop), call)


def test_overlap_add__where_nothing_lies(student):
    """Hops larger than a frame, and windows with zeros: silence, and no nan."""
    for T, size, hop, zeros in [(3, 2, 4, 0), (4, 6, 3, 1), (3, 5, 5, 2), (2, 4, 7, 1)]:
        frames, window = normal(T, size, seed=T), lopsided(size)
        window[:zeros] = 0
        call = f"overlap_add(frames {frames.shape}, a window ({size},) that begins with {zeros}"
        call += f" zeros, hop={hop})"
        same(student.overlap_add(frames, window, hop), loop_added(frames, window, hop), call)


def test_overlap_add__gives_a_sound_back(student):
    """The windowed frames of a sound, for three windows."""
    x, size, hop = normal(41), 8, 3
    windows = {"Hann's": signal.get_window("hann", size, fftbins=False) * 0.9 + 0.1}
    windows |= {"a lopsided": lopsided(size), "a flat": np.ones(size)}
    for name, window in windows.items():
        frames = loop_frames(x, size, hop) * window
        call = f"overlap_add(frames of a sound times {name} window ({size},), window, hop={hop})"
        same(student.overlap_add(frames, window, hop), x, call)


class Pair:
    """A transform of sounds (n,) and its inverse, which count their calls."""

    def __init__(self, n, size, hop, deaf=()):
        self.n, self.size, self.hop, self.deaf = n, size, hop, list(deaf)
        self.window, self.calls = np.hanning(size + 2)[1:-1], [0, 0]

    def stft(self, x):
        """Return the spectrum (B, T) of a sound; where it is deaf, 0."""
        self.calls[0] += 1
        assert np.shape(x) == (self.n,), f"stft was given an array {np.shape(x)}, not ({self.n},)"
        spectrum = np.fft.fft(loop_frames(np.array(x), self.size, self.hop) * self.window).T
        spectrum[self.deaf] = 0
        return spectrum

    def istft(self, spectrum):
        """Return the sound (n,) nearest to a spectrum."""
        self.calls[1] += 1
        spectrum = np.array(spectrum)
        T = 1 + (self.n - self.size) // self.hop
        assert spectrum.shape == (self.size, T), (
            f"istft was given an array {spectrum.shape}, not ({self.size}, {T})"
        )
        return loop_added(np.fft.ifft(spectrum.T).real, self.window, self.hop)


def loop_griffin_lim(magnitude, phase, pair, steps):
    """Return the sound and the errors, entry by entry."""
    phase, errors = phase.copy(), []
    for _ in range(steps):
        spectrum = np.empty(magnitude.shape, complex)
        for place in np.ndindex(magnitude.shape):
            spectrum[place] = cmath.rect(magnitude[place], phase[place])
        x = pair.istft(spectrum)
        reached = pair.stft(x)
        off = sum((abs(a) - m) ** 2 for a, m in zip(reached.flat, magnitude.flat, strict=True))
        errors.append(math.sqrt(off / (magnitude**2).sum()))
        for place in np.ndindex(magnitude.shape):
            phase[place] = cmath.phase(complex(reached[place]))
    return x, np.array(errors)


def sounded(student, n, size, hop, steps, deaf=(), loudness=1.0):
    """Call griffin_lim on the magnitudes of noise; compare sound, errors and numbers of calls."""
    pair = Pair(n, size, hop)
    magnitude = loudness * np.abs(pair.stft(normal(n, seed=n)))
    phase = np.random.default_rng(3).uniform(-np.pi, np.pi, magnitude.shape)
    pair, own = Pair(n, size, hop, deaf), Pair(n, size, hop, deaf)
    expected = loop_griffin_lim(magnitude, phase, own, steps)
    call = f"griffin_lim(magnitude {magnitude.shape}, phase, stft, istft, steps={steps})"
    if deaf:
        call += f" with an stft that is 0 in its rows {list(deaf)}"
    found = student.griffin_lim(magnitude, phase, pair.stft, pair.istft, steps)
    x, errors = values_of(found, 2, call)
    same(errors, expected[1], f"the errors of {call}", 1e-7)
    same(x, expected[0], f"the sound of {call}", 1e-7)
    assert pair.calls == [steps, steps], (
        f"{call} called stft {pair.calls[0]} times and istft {pair.calls[1]} times,"
        f" not {steps} times each"
    )
    return np.asarray(errors, float), call


def test_griffin_lim__agrees_with_a_loop(student):
    """One step and several, loud sounds and quiet ones."""
    for n, size, hop, steps, loudness in [
        (30, 6, 2, 1, 1.0),
        (30, 6, 2, 2, 1.0),
        (41, 8, 3, 3, 20.0),
        (26, 6, 4, 5, 0.01),
        (8, 8, 3, 2, 1.0),
    ]:
        sounded(student, n, size, hop, steps, loudness=loudness)


def test_griffin_lim__where_the_spectrum_is_zero(student):
    """A transform that is deaf to some frequencies: phases of 0 there, and no nan."""
    sounded(student, 30, 6, 2, 3, deaf=(0, 3))
    sounded(student, 41, 8, 3, 2, deaf=(2, 6))


def test_griffin_lim__error_falls(student):
    """It never rises from step to step: that is the theorem of Griffin and Lim."""
    errors, call = sounded(student, 60, 8, 2, 12)
    rises = np.diff(errors)
    assert rises.max() < 1e-9, f"{call}: the error rises by {rises.max():.3g} at one of the steps"
    assert errors[-1] < 0.8 * errors[0], (
        f"{call}: the error falls from {errors[0]:.3f} to {errors[-1]:.3f} only"
    )


def loop_gain(power, noise, over, floor):
    """Return the gains, one at a time."""
    gain = np.empty(power.shape)
    for k, t in np.ndindex(power.shape):
        remains = max(power[k, t] - over * noise[k], floor**2 * power[k, t])
        gain[k, t] = math.sqrt(remains / power[k, t])
    return gain


def test_subtraction_gain__agrees_with_a_loop(student):
    """More frequencies than frames, fewer, and as many; noise that is weak, strong, or nothing."""
    for B, T, over, floor, loudness in [
        (5, 3, 1.0, 0.1, 1.0),
        (3, 6, 2.0, 0.3, 0.5),
        (4, 4, 1.0, 0.2, 1.0),
        (6, 5, 4.0, 0.0, 1.0),
        (4, 7, 0.5, 0.9, 0.7),
        (5, 4, 0.0, 0.5, 1.0),
        (5, 4, 3.0, 1.0, 1.0),
        (4, 5, 2.0, 0.05, 0.0),
        (1, 1, 1.5, 0.1, 0.3),
    ]:
        power = normal(B, T, seed=B) ** 2 + 0.05
        noise = loudness * np.random.default_rng(T).uniform(0.1, 1, B)
        call = f"subtraction_gain(power {power.shape}, noise ({B},), over={over}, floor={floor})"
        expected = loop_gain(power, noise, over, floor)
        same(student.subtraction_gain(power, noise, over, floor), expected, call)


def test_subtraction_gain__by_hand(student):
    """A power of 4 against a noise of 1, 3 and 8."""
    power, noise = np.full((3, 1), 4.0), np.array([1.0, 3.0, 8.0])
    for over, floor, expected in [
        (1, 0.1, [math.sqrt(3 / 4), 0.5, 0.1]),
        (1, 0.6, [math.sqrt(3 / 4), 0.6, 0.6]),
        (2, 0, [math.sqrt(2 / 4), 0, 0]),
    ]:
        call = f"subtraction_gain([[4], [4], [4]], [1, 3, 8], over={over}, floor={floor})"
        expected = np.array(expected)[:, None]
        same(student.subtraction_gain(power, noise, over, floor), expected, call)
