"""Spectra against PyTorch's, against loops, and on sounds whose spectra are known."""

import numpy as np
import pytest

from minae.data.sound import spectra

RATE, FRAME, HOP = 8000, 256, 128
RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((2, 2000)).astype(np.float32)


def sine(hz, samples=4000, rate=RATE):
    return np.sin(2 * np.pi * hz * np.arange(samples) / rate).astype(np.float32)


@pytest.mark.parametrize(("frame", "hop", "samples"), [(256, 128, 2000), (64, 24, 997), (32, 7, 1)])
def test_stft_is_that_of_pytorch(torch, frame, hop, samples):
    signal = NOISE[:, :samples]
    how = {"return_complex": True, "pad_mode": "constant", "window": torch.hann_window(frame)}
    expected = torch.stft(torch.from_numpy(signal), frame, hop, **how).numpy()
    found = spectra.stft(signal, frame, hop)
    assert found.shape == (2, frame // 2 + 1, 1 + samples // hop)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("frame", "hop", "samples"), [(256, 128, 2000), (64, 24, 997), (32, 8, 5)])
def test_istft_undoes_stft(frame, hop, samples):
    signal = NOISE[:, :samples]
    back = spectra.istft(spectra.stft(signal, frame, hop), frame, hop, samples)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, signal, atol=1e-5)


def test_istft_is_that_of_pytorch_for_what_is_no_spectrum(torch):
    """Then overlapping frames contradict each other, and the nearest signal is asked for."""
    spectrum = spectra.stft(NOISE, FRAME, HOP) * RNG.random((2, FRAME // 2 + 1, 16), np.float32)
    window = torch.hann_window(FRAME)
    expected = torch.istft(torch.from_numpy(spectrum), FRAME, HOP, window=window, length=1900)
    found = spectra.istft(spectrum, FRAME, HOP, 1900)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize(("frame", "hop"), [(8, 4), (8, 3), (5, 5), (4, 7)])
def test_overlap_add(frame, hop):
    frames = RNG.standard_normal((3, 6, frame))
    expected = np.zeros((3, 5 * hop + frame))
    for t in range(6):
        expected[:, t * hop : t * hop + frame] += frames[:, t]
    np.testing.assert_allclose(spectra.overlap_add(frames, hop), expected)


def test_mel_is_htks():
    """Values of HTK's formula: 1000 Hz are about 1000 mel."""
    np.testing.assert_allclose(spectra.hz_to_mel([0, 700, 1000]), [0, 781.17, 999.99], atol=0.01)
    hz = np.linspace(0, 8000, 50)
    np.testing.assert_allclose(spectra.mel_to_hz(spectra.hz_to_mel(hz)), hz, atol=1e-9)


@pytest.mark.parametrize(
    ("bands", "frame", "rate"), [(40, 256, 8000), (80, 256, 8000), (24, 512, 16000)]
)
def test_mel_filters(bands, frame, rate):
    filters = spectra.mel_filters(bands, frame, rate)
    assert filters.shape == (bands, frame // 2 + 1)
    assert filters.min() >= 0
    assert (filters.sum(axis=1) > 0).all()  # none is empty, however narrow
    edges, bins = spectra.mel_edges(bands, rate), np.arange(frame // 2 + 1) * rate / frame
    centres = (filters * bins).sum(axis=1) / filters.sum(axis=1)
    np.testing.assert_allclose(
        centres, (edges[:-2] + edges[1:-1] + edges[2:]) / 3, atol=rate / frame / 8
    )
    areas = filters.sum(axis=1) * rate / frame
    np.testing.assert_allclose(areas[1:-1], (edges[2:] - edges[:-2])[1:-1] / 2, rtol=0.02)
    inside = (bins > edges[1] + rate / frame) & (bins < edges[-2] - rate / frame)
    np.testing.assert_allclose(filters.sum(axis=0)[inside], 1, atol=0.01)  # neighbours share


@pytest.mark.parametrize("amplitude", [1.0, 0.1])
def test_decibels_are_those_beside_a_full_scale_sine(amplitude):
    filters = spectra.mel_filters(20, FRAME, RATE)
    band = 15  # wide beside a bin, so nearly all of a sine at its peak is in it
    hz = spectra.mel_edges(20, RATE)[band + 1]
    decibels = spectra.mel_decibels([amplitude * sine(hz)], filters, HOP)
    assert (decibels[:, 5:-5].argmax(axis=0) == band).all()
    np.testing.assert_allclose(decibels[band, 5:-5], 20 * np.log10(amplitude) + 1.0, atol=1.0)
    silence = spectra.mel_decibels([np.zeros(4000, np.float32)], filters, HOP)
    np.testing.assert_allclose(silence, -100, atol=1e-4)


@pytest.mark.parametrize("cuts", [[1], [700, 701, 1500], [*range(100, 2000, 100)]])
def test_blocks_are_the_same_as_the_whole(cuts, monkeypatch):
    filters = spectra.mel_filters(10, FRAME, RATE)
    power = (
        np.square(np.abs(spectra.stft(NOISE[0], FRAME, HOP))) * (2 / spectra.hann(FRAME).sum()) ** 2
    )
    expected = 10 * np.log10(filters @ power)
    monkeypatch.setattr(spectra, "AT_ONCE", 3)
    found = spectra.mel_decibels(np.split(NOISE[0], cuts), filters, HOP)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_powers_from_mel_bands():
    filters = spectra.mel_filters(40, FRAME, RATE)
    power = filters @ RNG.random((3, FRAME // 2 + 1, 5))
    found = spectra.from_mel(power, filters)
    assert found.shape == (3, FRAME // 2 + 1, 5)
    assert found.min() >= 0
    start = spectra.from_mel(power, filters, steps=0)
    error, before = (
        np.abs(filters @ each - power).mean() / power.mean() for each in (found, start)
    )
    assert error < 0.03 < before


def test_griffin_lim_finds_phases():
    """A sound's own magnitudes have phases; the error falls, and faster with momentum."""
    chirp = np.sin(2 * np.pi * (200 + 400 * np.arange(4000) / RATE) * np.arange(4000) / RATE)
    magnitudes = np.abs(spectra.stft(chirp, FRAME, HOP))

    def error(**how):
        sound = spectra.griffin_lim(magnitudes, FRAME, HOP, 4000, **how)
        assert (sound.shape, sound.dtype) == ((4000,), np.float32)
        return spectra.spectral_error(sound, magnitudes, FRAME, HOP)

    errors = [error(iterations=n) for n in (0, 10, 100)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.05
    assert error(iterations=100) < error(iterations=100, momentum=0)
    assert error(iterations=5) == error(iterations=5) != error(iterations=5, seed=1)


def test_spectral_error_is_relative():
    magnitudes = np.abs(spectra.stft(NOISE[0], FRAME, HOP))
    assert spectra.spectral_error(NOISE[0], magnitudes, FRAME, HOP) == 0
    assert spectra.spectral_error(0 * NOISE[0], magnitudes, FRAME, HOP) == pytest.approx(1)
    assert spectra.spectral_error(NOISE[0] / 2, magnitudes, FRAME, HOP) == pytest.approx(0.5, 1e-4)
