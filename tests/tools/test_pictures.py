"""The numbers that a run's pictures show."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio

import minae
from minae import models, no_grad, ops, plots
from minae.data import GaussianNoise, load
from minae.tensor import Tensor
from minae.tools import pictures
from minae.train.runs import Run
from minae.train.settings import Settings

DIGITS = load("digits")
SETTINGS = Settings("denoising", corrupt="noise:0.3")


def run_of(model, folder=Path()):
    """A run of a model that was not trained."""
    return Run(folder, model, SETTINGS, (1, 8, 8), DIGITS.kind, DIGITS)


def numbers(figure):
    """Return what stands on the bars of a figure."""
    return [float(text.get_text()) for text in figure.axes[0].texts]


def test_psnr_is_scikit_images():
    x, rng = DIGITS.test.images[:5], np.random.default_rng(0)
    y = (x + rng.normal(0, 0.2, x.shape)).astype(np.float32)
    pairs = zip(x, y, strict=True)
    expected = np.mean([peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs])
    assert pictures.psnr(y, x) == pytest.approx(expected, rel=1e-5)


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
def test_a_filter_and_a_model_are_measured_on_the_same_images():
    model = models.DenoisingAutoencoder((1, 8, 8), (4,))
    noisy, median, gaussian, denoised = numbers(pictures.denoised(model, run_of(model)))
    images = DIGITS.test.images
    spoilt = GaussianNoise(0.3)(images, np.random.default_rng(0))
    assert noisy == pytest.approx(pictures.psnr(spoilt, images), abs=0.01)
    assert gaussian > noisy > denoised  # it is not trained
    filtered = pictures.levelled(ndimage.median_filter(spoilt, (1, 1, 3, 3)), images)
    assert median == pytest.approx(pictures.psnr(filtered, images), abs=0.006)
    blurred = ndimage.gaussian_filter(spoilt, 0.6, axes=(2, 3))
    assert gaussian > pictures.psnr(blurred, images) + 1  # its grey levels are corrected too


def test_grey_levels_are_corrected():
    x = DIGITS.test.images[:5]
    y = 0.5 * x + 0.3
    assert_allclose(pictures.levelled(y, x), x, atol=1e-6)
    assert pictures.levelled(y, 3 * x - 1).min() == 0
    assert pictures.levelled(y, 3 * x - 1).max() == 1


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
        log_likelihood=lambda x, k: values.append((len(x), k)) or Tensor(np.full(len(x), -1.0 / k))
    )
    axes = pictures.bound(model, run_of(model)).axes[0]
    x, y = axes.lines[0].get_data()
    assert values == [(180, k) for k in x]
    np.testing.assert_allclose(y, -1 / np.asarray(x))
