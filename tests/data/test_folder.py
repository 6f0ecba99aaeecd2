"""Pictures: folders of them to train on, and single ones for a model."""

import os
import struct
from zlib import compress, crc32

import numpy as np
import pytest
from PIL import Image

from minae.data.folder import list_files, read_pictures
from minae.data.readers import read_images
from minae.errors import InputError

from .images import COLOUR, GREY, assert_images


def save_pictures(folder, *arrays, suffix="png", mode=None):
    """Save arrays (H, W) or (H, W, C) as 0.png, 1.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, array in enumerate(arrays):
        picture = Image.fromarray(array)
        (picture.convert(mode) if mode else picture).save(folder / f"{number}.{suffix}")
    return folder


def test_large_pictures_are_not_unpacked(tmp_path, monkeypatch):
    save_pictures(tmp_path, *[np.zeros((50, 50), np.uint8)] * 3)
    monkeypatch.setattr("minae.data.memory.available", lambda: 40_000)
    with pytest.raises(InputError, match="holds 7,500 values"):
        read_images(tmp_path)
    monkeypatch.setattr("minae.data.memory.available", lambda: 4_000)
    (outcome, *_) = read_pictures([tmp_path / "0.png"], (1, 50, 50))
    assert "0.png: holds 2,500 values" in outcome.remark


def test_a_picture_that_pillow_takes_for_a_bomb(tmp_path, monkeypatch):
    folder = save_pictures(tmp_path, GREY[0])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY[0].size - 1)  # Pillow warns
    assert read_images(folder)[0].shape == (1, 1, *GREY[0].shape)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY[0].size // 2 - 1)  # and refuses
    with pytest.raises(InputError, match=r"0\.png: has too many pixels to be read"):
        read_images(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.idx", "a.png"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_pipes_and_devices_are_refused(tmp_path, name, make):
    make(tmp_path / name)
    sentence = "is a pipe or a device; copy what it gives into a file first"
    with pytest.raises(InputError, match=rf"{name}: {sentence}"):
        read_images(tmp_path / name)
    (outcome,) = read_pictures([tmp_path / name], (1, 6, 7))
    assert outcome.remark == f"{tmp_path / name}: {sentence}"


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "pgm", "PNG"])
def test_folder_of_grey_pictures(tmp_path, suffix):
    save_pictures(tmp_path, *GREY, suffix=suffix)
    (tmp_path / "readme.txt").write_text("not a picture")
    (tmp_path / "._0.png").write_text("what a Mac leaves behind")
    images, labels = read_images(tmp_path)
    assert_images(images, GREY[:, None])
    assert labels is None


def test_folder_of_jpegs(tmp_path):
    flat = [np.full((8, 8, 3), value, np.uint8) for value in (0, 100, 255)]
    images, _ = read_images(save_pictures(tmp_path, *flat, suffix="jpg"))
    assert images.shape == (3, 3, 8, 8)
    np.testing.assert_allclose(images.mean((1, 2, 3)), [0, 100 / 255, 1], atol=0.01)


def test_grey_pictures_among_coloured_ones_become_coloured(tmp_path):
    colour = COLOUR[1].transpose(1, 2, 0)
    images, _ = read_images(save_pictures(tmp_path, GREY[0], colour))
    assert_images(images, np.stack([np.stack([GREY[0]] * 3), COLOUR[1]]))


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("LA", 1), ("RGBA", 3), ("P", 3), ("CMYK", 3)]
)
def test_picture_modes(tmp_path, mode, channels):
    black_and_white = np.repeat(np.uint8([[0], [255]]), 6, axis=1)  # (2, 6)
    suffix = "tif" if mode == "CMYK" else "png"
    images, _ = read_images(save_pictures(tmp_path, black_and_white, suffix=suffix, mode=mode))
    assert_images(images, np.stack([black_and_white] * channels)[None])


def test_subfolders_are_classes(tmp_path):
    save_pictures(tmp_path / "dog", GREY[3])
    save_pictures(tmp_path / "cat", GREY[0], GREY[1], GREY[2])
    (tmp_path / "empty").mkdir()
    save_pictures(tmp_path / ".hidden", GREY[4])
    images, labels = read_images(tmp_path)
    assert_images(images, GREY[:4, None])
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 0, 0, 1]


def test_pictures_are_upright(tmp_path):
    """Camera and viewer agree: what is stored lying on its side is read as it is shown."""
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise
    Image.fromarray(np.rot90(GREY[0])).save(tmp_path / "0.png", exif=turned)
    assert_images(read_images(tmp_path)[0], GREY[:1, None])
    (outcome,) = read_pictures([tmp_path / "0.png"], (1, 6, 7))
    np.testing.assert_array_equal(outcome.image, GREY[:1])


@pytest.mark.parametrize("nested", [False, True])
def test_folder_without_pictures(tmp_path, nested):
    if nested:  # two levels down is too deep
        save_pictures(tmp_path / "train" / "cat", *GREY)
    with pytest.raises(InputError, match="no images in this folder or directly in its subfolders"):
        read_images(tmp_path)


def test_pictures_both_in_folder_and_subfolders(tmp_path):
    save_pictures(tmp_path, GREY[0])
    save_pictures(tmp_path / "cat", GREY[1])
    with pytest.raises(InputError, match=r"in this folder \(0\.png\) and .* \(cat/0\.png\)"):
        read_images(tmp_path)


def test_pictures_of_two_sizes(tmp_path):
    save_pictures(tmp_path, GREY[0], GREY[1], GREY[2, :5])
    told = r"2\.png is 7x5 pixels but .*0\.png is 7x6; make all images one size.*train restore"
    with pytest.raises(InputError, match=told):
        read_images(tmp_path)


@pytest.mark.parametrize("keep", [0, 30, 60])
def test_damaged_picture(tmp_path, keep):
    path = save_pictures(tmp_path, *GREY) / "2.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"2\.png: cannot be read as an image"):
        read_images(tmp_path)


@pytest.mark.parametrize(
    ("dtype", "suffix", "said"),
    [
        ("u2", "png", "more than 8 bits"),
        ("i4", "tif", "values of neither 8 nor 16 bits"),
        ("f4", "tif", "values of neither 8 nor 16 bits"),
    ],
)
def test_pictures_with_more_than_8_bits(tmp_path, dtype, suffix, said):
    save_pictures(tmp_path, GREY[0].astype(dtype), suffix=suffix)
    with pytest.raises(InputError, match=rf"0\.\w+: has {said} a channel"):
        read_images(tmp_path)


def png_16_bits(colour_type, channels):
    """A PNG of 7x6 pixels with 16 bits a channel, which Pillow can read but not write."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc32(name + data))

    rows = (b"\0" + bytes(2 * 7 * channels)) * 6
    header = struct.pack(">IIBBBBB", 7, 6, 16, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*pair) for pair in chunks)


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_with_16_bits_a_channel(tmp_path, colour_type, channels):
    (tmp_path / "0.png").write_bytes(png_16_bits(colour_type, channels))
    with pytest.raises(InputError, match=r"0\.png: has more than 8 bits a channel"):
        read_images(tmp_path)


def test_a_palette_with_transparency_of_its_own(tmp_path, capsys):
    picture = Image.fromarray(GREY[0]).convert("P")
    picture.save(tmp_path / "0.png", transparency=bytes(range(256)))
    Image.fromarray(GREY[0]).convert("RGBA").save(tmp_path / "1.png")  # opaque
    assert_images(read_images(tmp_path)[0], np.stack([np.stack([GREY[0]] * 3)] * 2))
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"minae: {tmp_path}: the transparency of 1 picture is dropped")


def test_list_files(tmp_path):
    save_pictures(tmp_path / "photos", GREY[0])
    save_pictures(tmp_path / "photos" / "cat", GREY[1])
    save_pictures(tmp_path / "photos" / "cat" / "deep", GREY[2])
    save_pictures(tmp_path / "photos" / ".hidden", GREY[3])
    (tmp_path / "photos" / "empty").mkdir()
    (tmp_path / "photos" / ".DS_Store").write_text("what a Mac leaves behind")
    (tmp_path / "photos" / "notes.txt").write_text("not a picture")
    given = [tmp_path / "nowhere", tmp_path / "photos", tmp_path / "photos" / "cat" / "deep"]
    assert [str(path.relative_to(tmp_path)) for path in list_files(given)] == [
        "nowhere",
        "photos/0.png",
        "photos/cat/0.png",
        "photos/cat/deep",
        "photos/empty",
        "photos/notes.txt",
        "photos/cat/deep/0.png",
    ]


def test_pictures_one_by_one(tmp_path):
    """One that cannot be used does not stop the others, and each is read when it is asked for."""
    save_pictures(tmp_path, *GREY[:3])
    (tmp_path / "1.png").write_bytes(b"")
    outcomes = read_pictures(list_files([tmp_path]), (1, 6, 7))
    first, second = next(outcomes), next(outcomes)
    assert (first.path, first.remark) == (tmp_path / "0.png", None)
    assert first.image.dtype == np.uint8
    np.testing.assert_array_equal(first.image, GREY[0][None])
    assert second.image is None
    sentence = "cannot be read as an image (it is empty); remove it or save it again"
    assert second.remark == f"{tmp_path / '1.png'}: {sentence}"
    (tmp_path / "2.png").unlink()
    (third,) = outcomes
    assert third.image is None
    assert third.remark == f"{tmp_path / '2.png'}: there is no such file; check the path"


@pytest.mark.parametrize(
    ("array", "mode", "channels", "expected", "words"),
    [
        (GREY[0], None, 3, np.stack([GREY[0]] * 3), []),
        (GREY[0], "RGB", 1, GREY[:1], []),
        (GREY[0], "RGBA", 1, GREY[:1], []),  # opaque
        (GREY[0], "1", 1, np.where(GREY[:1] > 127, 255, 0), []),
        (np.full((6, 7, 2), 90, np.uint8), None, 1, np.full((1, 6, 7), 90), ["transparency"]),
        (np.full((6, 7, 4), 90, np.uint8), None, 3, np.full((3, 6, 7), 90), ["transparency"]),
        (np.full((6, 7, 3), (255, 0, 0), np.uint8), None, 1, np.full((1, 6, 7), 76), ["colours"]),
        (
            np.full((6, 7, 4), (0, 255, 0, 3), np.uint8),
            None,
            1,
            np.full((1, 6, 7), 150),
            ["transparency", "colours"],
        ),
    ],
)
def test_pictures_are_fitted_to_the_model(tmp_path, array, mode, channels, expected, words):
    picture = Image.fromarray(array)
    if mode == "1":
        picture = picture.point(lambda value: 255 * (value > 127)).convert("1")
    elif mode:
        picture = picture.convert(mode)
    picture.save(tmp_path / "0.png")
    (outcome,) = read_pictures([tmp_path / "0.png"], (channels, 6, 7))
    np.testing.assert_array_equal(outcome.image, expected)
    told = [word for word in ("transparency", "colours") if word in (outcome.remark or "")]
    assert told == words
