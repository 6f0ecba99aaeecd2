"""Runs on tables and series: which models train, what they write, and how new data are read."""

import shutil

import numpy as np
import pandas as pd
import pytest

from minae.data import SeriesKind
from minae.errors import InputError
from minae.tools.images import reconstruct
from minae.train import runs

MODELS = ("dense", "vae", "beta-vae", "iwae", "cvae")
OF_WINDOWS = ("conv", "conv-vae", "denoising", "vq-vae")
SMALL = ("--epochs", 2, "--out", "run")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a table of numbers, gaps and categories, and a series with labels."""
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    z = rng.normal(size=90)
    x = np.where(rng.random(90) < 0.1, np.nan, 50 + 10 * z)
    colour, kind = np.where(z > 0, "red", "blue"), np.where(np.arange(90) % 3, "a", "b")
    table = {"name": [f"r{i}" for i in range(90)], "x": x, "y": 2 * z, "colour": colour}
    pd.DataFrame(table | {"kind": kind}).to_csv(folder / "table.csv", index=False)
    times = pd.date_range("2024-03-01", periods=300, freq="h")
    wave = 20 + np.sin(np.arange(300) / 24 * 2 * np.pi) + 0.1 * rng.normal(size=300)
    series = {"time": times, "a": wave, "b": -wave, "kind": np.arange(300) // 20 % 2}
    pd.DataFrame(series).to_csv(folder / "series.csv", index=False)
    return folder


@pytest.fixture
def here(files, minae, tmp_path):
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    return minae


def data(name):
    return "--data", f"{name}.csv", "--label-column", "kind"


@pytest.mark.parametrize(
    ("model", "name"),
    [(m, "table") for m in MODELS] + [(m, "series") for m in (*MODELS, *OF_WINDOWS)],
)
def test_every_command_works_for_every_kind(here, tmp_path, model, name):
    status, out, err = here("train", model, *data(name), *SMALL)
    assert (status, err) == (0, ""), err
    assert f"{name}.csv: a {name} of" in out
    row = "row" if name == "table" else "window"
    assert f"mean per {row}" in out
    ending = ".csv" if name == "table" else ".png"
    assert (tmp_path / "run" / f"reconstructions{ending}").is_file()
    has_samples = model in (*MODELS[1:], "conv-vae")
    assert (tmp_path / "run" / f"samples{ending}").is_file() == has_samples
    for command in ("eval", "reconstruct"):
        assert here(command, "run")[0] == 0
        assert here(command, "run", "--data", f"{name}.csv")[0] == 0
    if has_samples:
        assert here("sample", "run", "-n", 5)[0] == 0


def test_a_run_reads_new_data_as_its_own(here, tmp_path):
    for name in ("table", "series"):
        assert here("train", "dense", *data(name), "--epochs", 2, "--out", name)[0] == 0
        run = runs.load_run(tmp_path / name)
        own, split = run.data(), run.read(f"{name}.csv")
        assert (run.kind, run.image_shape) == (own.kind, own.kind.shape)
        if isinstance(run.kind, SeriesKind):
            np.testing.assert_array_equal(split.inputs[: len(own.train)], own.train.inputs)
        else:
            row = split.names.tolist().index(own.test.names[0])
            np.testing.assert_array_equal(split.inputs[row], own.test.inputs[0])
        errors = run.kind.errors(split, reconstruct(run.model, split.inputs))
        assert errors.shape == (len(split), len(run.kind.parts))
        assert np.isfinite(errors).all()


def test_data_that_have_changed_are_refused(here, tmp_path):
    assert here("train", "dense", *data("table"), *SMALL)[0] == 0
    frame = pd.read_csv("table.csv")
    frame.assign(x=frame["x"] * 2).to_csv("table.csv", index=False)
    with pytest.raises(InputError, match=r"table\.csv is not what the run was trained on"):
        runs.load_run(tmp_path / "run").data()


def test_a_table_shows_its_rows_in_its_own_units(here, tmp_path):
    how = ("--epochs", 300, "--corrupt", "noise:0.1", "--out", "run")
    assert here("train", "vae", *data("table"), *how)[0] == 0
    frame, original = pd.read_csv("run/reconstructions.csv"), pd.read_csv("table.csv")
    assert list(frame)[:4] == ["name", "x", "x corrupted", "x rebuilt"]
    together = frame.merge(original, on="name", suffixes=("", " original"))
    np.testing.assert_allclose(together["x"], together["x original"], rtol=1e-5)
    assert together["colour"].equals(together["colour original"])
    assert (together["colour rebuilt"] == together["colour"]).mean() > 0.8
    assert (together["y rebuilt"] - together["y"]).abs().mean() < together["y"].abs().mean()
    samples = pd.read_csv("run/samples.csv")
    assert list(samples) == ["x", "y", "colour"]
    assert samples["x"].between(0, 100).all()
    status, _, err = here("reconstruct", "run", "--out", "rows.png")
    assert (status, "give a name that ends in .csv" in err) == (2, True)


def test_a_conditional_samples_name_their_class(here):
    assert here("train", "cvae", *data("table"), *SMALL)[0] == 0
    assert pd.read_csv("run/samples.csv")["kind"].tolist() == ["a"] * 10 + ["b"] * 10
    assert here("sample", "run", "--label", 1, "-n", 3, "--out", "b.csv")[0] == 0
    assert pd.read_csv("b.csv")["kind"].tolist() == ["b"] * 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("conv", *data("table")), "for a table, train dense or vae"),
        (("vq-vae", *data("table")), "for a table, train dense or vae"),
        (("denoising", *data("table")), "train dense --corrupt noise:0.3"),
        (("dense", *data("table"), "--corrupt", "blur:1"), "'blur:1' is nothing to do to rows"),
        (("dense", *data("series"), "--corrupt", "mask:3"), "'mask:3' is nothing to do to windows"),
        (("dense", *data("table"), "--loss", "bce"), "--loss bce is for values from 0 to 1"),
        (("vae", *data("series"), "--likelihood", "bernoulli"), "leave it out, for gaussian"),
        (("cvae", "--data", "table.csv"), "has no labels"),
        (("dense", "--data", "table.csv", "--normal", "a"), "--normal needs labels"),
        (("dense", "--data", "table.csv", "--kind", "images"), "table.csv: not a kind of file"),
        (("dense", "--data", "table.csv", "--kind", "sound"), "kind 'sound' is unknown"),
        (("dense", "--data", "digits", "--kind", "table"), "digits is of kind images"),
        (("dense", *data("series"), "--window", 1), "window is a whole number from 2"),
        (("dense", *data("series"), "--window", 200), "too few for"),
        (("dense", "--data", "table.csv", "--validation", 90), "cannot set aside 90 rows"),
    ],
)
def test_what_makes_no_sense_is_refused(here, tmp_path, arguments, sentence):
    before = sorted(path.name for path in tmp_path.iterdir())
    status, _, err = here("train", *arguments, *SMALL)
    assert (status, sentence in err, err.count("\n")) == (2, True, 1), err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_resuming_needs_no_number_of_epochs(here, tmp_path):
    how = (*data("table"), "--schedule", "cosine", "--out", "run", "--sizes", 6, 4, 2)
    assert here("train", "dense", *how)[0] == 0
    assert runs.load_run(tmp_path / "run").settings.epochs == 2_000
    status, _, err = here("train", "dense", *how, "--resume")
    assert (status, err) == (0, ""), err


def test_a_window_is_drawn_among_not_too_many(here):
    assert here("train", "vae", *data("series"), *SMALL)[0] == 0
    status, _, err = here("sample", "run", "-n", 41)
    assert (status, "41 windows are too many to draw: ask for 40" in err) == (2, True)
