"""Training a model for pictures of any size."""

import json

import numpy as np
import pytest
from PIL import Image

from minae import checkpoint
from minae.errors import InputError
from minae.train import BEST, LAST, METRICS, runs, training
from minae.train.restoration import patch_size

OPTIONS = {"channels": [8], "blocks": 1}


def train(out, epochs=2, **options):
    settings = training.Settings.of(
        "restore", data=str(out.parent / "pictures"), corrupt="unclipped-noise:0.2",
        epochs=epochs, schedule="constant", model_options=OPTIONS,
    )  # fmt: skip
    return training.train_run(settings, out, command="", show_progress=False, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of stripes, of different sizes."""
    path = tmp_path_factory.mktemp("restore")
    (path / "pictures").mkdir()
    for i in range(12):
        stripes = np.indices((24 + i, 30)).sum(axis=0) // (3 + i % 4) % 2 * 255
        Image.fromarray(stripes.astype(np.uint8)).save(path / "pictures" / f"{i}.png")
    train(path / "run")
    return path


def test_the_run_restores_and_says_how_well(folder):
    figures = json.loads((folder / "run" / METRICS).read_text())
    assert figures["test_psnr"] > figures["test_psnr_corrupted"] + 2
    assert figures["settings"]["batch_size"] == 16  # the model's own default
    run = runs.load_run(folder / "run")
    assert run.image_shape == (1, 24, 24)
    assert runs.final_figures(run)["test_psnr"] == pytest.approx(figures["test_psnr"], abs=1e-4)


def test_others_are_all_tested(folder):
    run = runs.load_run(folder / "run")
    assert len(run.pictures(str(folder)).test) == 12
    assert runs.final_figures(run, str(folder)).keys() == {"test_psnr", "test_psnr_corrupted"}
    with pytest.raises(InputError, match="any size"):
        run.data()


def test_a_training_that_is_resumed_comes_to_the_same_weights(folder):
    train(folder / "broken", epochs=1)
    train(folder / "broken", resume=True)
    for name in (BEST, LAST):
        whole, _ = checkpoint.load(folder / "run" / name)
        resumed, _ = checkpoint.load(folder / "broken" / name)
        for key in whole:
            np.testing.assert_array_equal(whole[key], resumed[key])


@pytest.mark.parametrize(("sides", "size"), [((200, 90), 72), ((64, 64), 64), ((31, 90), 24)])
def test_patches_fit_into_most_pictures(sides, size):
    assert patch_size([np.empty((1, *sides), np.uint8)] * 2) == size


def test_patches_of_pictures_of_one_pixel():
    assert patch_size([np.empty((1, 1, 1), np.uint8)]) == 8
