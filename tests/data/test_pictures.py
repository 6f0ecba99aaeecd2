"""A picture read with all that is to be kept of it, and written again without loss."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from minae.data.pictures import encode, luminance, read_picture
from minae.errors import InputError

from .images import COLOUR, GREY

DEEP = np.random.default_rng(1).integers(0, 65536, (4, 6, 7), dtype=np.uint16)  # (C, H, W)
DESCRIBED = {0x010F: "maker", 0x0132: "2020:01:02 03:04:05"}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation):
    made = Image.Exif()
    for tag, value in DESCRIBED.items():
        made[tag] = value
    made.get_ifd(0x8769)[0x9004] = "2020:01:02 03:04:06"  # when it was digitised
    made[0x0112] = orientation
    return made


def rewritten(path, picture):
    """Write a picture with the suffix that fits, and read it again."""
    suffix, content = encode(picture)
    path = path.with_name("result" + suffix)
    path.write_bytes(content)
    return read_picture(path)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
def test_pictures_are_upright(tmp_path, suffix, orientation):
    """Our turning is Pillow's, and what is written says of no orientation."""
    from PIL import ImageOps

    path = tmp_path / f"0.{suffix}"
    Image.fromarray(COLOUR[0].transpose(1, 2, 0)).save(path, exif=exif(orientation))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, expected.transpose(2, 0, 1))
    assert picture.size == ("7x6" if orientation < 5 else "6x7")
    with Image.open(io.BytesIO(encode(picture)[1])) as image:
        assert 0x0112 not in image.getexif()
        np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_is_no_orientation(tmp_path, orientation):
    Image.fromarray(GREY[0]).save(tmp_path / "0.png", exif=exif(orientation))
    np.testing.assert_array_equal(read_picture(tmp_path / "0.png").pixels, GREY[:1])


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_exif_data_and_colour_profile_are_kept(tmp_path, suffix):
    path = tmp_path / f"0.{suffix}"
    image = Image.fromarray(COLOUR[0].transpose(1, 2, 0))
    image.save(path, exif=exif(6), icc_profile=PROFILE, dpi=(300, 300))
    with Image.open(io.BytesIO(encode(read_picture(path))[1])) as result:
        result.load()
        assert result.info["icc_profile"] == PROFILE
        assert result.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        found = result.getexif()
        assert {tag: found[tag] for tag in DESCRIBED} == DESCRIBED
        if suffix != "tif":  # in which Pillow does not write it
            assert found.get_ifd(0x8769)[0x9004] == "2020:01:02 03:04:06"
        assert 0x0111 not in found  # where a TIFF's pixels are


@pytest.mark.parametrize("block", [b"", b"x", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"])
def test_damaged_exif_data_are_left_out(tmp_path, block):
    Image.fromarray(GREY[0]).save(tmp_path / "0.jpg", exif=b"Exif\0\0" + block)
    assert read_picture(tmp_path / "0.jpg").size == "7x6"


@pytest.mark.parametrize(
    ("mode", "channels", "alpha"),
    [
        ("1", 1, False),
        ("L", 1, False),
        ("LA", 1, True),
        ("P", 3, False),
        ("RGB", 3, False),
        ("RGBA", 3, True),
        ("CMYK", 3, False),
        ("YCbCr", 3, False),
    ],
)
def test_modes(tmp_path, mode, channels, alpha):
    black_and_white = np.repeat(np.uint8([[0], [255]]), 6, axis=1)  # (2, 6)
    path = tmp_path / ("0.tif" if mode in ("CMYK", "YCbCr") else "0.png")
    Image.fromarray(black_and_white).convert(mode).save(path)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, np.stack([black_and_white] * channels))
    assert (picture.alpha is not None) == alpha
    again = rewritten(path, picture)
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert (again.alpha is not None) == alpha
    assert bool(picture.remarks) == (mode == "CMYK")


def test_a_colour_that_stands_for_transparent(tmp_path):
    Image.fromarray(GREY[0]).convert("P").save(tmp_path / "0.gif", transparency=int(GREY[0, 2, 3]))
    picture = read_picture(tmp_path / "0.gif")
    np.testing.assert_array_equal(picture.alpha == 0, GREY[0] == GREY[0, 2, 3])


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_grey_of_16_bits(tmp_path, suffix):
    path = tmp_path / f"0.{suffix}"
    Image.fromarray(DEEP[0]).save(path)
    picture = read_picture(path)
    assert (picture.pixels.dtype, picture.top) == (np.uint16, 65535)
    np.testing.assert_array_equal(picture.pixels, DEEP[:1])
    assert encode(picture)[0] == ".png"
    np.testing.assert_array_equal(rewritten(path, picture).pixels, DEEP[:1])


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_16_bits(tmp_path, channels, planes, orientation):
    path, stored = tmp_path / "0.tif", DEEP[:channels]
    stored = np.rot90(stored, axes=(1, 2)) if orientation == 6 else stored
    stored = stored if planes == "separate" else stored.transpose(1, 2, 0)
    how = {"photometric": "rgb", "planarconfig": planes, "iccprofile": PROFILE}
    how["extratags"] = [(0x0112, "H", 1, orientation, True)]
    tifffile.imwrite(path, stored, extrasamples=["unassalpha"] * (channels - 3), **how)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, DEEP[:3])
    assert encode(picture)[0] == ".tif"
    again = rewritten(path, picture)
    assert again.extras["icc_profile"] == PROFILE
    for each in (picture, again):
        np.testing.assert_array_equal(each.pixels, DEEP[:3])
        assert (each.alpha is None) == (channels == 3)
        if channels == 4:
            np.testing.assert_array_equal(each.alpha, DEEP[3])


def ppm(path):
    path.write_bytes(b"P6 2 2 65535\n" + bytes(24))


def signed(path):
    tifffile.imwrite(path, DEEP[0].astype(np.int16))


def of_inks(path):
    tifffile.imwrite(path, DEEP.transpose(1, 2, 0), photometric="separated")


def of_12_bits(path):
    tifffile.imwrite(path, DEEP[0])
    content = bytearray(path.read_bytes())
    place = content.index(b"\x02\x01\x03\x00\x01\x00\x00\x00\x10\x00")  # BitsPerSample, one of 16
    content[place + 8] = 12
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (ppm, "0.ppm", "more than 8 bits a channel, which is read of grey pictures and TIFFs"),
        (signed, "0.tif", "values of neither 8 nor 16 bits"),
        (of_inks, "0.tif", "16 bits a channel, but not of red, green and blue"),
        (of_12_bits, "0.tif", "values of neither 8 nor 16 bits"),
    ],
)
def test_bits_that_would_be_cut_off_are_refused(tmp_path, make, name, said):
    make(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}: has {said}"):
        read_picture(tmp_path / name)


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp"])
def test_of_several_frames_the_first_is_taken(tmp_path, suffix):
    first, *others = (Image.fromarray(image) for image in (GREY[0] // 2, GREY[1], GREY[2]))
    how = {"lossless": True} if suffix == "webp" else {}
    first.save(tmp_path / f"0.{suffix}", save_all=True, append_images=others, **how)
    picture = read_picture(tmp_path / f"0.{suffix}")
    np.testing.assert_array_equal(picture.pixels[0], GREY[0] // 2)
    assert picture.remarks == ["of its 3 frames the first is taken"]


def test_luminance():
    primaries = np.eye(3, dtype=np.float32)[:, None]  # (3, 1, 3): a red, a green, a blue pixel
    np.testing.assert_allclose(luminance(primaries), [[[0.299, 0.587, 0.114]]])
