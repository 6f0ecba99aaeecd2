"""`minae embed`, run as a user does."""

import csv
import re

import numpy as np
import pytest

from minae import plots
from minae.models import DenseAutoencoder
from minae.tensor import Tensor
from minae.tools import embed
from minae.train import runs

from .conftest import DIGITS, READINGS, train, write_all
from .test_enhance import ODD, save, save_odd, size


def codes_of(folder, rows):
    """The code of each row, one by one: a variational autoencoder's mean."""
    model = runs.load_run(folder).model
    return np.concatenate([model.codes(Tensor(row[None])).detach().numpy() for row in rows])


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("kind", "data", "header", "first", "label", "count"),
    [
        ("images", "photos", "name", "even/0.png", "even", 35),
        ("table", "plants.csv", "plant", "p0", "a", 40),
        ("series", "plant.csv", "time", "2025-03-01 00:00:00", None, READINGS - 23),
        ("digits", "digits", "index", "0", str(DIGITS.test.labels[0]), 180),
    ],
)
def test_codes_of_every_kind(minae, home, tmp_path, kind, data, header, first, label, count):
    data = home / data if data != "digits" else data
    status, out, err = minae("embed", home / kind, data, "--out", "new/codes.csv")
    assert (status, err) == (0, "")
    names, *rows = read(tmp_path / "new" / "codes.csv")
    rows_of_data = runs.load_run(home / kind).read(str(data)).inputs
    expected = codes_of(home / kind, rows_of_data)
    Z = expected.shape[1]
    assert len(rows) == count
    assert names == [header, *(f"z{k}" for k in range(Z)), *(["label"] if label else [])]
    assert rows[0][0] == first
    assert rows[0][Z + 1 :] == ([label] if label else [])
    codes = np.float32([row[1 : Z + 1] for row in rows])
    np.testing.assert_allclose(codes, expected, rtol=1e-4, atol=1e-5)
    assert minae("embed", home / kind, data, "--out", "codes.npy")[0] == 0
    array = np.load(tmp_path / "codes.npy")
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, codes)  # the text has all digits
    assert min(size(tmp_path / "codes-map.png")) > 500
    variances = np.sort(np.linalg.eigvalsh(np.cov(codes.T.astype(float))))[::-1]
    assert f"two axes of PCA keep {variances[:2].sum() / variances.sum():.0%} of" in out


def drawn(monkeypatch):
    """Record what maps are made of: the arguments of plots.code_map."""
    calls, draw = [], plots.code_map
    monkeypatch.setattr(plots, "code_map", lambda *a, **k: calls.append((a, k)) or draw(*a, **k))
    return calls


def test_a_map_by_tsne_is_seeded_and_of_some_rows(minae, home, tmp_path, monkeypatch):
    calls = drawn(monkeypatch)
    monkeypatch.setattr(embed, "MOST", 60)
    for name in ("a", "b"):
        status, out, _ = minae(
            "embed", home / "digits", "digits", "--map", "tsne", "--out", f"{name}.npy"
        )
        assert status == 0
    assert "t-SNE of 60 of 180 rows" in out
    assert len(np.load("a.npy")) == 180
    assert (tmp_path / "a-map.png").read_bytes() == (tmp_path / "b-map.png").read_bytes()
    (points, _, _, labels), images = calls[0][0], calls[0][1]["images"]
    assert points.shape == (60, 2)
    chosen = [
        int(np.flatnonzero((DIGITS.test.images == image).all((1, 2, 3)))[0]) for image in images
    ]
    np.testing.assert_array_equal(DIGITS.test.labels[chosen], labels)


def test_of_many_classes_the_largest_are_coloured(minae, home, monkeypatch):
    calls = drawn(monkeypatch)
    images, labels = DIGITS.test.images[:30], np.r_[np.arange(24) // 2, 3, 3, 5, 5, 8, 11]
    np.savez("many.npz", images=images, labels=labels)
    _, out, _ = minae("embed", home / "digits", "many.npz")
    assert "of 12 classes, the 9 largest have a colour of their own" in out
    shown = np.array([str(i) if i in (0, 1, 10, 2, 3, 5, 8, 11, 4) else "others" for i in labels])
    assert calls[0][0][3].tolist() == shown.tolist()
    assert (home / "digits" / "codes-many-map.png").exists()


def test_a_conditional_model_is_told_the_labels(minae, tmp_path):
    train(tmp_path / "cvae", "digits", "cvae", model_options={"sizes": [64, 16, 3]})
    assert minae("embed", "cvae", "digits", "--out", "codes.npy")[0] == 0
    model = runs.load_run(tmp_path / "cvae").model
    arrays = Tensor(DIGITS.test.images), Tensor(DIGITS.test.labels)
    np.testing.assert_allclose(
        np.load("codes.npy"), model.codes(*arrays).detach().numpy(), rtol=1e-4
    )
    np.save("bare.npy", DIGITS.test.images)
    status, _, err = minae("embed", "cvae", "bare.npy")
    assert (status, "give data with labels from 0 to 9" in err) == (2, True)


@pytest.mark.parametrize("count", [1, 30])
def test_what_has_no_map(minae, home, tmp_path, count):
    """One row, or codes of one number."""
    np.save("mine.npy", DIGITS.test.images[:count])
    train(tmp_path / "run", "digits", model_options={"sizes": [64, 8, 1 if count > 1 else 3]})
    status, out, _ = minae("embed", "run", "mine.npy", "--out", "codes.csv")
    assert status == 0
    assert re.search("map +none: it takes two rows or more", out)
    assert len(read(tmp_path / "codes.csv")) == 1 + count
    assert not (tmp_path / "codes-map.png").exists()


def test_pictures_that_cannot_be_used_are_left_out(minae, home, tmp_path):
    photos = save_odd(tmp_path / "photos")
    save(photos, DIGITS.test.images, ["b.png", "a.png"])
    status, out, err = minae("embed", home / "images", "photos", "--out", "codes.csv")
    assert status == 1
    assert len(err.splitlines()) == len(ODD)
    assert [row[0] for row in read(tmp_path / "codes.csv")] == ["name", "a.png", "b.png"]
    assert re.search("codes +2, of 6 numbers each", out)
    status, out, _ = minae("nearest", home / "images", "photos", "a.png", "-n", 1)
    assert (status, "b.png" in out) == (1, True)


def bad_data(home, folder):
    np.save(folder / "nan.npy", np.full((3, 8, 8), np.nan))
    np.save(folder / "equal.npy", np.ones((3, 8, 8), np.uint8))
    np.save(folder / "three.npy", DIGITS.test.images[:3])
    write_all(folder)
    rows = (folder / "plants.csv").read_text().splitlines(keepends=True)
    (folder / "less.csv").write_text("".join(row.partition(",")[2] for row in rows))
    (folder / "three.csv").write_text("".join(rows[:4]))
    (folder / "twice.csv").write_text("".join([*rows, rows[2]]))


@pytest.mark.parametrize(
    ("run", "arguments", "sentence"),
    [
        ("digits", ("nan.npy",), "192 of 192 values are NaN"),
        ("digits", ("equal.npy",), "all 3 rows have the same code: either they are equal, or the"),
        ("digits", ("three.npy", "--map", "tsne"), "t-SNE needs 4 rows or more, not 3"),
        (
            "digits",
            ("three.npy", "--map", "umap"),
            "map 'umap' is unknown: choose one of pca, tsne",
        ),
        ("digits", ("three.npy", "--out", "a.txt"), "a.txt: give a name that ends in .npy or .csv"),
        ("digits", ("three.npy", "--out", "three.npy"), "three.npy would change three.npy: name"),
        ("digits", ("mnist5k",), "(1, 28, 28)"),
        ("digits", ("nothing",), "'nothing'"),
        ("images", ("photos", "--out", "photos/odd/a.csv"), "photos/odd/a.csv would change photos"),
        ("table", ("less.csv",), "less.csv: has no column plant"),
        ("nothing", ("three.npy",), "holds no trained model"),
    ],
)
def test_bad_input_is_status_2_and_nothing_written(minae, home, tmp_path, run, arguments, sentence):
    bad_data(home, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    status, out, err = minae("embed", home / run, *arguments)
    assert (status, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("command", "query", "sentence"),
    [
        ("embed", [], "whose code is a map as large as the picture"),
        ("nearest", ["0.png"], "whose code is a map as large as the picture"),
        ("anomalies", [], "and so rebuilds anomalies too: take a run of another model"),
    ],
)
def test_a_model_that_restores_sums_up_nothing(minae, home, command, query, sentence):
    status, _, err = minae(command, home / "restore", home / "photos", *query)
    assert (status, sentence in err, len(err.splitlines())) == (2, True, 1)


def test_codes_that_are_nan_are_refused(minae, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(DenseAutoencoder, "codes", lambda self, x: self.encoder(x) * float("nan"))
    status, _, err = minae("embed", home / "images", home / "photos", "--out", "codes.npy")
    assert (status, "the model makes nan or infinite numbers: train again" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []
