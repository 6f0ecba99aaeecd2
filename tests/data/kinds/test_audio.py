"""Sounds as a kind of data: scaling, labels, what an error is divided among; the named datasets."""

import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from minae.data import load, load_sounds
from minae.data.kinds import AudioKind, alike, describe, parse_kind
from minae.data.sound.analysis import Analysis
from minae.errors import InputError

KIND = AudioKind(Analysis(8000, bands=10), 8, np.linspace(-20, -40, 10).tolist(), 12.5, ["a", "b"])


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """A folder of two birds, each a subfolder."""
    folder = tmp_path_factory.mktemp("birds")
    for name, hz in (("owl", 400), ("wren", 3000)):
        (folder / name).mkdir()
        for i in range(15):
            t = np.arange(4000) / 8000
            call = 0.3 * np.sin(2 * np.pi * (hz + 20 * i) * t) * (t < 0.3 + 0.01 * i)
            soundfile.write(folder / name / f"{i}.wav", call, 8000)
    return folder


def test_a_kind_is_described_in_a_checkpoint():
    assert parse_kind(describe(KIND)) == KIND
    assert alike(describe(KIND), describe(replace(KIND, std=KIND.std * (1 + 1e-9))))
    assert not alike(describe(KIND), describe(replace(KIND, frames=12)))
    with pytest.raises(InputError, match=r"kind\.analysis\.rate is \"high\", not a whole number"):
        parse_kind(describe(KIND) | {"analysis": {**describe(KIND)["analysis"], "rate": "high"}})


def test_scaling_is_undone():
    decibels = np.random.default_rng(0).uniform(-50, 0, (3, 10, 8)).astype(np.float32)
    inputs = KIND.scaled(decibels)
    assert (inputs.shape, inputs.dtype) == ((3, *KIND.shape), np.float32)
    np.testing.assert_allclose(KIND.unscaled(inputs), decibels, atol=1e-4)
    assert KIND.unscaled(inputs - 100).min() == -50  # nothing is quieter than silence


def test_errors_are_divided_among_ranges_of_frequencies():
    rng = np.random.default_rng(0)
    split = KIND.encode(pieces(["x", "y @ 3.00 s"]))
    outputs = rng.standard_normal(split.inputs.shape).astype(np.float32)
    errors = KIND.errors(split, outputs)
    assert errors.shape == (2, len(KIND.parts)) == (2, 8)
    np.testing.assert_allclose(
        errors.sum(axis=1), np.square(outputs - split.inputs).sum(axis=(1, 2, 3)), rtol=1e-5
    )
    assert KIND.parts[0].startswith("0-")
    assert KIND.parts[-1].endswith("-4,000 Hz")
    ends = [part.removesuffix(" Hz").split("-") for part in KIND.parts]
    assert [high for _, high in ends[:-1]] == [low for low, _ in ends[1:]]
    only = split.inputs.copy()
    only[:, 0, 9, 5] += 7  # the highest band, in frame 5 of 16 ms
    assert KIND.errors(split, only).argmax(axis=1).tolist() == [7, 7]
    np.testing.assert_allclose(KIND.moments(split, only), [0.08, 3.08])


def pieces(names):
    from minae.data.sound.recordings import Pieces

    N = len(names)
    decibels = np.random.default_rng(1).uniform(-50, 0, (N, 10, 8)).astype(np.float32)
    labels = np.array(["b", "unknown"], object)[:N]
    names = np.array(names, object)
    return Pieces(KIND.analysis, decibels, names, labels, np.arange(N), np.ones(N), "", "", [])


def test_labels_are_numbered_as_in_training():
    assert KIND.encode(pieces(["x", "y"])).labels.tolist() == [1, -1]


def test_subfolders_are_labels_and_training_sets_the_scale(birds):
    dataset = load(birds)
    kind, train = dataset.kind, dataset.train
    assert kind.classes == ["owl", "wren"]
    for split in (train, dataset.validation, dataset.test):
        assert [name.split("/")[0] for name in split.names] == [
            kind.classes[n] for n in split.labels
        ]
    assert (len(train), len(dataset.validation), len(dataset.test)) == (24, 3, 3)
    assert train.inputs.shape == (24, 1, 40, 32)
    np.testing.assert_allclose(train.inputs.mean(axis=(0, 1, 3)), 0, atol=1e-4)
    assert train.inputs.std() == pytest.approx(1, abs=1e-3)
    again, notes = kind.read(birds)
    assert (sorted(again.names), notes) == (
        sorted([*train.names, *dataset.validation.names, *dataset.test.names]),
        [],
    )
    row = again.names.tolist().index(train.names[0])
    np.testing.assert_array_equal(again.inputs[row], train.inputs[0])


def test_training_on_one_label(birds):
    dataset = load(birds, normal="owl")
    assert set(dataset.train.labels) == set(dataset.validation.labels) == {0}
    assert (dataset.test.labels == 1).sum() == 15
    with pytest.raises(InputError, match="no row with the label 'hawk'"):
        load(birds, normal="hawk")


def test_decoded_sounds_have_the_pitch_of_their_spectrograms(birds):
    dataset = load(birds)
    waves = dataset.kind.decode(dataset.test.inputs)
    for wave, label in zip(waves, dataset.test.labels, strict=True):
        spectrum = np.abs(np.fft.rfft(wave))
        peak = spectrum.argmax() * 8000 / len(wave)
        assert (peak > 2000) == bool(label)


def test_vowels():
    dataset = load("vowels")
    parts = dataset.train, dataset.validation, dataset.test
    assert [len(part) for part in parts] == [2400, 300, 300]
    assert dataset.image_shape == (1, 40, 20)
    names = np.concatenate([part.names for part in parts])
    assert len(set(names)) == 3000
    for part in parts:
        counts = np.bincount(part.labels)
        assert counts.min() >= 0.95 * counts.max() - 2  # every vowel as often
    assert dataset.test.inputs[0].sum() == pytest.approx(-416.68, abs=0.05)
    with pytest.raises(InputError, match="vowels is of kind audio"):
        load("vowels", kind="images")


@pytest.mark.skipif(not os.environ.get("MINAE_DATA"), reason="needs a folder with the datasets")
def test_spoken_digits():
    dataset = load("spoken_digits")
    assert dataset.image_shape == (1, 40, 40)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [
        2400,
        300,
        300,
    ]
    digit, speaker, number = np.array([name.split("_") for name in dataset.test.names]).T
    assert (number.astype(int) < 5).all()  # the official test part
    assert len(set(speaker)) == 6
    np.testing.assert_array_equal(digit.astype(int), dataset.test.labels)
    flat = dataset.train.inputs.reshape(2400, -1)
    test = dataset.test.inputs.reshape(300, -1)
    distance = (test**2).sum(1)[:, None] - 2 * test @ flat.T + (flat**2).sum(1)
    found = dataset.train.labels[distance.argmin(axis=1)]
    assert (found == dataset.test.labels).mean() > 0.93
    sounds = load_sounds("spoken_digits")
    assert (sounds.rate, len(sounds.waveforms), int(sounds.test.sum())) == (8000, 3000, 300)
    assert np.abs(sounds.waveforms[0]).max() <= 1
