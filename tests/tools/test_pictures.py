"""The numbers that a run's pictures show."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import minae
from minae import models, no_grad, ops, plots
from minae.data import load
from minae.tensor import Tensor
from minae.tools import classical, pictures
from minae.train.runs import Run
from minae.train.settings import Settings

DIGITS = load("digits")
SETTINGS = Settings("denoising", corrupt="noise:0.3")


def run_of(model, folder=Path()):
    """A run of a model that was not trained."""
    return Run(folder, model, SETTINGS, (1, 8, 8), DIGITS.kind, DIGITS)


@no_grad()
def test_the_kl_of_each_latent_is_a_share_of_the_whole():
    minae.manual_seed(0)
    model = models.VAE([64, 16, 3])
    each = pictures.latent_kl(model, DIGITS.test.images)
    whole = ops.gaussian_kl(*model.encode(Tensor(DIGITS.test.images))).mean().item()
    assert each.shape == (3,)
    assert (each > 0).all()
    assert each.sum() == pytest.approx(whole, rel=1e-5)


@no_grad()
def test_a_denoiser_is_compared_with_what_is_meant_for_its_corruption(capsys, monkeypatch):
    monkeypatch.setattr(classical, "find_spec", lambda name: None)  # without optional packages
    model = models.DenoisingAutoencoder((1, 8, 8), (4,))
    figure = pictures.denoised(model, run_of(model))
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert {"corrupted", "total variation", "non-local means", "denoising"} <= set(names)
    said = capsys.readouterr().out
    assert "of 180 unseen pictures" in said
    assert "dB WORSE" in said  # it is not trained


def test_ten_samples_of_each_class(monkeypatch, tmp_path):
    minae.manual_seed(0)
    model = models.ConditionalVAE([64, 16, 2], classes=3)
    monkeypatch.setattr(plots, "strips", lambda rows: rows)
    monkeypatch.setattr(plots, "save", lambda drawn, path: drawn_rows.update(drawn))
    drawn_rows = {}
    pictures.draw_samples(run_of(model, tmp_path))
    assert {name: row.shape for name, row in drawn_rows.items()} == dict.fromkeys(
        "012", (10, 1, 8, 8)
    )


@no_grad()
def test_all_codes_are_counted():
    minae.manual_seed(0)
    model = models.VQVAE((1, 8, 8), (4,), codes=5, latent=2)
    axes = pictures.codebook_use(model, run_of(model)).axes[0]
    share = axes.lines[0].get_ydata()
    assert len(share) == 5
    assert sum(share) == pytest.approx(100)
    assert (np.diff(share) <= 0).all()


@no_grad()
def test_the_bound_that_is_drawn_is_the_models():
    values = []
    model = SimpleNamespace(
        any_size=False,
        log_likelihood=lambda x, k: values.append((len(x), k)) or Tensor(np.full(len(x), -1.0 / k)),
    )
    axes = pictures.bound(model, run_of(model)).axes[0]
    x, y = axes.lines[0].get_data()
    assert values == [(180, k) for k in x]
    np.testing.assert_allclose(y, -1 / np.asarray(x))
