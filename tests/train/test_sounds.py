"""Runs on sounds: what commands write, and how new recordings are read."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from minae.errors import InputError
from minae.train import runs

RATE = 8000


def call(hz, seconds):
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(hz).standard_normal(len(t))
    return 0.3 * np.sin(2 * np.pi * hz * t) * np.sin(np.pi * t / seconds) + 0.001 * noise


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with sounds of two sorts, others that are odd, and a run."""
    folder = tmp_path_factory.mktemp("sounds")
    for i in range(30):
        path = folder / "birds" / ("owl", "wren")[i % 2] / f"{i:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, call((400, 2000)[i % 2] + 5 * i, 0.3), RATE)
    (folder / "new").mkdir()
    soundfile.write(folder / "new" / "a.flac", call(450, 0.3), RATE)
    strange = call(420, 2.0)
    strange[10_000:10_400] += call(3500, 0.05)  # from 1.25 s on
    soundfile.write(folder / "new" / "long.wav", strange, RATE)
    (folder / "new" / "broken.wav").write_text("none")
    (folder / "a.csv").write_text("x,y\n" + "1,2\n3,5\n" * 5)
    return folder


@pytest.fixture
def here(trained, minae, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return minae


def train(here, model="conv-vae", *more):
    status, out, err = here("train", model, "--data", "birds", "--epochs", 2, "--out", "run", *more)
    assert (status, err) == (0, ""), err
    return out


def wavs(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(".wav"))


@pytest.mark.parametrize(
    "model", ["dense", "conv", "denoising", "vae", "conv-vae", "cvae", "vq-vae"]
)
def test_models_train_on_sounds(here, model):
    said = train(here, model)
    assert "birds: 30 recordings of 0.30 s as 30 sounds of 0.32 s at 8,000 Hz, 40 bands" in said
    assert "mean per sound" in said
    names = [*["corrupted"] * (model == "denoising"), "original", "reconstructed"]
    assert wavs("run/reconstructions") == [
        f"{i:02} {name}.wav" for i in (1, 2, 3) for name in names
    ]
    assert os.path.exists("run/samples.png") == ("vae" in model and model != "vq-vae")
    assert here("eval", "run")[0] == 0
    if model != "cvae":  # the new ones have no labels
        assert here("eval", "run", "--data", "new")[0] == 0


def test_what_is_written_can_be_heard(here, tmp_path):
    train(here)
    status, out, _ = here("reconstruct", "run", "-n", 2)
    assert (status, out.split()) == (0, ["wrote", "run/reconstructions.png", "run/reconstructions"])
    assert len(wavs("run/reconstructions")) == 4  # those of the training are gone
    samples, rate = soundfile.read("run/reconstructions/01 original.wav")
    assert (rate, len(samples)) == (RATE, 20 * 128)
    assert 0.02 < np.abs(samples).max() < 1
    label = runs.load_run(tmp_path / "run").data().test.labels[0]
    peak = np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples)
    assert (peak > 1200) == bool(label)
    assert here("sample", "run", "-n", 3, "--out", "made.png")[0] == 0
    assert wavs("made") == ["01.wav", "02.wav", "03.wav"]
    status, _, err = here("sample", "run", "-n", 41)
    assert (status, "41 sounds are too many to draw" in err) == (2, True)


def test_all_files_are_written_or_none(here, monkeypatch):
    train(here)
    before = {
        name: os.stat(f"run/reconstructions/{name}").st_mtime_ns
        for name in wavs("run/reconstructions")
    }
    picture = os.stat("run/reconstructions.png").st_mtime_ns

    def fails(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    status, _, err = here("reconstruct", "run", "-n", 2)
    assert (status, "No space left" in err) == (2, True)
    after = {
        name: os.stat(f"run/reconstructions/{name}").st_mtime_ns
        for name in wavs("run/reconstructions")
    }
    assert (after, os.stat("run/reconstructions.png").st_mtime_ns) == (before, picture)


def test_codes_and_neighbours(here):
    train(here, "conv", "--latent", 4)
    assert here("embed", "run", "birds", "--out", "codes.csv")[0] == 0
    codes = pd.read_csv("codes.csv")
    assert list(codes) == ["name", "z0", "z1", "z2", "z3", "label"]
    assert codes["label"].tolist() == [name.split("/")[0] for name in codes["name"]]
    status, out, err = here("embed", "run", "new")
    assert (status, "of 4 numbers each" in out) == (1, True), out
    assert err.count("\n") == 1
    assert "broken.wav: cannot be read as a sound" in err
    status, out, _ = here("nearest", "run", "birds", "owl/04.wav", "-n", 2)
    assert (status, "nearest to owl/04.wav" in out) == (0, True)
    status, out, _ = here("nearest", "run", "birds", "new/a.flac", "-n", 2)
    assert (status, "nearest to new/a.flac" in out) == (0, True)
    status, _, err = here("nearest", "run", "new", "new/long.wav", "-n", 2)
    assert (status, "give one, such as 'long.wav @ 0.00 s'" in err) == (2, True)


def test_anomalies_say_when_and_at_which_frequencies(here):
    train(here, "dense", "--normal", "owl", "--epochs", 60)
    status, out, err = here("anomalies", "run", "new", "--out", "found")
    assert status == 1, err  # a file is broken
    table = pd.read_csv("found/scores.csv")
    worst = table.loc[table["score"].idxmax()]
    assert worst["name"].startswith("long.wav @ ")
    start, end = worst["from_seconds"], worst["to_seconds"]
    assert 1.15 < start < end < 1.4
    assert worst["from_hertz"] < 3600
    assert worst["to_hertz"] > 3400
    assert f"largest from {start:.2f} to {end:.2f} s" in out
    status, out, _ = here("anomalies", "run", "birds", "--labels", "label", "--normal", "owl")
    assert (status, "best:" in out) == (0, True)
    assert os.path.isfile("run/anomalies-birds/worst.png")


def test_a_run_reads_sounds_as_its_own(here, tmp_path):
    train(here, "conv")
    run = runs.load_run(tmp_path / "run")
    own, split = run.data(), run.read("birds")
    assert (run.kind, run.image_shape) == (own.kind, own.kind.shape)
    row = split.names.tolist().index(own.test.names[0])
    np.testing.assert_array_equal(split.inputs[row], own.test.inputs[0])
    soundfile.write("birds/owl/new.wav", call(500, 0.3), RATE)
    with pytest.raises(InputError, match="birds is not what the run was trained on"):
        runs.load_run(tmp_path / "run").data()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dense", "--data", "a.csv", "--seconds", 1), "--seconds is for sounds: leave it out"),
        (("conv", "--data", "birds", "--seconds", 0.01), "seconds is a number from 0.05"),
        (("conv", "--data", "birds", "--window", 9), "--window is for series: leave it out"),
        (("conv", "--data", "birds", "--loss", "bce"), "leave it out, for mse"),
        (("conv", "--data", "birds", "--corrupt", "blur:1"), "'blur:1' is nothing to do to sounds"),
        (("conv", "--data", "vowels", "--seconds", 1), "leave out --seconds"),
        (("conv", "--data", "vowels", "--tokens", "words"), "--tokens is for texts: leave it out"),
        (("conv", "--data", "digits", "--id-column", "x"), "--id-column is for tables and"),
        (("conv", "--data", "vowels", "--kind", "table"), "vowels is of kind audio"),
    ],
)
def test_what_makes_no_sense_is_refused(here, arguments, sentence):
    status, _, err = here("train", *arguments, "--epochs", 1, "--out", "run")
    assert (status, sentence in err, err.count("\n")) == (2, True, 1), err
    assert not os.path.exists("run")


def test_a_dataset_of_another_kind_is_refused(here):
    train(here, "conv")
    status, _, err = here("embed", "run", "unicode_names", "--out", "codes.csv")
    assert (status, err) == (
        2,
        "minae: unicode_names is of kind text, but the run of kind audio\n",
    )


def test_a_lone_sound_that_cannot_be_used_is_named_once(here):
    soundfile.write("bad.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    status, _, err = here("train", "conv", "--data", "bad.wav")
    assert (status, err.count("bad.wav")) == (2, 1)


def test_pieces_are_as_long_as_is_asked_for(here, tmp_path):
    train(here, "conv", "--seconds", 0.13)
    run = runs.load_run(tmp_path / "run")
    assert (run.settings.seconds, run.kind.shape) == (0.13, (1, 40, 8))
