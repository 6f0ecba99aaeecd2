"""A run's files, taken apart at random: 500 times no traceback, no hang, nothing half written."""

import json
import math
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minae import train
from minae.data import load
from minae.errors import InputError
from minae.train import runs, training

from .run_files import contents, put_together, taken_apart

MODELS = {
    "vae": {"sizes": [64, 4, 2]},
    "conv": {"channels": [2], "latent": 2},
    "cvae": {"sizes": [64, 4, 2]},
    "iwae": {"sizes": [64, 4, 2], "k": 2},
    "vq-vae": {"channels": [2], "latent": 2, "codes": 4},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with few.npz, and a small run of each of MODELS on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)  # nothing here has to outlive the machine
        yield _train(tmp_path_factory.mktemp("trained"))


def _train(folder):
    digits = load("digits").train
    np.savez(folder / "few.npz", images=digits.images[:20], labels=digits.labels[:20])
    for model, options in MODELS.items():
        schedule = "cosine" if model == "conv" else "constant"
        settings = training.Settings(
            model, str(folder / "few.npz"), options, epochs=2, schedule=schedule
        )
        training.train_run(settings, folder / model, command="", show_progress=False)
    return folder


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-2, 300)
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=9)
    | st.sampled_from([[], {}, [[[1]]], "noise:0.3", "conv", "mnist6k", "cuda"])
)


def places(value, path=()):
    """Return the path of every value in JSON, from the outside in."""
    if not isinstance(value, (dict, list)):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(p for key, each in inner for p in places(each, (*path, key)))]


def by_key(data, path):
    """Remove, rename or replace something of a file's header or of its metadata."""
    header, metadata, arrays = taken_apart(path)
    del header["__metadata__"]
    where = data.draw(st.sampled_from([header, metadata, metadata]))
    *outer, key = data.draw(st.sampled_from(places(where)[1:]))
    for each in outer:
        where = where[each]
    value = where.pop(key)
    how = data.draw(st.sampled_from(["remove", "rename", "replace"]))
    if how == "replace":
        value = data.draw(VALUES)
    if isinstance(where, list):
        where[key:key] = [] if how == "remove" else [value]
    elif how != "remove":
        where[key if how == "replace" else f"{key}_"] = value
    put_together(path, header, json.dumps(metadata), arrays)


def by_byte(data, path):
    """Cut a file, put bytes into it, or change some; most of them where the header is."""
    whole = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, 2000) | st.integers(0, len(whole))) % len(whole)
    how = data.draw(st.sampled_from(["cut", "insert", "change"]))
    some = data.draw(st.text('0123456789-e.,"[]{}', min_size=1, max_size=3)).encode()
    some = data.draw(st.just(some) | st.binary(min_size=1, max_size=8))
    if how == "cut":
        del whole[place:]
    else:
        whole[place : place + len(some) * (how == "change")] = some
    path.write_bytes(whole)


def evaluate(run):
    found = runs.load_run(run)
    figures = runs.final_figures(found)
    assert all(map(math.isfinite, figures.values()))


def resume(run):
    settings = runs.replace(runs.load_run(run).settings, epochs=3)
    training.train_run(settings, run, command="", resume=True, show_progress=False)


@settings(max_examples=500)
@given(st.data(), st.sampled_from([*MODELS]), st.sampled_from([by_key, by_byte]))
def test_a_damaged_run_is_read_or_refused(trained, data, model, damage):
    run = trained / "damaged"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(trained / model, run)
    name, command = data.draw(st.sampled_from([(train.BEST, evaluate), (train.LAST, resume)]))
    damage(data, run / name)
    before, said = contents(run), None
    try:
        command(run)
    except (InputError, FloatingPointError) as error:
        said = str(error)
    if said is not None:
        assert said
        assert "\n" not in said
        assert contents(run) == before
    assert not [path for path in run.iterdir() if path.name.startswith(".")]
