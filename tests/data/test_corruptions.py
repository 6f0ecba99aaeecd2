import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from minae.data import (
    JPEG,
    Blur,
    Compose,
    GaussianNoise,
    Holes,
    MaskBlock,
    SaltAndPepper,
    UnclippedNoise,
    parse_corruption,
)
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
        Holes(0.3),
        JPEG(30),
        GaussianNoise((0, 0.5)),
        SaltAndPepper((0, 1)),
        Holes((0.1, 0.9)),
        Blur((0.5, 3)),
        JPEG((10, 50)),
        Compose((Blur((0.5, 3)), GaussianNoise(0.1), MaskBlock(2))),
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


@pytest.mark.parametrize("corruption", [GaussianNoise(0), SaltAndPepper(0), Holes(0), Blur(0)])
def test_strength_zero_changes_nothing(corruption):
    steps = np.random.default_rng(0).integers(0, 256, (4, 1, 6, 6))
    images = np.divide(steps, 255, dtype=np.float32)
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


def test_unclipped_noise_is_what_noise_clips():
    images = np.random.default_rng(0).random((2, 1, 32, 32), dtype=np.float32)
    out = UnclippedNoise(0.5)(images, np.random.default_rng(1))
    assert out.dtype == np.float32
    assert (out < 0).any()
    assert (out > 1).any()
    assert (out - images).std() == pytest.approx(0.5, rel=0.05)
    clipped = GaussianNoise(0.5)(images, np.random.default_rng(1))
    np.testing.assert_array_equal(clipped, np.clip(out, 0, 1))


@pytest.mark.parametrize(
    ("text", "measure", "low", "high"),
    [
        ("unclipped-noise:0.1-0.5", lambda x: x.std(axis=(1, 2, 3)), 0.09, 0.53),
        ("holes:0.2-0.8", lambda x: (x == 0).mean(axis=(1, 2, 3)), 0.15, 0.85),
        ("salt-pepper:0.2-0.8", lambda x: (x != 0.5).mean(axis=(1, 2, 3)), 0.15, 0.85),
    ],
)
def test_each_image_has_its_own_level(text, measure, low, high):
    found = measure(parse_corruption(text)(grey(100, 1, 24, 24), np.random.default_rng(0)))
    assert low < found.min() < low + 0.1 * (high - low) + 0.02
    assert high > found.max() > high - 0.1 * (high - low) - 0.02
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.3
    assert found.mean() == pytest.approx((low + high) / 2, abs=0.06)


@pytest.mark.parametrize("text", ["blur:0.5-3", "jpeg:10-50", "noise:0-1+blur:0.5-3"])
def test_what_is_drawn_is_a_number_of_the_range(text):
    corruption, rng = parse_corruption(text), np.random.default_rng(0)
    image = np.random.default_rng(0).random((1, 1, 16, 16), dtype=np.float32)
    one, other = corruption.drawn(rng), corruption.drawn(rng)
    assert str(one) != str(other)
    assert "-" not in str(one).replace("salt-pepper", "")
    assert one.drawn(rng) == one
    assert one.reach <= corruption.reach
    again = one(image, np.random.default_rng(3))
    np.testing.assert_array_equal(again, one(image, np.random.default_rng(3)))


@pytest.mark.parametrize(
    "text", ["noise:0.3", "salt-pepper:0.2", "holes:0.2", "blur:1.4", "blur:0.5-1.4", "jpeg:20"]
)
def test_nothing_beyond_the_reach_changes_a_pixel(text):
    """So a patch that is cut with this margin, corrupted and cropped is as one of a whole image."""
    corruption = parse_corruption(text)
    rng = np.random.default_rng(0)
    image = rng.random((1, 3, 96, 96), dtype=np.float32)
    m = corruption.reach
    other = rng.random(image.shape, dtype=np.float32)  # equal to it within the margin
    other[..., 32 - m : 64 + m, 32 - m : 64 + m] = image[..., 32 - m : 64 + m, 32 - m : 64 + m]
    inside = (..., slice(32, 64), slice(32, 64))
    a, b = (corruption(x, np.random.default_rng(1))[inside] for x in (image, other))
    np.testing.assert_array_equal(a, b)


def test_reach():
    reaches = {"noise:1": 0, "blur:1.5": 6, "blur:0.5-3": 12, "jpeg:5": 16, "blur:1+jpeg:5": 20}
    assert {text: parse_corruption(text).reach for text in reaches} == reaches


def test_blur_leaves_the_255_steps_of_a_file():
    images = np.random.default_rng(0).random((2, 1, 16, 16), dtype=np.float32)
    steps = 255 * Blur(1.5)(images, np.random.default_rng(0))
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_blurs_of_a_range_differ_in_width():
    images = np.zeros((50, 1, 41, 41), np.float32)
    images[..., 20, 20] = 100  # so that rounding does not matter
    out = Blur((1, 3))(images, np.random.default_rng(0))[:, 0] / 100
    variance = (out.sum(axis=1) * (np.arange(41) - 20) ** 2).sum(axis=1)
    widths = np.sqrt(variance)
    assert 1 <= widths.min() < 1.2
    assert 2.8 < widths.max() <= 3.01


def test_holes_are_black_in_all_channels():
    out = Holes(0.3)(grey(50, 3, 32, 32), np.random.default_rng(0))
    assert (out == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert set(np.unique(out)) == {0, 0.5}
    np.testing.assert_array_equal(out[:, 0], out[:, 2])


@pytest.mark.parametrize("C", [1, 3])
def test_jpeg_is_what_pillow_writes(C, tmp_path):
    y, x = np.mgrid[:40, :48] / 48
    image = np.stack([x, y, x * y], dtype=np.float32)[None, :C]
    pixels = np.round(image[0] * 255).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(pixels.squeeze()).save(tmp_path / "a.jpg", quality=20)
    expected = np.asarray(Image.open(tmp_path / "a.jpg")).reshape(40, 48, C).transpose(2, 0, 1)
    out = JPEG(20)(image, np.random.default_rng(0))[0]
    np.testing.assert_array_equal(out, expected.astype(np.float32) / 255)
    worse = JPEG(5)(image, np.random.default_rng(0))[0]
    assert np.abs(worse - image).mean() > np.abs(out - image).mean() > 0


def test_jpeg_is_for_grey_and_colour():
    with pytest.raises(InputError, match="jpeg: images have 1 or 3 channels, not 2"):
        JPEG(20)(grey(1, 2, 8, 8), np.random.default_rng(0))


def test_steps_are_taken_in_their_order():
    images = np.random.default_rng(0).random((2, 1, 16, 16), dtype=np.float32)
    rng = np.random.default_rng(1)
    expected = GaussianNoise(0.1)(Blur(1.5)(images, rng), rng)
    out = Compose((Blur(1.5), GaussianNoise(0.1)))(images, np.random.default_rng(1))
    np.testing.assert_array_equal(out, expected)


def test_blur_spreads_a_dot_within_its_image_and_channel():
    images = np.zeros((2, 3, 41, 41), np.float32)
    images[1, 2, 20, 20] = 1000  # so that rounding does not matter
    out = Blur(2)(images, np.random.default_rng(0))
    assert not out[0].any()
    assert not out[1, :2].any()
    dot = out[1, 2] / 1000
    distance = np.arange(41) - 20
    assert dot.sum() == pytest.approx(1, abs=1e-4)
    for axis in (0, 1):
        assert (dot.sum(axis) * distance**2).sum() == pytest.approx(4, abs=0.05)  # sigma²


def test_blur_keeps_the_borders_of_an_even_image():
    np.testing.assert_allclose(Blur(2)(grey(1, 1, 8, 8), np.random.default_rng(0)), 0.5, atol=0.002)


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
        *((UnclippedNoise, value) for value in (-0.1, float("nan"))),
        *((Holes, value) for value in (-0.1, 1.1)),
        *((JPEG, value) for value in (0, 101)),
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
        ("noise:25/255", GaussianNoise(25 / 255)),
        ("noise:0-50/255", GaussianNoise((0, 50 / 255))),
        ("noise:0.001-0.5", GaussianNoise((1e-3, 0.5))),
        ("unclipped-noise:15/255", UnclippedNoise(15 / 255)),
        ("blur:0.5-3", Blur((0.5, 3))),
        ("jpeg:10-50", JPEG((10, 50))),
        ("holes:0.3", Holes(0.3)),
        ("blur:1.5+noise:2/255", Compose((Blur(1.5), GaussianNoise(2 / 255)))),
        ("mask:3+holes:0.1+jpeg:9", Compose((MaskBlock(3), Holes(0.1), JPEG(9)))),
    ],
)
def test_parse_and_back(text, expected):
    corruption = parse_corruption(text)
    assert corruption == expected
    assert hash(corruption) == hash(expected)
    assert str(corruption) == text


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_every_text_is_parsed_to_the_same(a, b):
    for corruption in (GaussianNoise(a), GaussianNoise((min(a, b), max(a, b)))):
        assert parse_corruption(str(corruption)) == corruption


def test_kinds_of_noise_are_not_equal():
    assert GaussianNoise(0.1) != UnclippedNoise(0.1)
    assert repr(GaussianNoise(0.1)) == "GaussianNoise(sigma=0.1)"


@pytest.mark.parametrize(
    "text",
    [
        *("", "noise", "noise:", "noise:lots", "fog:1", "mask:2.5", "noise:0.1:0.2"),
        *("noise:-1", "salt-pepper:2", "blur:nan", "mask:0", "noise:25/0", "noise:1/nan", "+"),
        *("noise:0.3-0.1", "noise:0.1-", "noise:-0.1-0.2", "blur:1+", "blur:1+fog:2", "mask:2-5"),
    ],
)
def test_parse_lists_the_forms(text):
    with pytest.raises(InputError) as caught:
        parse_corruption(text)
    message = str(caught.value)
    assert repr(text) in message
    for form in ("noise:SIGMA", "salt-pepper:AMOUNT", "blur:SIGMA", "mask:SIZE", "jpeg:QUALITY"):
        assert form in message
