"""Language models on running text: what is trained, measured, and counted beside it."""

import json

import numpy as np
import pytest

from minae import checkpoint, models, optim
from minae.data import CorpusKind, Dataset, Split
from minae.data.windows import Windows
from minae.errors import InputError
from minae.tensor import Tensor
from minae.train import LAST, language, runs
from minae.train.settings import Settings
from minae.train.state import METRICS

WORDS = ["the", "cat", "sees", "a", "dog", "and", "runs", "away", "from", "it"]
SMALL = {"layers": 1, "heads": 2, "width": 8, "context": 10}
OPTIONS = [text for name, value in SMALL.items() for text in (f"--{name}", value)]


@pytest.fixture
def here(minae, tmp_path):
    """A folder with my.txt, of 2,500 characters or so."""
    words = np.random.default_rng(0).choice(WORDS, 600)
    lines = [" ".join(words[i : i + 6]) + "." for i in range(0, 600, 6)]
    (tmp_path / "my.txt").write_text("\n".join(lines))
    return minae


def train(here, *more):
    return here("train", "gpt", "--data", "my.txt", "--out", "run", *OPTIONS, *more)


@pytest.fixture
def trained(here, tmp_path):
    status, out, err = train(here, "--steps", 60)
    assert (status, err) == (0, "")
    return out, runs.load_run(tmp_path / "run")


def test_a_run_is_trained_measured_and_read(here, trained, tmp_path):
    said, run = trained
    assert isinstance(run.kind, CorpusKind)
    assert isinstance(run.model, models.GPT)
    assert run.model.config == {
        "vocabulary": len(run.kind.vocabulary), "dropout": 0.0, "bias": False,
        "approximate": "none", **SMALL,
    }  # fmt: skip
    metrics = json.loads((tmp_path / "run" / METRICS).read_text())
    assert [record["epoch"] for record in metrics["history"]] == [1, 2]
    held_out = metrics["history"][-1]["validation_loss"]
    assert metrics["validation_loss"] == pytest.approx(held_out, abs=0.05)  # all but the last few
    assert metrics["validation_perplexity"] == pytest.approx(np.exp(metrics["validation_loss"]))
    assert metrics["train_loss"] < metrics["history"][0]["train_loss"] < 3.2
    assert "test_loss" not in metrics
    assert (tmp_path / "run" / "learning_curves.png").is_file()
    n, loss = metrics["counting"]["n"], metrics["counting"]["validation_loss"]
    assert f"counting  {n}-grams with Witten-Bell smoothing reach {loss:.3f} in validation" in said
    worse = metrics["validation_loss"] - loss
    assert (
        f"that is better than the model by {worse:.3f}: give it --tokens bpe, more --steps" in said
    )
    status, out, err = here("eval", "run")
    assert (status, err) == (0, "")
    assert f"{metrics['validation_loss']:.4f}" in out
    assert "mean per character" in out


def test_new_text_is_measured_whole(here, trained, tmp_path):
    _, run = trained
    (tmp_path / "new.txt").write_text("the cat sees é dog")
    status, out, err = here("eval", "run", "--data", "new.txt")
    assert (status, err) == (
        0,
        "minae: new.txt: 1 character not in the vocabulary (é), read as <unk>\n",
    )
    ids = run.kind.encode("the cat sees é dog")
    nats = [*run.model.token_nats(Tensor(ids[None, :11])).numpy().ravel()]
    nats += [*run.model.token_nats(Tensor(ids[None, 10:])).numpy().ravel()]
    np.testing.assert_allclose(language.token_nats(run.model, ids), nats, rtol=1e-5)
    assert len(nats) == 17
    assert f"{np.mean(nats):.4f}" in out
    assert len(language.token_nats(run.model, ids[:11])) == 10
    assert language.token_nats(run.model, ids[:12])[-1] == pytest.approx(
        run.model.token_nats(Tensor(ids[None, 10:12])).item(), rel=1e-5
    )


def test_nats_of_a_character_do_not_depend_on_the_tokens(here, tmp_path):
    assert train(here, "--steps", 5, "--tokens", "bpe", "--vocabulary", 300)[0] == 0
    run = runs.load_run(tmp_path / "run")
    ids = run.data().validation.inputs
    found = language.corpus_figures(run.model, run.kind, ids)
    characters = len(run.kind.decode(ids[1:]))
    assert found["nats_per_character"] * characters == pytest.approx(found["loss"] * (len(ids) - 1))
    assert found["loss"] > 2 * found["nats_per_character"]


def test_batches_that_are_measured_are_small(monkeypatch, trained):
    _, run = trained
    ids = run.data().train.inputs[:500]
    whole = language.token_nats(run.model, ids)
    monkeypatch.setattr(language, "AT_ONCE", 40)
    np.testing.assert_allclose(language.token_nats(run.model, ids), whole, rtol=1e-4)


def test_a_training_that_goes_on_is_as_one_that_was_never_broken(here, tmp_path):
    how = "--dropout", 0.2, "--schedule", "constant"
    train(here, "--epochs", 2, *how)
    whole, _ = checkpoint.load(tmp_path / "run" / LAST)
    train(here, "--epochs", 1, *how, "--overwrite")
    assert train(here, "--epochs", 2, *how, "--resume")[0] == 0
    again, _ = checkpoint.load(tmp_path / "run" / LAST)
    assert whole.keys() == again.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (("--steps", 3), "was trained with --steps 2, not with --steps 3: resume with"),
        (("--epochs", 3), "was trained with --steps 2, not without --steps: resume"),
        (("--steps", 2, "--context", 9), "with --context 10, not with --context 9: resume"),
        (("--steps", 2, "--bias"), "was trained without --bias, not with --bias: resume"),
        (("--steps", 2, "--layers", 2, "--lr", 1), "trained with --lr 0.003, not with --lr 1.0: r"),
    ],
)
def test_other_settings_are_named_as_the_options_that_they_are(here, how, sentence):
    assert train(here, "--steps", 2)[0] == 0
    status, _, err = train(here, *how, "--resume")
    assert (status, sentence in err, err.count("\n")) == (2, True, 1), err


def test_all_of_a_text_can_be_trained_on(here, tmp_path):
    status, out, err = train(here, "--steps", 2, "--validation", 0)
    assert (status, err) == (0, "")
    assert "validation" not in out
    assert "counting" not in out
    assert "perplexity" in out
    assert here("eval", "run")[0] == 0
    status, _, err = here("anomalies", "run", "my.txt")
    assert (status, err.count("\n")) == (2, 1)
    assert "was trained on all of its text, so that its usual scores are not known" in err


def windows(tokens, **how):
    """The settings and windows for a text of so many tokens."""
    ids = np.zeros(tokens, np.int32)
    model = models.GPT(5, 10, 1, 1, 4)
    dataset = Dataset("x", *map(Split, (ids, ids[:0], ids[:0])), None, [], [])
    return language.windows_of(model, dataset, Settings("gpt", batch_size=2, **how))


@pytest.mark.parametrize(
    ("tokens", "how", "epochs", "steps"),
    [
        (2000, {}, 20, 100),  # as many windows as the text has
        (200, {}, 40, 50),
        (20_000, {}, 8, 250),
        (2000, {"epochs": 3}, 3, 100),
        (2000, {"steps": 300}, 3, 100),
        (2000, {"steps": 299}, 3, 100),
        (2000, {"steps": 220}, 3, 74),
        (20_000, {"steps": 7}, 1, 7),
    ],
)
def test_how_long_is_trained(tokens, how, epochs, steps):
    settings, train, validation = windows(tokens, **how)
    assert (settings.epochs, len(train)) == (epochs, steps)
    assert isinstance(train, Windows)
    assert (train.per_epoch, train.batch_size, validation) == (2 * steps, 2, None)


def test_long_texts_are_thinned_while_they_are_trained(monkeypatch):
    many = np.arange(70)[:, None] + np.arange(10)
    monkeypatch.setattr(language, "MEASURED", 300)
    assert language.thinned(many)[:, 0].tolist() == [*range(0, 70, 3)]
    assert language.thinned(many[:30]).shape == (30, 10)
    assert language.thinned(many[:, :1]).shape == (70, 1)


def test_only_matrices_are_pulled_to_zero():
    model = models.GPT(5, 10, 1, 1, 4, bias=True)
    made = language.make_optimizer(model, Settings("gpt", optimizer="adamw", weight_decay=0.3))
    matrices, others = made.param_groups
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.3, 0)
    assert {p.ndim for p in matrices["params"]} == {2}
    assert {p.ndim for p in others["params"]} == {1}
    assert made.param_groups[0]["betas"] == (0.9, 0.99)
    assert isinstance(language.make_optimizer(model, Settings("gpt", optimizer="sgd")), optim.SGD)


def test_names_have_a_test_part(minae, monkeypatch):
    monkeypatch.setattr(language, "MEASURED", 100)
    how = "--data", "unicode_names", "--steps", 1, *OPTIONS, "--out", "run"
    status, out, _ = minae("train", "gpt", *how)
    assert status == 0
    assert " in validation, " in out
    assert " in test, nats per character" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("gpt", "--data", "short.txt"),
            "short.txt has 6 tokens to train on, and 65 are needed wi",
        ),
        (
            ("gpt", "--data", "my.txt", "--validation", 1),
            "has 1 token to validate on, and 2 are ne",
        ),
        (("gpt", "--data", "mnist5k"), "mnist5k: holds no text, but images: give a text file"),
        (("gpt", "--data", "my.txt", "--kind", "text"), "takes data of kind corpus, and my.txt is"),
        (("gpt", "--data", "my.txt", "--tokens", "words"), "is nothing that a running text is cut"),
        (("gpt", "--data", "no.txt", "--heads", 3), "width 128 is not a multiple of the 3 heads"),
        (("gpt", "--data", "my.txt", "--corrupt", "words:0.5"), "is nothing to do to a running te"),
        (("gpt", "--data", "my.txt", "--steps", 3, "--epochs", 1), "--steps and --epochs both say"),
        (
            ("text", "--data", "my.txt", "--steps", 3),
            "--steps is for gpt: give --epochs to train a",
        ),
        (("text", "--data", "my.txt", "--kind", "corpus"), "my.txt is of kind corpus: train gpt"),
        (("gpt", "--data", "no.txt"), "there is no dataset and no file called 'no.txt'"),
    ],
)
def test_what_makes_no_sense_is_refused(here, tmp_path, arguments, sentence):
    (tmp_path / "short.txt").write_text("ab ab a")
    status, _, err = here("train", *arguments, "--out", "run")
    assert (status, sentence in err, err.count("\n")) == (2, True, 1), err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command",
    [("embed", "run", "my.txt"), ("nearest", "run", "my.txt", "a cat"), ("reconstruct", "run")],
)
def test_there_is_no_code_of_a_text(here, trained, command):
    status, _, err = here(*command)
    assert (status, err.count("\n")) == (2, 1)
    assert "so has no one code for a text: train text, sequence or masked" in err


def test_a_text_that_has_changed_is_refused(here, trained, tmp_path):
    (tmp_path / "my.txt").write_text("quite another text " * 20)
    with pytest.raises(InputError, match=r"my\.txt is not what the run was trained on"):
        runs.load_run(tmp_path / "run").data()
    status, _, err = train(here, "--steps", 60, "--resume")
    assert (status, err.count("\n")) == (2, 1)


def test_named_texts_are_read_by_the_vocabulary_of_the_run(trained):
    _, run = trained
    split = run.read("unicode_names")
    assert run.kind.decode(split.inputs[:5]).count("�") == 5  # it knows no capital letters
    assert len(run.data("unicode_names").test) == len(split)
