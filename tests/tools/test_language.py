"""A language model continues a text, piece by piece, and is compared with counting."""

from types import SimpleNamespace

import numpy as np
import pytest

from minae import random
from minae.data import CorpusKind
from minae.data.kinds.corpus import fit_corpus
from minae.models import GPT
from minae.tools.language import beside_counting, continued, write_text
from minae.train.runs import Run
from minae.train.settings import Settings

TEXTS = ["one line of it\n", "and ünusual ☃ one\n"]


@pytest.fixture(params=["characters", "bpe"])
def run(request, tmp_path):
    """A run of a model that knows nothing yet."""
    vocabulary, merges, _ = fit_corpus(TEXTS, request.param, 300, several=True)
    kind = CorpusKind(request.param, vocabulary, merges)
    random.manual_seed(0)
    model = GPT(len(vocabulary), 8, 1, 2, 8).eval()
    return Run(tmp_path, model, Settings.of("gpt", data="x.txt"), kind.shape, kind)


def test_a_prompt_is_continued(run, capsys):
    made = "".join(continued(run, "one ünusual ☃", 30, 5))
    write_text(run, "one ünusual ☃", 30, 5)
    printed = capsys.readouterr()
    assert printed.out == f"one ünusual ☃{made}\n"
    assert printed.err == ""
    assert "".join(continued(run, "one ünusual ☃", 30, 5)) == made
    assert "".join(continued(run, "one ünusual ☃", 30, 6)) != made


def test_pieces_come_as_they_are_made(run):
    pieces = continued(run, "one", 10**8, 0)
    first = [next(pieces) for _ in range(20)]
    assert "".join(first)


def test_without_a_prompt_a_text_begins(run):
    ids = list(run.model.generate([run.kind.start], 12, seed=3))
    assert "".join(continued(run, "", 12, 3)) == run.kind.decode(ids)


def test_what_the_vocabulary_lacks_is_said(run, capsys):
    write_text(run, "one ¢", 3, 0)
    said = capsys.readouterr().err
    if run.kind.tokens == "bpe":
        assert said == ""
    else:
        assert said == "minae: --prompt has 1 character not in the vocabulary (¢), read as <unk>\n"


def test_the_usual_count(run, capsys):
    write_text(run, "one", None, 0, temperature=0.5, top_k=3)
    ids = run.model.generate(run.kind.encode("one"), 500, temperature=0.5, top_k=3, seed=0)
    assert capsys.readouterr().out == "one" + run.kind.decode(np.array([*ids])) + "\n"


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ((2.0,), (1.75,), "the model is better by 0.250"),
        ((2.0,), (2.25,), "better than the model by 0.250"),
        ((2.0, 2.5), (1.75, 2.625), "better than the model by 0.125"),  # what counts is the test
    ],
)
def test_which_is_better(capsys, theirs, ours, said):
    names = "validation_loss", "test_loss"
    counting = {"n": 3, **dict(zip(names, theirs, strict=False))}
    metrics = {"counting": counting, **dict(zip(names, ours, strict=False))}
    run = SimpleNamespace(metrics=metrics, kind=SimpleNamespace(row="x"))
    assert beside_counting(run) == {"3-grams": 2.0}
    out = capsys.readouterr().out
    assert out.startswith("counting  3-grams with Witten-Bell smoothing reach 2.000 in validation")
    assert ("2.500 in test, nats per x" in out) == (len(theirs) > 1)
    assert said in out


def test_nothing_is_said_without_a_validation_part(capsys):
    assert beside_counting(SimpleNamespace(metrics={"counting": {}})) == {}
    assert capsys.readouterr().out == ""
