"""Runs on texts and sounds: which models train, what they write, and how they go on."""

import wave

import numpy as np
import pytest

from minae import checkpoint, models
from minae.models import MODELS
from minae.tensor import Tensor
from minae.train import LAST, runs

OF_TEXTS = ("text", "sequence", "sequence-vae")
WORDS = ["the", "a", "red", "blue", "cat", "dog", "sees", "hears", "runs", "and", "sleeps"]
SMALL = {
    "text": ("--sizes", 15, 6, 2),
    "sequence": ("--embedding", 4, "--hidden", 6, "--latent", 3),
    "sequence-vae": ("--embedding", 4, "--hidden", 6, "--latent", 3, "--annealing", 20),
    "audio": ("--channels", 4, "--latent", 2),
}


@pytest.fixture
def here(minae, tmp_path):
    """A folder with lines.txt, of 60 texts, and sounds/, 12 of them."""
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(WORDS, rng.integers(2, 7))) for _ in range(60)]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    (tmp_path / "sounds").mkdir()
    t = np.arange(3200) / 8000  # s
    for i in range(12):
        with wave.open(str(tmp_path / "sounds" / f"{i}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
            file.writeframes(np.int16(8000 * np.sin(2 * np.pi * (200 + 50 * i) * t)).tobytes())
    return minae


def train(here, model, *more):
    data = "sounds" if model == "audio" else "lines.txt"
    how = ("--data", data, "--out", "run", "--batch-size", 16, *SMALL[model])
    return here("train", model, *how, *more)


@pytest.mark.parametrize("model", SMALL)
def test_a_run_is_trained_measured_and_read(here, tmp_path, model):
    status, _, err = train(here, model, "--epochs", 2)
    assert (status, err) == (0, "")
    assert (tmp_path / "run" / "learning_curves.png").is_file()
    status, out, err = here("eval", "run")
    assert (status, err) == (0, "")
    assert ("nats_per_token" in out) == (model in OF_TEXTS)
    found = runs.load_run(tmp_path / "run")
    assert type(found.model) is MODELS[model]
    rows = found.data().test.inputs
    x = Tensor(rows.padded() if model in OF_TEXTS else rows)
    assert found.model.codes(x).shape == (len(rows), 2 if model in ("text", "audio") else 3)


@pytest.mark.parametrize("model", OF_TEXTS)
def test_only_models_that_save_by_it_get_batches_of_one_length(here, monkeypatch, model):
    widths, loss = set(), MODELS[model].loss
    monkeypatch.setattr(
        MODELS[model], "loss", lambda self, x, y=None: widths.add(x.shape[1]) or loss(self, x, y)
    )
    train(here, model, "--epochs", 1)
    assert (len(widths) > 1) == (model != "text")


@pytest.mark.parametrize("model", ["text", "sequence", "sequence-vae"])
def test_a_training_that_goes_on_is_as_one_that_was_never_broken(here, tmp_path, model):
    """To the bit: order, dropout, draws and the weight of the KL go on where they were."""
    train(here, model, "--epochs", 4, "--schedule", "constant")
    whole, _ = checkpoint.load(tmp_path / "run" / LAST)
    train(here, model, "--epochs", 2, "--schedule", "constant", "--overwrite")
    assert train(here, model, "--epochs", 4, "--schedule", "constant", "--resume")[0] == 0
    again, _ = checkpoint.load(tmp_path / "run" / LAST)
    assert whole.keys() == again.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)
    assert (model == "sequence-vae") == ("model.steps" in whole)
    if model == "sequence-vae":
        assert whole["model.steps"] == 4 * 3


def test_what_is_trained_is_as_long_as_the_longest_text(here, tmp_path):
    train(here, "sequence", "--epochs", 1)
    found = runs.load_run(tmp_path / "run")
    assert isinstance(found.model, models.SequenceAutoencoder)
    assert found.model.longest == found.data().train.inputs.lengths.max()


def test_texts_that_do_not_fit_into_memory_are_refused(here, tmp_path, monkeypatch):
    monkeypatch.setattr("minae.train.training.available", lambda: 5e4)
    status, _, err = train(here, "sequence", "--epochs", 1)
    assert (status, "has 7 tokens, and a batch of 16 such takes 0.0 GB" in err) == (2, True), err
    assert "give a smaller --longest or --batch-size, or train text" in err
    assert train(here, "text", "--epochs", 1)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("conv", "--data", "lines.txt"),
            "lines.txt is of kind text: train text, sequence, sequence-vae or masked",
        ),
        (("dense", "--data", "lines.txt"), "'dense' takes data of kind table, images, series or"),
        (("sequence", "--data", "digits"), "takes data of kind text, and digits is of kind images"),
        (("audio", "--data", "lines.txt"), "takes data of kind audio, and lines.txt is of kind"),
        (("text", "--data", "sounds"), "sounds is of kind audio: train dense, conv"),
        (("text", "--data", "lines.txt", "--sizes", 9, 3), "sizes begin with 9, but each text of"),
        (("text", "--data", "lines.txt", "--hidden", 3), "--hidden is no option of model 'text'"),
        (("sequence", "--data", "lines.txt", "--word-dropout", 2), "word_dropout is a share"),
        (("sequence-vae", "--data", "lines.txt", "--free-bits", -1), "free_bits is a number of"),
        (("text", "--data", "lines.txt", "--corrupt", "noise:1"), "is nothing to do to texts"),
    ],
)
def test_what_makes_no_sense_is_refused(here, tmp_path, arguments, sentence):
    status, _, err = here("train", *arguments, "--epochs", 1, "--out", "run")
    assert (status, sentence in err, err.count("\n")) == (2, True, 1), err
    assert not (tmp_path / "run").exists()
