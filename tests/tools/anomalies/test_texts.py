"""`minae anomalies` on texts, run as a user does."""

import csv
import json
import re

import numpy as np
import pytest

from minae.data import Ragged, Split
from minae.data.text.tokens import END, UNKNOWN
from minae.tools.anomalies.reading import read_own
from minae.tools.anomalies.texts import unknown_nats
from minae.tools.texts import token_nats
from minae.train import runs

from ..conftest import sentences, train
from ..test_texts import ODD, save_odd


@pytest.fixture(scope="module")
def fruit(texts):
    """A run of the sentences on fruit only."""
    for model, options in (("text", {}), ("sequence", {"embedding": 6, "hidden": 10, "latent": 4})):
        how = {"id_column": "id", "label_column": "subject", "normal": "fruit"}
        data = texts / "notes.csv:text"
        train(texts / f"fruit-{model}", data, model, batch_size=8, model_options=options, **how)
    return texts


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("model", ["text", "sequence"])
def test_texts_on_another_subject_are_found(minae, fruit, tmp_path, model):
    new, labels = sentences(40, seed=1)
    lines = [
        f"x{i},{text},{label}" for i, (text, label) in enumerate(zip(new, labels, strict=True))
    ]
    (tmp_path / "new.csv").write_text("\n".join(["id,text,what", *lines]))
    run = fruit / f"fruit-{model}"
    status, out, err = minae("anomalies", run, "new.csv:text", "--labels", "what", "--out", "out")
    assert status == 0
    assert err.startswith("minae: new.csv:text: ")  # unknown words are said
    rows = table(tmp_path / "out" / "scores.csv")
    assert list(rows[0]) == ["name", "score", "anomaly", "largest_error", "share", "label"]
    assert [row["name"] for row in rows] == [f"x{i}" for i in range(40)]
    assert [row["label"] for row in rows] == labels
    assert [row["anomaly"] for row in rows] == [str(int(label == "machines")) for label in labels]
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())["methods"]
    assert list(figures) == [
        f"{model} model",
        *(k for k in figures if k.startswith("LSA")),
        "isolation forest",
    ]
    assert figures[f"{model} model"]["auc"] == 1
    assert "nats per token" not in out
    worst = table(tmp_path / "out" / "worst.csv")
    assert re.fullmatch(r"the( «?\w+»?)+ ?\.", worst[0]["text"].replace(".", " ."))
    assert worst[0]["text"].count("«") == 3
    assert float(worst[0]["score"]) == max(float(row["score"]) for row in rows)
    assert re.search(
        rf"the worst, their strangest tokens between « and »:\n  {worst[0]['name']} +[\d.]+  ", out
    )


@pytest.mark.parametrize("model", ["text", "sequence"])
def test_the_score_is_the_mean_of_the_tokens(minae, fruit, tmp_path, model):
    run = runs.load_run(fruit / f"fruit-{model}")
    (tmp_path / "new.txt").write_text("the red apple\nthe qqxz apple\nqqxz wvvk\n")
    assert minae("anomalies", run.folder, "new.txt", "--out", "out")[0] == 0
    rows = table(tmp_path / "out" / "scores.csv")
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    least = unknown_nats(run, read_own(run).held_out.split)
    ids: Ragged = run.read("new.txt").inputs
    nats = token_nats(run.model, ids)
    assert least > np.median(nats)
    for row, values, text in zip(rows, Ragged(np.arange(len(nats)), ids.offsets), ids, strict=True):
        found = np.where(text == UNKNOWN, np.maximum(nats[values], least), nats[values])
        counted = found if model == "sequence" else found[text != END]
        assert float(row["score"]) == pytest.approx(counted.sum() / len(counted), rel=1e-5)
        assert float(row["share"]) == pytest.approx(found.max() / found.sum(), abs=1e-3)
    assert rows[1]["largest_error"] == "qqxz"


def test_labels_are_subfolders(minae, fruit, texts, tmp_path):
    run, docs = fruit / "fruit-text", texts / "docs"
    how = ("--labels", "label", "--normal", "fruit", "--out", "out")
    assert minae("anomalies", run, docs, *how)[0] == 0
    rows = table(tmp_path / "out" / "scores.csv")
    assert {(row["name"].partition("/")[0], row["label"]) for row in rows} == {
        ("fruit", "fruit"),
        ("machines", "machines"),
    }
    assert all(row["anomaly"] == str(int(row["label"] == "machines")) for row in rows)


def test_texts_that_cannot_be_used_are_left_out(minae, fruit, tmp_path):
    odd = save_odd(tmp_path / "odd")
    status, _, err = minae("anomalies", fruit / "fruit-text", odd, "--out", "out")
    assert status == 1
    for name, why in ODD.items():
        assert f"{name} left out: {why}" in err
    assert [row["name"] for row in table(tmp_path / "out" / "scores.csv")] == ["good.txt"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("lines.txt", "--labels", "what"),
            "the data have no labels called 'what', nor is there such",
        ),
        (("notes.csv:text", "--labels", "what"), "no labels called 'what', nor is there such"),
        (
            ("notes.csv:text", "--labels", "subject", "--normal", "tea"),
            "no row has the label --normal tea",
        ),
        (("gaps.csv:text", "--labels", "subject"), "row 1 has no label; fill it in"),
        (("notes.csv",), "notes.csv: has no column 'body'"),
        (("docs", "--out", "docs/fruit"), "docs/fruit holds"),
        (("nothing",), "'nothing'"),
    ],
)
def test_bad_input_is_status_2_and_nothing_written(minae, fruit, monkeypatch, arguments, sentence):
    monkeypatch.chdir(fruit)
    (fruit / "gaps.csv").write_text("id,text,subject\n1,red apple,fruit\n2,old engine,\n")
    if arguments == ("notes.csv",):
        arguments = ("other.csv",)
        (fruit / "other.csv").write_text("id,body\n1,red apple\n2,old engine\n")
        sentence = "other.csv: has no column 'text'; the columns are id, body"
    before = sorted(fruit.rglob("*"))
    status, out, err = minae("anomalies", "fruit-text", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err
    assert sorted(fruit.rglob("*")) == before


def test_no_known_token_in_the_held_out_texts(fruit):
    run = runs.load_run(fruit / "fruit-text")
    assert unknown_nats(run, Split(Ragged.of([[UNKNOWN, END]]))) == 0
