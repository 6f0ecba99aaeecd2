"""`minae anomalies` on tables, run as a user does."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from minae.tools.anomalies.report import Judged, agreement, print_methods
from minae.tools.anomalies.thresholds import choose_rule
from minae.train import training

HEADER = ("id", "length", "width", "colour", "state")


def rows(count, seed, broken=None):
    """Parts whose width is twice their length and whose colour says how long they are."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        length = float(rng.uniform(1, 5))
        width, colour = 2 * length + float(rng.normal(0, 0.1)), "red" if length > 3 else "blue"
        if broken == "width":
            width += 8 if length < 3 else -8
        if broken == "colour":
            colour = "blue" if length > 3 else "red"
        shown = "" if i % 40 == 7 and not broken else f"{length:.3f}"
        yield f"{broken or 'part'}-{i}", shown, f"{width:.3f}", colour, broken or "fine"


def write(path, *parts):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *(row for part in parts for row in part)])
    return path


def table(folder, name="scores"):
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(rows, name, kind=float):
    return np.array([kind(row[name]) for row in rows])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A dense autoencoder of normal parts."""
    folder = tmp_path_factory.mktemp("parts")
    path = write(folder / "parts.csv", rows(300, seed=0))
    settings = training.Settings(
        "dense", str(path), {"sizes": [6, 32, 2], "activation": "tanh"}, label_column="state",
        normal="fine", epochs=80, batch_size=32, lr=0.01,
    )  # fmt: skip
    training.train_run(settings, folder / "run", command="", show_progress=False)
    return folder / "run"


@pytest.fixture
def mixed(tmp_path):
    """Normal parts, and some with a broken width or colour."""
    broken = (rows(10, 2, broken=name) for name in ("width", "colour"))
    return write(tmp_path / "mixed.csv", rows(80, 1), *broken)


def test_it_says_that_data_were_trained_on(minae, run, mixed):
    for data, known in ((run.parent / "parts.csv", True), (mixed, False)):
        status, _, err = minae("anomalies", run, data, "--out", "out")
        assert (status, "was trained on most of" in err) == (0, known)


def test_scores_name_the_row_and_the_column(minae, run, mixed, tmp_path):
    status, out, err = minae("anomalies", run, mixed, "--expect", 0.2, "--out", "out")
    assert (status, err) == (0, "")
    found = table(tmp_path / "out")
    assert [row["name"] for row in found][:1] == ["part-0"]
    flagged = [row for row in found if row["anomaly"] == "1"]
    assert len(flagged) == 20
    assert sum(row["label"] != "fine" for row in flagged) >= 18
    worst = {row["largest_error"] for row in found if row["label"] == "width"}
    assert worst <= {"length", "width"}  # it cannot be told which of the two is wrong
    assert all(0 < float(row["share"]) <= 1 for row in found)
    assert "--expect: 0.2 of the data lie above it" in out
    assert "beside the scores of the dense model" in out
    assert "of the 20 that the dense model flags, all other methods flag" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "scores.csv",
        "figures.json",
        "scores.png",
        "columns.png",
    }


def test_labels_give_figures_of_every_method(minae, run, mixed, tmp_path):
    status, out, _ = minae("anomalies", run, mixed, "--labels", "state", "--out", "out")
    assert status == 0
    found = table(tmp_path / "out")
    scores, anomaly = column(found, "score"), column(found, "label", str) != "fine"
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())["methods"]
    own = figures.pop("dense model")
    assert own["auc"] == pytest.approx(roc_auc_score(anomaly, scores))
    assert own["average_precision"] == pytest.approx(average_precision_score(anomaly, scores))
    assert own["f1"] == pytest.approx(f1_score(anomaly, column(found, "anomaly", int)))
    assert own["f1"] == pytest.approx(max(f1_score(anomaly, scores >= s) for s in scores))
    assert own["auc"] > 0.9
    assert {name.split(",")[0] for name in figures} == {"PCA", "isolation forest"}
    best = max(figures, key=lambda name: figures[name]["auc"])
    assert (f"best: the {best}" in out) == (figures[best]["auc"] > own["auc"])
    assert "its rule   the largest F1 with these labels" in out


def test_the_threshold_of_held_out_rows(minae, run, mixed, tmp_path):
    for more in ((), ("--labels", "state")):
        status, out, _ = minae(
            "anomalies", run, mixed, "--false-alarms", 0.1, "--out", "out", *more
        )
        assert status == 0
        assert "exceeded by 3 of the run's own 30 validation rows" in out
        assert "--false-alarms: 0.1 of the held-out rows lie above it" in out


@pytest.mark.parametrize("how", ["csv", "npy", "words"])
def test_labels_from_a_file(minae, run, mixed, tmp_path, how):
    anomaly = np.arange(100) >= 80
    if how == "npy":
        np.save(tmp_path / "labels.npy", anomaly)
    else:
        words = np.where(anomaly, "anomaly", "normal") if how == "words" else anomaly.astype(int)
        lines = [f"{i},{word}" for i, word in enumerate(words)]
        (tmp_path / "labels.csv").write_text("row,label\n" + "\n".join(lines))
    name = "labels.npy" if how == "npy" else "labels.csv"
    status, _, err = minae(
        "anomalies", run, mixed, "--labels", name, "--out", "out",
        *(() if how != "words" else ("--normal", "normal")),
    )  # fmt: skip
    if how != "words":  # the run's own word for what is normal is none of the file's
        assert (status, "has the label --normal fine" in err) == (2, True)
        return
    scores = column(table(tmp_path / "out"), "score")
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())["methods"]
    assert status == 0
    assert figures["dense model"]["auc"] == pytest.approx(roc_auc_score(anomaly, scores))


def _files(folder):
    (folder / "short.csv").write_text("label\n" + "fine\nbad\n" * 20)
    (folder / "same.csv").write_text("label\n" + "fine\n" * 100)
    (folder / "gaps.csv").write_text("row,label\n" + "1,fine\n2,\n" * 50)
    np.save(folder / "real.npy", np.ones(100) / 3)
    (folder / "events.csv").write_text("start,end\n1,2\n")
    equal = ("x", "2.5", "5", "blue", "fine")
    write(folder / "equal.csv", [equal] * 30)
    write(folder / "one.csv", [equal])


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        ("mixed", ("--labels", "nothing"), "has no column 'nothing', nor is there such a file"),
        ("mixed", ("--labels", "short.csv"), "holds 40 labels, but the data have 100 rows"),
        ("mixed", ("--labels", "same.csv"), "same.csv: every row is normal"),
        ("mixed", ("--labels", "gaps.csv"), "gaps.csv: row 1 has no label"),
        ("mixed", ("--labels", "real.npy"), "an array of shape (100,) and type float64"),
        ("mixed", ("--labels", "events.csv"), "the start and end of events, and the data are no"),
        ("mixed", ("--labels", "state", "--normal", "good"), "no row has the label --normal good"),
        ("mixed", ("--labels", "colour"), "no row has the label --normal fine"),
        ("mixed", ("--expect", "1.5"), "--expect is a share from 0 to 1, not 1.5"),
        ("mixed", ("--expect", "0.001"), "--expect 0.001 is 0 of 100 rows"),
        ("mixed", ("--expect", "0.1", "--false-alarms", "0.1"), "two rules for a threshold"),
        ("equal.csv", ("--expect", "0.1"), "the 4 largest of 30 scores are equal"),
        ("one.csv", ("--expect", "0.5"), "--expect 0.5 is 0 of 1 rows"),
    ],
)
def test_bad_input_is_status_2_and_nothing_written(
    minae, run, mixed, tmp_path, data, options, sentence
):
    _files(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    status, out, err = minae("anomalies", run, mixed if data == "mixed" else data, *options)
    assert (status, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["one.csv", "equal.csv"])
def test_one_row_and_equal_rows_have_scores(minae, run, tmp_path, name):
    _files(tmp_path)
    status, out, err = minae("anomalies", run, name, "--out", "out")
    assert (status, err) == (0, "")
    assert len(table(tmp_path / "out")) == (1 if name == "one.csv" else 30)
    assert "nan" not in out  # though methods cannot agree on an order that there is not


@pytest.mark.parametrize(
    ("expect", "false_alarms", "labelled", "name", "share"),
    [
        (0.1, None, True, "expect", 0.1),
        (None, 0.2, True, "false alarms", 0.2),
        (None, None, True, "best F1", 0),
        (None, None, False, "false alarms", 0.01),
    ],
)
def test_which_rule_applies(expect, false_alarms, labelled, name, share):
    rule = choose_rule(expect, false_alarms, labelled)
    assert (rule.name, rule.share) == (name, share)


def test_agreement():
    a = np.array([1.0, 2, 3, 4, np.nan])
    assert agreement(a, 10 * a, 2) == {"rank_correlation": pytest.approx(1), "shared": 1}
    assert agreement(a, -a, 1) == {"rank_correlation": pytest.approx(-1), "shared": 0}
    assert np.isnan(agreement(a, 0 * a, 0)["rank_correlation"])


def test_what_is_said_when_nothing_is_flagged(capsys):
    scores = np.array([1.0, 2, 3])
    both = {
        "model": Judged("model", scores, 3, {}),
        "PCA": Judged("PCA", scores, 2, agreement(scores, scores, 0)),
    }
    print_methods([*both.values()], None)
    out = capsys.readouterr().out
    assert "nan" not in out
    assert out.endswith("the model flags nothing\n")
