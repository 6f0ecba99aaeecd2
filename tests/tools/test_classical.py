"""The classical methods, on a photograph that comes with scikit-learn."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_image

from minae.data import Blur, parse_corruption
from minae.metrics import psnr
from minae.tools import classical
from minae.tools.restoration import make_cases

PHOTO = load_sample_image("china.jpg")[150:214, 200:280].transpose(2, 0, 1) / np.float32(255)
GREY = PHOTO.mean(axis=0, keepdims=True)  # (1, 64, 80)
NOISE = {"total variation", "non-local means", "Gaussian", "median"}
BLUR = {"unsharp mask", "Wiener", "Richardson-Lucy"}
HOLES = {"biharmonic inpainting", "mean of what is near"}


@pytest.fixture(autouse=True)
def _no_extra_packages(monkeypatch):
    """Do as if BM3D and wavelets were not installed: not everybody has them, and they are slow."""
    monkeypatch.setattr(classical, "find_spec", lambda name: None)


def gain(case, method, setting):
    """Return by how many dB a method is nearer to the original than what it was given."""
    out = method(case.corrupted, setting)
    return psnr(out[None], case.clean[None]) - psnr(case.corrupted[None], case.clean[None])


@pytest.mark.parametrize(
    ("text", "names", "least"),
    [
        ("noise:25/255", NOISE, {"total variation": 2, "non-local means": 3, "Gaussian": 1.8}),
        ("unclipped-noise:25/255", NOISE, {"total variation": 2.2, "non-local means": 3.4}),
        ("blur:1.5", BLUR, {"unsharp mask": 0.8, "Wiener": 3, "Richardson-Lucy": 1}),
        (
            "blur:1.5+noise:2/255",
            BLUR,
            {"unsharp mask": 0.3, "Wiener": 0.5, "Richardson-Lucy": 0.6},
        ),
        ("blur:1+noise:25/255", BLUR | NOISE, {"total variation": 1, "Wiener": 1}),
        ("salt-pepper:0.1", {"median", "median of black and white pixels"}, {"median": 3}),
        ("jpeg:10", {"total variation", "bilateral", "Gaussian"}, {"total variation": 0.1}),
        ("mask:8", HOLES, {"biharmonic inpainting": 4, "mean of what is near": 4}),
        ("holes:0.3", HOLES, {"biharmonic inpainting": 8, "mean of what is near": 8}),
        (
            "holes:0.3+noise:0.1",
            HOLES | {f"inpainting and {name}" for name in NOISE},
            {"biharmonic inpainting": 4, "inpainting and total variation": 5},
        ),
    ],
)
@pytest.mark.parametrize("photo", [GREY, PHOTO], ids=["grey", "colour"])
def test_each_corruption_has_methods_that_undo_some_of_it(text, names, least, photo):
    (case,) = make_cases(parse_corruption(text), [photo], seed=0)
    assert set(case.rivals) == names
    before = case.corrupted.copy()
    for name, (method, settings) in case.rivals.items():
        out = method(case.corrupted, settings[0])
        assert out.dtype == np.float32, name
        assert out.shape == photo.shape, name
    np.testing.assert_array_equal(case.corrupted, before)
    for name, wanted in least.items():
        method, settings = case.rivals[name]
        assert max(gain(case, method, setting) for setting in settings) > wanted, name


def test_settings_do_not_depend_on_the_level():
    for low, high in (("noise:0.01", "noise:0.5"), ("blur:0.5", "blur:3")):
        one, other = (classical.rivals(parse_corruption(text)) for text in (low, high))
        assert {n: r.settings for n, r in one.items()} == {n: r.settings for n, r in other.items()}


@pytest.mark.parametrize("text", ["noise:0", "blur:0"])
def test_no_level_is_no_error(text):
    for name, (method, settings) in classical.rivals(parse_corruption(text)).items():
        assert np.isfinite(method(GREY, settings[0])).all(), name


@pytest.mark.parametrize("width", [0.7, 1.5, 2.5])
def test_wieners_blur_is_the_corruptions(width):
    """Without noise, and with next to no weight on smoothness, the blur is undone exactly."""
    smooth = gaussian_filter(
        GREY.astype(float), 2, axes=(1, 2)
    )  # faint where the blur leaves nothing
    blurred = gaussian_filter(smooth, width, axes=(1, 2))
    assert_allclose(classical.wiener(blurred, 1e-9, width), smooth, atol=0.003)


def test_richardson_lucy_leaves_what_explains_the_blurred_image():
    blurred = Blur(1.5)(GREY[None], np.random.default_rng(0))[0]
    out = classical.richardson_lucy(blurred, 100, 1.5)
    again = gaussian_filter(out, 1.5, axes=(1, 2))
    assert np.abs(again - blurred).max() < 0.01


def test_filled_pixels_are_the_hidden_ones():
    hidden = np.zeros(GREY.shape[1:], bool)
    hidden[10:14, 20:24] = True
    for name, (method, settings) in classical.against_holes(hidden).items():
        out = method(np.where(hidden, np.float32(0), GREY), settings[-1])
        np.testing.assert_array_equal(out[0][~hidden], GREY[0][~hidden], err_msg=name)
        assert (out[0][hidden] > 0).all(), name


def test_bm3d_is_asked_where_it_is_installed(monkeypatch):
    calls = []
    package = SimpleNamespace(
        bm3d=lambda image, sigma: calls.append((image.shape, sigma)) or image[..., 0],
        bm3d_rgb=lambda image, sigma: calls.append((image.shape, sigma)) or image,
    )
    monkeypatch.setattr(classical, "find_spec", lambda name: name == "bm3d")
    monkeypatch.setitem(sys.modules, "bm3d", package)
    method, (setting,) = classical.rivals(parse_corruption("noise:0.1"))["BM3D"]
    np.testing.assert_array_equal(method(GREY, setting), GREY)
    np.testing.assert_array_equal(method(PHOTO, setting), PHOTO)
    assert calls == [((64, 80, 1), 0.1), ((64, 80, 3), 0.1)]
    np.testing.assert_array_equal(method(GREY[:, :8, :20], setting), GREY[:, :8, :20])
    assert calls[-1][0] == (16, 20, 1)  # it crashes on small images
