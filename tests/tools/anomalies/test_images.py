"""`minae anomalies` on images, run as a user does."""

import csv
import os
import re

import numpy as np
import pytest

from minae import plots
from minae.data import load
from minae.data.readers import read_images
from minae.tensor import Tensor
from minae.tools.anomalies.pictures import histogram
from minae.train import runs, training

from ..test_enhance import ODD, save, save_odd, size

DIGITS = load("digits")
STRIPES = np.tile(np.float32([[0, 1]] * 8), (3, 1, 1, 4))  # (3, 1, 8, 8): no digit is like these


def train(out, model="vae", data="digits", **settings):
    sizes = {"sizes": [64, 32, 8]}
    settings = training.Settings(model, data, sizes, epochs=2, lr=0.01, **settings)
    training.train_run(settings, out, command="", show_progress=False)
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A variational autoencoder of the 8x8 digits."""
    return train(tmp_path_factory.mktemp("vae") / "run")


def squared_errors(run, images):
    """The score of each image, one by one: from the mean code, for a variational autoencoder."""
    model = runs.load_run(run).model
    outputs = [model.decode(model.codes(Tensor(image[None]))) for image in images]
    outputs = np.stack([output.detach().numpy().reshape(1, 8, 8) for output in outputs])
    return ((outputs.astype(float) - images) ** 2).sum(axis=(1, 2, 3))


def table(folder):
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


@pytest.mark.parametrize("model", ["vae", "dense"])
def test_scores_and_threshold(minae, run, tmp_path, model):
    if model != "vae":
        run = train(tmp_path / "run", model, corrupt="noise:0.2")
    images = np.concatenate([DIGITS.test.images[:7], STRIPES])
    np.save(tmp_path / "mine.npy", images)
    status, out, err = minae("anomalies", run, "mine.npy", "--false-alarms", 0.05, "--out", "out")
    assert (status, err) == (0, "")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "scores.csv",
        "figures.json",
        "worst.png",
        "scores.png",
    }
    rows = table(tmp_path / "out")
    assert list(rows[0]) == ["index", "score", "anomaly"]
    assert [row["index"] for row in rows] == [str(i) for i in range(10)]
    scores = squared_errors(run, images)
    np.testing.assert_allclose(column(rows, "score"), scores, rtol=1e-4)
    threshold = np.quantile(squared_errors(run, DIGITS.validation.images), 0.95)
    assert [row["anomaly"] for row in rows] == [str(int(score > threshold)) for score in scores]
    assert [row["anomaly"] for row in rows[7:]] == ["1", "1", "1"]
    assert "10 images" in out
    assert f"{threshold:.4g}, exceeded by 9 of the run's own 180 validation images" in out
    above = int((scores > threshold).sum())
    assert f"{above} ({above / 10:.1%})" in out
    worst = re.findall(r"^  (\d+) +[\d.]+$", out, flags=re.MULTILINE)
    assert sorted(worst[:3]) == ["7", "8", "9"]  # all alike: rounding says in which order
    assert worst[3:] == [str(i) for i in np.argsort(-scores)[3:5]]
    for name in ("scores.csv", "worst.png", "scores.png"):
        assert f"out/{name}" in out


def test_the_threshold_keeps_what_false_alarms_promises(minae, run, tmp_path):
    np.save(tmp_path / "own.npy", DIGITS.validation.images)
    for share, count in ((0, 0), (0.1, 18), (1, 179)):
        status, out, _ = minae("anomalies", run, "own.npy", "--false-alarms", share, "--out", "out")
        assert status == 0
        assert f"exceeded by {count} of the run's own 180 validation images" in out
        assert column(table(tmp_path / "out"), "anomaly").sum() == count
        assert "too few" not in out
    _, out, _ = minae("anomalies", run, "digits", "--false-alarms", 0.001, "--out", "out")
    assert "180 images are too few to tell a share of 0.001" in out


def test_a_dataset_by_name_is_its_test_images(minae, run):
    assert minae("anomalies", run, "digits")[0] == 0
    rows = table(run / "anomalies-digits")
    assert list(rows[0]) == ["index", "score", "anomaly", "label"]
    assert [int(row["label"]) for row in rows] == DIGITS.test.labels.tolist()
    expected = squared_errors(run, DIGITS.test.images)  # more than a batch
    np.testing.assert_allclose(column(rows, "score"), expected, rtol=1e-4)


def test_labels_of_a_file(minae, run, tmp_path):
    np.savez(tmp_path / "mine.npz", images=STRIPES, labels=np.int16([4, 2, 4]))
    assert minae("anomalies", run, "mine.npz", "--out", "out")[0] == 0
    assert [row["label"] for row in table(tmp_path / "out")] == ["4", "2", "4"]


def test_the_worst_are_drawn_worst_first(minae, run, tmp_path, monkeypatch):
    drawn, draw = [], plots.reconstructions

    def record(originals, outputs):
        drawn.append((originals, outputs))
        return draw(originals, outputs)

    monkeypatch.setattr(plots, "reconstructions", record)
    images = np.concatenate([STRIPES[:1], DIGITS.test.images[:12], STRIPES[:1] * 0.8])
    np.save(tmp_path / "mine.npy", images.astype(np.float32))
    assert minae("anomalies", run, "mine.npy", "--out", "out")[0] == 0
    ((originals, outputs),) = drawn
    scores = ((outputs.astype(float) - originals) ** 2).sum(axis=(1, 2, 3))
    worst = np.sort(column(table(tmp_path / "out"), "score"))[::-1][:10]
    np.testing.assert_allclose(scores, worst, rtol=1e-5)
    np.testing.assert_array_equal(originals[:2], images[[0, 13]])


@pytest.mark.parametrize("scores", [[0.0], [0.0, 1e9], [5.0, 5.0]])
def test_a_histogram_of_any_scores(scores):
    own = np.array([2.0, 3.0])
    figure = histogram({"own": own, "data": np.array(scores)}, 2.5, "score")
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(sum(heights), 200)  # per cent: no image falls beside the bins


def test_a_folder_with_odd_files(minae, run, tmp_path):
    photos = save_odd(tmp_path / "photos")
    save(photos, [*DIGITS.test.images[:2], STRIPES[0]], ["b.png", "a.png", "stripes.png"])
    status, out, err = minae("anomalies", run, "photos", "--out", "out")
    assert status == 1
    lines = err.splitlines()
    assert len(lines) == len(ODD)
    for name, why in ODD.items():
        (line,) = [line for line in lines if line.startswith(f"minae: photos/{name}")]
        assert why in line
    rows = table(tmp_path / "out")
    assert list(rows[0]) == ["name", "score", "anomaly"]
    assert [row["name"] for row in rows] == ["photos/a.png", "photos/b.png", "photos/stripes.png"]
    images, _ = read_images(save(tmp_path / "same", DIGITS.test.images, ["b.png", "a.png"]))
    np.testing.assert_allclose(column(rows, "score")[:2], squared_errors(run, images), rtol=1e-4)
    assert rows[2]["anomaly"] == "1"
    assert "3 images" in out
    assert re.search(r"worst:\n  photos/stripes\.png", out)


def test_subfolders_are_labels(minae, run, tmp_path):
    save(tmp_path / "photos" / "zero", DIGITS.test.images, ["a.png"])
    save(tmp_path / "photos" / "odd, one", STRIPES, ["a.png", "b.png"])
    assert minae("anomalies", run, "photos/", "--out", "out")[0] == 0
    rows = table(tmp_path / "out")
    assert [(row["name"], row["label"]) for row in rows] == [
        ("photos/odd, one/a.png", "odd, one"),
        ("photos/odd, one/b.png", "odd, one"),
        ("photos/zero/a.png", "zero"),
    ]


def test_a_name_that_is_not_utf_8(minae, run, tmp_path):
    (tmp_path / "photos").mkdir()
    try:
        save(tmp_path / "photos", STRIPES, [os.fsdecode(b"caf\xe9.png")])
    except OSError:
        pytest.skip("this file system wants UTF-8")
    status, out, _ = minae("anomalies", run, "photos", "--out", "out")
    assert (status, "caf\N{REPLACEMENT CHARACTER}.png" in out) == (0, True)
    assert table(tmp_path / "out")[0]["name"] == "photos/caf\N{REPLACEMENT CHARACTER}.png"


def test_without_validation_images_the_test_images_give_the_threshold(minae, tmp_path):
    run = train(tmp_path / "run", "dense", validation=0)
    status, out, _ = minae("anomalies", run, "digits")
    assert status == 0
    assert "exceeded by 2 of the run's own 180 test images" in out
    assert "the run has no validation images, so its test images were taken" in out


def test_the_runs_own_data_are_gone(minae, tmp_path):
    np.save(tmp_path / "mine.npy", DIGITS.test.images)
    run = train(tmp_path / "run", "dense", data=str(tmp_path / "mine.npy"))
    (tmp_path / "mine.npy").unlink()
    status, _, err = minae("anomalies", run, "digits")
    assert status == 2
    assert "the run's own data are needed for the threshold: there is no dataset" in err
    assert not (run / "anomalies-digits").exists()


def _bad_data(folder):
    save_odd(folder / "photos")
    (folder / "text.txt").write_text("no images")
    np.save(folder / "large.npy", np.zeros((3, 9, 8), np.float32))
    np.save(folder / "nan.npy", np.full((3, 8, 8), np.nan))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("nothing",),
            "there is no dataset and no file called 'nothing'; the datasets are",
        ),
        (("photos",), "none of 5 files can be used; give others"),
        (("text.txt",), "text.txt: not a kind of file that can be read"),
        (("large.npy",), "large.npy has images of shape (1, 9, 8), but the model was trained on"),
        (("mnist5k",), "mnist5k has images of shape (1, 28, 28), but the model was trained on"),
        (("nan.npy",), "192 of 192 values are NaN"),
        (("digits", "--false-alarms", 1.5), "--false-alarms is a share from 0 to 1, not 1.5"),
        (("digits", "--false-alarms", "nan"), "--false-alarms is a share from 0 to 1, not nan"),
        (("photos", "--out", "photos"), "photos holds cut.png, which is to be read: name another"),
    ],
)
def test_bad_input_is_status_2_and_nothing_written(minae, run, tmp_path, arguments, sentence):
    _bad_data(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    status, out, err = minae("anomalies", run, *arguments)
    assert (status, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert len(err.splitlines()) == (1 + len(ODD) if arguments == ("photos",) else 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_pictures_can_be_looked_at(minae, run, tmp_path):
    np.save(tmp_path / "mine.npy", STRIPES)
    minae("anomalies", run, "mine.npy", "--out", "out")
    for name in ("worst.png", "scores.png"):
        assert min(size(tmp_path / "out" / name)) > 100
