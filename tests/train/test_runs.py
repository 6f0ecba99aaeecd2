"""A run's files, taken apart: no traceback, no hang, and nothing that was there is lost."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from minae import checkpoint, files, models, train
from minae.data import load
from minae.metadata import VERSION
from minae.train import runs, training

from .run_files import contents, put_together, taken_apart

FEW = load("digits").train.images[:40]
TRAIN = ("train", "vae", "--data", "few.npy", "--sizes", 64, 4, 2, "--out", "run", "--epochs")
FILES = (train.LAST, train.BEST, train.METRICS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with few.npy, and a run of a VAE on it."""
    folder = tmp_path_factory.mktemp("trained")
    np.save(folder / "few.npy", FEW)
    options = {"sizes": [64, 4, 2]}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        training.train_run(
            training.Settings("vae", "few.npy", options, epochs=2),
            folder / "run",
            command="",
            show_progress=False,
        )
    return folder


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


def edit(path, change):
    """Change the metadata of a file; what `change` returns, if anything, is put in its place."""
    header, metadata, arrays = taken_apart(path)
    changed = change(metadata)
    put_together(path, header, json.dumps(metadata if changed is None else changed), arrays)


def set_at(*keys, value):
    def change(metadata):
        for key in keys[:-1]:
            metadata = metadata[key]
        metadata[keys[-1]] = value

    return change


def without(*keys):
    def change(metadata):
        for key in keys[:-1]:
            metadata = metadata[key]
        del metadata[keys[-1]]

    return change


def test_the_best_model_is_returned(trained, tmp_path):
    how = {"epochs": 6, "batch_size": 4, "lr": 0.3}  # steps so large that the loss goes up and down
    settings = training.Settings("vae", str(trained / "few.npy"), {"sizes": [64, 4, 2]}, **how)
    run = training.train_run(settings, tmp_path / "run", command="", show_progress=False)
    losses = [record["validation_loss"] for record in run.metrics["history"]]
    assert min(losses) < losses[-1]
    assert run.metrics["validation_loss"] == pytest.approx(min(losses), rel=1e-6)
    assert run.metrics == json.loads((run.folder / train.METRICS).read_text())
    read = runs.load_run(run.folder)
    assert (read.settings, read.image_shape) == (run.settings, run.image_shape)
    for name, array in read.model.state_dict().items():
        np.testing.assert_array_equal(run.model.state_dict()[name], array)


def test_data_and_model_are_not_read_again(minae, run, monkeypatch):
    loaded = []
    note = lambda name, **how: loaded.append(name) or load(name, **how)  # noqa: E731
    monkeypatch.setattr(training, "load", note)
    monkeypatch.setattr(models, "load", None)
    assert minae(*TRAIN, 1, "--overwrite")[0] == 0
    assert loaded == ["few.npy"]


# ---------------------------------------------------------------- work is not lost


def test_resume_and_overwrite_together_are_refused(minae, run, tmp_path):
    before = contents(tmp_path)
    status, _, err = minae(*TRAIN, 2, "--resume", "--overwrite")
    assert (status, "--resume goes on with a run, --overwrite" in err) == (2, True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("when", ["training", "validation"])
def test_a_run_stays_until_the_next_has_something_in_its_place(
    minae, run, tmp_path, monkeypatch, when
):
    if when == "validation":
        monkeypatch.setattr("minae.train.loop.evaluate", lambda *_, **__: {"loss": np.nan})
    before = contents(tmp_path)
    rate = 1e30 if when == "training" else 1e-3
    optimizer = ("--optimizer", "sgd", "--batch-size", 8, "--lr", rate)
    status, _, err = minae(*TRAIN, 3, *optimizer, "--overwrite")
    assert (status, "lower the learning rate" in err) == (2, True)
    assert contents(tmp_path) == before


def test_one_run_at_a_time_is_replaced_whole(minae, run, monkeypatch):
    def stopped(*_, **__):  # as if killed when the new weights are there, and no figures yet
        raise KeyboardInterrupt

    monkeypatch.setattr("minae.train.training.final_figures", stopped)
    status, out, _ = minae(*TRAIN, 1, "--seed", 1, "--overwrite")
    assert (status, "--resume instead of --overwrite" in out) == (130, True)
    assert not (run / train.METRICS).exists()
    for name in (train.LAST, train.BEST):
        assert checkpoint.load(run / name)[1]["settings"]["seed"] == 1


@pytest.mark.parametrize("left", FILES)
def test_what_is_left_of_a_run_is_not_overwritten(minae, run, left):
    for name in set(FILES) - {left}:
        (run / name).unlink()
    before = contents(run)
    status, _, err = minae(*TRAIN, 2)
    assert (status, "already holds a run" in err) == (2, True)
    assert contents(run) == before


HOLDER = """
import sys
from minae.files import locked
from pathlib import Path
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_trainings_do_not_share_a_folder(minae, run, tmp_path):
    before = contents(tmp_path)
    command = [sys.executable, "-c", HOLDER, run]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline().strip() == b"held"
        for how in ("--overwrite", "--resume"):
            status, _, err = minae(*TRAIN, 3, how)
            assert (status, "another training is under way in run" in err) == (2, True)
        other.kill()  # and so leaves its lock behind
    assert before.items() <= contents(tmp_path).items()
    assert minae(*TRAIN, 3, "--resume")[0] == 0
    assert not (run / ".lock").exists()


def test_a_lock_leaves_no_folder_behind(tmp_path):
    with files.locked(tmp_path / "a" / "b"):
        pass
    assert not list(tmp_path.iterdir())


def test_other_data_of_the_same_shape_are_noticed(minae, run, tmp_path):
    np.save(tmp_path / "few.npy", FEW[::-1])
    before = contents(tmp_path)
    status, _, err = minae(*TRAIN, 3, "--resume")
    assert (status, "was trained on other data" in err) == (2, True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ((), "run was trained to its end already: more --epochs than 2 let it go on"),
        (("--schedule", "cosine"), "begin anew with --overwrite and more --epochs"),
        (("--patience", 1, "--lr", 0), "its end already: a larger --patience lets it go on"),
    ],
)
def test_a_training_at_its_end_says_so(minae, tmp_path, how, sentence):
    np.save(tmp_path / "few.npy", FEW)
    epochs = 9 if "--patience" in how else 2
    status, out, _ = minae(*TRAIN, epochs, *how)
    assert (status, "to its end" in out) == (0, False)
    status, out, _ = minae(*TRAIN, epochs, *how, "--resume")
    assert (status, sentence in out) == (0, True), out


def test_a_run_without_its_best_weights_is_not_resumed(minae, run):
    (run / train.BEST).unlink()
    status, _, err = minae(*TRAIN, 3, "--resume")
    assert (status, "best.safetensors: there is no such checkpoint" in err) == (2, True)


# ---------------------------------------------------------------- files that are not right


def older(metadata):
    """Make metadata what minae wrote before there were versions, devices and hashes."""
    del metadata["version"]
    for name in ("device", "kernels", "cuda_graph"):
        del metadata["settings"][name]
    if "training" in metadata:
        del metadata["training"]["settings"]["data"]


def test_an_older_version_is_read(minae, run):
    for name in (train.LAST, train.BEST):
        edit(run / name, older)
    assert minae("eval", "run")[0] == 0
    assert minae(*TRAIN, 3, "--resume")[0] == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda _: None, None),
        (lambda _: [], "its metadata is a list, not an object"),
        (set_at("version", value=VERSION + 1), "a newer minae wrote it"),
        (set_at("version", value="one"), 'version is "one", not a whole number'),
        (without("model"), "model is missing"),
        (set_at("model", value="unet"), "model 'unet' is unknown: choose one of dense"),
        (set_at("model", value=3), "model is 3, not a text"),
        (without("config"), "config is missing"),
        (set_at("config", value=None), "config is null, not an object"),
        (without("config", "beta"), "config.beta is missing"),
        (set_at("config", "beta", value=float("nan")), "config.beta is NaN, not a number"),
        (set_at("config", "sizes", value=[64, "4", 2]), 'config.sizes[1] is "4", not a whole'),
        (set_at("config", "sizes", value=[64, 10**6, 2]), "does not fit VAE"),
        (set_at("config", "sizes", value=[64] + [4] * 99), "config has more layers"),
        (set_at("config", "sizes", value=[64, 10**30, 2]), "not a whole number"),
        (without("settings"), "settings is missing"),
        (without("settings", "corrupt"), "settings.corrupt is missing"),
        (without("settings", "validation"), "settings.validation is missing"),
        (set_at("settings", "corrupt", value=5), "settings.corrupt is 5, not a text"),
        (set_at("settings", "corrupt", value="fog:1"), "settings.corrupt: 'fog:1' is not a corr"),
        (set_at("settings", "seed", value=-1), "settings.seed is a whole number from 0, not -1"),
        (set_at("settings", "seed", value=True), "settings.seed is true, not a whole number"),
        (without("image_shape"), "image_shape is missing"),
        (set_at("image_shape", value=[1, 8]), "image_shape is a list of 2, not of 3"),
        (set_at("image_shape", value=[1, -8, -8]), "image_shape (1, -8, -8) is not what"),
        (set_at("image_shape", value=[1, 8, 9]), "image_shape (1, 8, 9) is not what"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(minae, run, change, sentence):
    edit(run / train.BEST, change)
    before = contents(run)
    for command in ("eval", "sample"):
        status, _, err = minae(command, "run", *(["--out", "x.png"] if command == "sample" else []))
        if sentence is None:
            assert (status, err) == (0, "")
            continue
        assert status == 2
        assert err.startswith("minae: run/best.safetensors: ")
        assert sentence in err
        assert err.count("\n") == 1
    assert contents(run) == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without("training"), "training is missing"),
        (set_at("training", value=None), "training is null, not an object"),
        (without("training", "settings", "data"), "training.settings.data is missing"),
        (without("training", "history", 0, "train_loss"), "training.history[0].train_loss is miss"),
        (set_at("training", "history", 0, "seconds", value="1"), 'seconds is "1", not a number'),
        (without("training", "random", "state"), "in training, 'state' is missing"),
        (set_at("training", "random", "state", "inc", value="x"), "last.safetensors: "),
        (set_at("settings", "seed", value=None), "settings.seed is null, not a whole number"),
    ],
)
def test_what_is_wrong_in_a_training_is_named(minae, run, change, sentence):
    edit(run / train.LAST, change)
    before = contents(run)
    status, _, err = minae(*TRAIN, 3, "--resume")
    assert (status, err.count("\n")) == (2, 1)
    assert "last.safetensors: " in err
    assert sentence in err
    assert contents(run) == before


def _nan(path):
    arrays, _ = checkpoint.load(path)
    arrays["model.encoder.1.bias"][0] = np.nan
    checkpoint.save(path, arrays, taken_apart(path)[1])


def _others(path):
    _, metadata, _ = taken_apart(path)
    other = models.VAE([64, 5, 2])
    checkpoint.save(path, checkpoint.prefixed(other.state_dict(), "model."), metadata)


def _bfloat16(path):
    header, metadata, arrays = taken_apart(path)
    for entry in header.values():
        if entry.get("dtype") == "F32":
            entry["dtype"] = "BF16"
            entry["shape"][-1] *= 2
    put_together(path, header, json.dumps(metadata), arrays)


def _whole_numbers(path):
    arrays, _ = checkpoint.load(path)
    _, metadata, _ = taken_apart(path)
    checkpoint.save(path, {name: a.astype(np.int64) for name, a in arrays.items()}, metadata)


def _by_pytorch(path):
    save_file(checkpoint.load(path)[0], path)


def _no_json(path):
    header, _, arrays = taken_apart(path)
    put_together(path, header, "{'model'", arrays)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_nan, "encoder.1.bias holds nan or infinite numbers"),
        (_others, "has shape (5, 64), here it is (4, 64)"),
        (_bfloat16, "is of type BF16"),
        (_whole_numbers, "is of type int64, not float32"),
        (_by_pytorch, "not one that minae wrote"),
        (_no_json, "its metadata is no JSON"),
        (lambda path: models.save(models.VAE([64, 4, 2]), path), "settings is missing"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_weights_that_cannot_be_used_are_named(minae, run, change, sentence):
    change(run / train.BEST)
    status, _, err = minae("eval", "run")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("minae: run/best.safetensors: ")
    assert sentence in err


@pytest.mark.parametrize(("name", "value"), [("lr", -1.0), ("steps", -1)])
def test_an_optimiser_that_cannot_be_is_refused(run, minae, name, value):
    arrays, _ = checkpoint.load(run / train.LAST)
    _, metadata, _ = taken_apart(run / train.LAST)
    arrays[f"optimizer.{name}"][...] = value
    checkpoint.save(run / train.LAST, arrays, metadata)
    status, _, err = minae(*TRAIN, 3, "--resume")
    assert (status, "lr and steps are numbers of at least 0" in err) == (2, True)


@pytest.mark.parametrize(
    "command",
    [("enhance", "run", "photos"), ("anomalies", "run", "photos"), ("reconstruct", "run")],
    ids=lambda command: command[0],
)
def test_weights_that_overflow_leave_no_pictures(minae, run, tmp_path, command):
    arrays, _ = checkpoint.load(run / train.BEST)
    _, metadata, _ = taken_apart(run / train.BEST)
    draw = np.random.default_rng(0).choice
    big = {name: draw(np.float32([-3e38, 3e38]), a.shape) for name, a in arrays.items()}
    checkpoint.save(run / train.BEST, big, metadata)
    (tmp_path / "photos").mkdir()
    Image.new("L", (8, 8), 255).save(tmp_path / "photos" / "a.png")
    before = contents(tmp_path)
    status, _, err = minae(*command)
    assert (status, "makes nan or infinite numbers" in err) == (2, True)
    assert contents(tmp_path) == before
