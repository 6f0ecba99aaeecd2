import numpy as np
import pytest

from minae.data import Blur, GaussianNoise, MaskBlock, SaltAndPepper, parse_corruption
from minae.errors import InputError


def grey(*shape):
    return np.full(shape, 0.5, np.float32)


@pytest.mark.parametrize(
    "corruption",
    [
        GaussianNoise(0.3),
        GaussianNoise(np.float64(0.3)),
        GaussianNoise(0),
        SaltAndPepper(0.2),
        SaltAndPepper(0),
        Blur(1.5),
        Blur(0),
        MaskBlock(3),
    ],
)
def test_contract(corruption):
    """What all corruptions share: shape, type, range, fresh output, and chance from rng alone."""
    images = np.random.default_rng(0).random((5, 3, 8, 9), dtype=np.float32)
    before = images.copy()
    images.flags.writeable = False
    out = corruption(images, np.random.default_rng(1))
    assert out.shape == images.shape
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1
    assert not np.shares_memory(out, images)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(out, corruption(images, np.random.default_rng(1)))


@pytest.mark.parametrize("corruption", [GaussianNoise(0), SaltAndPepper(0), Blur(0)])
def test_strength_zero_changes_nothing(corruption):
    images = np.random.default_rng(0).random((4, 1, 6, 6), dtype=np.float32)
    np.testing.assert_array_equal(corruption(images, np.random.default_rng(1)), images)


def test_gaussian_noise_has_the_standard_deviation_it_says():
    out = GaussianNoise(0.1)(grey(50, 1, 32, 32), np.random.default_rng(0)) - 0.5
    # 51,200 draws: the standard errors are 0.0004 and 0.0003.
    assert out.mean() == pytest.approx(0, abs=0.002)
    assert out.std() == pytest.approx(0.1, abs=0.002)
    assert abs(np.corrcoef(out[0].ravel(), out[1].ravel())[0, 1]) < 0.15  # no shared noise


def test_gaussian_noise_is_clipped():
    out = GaussianNoise(1)(np.ones((20, 1, 32, 32), np.float32), np.random.default_rng(0))
    assert (out == 1).mean() == pytest.approx(0.5, abs=0.02)  # half of the draws are positive
    assert (out == 0).mean() == pytest.approx(0.1587, abs=0.02)  # P(z < -1)


def test_salt_and_pepper_spoils_the_share_it_says():
    out = SaltAndPepper(0.2)(grey(50, 3, 32, 32), np.random.default_rng(0))
    assert (out == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert (out == 1).mean() == pytest.approx(0.1, abs=0.01)
    assert (out == 0.5).mean() == pytest.approx(0.8, abs=0.01)
    np.testing.assert_array_equal(out[:, 0], out[:, 1])  # a pixel in all its channels
    np.testing.assert_array_equal(out[:, 0], out[:, 2])
    assert (out[0] != out[1]).any()


def test_salt_and_pepper_of_everything():
    out = SaltAndPepper(1)(grey(10, 1, 16, 16), np.random.default_rng(0))
    assert set(np.unique(out)) == {0, 1}


def test_blur_spreads_a_dot_within_its_image_and_channel():
    images = np.zeros((2, 3, 41, 41), np.float32)
    images[1, 2, 20, 20] = 1
    out = Blur(2)(images, np.random.default_rng(0))
    assert not out[0].any()
    assert not out[1, :2].any()
    dot = out[1, 2]
    distance = np.arange(41) - 20
    assert dot.sum() == pytest.approx(1, abs=1e-4)
    for axis in (0, 1):
        assert (dot.sum(axis) * distance**2).sum() == pytest.approx(4, abs=0.05)  # sigma²


def test_blur_keeps_the_borders_of_an_even_image():
    np.testing.assert_allclose(Blur(2)(grey(1, 1, 8, 8), np.random.default_rng(0)), 0.5, atol=1e-6)


def test_mask_blackens_one_square_anywhere_inside():
    N, H, W, size = 2000, 8, 6, 3
    out = MaskBlock(size)(grey(N, 2, H, W), np.random.default_rng(0))
    np.testing.assert_array_equal(out[:, 0], out[:, 1])
    masked = out[:, 0] == 0  # (N, H, W)
    assert ((out == 0) | (out == 0.5)).all()
    top = masked.any(axis=2).argmax(axis=1)
    left = masked.any(axis=1).argmax(axis=1)
    for image, y, x in zip(masked, top, left, strict=True):
        assert image.sum() == size * size
        assert image[y : y + size, x : x + size].all()
    # 6 * 4 places, 83 images each on average: every place must occur, none too often.
    _, counts = np.unique(np.stack([top, left]), axis=1, return_counts=True)
    assert len(counts) == 6 * 4
    assert counts.min() > 40
    assert counts.max() < 140


def test_mask_may_cover_the_image_but_not_exceed_it():
    images = grey(2, 1, 8, 10)
    out = MaskBlock(8)(images, np.random.default_rng(0))
    assert (out == 0).sum() == 2 * 8 * 8
    with pytest.raises(InputError, match="9x9 pixels does not fit into images of 10x8"):
        MaskBlock(9)(images, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("make", "value"),
    [
        *((GaussianNoise, value) for value in (-0.1, float("nan"), float("inf"))),
        *((SaltAndPepper, value) for value in (-0.1, 1.1, float("nan"))),
        *((Blur, value) for value in (-1, float("nan"), float("inf"))),
        *((MaskBlock, value) for value in (0, -3, 2.5, float("nan"))),
    ],
)
def test_bad_parameters(make, value):
    with pytest.raises(InputError, match=f"must be .*, not {value}"):
        make(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("noise:0.3", GaussianNoise(0.3)),
        ("salt-pepper:0.1", SaltAndPepper(0.1)),
        ("blur:1.5", Blur(1.5)),
        ("mask:10", MaskBlock(10)),
    ],
)
def test_parse(text, expected):
    assert parse_corruption(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "noise", "noise:", "noise:lots", "fog:1", "mask:2.5", "noise:0.1:0.2"),
        *("noise:-1", "salt-pepper:2", "blur:nan", "mask:0"),
    ],
)
def test_parse_lists_the_forms(text):
    with pytest.raises(InputError) as caught:
        parse_corruption(text)
    message = str(caught.value)
    assert repr(text) in message
    for form in ("noise:SIGMA", "salt-pepper:AMOUNT", "blur:SIGMA", "mask:SIZE"):
        assert form in message
