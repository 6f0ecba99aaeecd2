"""`minae anomalies` on the lines of a running text, run as a user does."""

import csv
import json

import numpy as np
import pytest

from minae.data import Ragged
from minae.data.kinds.corpus import END, UNKNOWN, CorpusKind
from minae.data.text.byte_level import ALPHABET
from minae.metrics.ngrams import nth
from minae.tensor import Tensor
from minae.tools.anomalies.baselines import fit_baselines
from minae.tools.anomalies.reading import read_data, read_own
from minae.tools.anomalies.texts import TextScores, score_texts, unknown_nats
from minae.train import language, runs

from ..conftest import sentences, train

LETTERS = CorpusKind("characters", [UNKNOWN, *"\nab"])
ENDING = CorpusKind("characters", [UNKNOWN, END, *"\nab"])
BYTES = CorpusKind("bpe", [*ALPHABET, "ĊĊ"], [("Ċ", "Ċ")])
SMALL = {"layers": 1, "heads": 2, "width": 16, "context": 20}


@pytest.fixture(scope="module")
def fruit(tmp_path_factory):
    """A language model of sentences on fruit only."""
    folder = tmp_path_factory.mktemp("lines")
    pairs = zip(*sentences(400), strict=True)
    (folder / "fruit.txt").write_text(
        "".join(f"{text}\n" for text, what in pairs if what == "fruit")
    )
    train(folder / "gpt", folder / "fruit.txt", "gpt", kind="corpus", model_options=SMALL)
    return folder / "gpt"


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_lines_on_another_subject_are_found(minae, fruit, tmp_path):
    new, labels = sentences(40, seed=1)
    (tmp_path / "new.txt").write_text("".join(f"{text}\n" for text in new))
    (tmp_path / "labels.txt").write_text("\n".join(["what", *labels]))
    how = "--labels", "labels.txt", "--normal", "fruit", "--out", "out"
    status, out, err = minae("anomalies", fruit, "new.txt", *how)
    assert status == 0, err
    assert "not in the vocabulary (" in err
    rows = table(tmp_path / "out" / "scores.csv")
    assert [row["number"] for row in rows] == [str(i) for i in range(1, 41)]
    methods = json.loads((tmp_path / "out" / "figures.json").read_text())["methods"]
    names = list(methods)
    assert (names[0], names[1][1:]) == ("gpt model", "-grams")
    assert methods["gpt model"]["auc"] > 0.95
    worst = table(tmp_path / "out" / "worst.csv")
    assert worst[0]["text"].count("«") == 3
    assert "40 lines" in out
    assert "the worst, their strangest tokens between « and »" in out


def test_lines_of_a_folder_are_named_by_file_and_number(minae, fruit, tmp_path):
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "a.txt").write_text("the red apple\nthe QQ")
    (tmp_path / "new" / "deep" / "b.txt").write_text("the red pear\n")
    (tmp_path / "new" / "c.txt").write_text("")
    status, out, err = minae("anomalies", fruit, "new", "--out", "out")
    assert (status, err.count("\n")) == (1, 2)
    assert "new: c.txt left out: it is empty" in err
    assert "new: 2 characters not in the vocabulary" in err
    names = [row["name"] for row in table(tmp_path / "out" / "scores.csv")]
    assert names == ["a.txt:1", "a.txt:2", "deep/b.txt:1"]
    assert "  a.txt:2" in out


def test_a_line_is_scored_behind_those_before_it(fruit, tmp_path):
    run = runs.load_run(fruit)
    (tmp_path / "new.txt").write_text("the red apple\n\nthe QQ")
    data = read_data(run, str(tmp_path / "new.txt"), tmp_path / "out", None)
    least = unknown_nats(run, read_own(run).held_out.split)
    found = score_texts(run, data, least)
    ids = run.kind.encode("the red apple\n\nthe QQ")
    with_start = np.append(run.kind.start, ids[:20])[None].astype(np.int32)
    nats = run.model.token_nats(Tensor(with_start)).numpy().ravel()
    np.testing.assert_allclose(found.nats[:19], nats[:19], rtol=1e-4)
    assert (found.nats[19:] >= least).all()
    np.testing.assert_allclose(found.values[0], nats[:15].mean(), rtol=1e-4)
    assert found.tokens(0)[0] == [*"the red apple", "⏎", "⏎"]
    assert found.tokens(1)[0] == [*"the ", "�", "�"]
    assert "«�»" in found.marked(1)


def test_what_an_unknown_token_counts_comes_from_known_ones(fruit):
    run = runs.load_run(fruit)
    own = run.kind.encode("the red apple\nthe green pear\n" + 30 * "Q")
    nats = language.token_nats(run.model, np.append(np.int32(run.kind.start), own))
    known = nats[own != run.kind.unknown]
    lines = run.kind.lines(Ragged.of([own]))
    assert unknown_nats(run, lines) == pytest.approx(np.quantile(known, 0.99))


def test_tokens_of_bytes_are_decoded_once_for_all_lines(monkeypatch):
    ids, calls = BYTES.encode("a\n中 b\n"), []
    whole = CorpusKind.token_bytes
    monkeypatch.setattr(CorpusKind, "token_bytes", lambda kind: calls.append(1) or whole(kind))
    split = BYTES.lines(Ragged.of([ids]))
    calls.clear()
    scores = TextScores(np.zeros(2), np.empty((2, 0)), BYTES, split, np.ones(len(ids)))
    shown = [tokens for tokens, _ in scores]
    assert shown == [["a", "⏎"], ["�", "�", "�", " ", "b", "⏎"]]
    assert len(calls) == 1


def test_ngrams_score_the_same_lines(fruit, monkeypatch):
    monkeypatch.setattr("minae.tools.anomalies.baselines.AT_ONCE", 2)  # of what is not in order
    run = runs.load_run(fruit)
    own = read_own(run)
    ((name, method),) = fit_baselines(run, own).items()
    split = own.held_out.split
    n = int(name.removesuffix("-grams"))
    nats = nth(n, own.train.inputs, split.inputs.values, len(run.kind.vocabulary))
    means = [part.mean() for part in np.split(nats, split.inputs.offsets[1:-1])]
    np.testing.assert_allclose(method(split), means)


@pytest.mark.parametrize(
    ("kind", "given", "lines", "numbers"),
    [
        (LETTERS, ["a\n\nbb\na"], ["a\n\n", "bb\n", "a"], [1, 3, 4]),
        (LETTERS, ["\n\na\n\n\n"], ["\n\n", "a\n\n\n"], [1, 3]),
        (BYTES, ["a\n\n b\n"], ["a\n\n", " b\n"], [1, 3]),
        (LETTERS, ["a" * 450], ["a" * 200, "a" * 200, "a" * 50], [1, 1, 1]),
        (
            LETTERS,
            ["a\nb", "bb\n", "\n\na\nb"],
            ["a\n", "b", "bb\n", "\n\n", "a\n", "b"],
            [1, 2, 1, 1, 3, 4],
        ),
        (ENDING, ["a\nb\n", "\nb"], ["a\n", "b\n\n", "\n", "b\n"], [1, 2, 1, 2]),
    ],
)
def test_lines_of_texts(kind, given, lines, numbers):
    found = kind.lines(kind.rows(given))
    assert [kind.decode(row) for row in found.inputs] == lines
    assert found.names.tolist() == numbers


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("new.txt", "--labels", "what"),
            "the data have no labels called 'what', nor is there such",
        ),
        (("empty.txt",), "empty.txt: is empty; give a file with text"),
        (("none.txt",), "there is no dataset and no file called 'none.txt'"),
        (("folder", "--out", "folder"), "folder holds a.txt, which is to be read"),
    ],
)
def test_bad_input_is_status_2_and_nothing_written(minae, fruit, tmp_path, arguments, sentence):
    (tmp_path / "new.txt").write_text("the red apple\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("the red apple\n")
    before = sorted(tmp_path.rglob("*"))
    status, out, err = minae("anomalies", fruit, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert sorted(tmp_path.rglob("*")) == before
