"""PCA beside a plain autoencoder: the same error, of the best linear map, on the same rows."""

from pathlib import Path

import numpy as np
import pytest

from minae import models
from minae.data import Split, load
from minae.train import pca, runs, training
from minae.train.pca import beside_pca, pca_figures, squared_errors
from minae.train.settings import Settings


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def images(rng, n=40):
    return rng.standard_normal((n, 1, 3, 4)).astype(np.float32)


def by_svd(train, rows, components):
    """The squared error per row of what remains of rows off the training rows' plane."""
    train, rows = (x.reshape(len(x), -1).astype(float) for x in (train, rows))
    axes = np.linalg.svd(train - train.mean(0), full_matrices=False)[2][:components]
    off = (rows - train.mean(0)) @ (np.eye(rows.shape[1]) - axes.T @ axes)
    return np.square(off).sum(1).mean()


@pytest.mark.parametrize("at_once", [7, 1_000])
def test_errors_are_what_the_plane_leaves(rng, monkeypatch, at_once):
    monkeypatch.setattr(pca, "AT_ONCE", at_once)
    train, test = images(rng), images(rng, 15)
    found = squared_errors(train, 5, {"train": Split(train), "test": Split(test)})
    assert found == pytest.approx(
        {"train": by_svd(train, train, 5), "test": by_svd(train, test, 5)}, rel=1e-5
    )


def test_of_many_rows_it_is_fitted_to_some(rng, monkeypatch):
    train, test = images(rng), images(rng, 15)
    monkeypatch.setattr(pca, "MOST", train.size // 4)
    found = squared_errors(train, 5, {"test": Split(test)})
    assert found["test"] == pytest.approx(by_svd(train[::4], test, 5), rel=1e-5)


@pytest.mark.parametrize("rows", [1, 3])
def test_fewer_rows_than_components(rng, rows):
    train = images(rng, rows)
    assert squared_errors(train, 5, {"train": Split(train)})["train"] < 1e-9


def test_rows_that_are_all_equal():
    same = np.full((9, 1, 3, 4), 0.3, np.float32)
    assert squared_errors(same, 5, {"train": Split(same)})["train"] < 1e-9


def run_of(model, corrupt=None):
    digits = load("digits")
    settings = Settings("dense", "digits", corrupt=corrupt)
    return runs.Run(Path(), model, settings, digits.image_shape, digits.kind, digits)


@pytest.mark.parametrize(
    ("model", "corrupt"),
    [
        (models.VAE([64, 16, 4]), None),
        (models.ConditionalVAE([64, 16, 4], 10), None),
        (models.VQVAE((1, 8, 8)), None),
        (models.DenseAutoencoder([64, 16, 4]), "noise:0.5"),
        (models.DenseAutoencoder([64, 64]), None),
        (models.ResUNet(1), "noise:0.1"),
    ],
)
def test_it_is_not_beside_others(model, corrupt):
    assert pca_figures(run_of(model, corrupt)) == {}


def test_its_figures_are_beside_the_models():
    run = run_of(models.ConvAutoencoder((1, 8, 8), (4,), 6))
    found, digits = pca_figures(run), run.data()
    assert found.pop("pca_components") == 6
    train = digits.train.inputs
    for part in ("train", "validation", "test"):
        rows = getattr(digits, part).inputs
        error = by_svd(train, rows, 6)
        assert found.pop(f"{part}_pca_squared_error") == pytest.approx(error, rel=1e-5)
    assert not found


BETTER = "PCA with a code of 6 numbers rebuilds unseen rows better: train on more rows"


@pytest.mark.parametrize(
    ("train", "unseen", "sentence"),
    [
        (
            1.0,
            2.0,
            "on unseen rows, PCA with a code of 6 numbers makes 2.5 times the squared error",
        ),
        (9.0, 8.0, f"{BETTER}, or for more --epochs, or use PCA"),
        (9.0, 5.0, f"{BETTER}, or for more --epochs, or use PCA"),
        (1.0, 8.0, f"{BETTER}, or use PCA"),  # it knows its own rows by heart
    ],
)
@pytest.mark.parametrize("part", ["validation", "test"])
def test_which_is_better_is_said(train, unseen, sentence, part):
    metrics = {"pca_components": 6, "train_squared_error": train, "train_pca_squared_error": 4.0}
    metrics |= {"validation_squared_error": 1.0, "validation_pca_squared_error": 1.0}
    metrics |= {f"{part}_squared_error": unseen, f"{part}_pca_squared_error": 5.0}
    assert beside_pca(metrics, "row") == sentence


def test_without_unseen_rows_nothing_is_said():
    alone = {"pca_components": 6, "train_squared_error": 1, "train_pca_squared_error": 2}
    assert beside_pca(alone, "row") == beside_pca({}, "row") == ""


def test_a_run_has_the_figures(tmp_path):
    options = {"sizes": [64, 8]}
    settings = Settings("dense", "digits", options, epochs=1)
    run = training.train_run(settings, tmp_path / "run", command="", show_progress=False)
    assert run.metrics["pca_components"] == 8
    assert run.metrics["test_pca_squared_error"] == pytest.approx(
        by_svd(run.data().train.inputs, run.data().test.inputs, 8), rel=1e-5
    )
