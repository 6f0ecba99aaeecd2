"""Vowels: what they are made of is what is found in them."""

import numpy as np
import pytest

from minae.data import load_sounds, vowel_factors
from minae.data.sound import vowels

RATE = vowels.RATE


def response(frequency, bandwidth):
    """A resonator's gain at 1 Hz steps, by its answer to one pulse."""
    pulse = np.zeros((1, RATE))
    pulse[0, 0] = 1
    return np.abs(np.fft.rfft(vowels.resonator(pulse, frequency, bandwidth, RATE)[0]))


@pytest.mark.parametrize(("frequency", "bandwidth"), [(500, 60), (1500, 90), (3000, 150)])
def test_a_resonator_is_loudest_at_its_frequency(frequency, bandwidth):
    gain = response(frequency, bandwidth)
    assert gain[0] == pytest.approx(1, abs=1e-6)
    peak = int(gain.argmax())
    assert peak == pytest.approx(frequency, rel=0.02)
    inside = np.flatnonzero(gain > gain.max() / np.sqrt(2))
    assert np.ptp(inside) == pytest.approx(bandwidth, rel=0.05)


def test_a_resonator_for_each_sound():
    sounds = np.random.default_rng(0).standard_normal((3, 50))
    together = vowels.resonator(sounds, np.array([300.0, 900.0, 2000.0]), 80, RATE)
    alone = [
        vowels.resonator(sounds[i : i + 1], hz, 80, RATE) for i, hz in enumerate((300, 900, 2000))
    ]
    np.testing.assert_allclose(together, np.concatenate(alone))
    assert not np.shares_memory(together, sounds)


def test_pulses_are_all_harmonics_equally_loud_and_none_above_half_the_rate():
    sound = vowels.pulses(np.full((1, RATE), 160.0), RATE)[0]
    spectrum = np.abs(np.fft.rfft(sound)) * 2 / RATE
    harmonics = np.arange(160, RATE // 2, 160)
    np.testing.assert_allclose(spectrum[harmonics], 1, atol=1e-3)
    spectrum[harmonics] = 0
    assert spectrum.max() < 1e-3


def test_the_source_falls_by_12_decibels_per_octave():
    gain = 20 * np.log10(response(0.0, 100.0))
    assert gain[1000] - gain[2000] == pytest.approx(12, abs=1.5)


def test_formants_are_where_they_are_said_to_be():
    """The loudest harmonics are those next to the formants, with a pitch that is not in the way."""
    _, _, means = vowels.read_means()
    factors = means.copy()
    factors[:, 0] = 100.0
    sounds = vowels.synthesise(factors, seconds=1.0)
    middle = sounds[:, 4000:6000] * np.hanning(2000)
    spectrum = np.abs(np.fft.rfft(middle))  # steps of 5 Hz
    hz = np.arange(spectrum.shape[1]) * RATE / 2000
    for row, (_, *formants) in zip(spectrum, factors, strict=True):
        for formant in formants[:2]:
            near = np.abs(hz - formant) < 150
            loudest = hz[near][row[near].argmax()]
            assert (
                abs(loudest - formant) <= 110
            )  # a harmonic's distance, and the slope of the source


def test_pitch_is_what_it_is_said_to_be():
    names, _, factors = vowels.draw_factors()
    rows = np.arange(0, len(names), 150)
    for sound, pitch in zip(vowels.synthesise(factors[rows]), factors[rows, 0], strict=True):
        middle = sound[1000:2000] - sound[1000:2000].mean()  # where the falling pitch is its mean
        likeness = np.correlate(middle, middle, "full")[len(middle) - 1 :]
        shortest = int(RATE / pitch / 1.5)
        period = shortest + int(likeness[shortest : 2 * shortest].argmax())
        assert RATE / period == pytest.approx(pitch, rel=0.06)


def test_the_dataset():
    sounds = load_sounds("vowels")
    assert (len(sounds.waveforms), sounds.rate, int(sounds.test.sum())) == (3000, RATE, 300)
    waves = np.stack(sounds.waveforms)
    assert (waves.shape, waves.dtype) == ((3000, 3000), np.float32)
    np.testing.assert_allclose(np.sqrt(np.mean(waves**2, axis=1)), vowels.LOUDNESS, rtol=1e-3)
    assert np.abs(waves).max() < 1  # nothing is clipped
    assert np.abs(waves[:, [0, -1]]).max() < 0.005  # nor clicks
    factors = vowel_factors(sounds.names)
    assert (np.diff(factors[:, 1:], axis=1) > 0).mean() > 0.99  # formants are in order
    again = vowels.synthesise(factors[:5])
    np.testing.assert_array_equal(again, waves[:5])
    assert sounds.labels[0] == sounds.names[0].split()[0]
    voice = np.array([name.split()[1] for name in sounds.names])
    pitch = [factors[voice == each, 0].mean() for each in ("man", "woman", "child")]
    np.testing.assert_allclose(pitch, [132.2, 223.1, 264.3], rtol=0.02)  # means of the table


def test_the_dataset_never_changes():
    """Numbers published for it hold for these sounds only."""
    sounds = load_sounds("vowels")
    assert sounds.names[:3].tolist() == ["hid man 96", "hawed woman 26", "hud child 23"]
    first, second = vowel_factors(sounds.names[:2])
    np.testing.assert_allclose(first, [123.5927, 386.9008, 1892.8845, 2723.8128], atol=1e-4)
    np.testing.assert_allclose(second, [245.2806, 561.6610, 996.2735, 2676.5395], atol=1e-4)
    samples = [wave[1500] for wave in sounds.waveforms[:3]]
    np.testing.assert_allclose(samples, [-0.167299, -0.020746, -0.019566], atol=1e-4)
