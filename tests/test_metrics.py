import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from minae.data import load
from minae.metrics import fit_levels, psnr, ssim

X = load("digits").test.images[:5]  # (5, 1, 8, 8)
Y = (X + np.random.default_rng(0).normal(0, 0.2, X.shape)).astype(np.float32)


def test_psnr_is_scikit_images():
    pairs = zip(X, Y, strict=True)
    expected = np.mean([peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs])
    assert psnr(Y, X) == pytest.approx(expected, rel=1e-5)


def test_ssim_is_scikit_images():
    expected = structural_similarity(X[0, 0], Y[0, 0], data_range=1.0)
    assert ssim(Y[0], X[0]) == pytest.approx(expected)
    colour, other = (np.concatenate([a[0], a[1], a[2]]) for a in (X, Y))  # (3, 8, 8)
    each = [structural_similarity(a, b, data_range=1.0) for a, b in zip(colour, other, strict=True)]
    assert ssim(other, colour) == pytest.approx(np.mean(each))
    assert ssim(colour, colour) == pytest.approx(1)


@pytest.mark.parametrize("side", [3, 4, 6])
def test_ssim_of_images_that_are_smaller_than_its_window(side):
    assert ssim(X[0, :, :side], X[0, :, :side]) == pytest.approx(1)
    assert ssim(Y[0, :, :side], X[0, :, :side]) < 0.99


def test_levels_are_those_of_the_nearest_line():
    a, b = fit_levels(Y, X)
    assert (a, b) == pytest.approx(np.polyfit(Y.ravel(), X.ravel(), 1), rel=1e-5)
    assert fit_levels(0.5 * X + 0.3, X) == pytest.approx((2, -0.6), abs=1e-5)
    assert fit_levels(np.full_like(X, 0.2), X) == pytest.approx((1, X.mean() - 0.2), abs=1e-6)
