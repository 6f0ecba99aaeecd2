import gzip
import io
import os
import pickle
import struct
import zipfile
from zlib import compress, crc32

import numpy as np
import pytest
from PIL import Image

from minae.data.folder import list_files, read_pictures
from minae.data.readers import read_images
from minae.errors import InputError

rng = np.random.default_rng(0)
GREY = rng.integers(0, 256, (5, 6, 7), dtype=np.uint8)  # (N, H, W)
GREY[0, 0, :2] = 0, 255
COLOUR = rng.integers(0, 256, (5, 3, 6, 7), dtype=np.uint8)  # (N, C, H, W)
SCALED = GREY / 255


def idx_bytes(array, kind=0x08):
    return (
        struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()
    )


def gzipped(content):
    """Without the time of day: these bytes name tests, and every worker must find the same."""
    return gzip.compress(content, mtime=0)


def npz_bytes(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def save_pictures(folder, *arrays, suffix="png", mode=None):
    """Save arrays (H, W) or (H, W, C) as 0.png, 1.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, array in enumerate(arrays):
        picture = Image.fromarray(array)
        (picture.convert(mode) if mode else picture).save(folder / f"{number}.{suffix}")
    return folder


def read_bytes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    return read_images(tmp_path / name)


def assert_images(images, expected):
    """Compare with uint8 images (N, C, H, W)."""
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    np.testing.assert_array_equal(images, (expected / 255).astype(np.float32))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY, GREY[:, None]),
        (GREY[:, None], GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 2, 3, 1), COLOUR),
        (COLOUR[..., :3], COLOUR[..., :3]),  # both axis 1 and the last have size 3: channels first
        (GREY.reshape(5, 42), GREY.reshape(5, 1, 1, 42)),
        (np.asfortranarray(GREY), GREY[:, None]),
    ],
)
@pytest.mark.parametrize("scale", [None, np.float16, np.float32, np.float64])
def test_shapes_and_types(tmp_path, array, expected, scale):
    if scale is not None:
        array = (array / 255).astype(scale)
    images, labels = read_bytes(tmp_path, "a.npy", npy_bytes(array))
    assert labels is None
    if scale is np.float16:
        assert images.shape == expected.shape
        np.testing.assert_allclose(images, expected / 255, atol=5e-4)
    else:
        assert_images(images, expected)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (GREY.astype(np.int64), "values of type int64 are not images; save uint8"),
        (GREY > 127, "values of type bool"),
        (np.array(["a", "b"]), "values of type <U1"),
        (np.full((2, 3), 1j), "values of type complex128"),
        (np.zeros((0, 8, 8)), r"shape \(0, 8, 8\) holds no pixels"),
        (np.zeros((3, 0, 8), np.uint8), r"shape \(3, 0, 8\) holds no pixels"),
        (np.zeros((5, 2, 8, 8)), r"shape \(5, 2, 8, 8\) is none of \(N, H, W\)"),
        (np.zeros((5, 1, 1, 8, 8)), r"shape \(5, 1, 1, 8, 8\) is none of"),
        (np.zeros(5), r"shape \(5,\) is none of"),
        (np.zeros(()), r"shape \(\) is none of"),
        (SCALED * 255, r"values run from 0\.0 to 255\.0, outside \[0, 1\]; scale them"),
        (SCALED - 0.5, r"values run from -0\.5 to 0\.5, outside"),
        (SCALED.astype(np.float32) * np.float32(1.0000001), r"to 1\.0000001192.*, outside"),
    ],
)
def test_unusable_arrays(tmp_path, array, message):
    with pytest.raises(InputError, match=rf"a\.npy: .*{message}"):
        read_bytes(tmp_path, "a.npy", npy_bytes(array))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(tmp_path, value):
    array = SCALED.copy()
    array[1, 2, 3] = array[4, 0, 0] = value
    message = r"2 of 210 values are NaN or infinite, the first at index \(1, 2, 3\)"
    with pytest.raises(InputError, match=message):
        read_bytes(tmp_path, "a.npy", npy_bytes(array))


LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


@pytest.mark.parametrize(
    ("arrays", "labelled"),
    [
        ({"images": GREY, "other": LABELS}, False),
        ({"x": GREY, "other": LABELS}, False),
        ({"anything": GREY}, False),
        ({"images": GREY, "labels": LABELS}, True),
        ({"x": GREY, "y": LABELS}, True),
        ({"anything": GREY, "y": LABELS}, True),
    ],
)
def test_npz_names(tmp_path, arrays, labelled):
    images, labels = read_bytes(tmp_path, "a.npz", npz_bytes(**arrays))
    assert_images(images, GREY[:, None])
    if labelled:
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, LABELS)
    else:
        assert labels is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": GREY, "b": GREY}, r"which array holds the images \(found: a, b\); call it images"),
        ({}, r"\(found: none\)"),
        ({"labels": LABELS}, r"\(found: none\)"),
        ({"images": GREY, "labels": LABELS[:4]}, r"labels of shape \(4,\) .* each of the 5 images"),
        ({"images": GREY, "labels": LABELS[:, None]}, r"labels of shape \(5, 1\)"),
        ({"images": GREY, "labels": LABELS / 2}, "labels of shape .* and type float64"),
        ({"images": GREY, "labels": np.array([*"abcde"], object)}, r"Python objects \(a pickle\)"),
    ],
)
def test_unusable_npz(tmp_path, arrays, message):
    with pytest.raises(InputError, match=rf"a\.npz: .*{message}"):
        read_bytes(tmp_path, "a.npz", npz_bytes(**arrays))


class Bomb:
    """An object that would fail the test if it were unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", npy_bytes(np.array([Bomb()], object)), r"Python objects \(a pickle\)"),
        ("a.npy", pickle.dumps(Bomb()), r"Python objects \(a pickle\) or is not a NumPy file"),
        ("a.npy", npy_bytes(GREY)[:-1], "cut short or damaged"),
        ("a.npy", b"", "cut short or damaged"),
        ("a.npz", npz_bytes(images=GREY)[:200], r"cut short or damaged \(BadZipFile\)"),
        ("a.idx", idx_bytes(GREY)[:-1], "header .* promises 210 values, but 209 are there"),
        ("a.idx", idx_bytes(GREY) + b"?", "header .* promises 210 values, but more are there"),
        ("a.idx", idx_bytes(GREY)[:9], "ends within its header"),
        ("a.idx", idx_bytes(GREY.astype(">i4"), kind=0x0C), "elements of type 0x0C"),
        ("a.idx", b"", "not a kind of file that can be read; give a .npy"),
        ("a.txt", b"some text", "not a kind of file that can be read; give a .npy"),
        ("a.gz", gzipped(idx_bytes(GREY))[:-20], "gzip file is cut short or damaged"),
        ("a.gz", gzipped(b"some text"), "not a kind of file that can be read"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    with pytest.raises(InputError, match=rf"{name}: .*{message}"):
        read_bytes(tmp_path, name, content)


def zip_bytes(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            with archive.open(name, "w") as file:  # without the time of day, see gzipped
                file.write(content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zip_bytes(letter=b"text"), "is a zip file, but not one of arrays; save a plain array"),
        (zip_bytes(**{"images.npy": b"text"}), r"is cut short or damaged \(ValueError\)"),
        (
            zip_bytes(**{"images.npy": npy_bytes(GREY)[:-1]}),
            r"is cut .*header promises 210 bytes, and 209",
        ),
    ],
)
def test_other_zip_files(tmp_path, content, message):
    with pytest.raises(InputError, match=rf"a\.npz: {message}"):
        read_bytes(tmp_path, "a.npz", content)


def test_of_an_npz_only_images_and_labels_are_read(tmp_path):
    more = {"notes.txt": b"text", "more.npy": b"damaged", "images.npy": npy_bytes(GREY)}
    assert_images(read_bytes(tmp_path, "a.npz", zip_bytes(**more))[0], GREY[:, None])


LARGE = np.zeros((1000, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", npy_bytes(LARGE)),
        ("a.npz", npz_bytes(images=LARGE)),
        ("a.gz", gzipped(idx_bytes(LARGE))),
        ("a.idx", idx_bytes(LARGE)),
    ],
)
def test_what_does_not_fit_into_memory_is_not_unpacked(tmp_path, monkeypatch, name, content):
    monkeypatch.setattr("minae.data.memory.available", lambda: 500_000)
    for reader in ("formats.read_array", "np.frombuffer"):
        monkeypatch.setattr(f"minae.data.readers.{reader}", lambda *_, **__: pytest.fail("read"))
    message = rf"{name}: holds 64,000 values, which take [\d.]+ GB of memory, but 0\.0 GB are free"
    with pytest.raises(InputError, match=message):
        read_bytes(tmp_path, name, content)


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


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.idx"])
def test_a_large_array_is_not_called_damaged(tmp_path, monkeypatch, name):
    def full(*_, **__):
        raise MemoryError("Unable to allocate 9 TiB")

    for reader in ("formats.read_array", "np.frombuffer"):
        monkeypatch.setattr(f"minae.data.readers.{reader}", full)
    content = {"a.npy": npy_bytes, "a.idx": idx_bytes}.get(name, lambda a: npz_bytes(images=a))
    with pytest.raises(InputError, match=rf"{name}: too large for .*: Unable to allocate 9 TiB"):
        read_bytes(tmp_path, name, content(GREY))


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


def test_changed_byte_in_npz(tmp_path):
    content = bytearray(npz_bytes(images=GREY))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(InputError, match=r"a\.npz: is cut short or damaged"):
        read_bytes(tmp_path, "a.npz", content)


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
@pytest.mark.parametrize("name", ["images-idx3-ubyte", "images.gz", "images.idx"])
def test_idx(tmp_path, name, compress):
    images, labels = read_bytes(tmp_path, name, compress(idx_bytes(GREY)))
    assert_images(images, GREY[:, None])
    assert labels is None


@pytest.mark.parametrize(
    ("name", "content"), [("A.NPY", npy_bytes(GREY)), ("A.NPZ", npz_bytes(images=GREY))]
)
def test_capital_suffixes(tmp_path, name, content):
    assert_images(read_bytes(tmp_path, name, content)[0], GREY[:, None])


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.npy: cannot be read \(No such file"):
        read_images(tmp_path / "nowhere.npy")


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
    with pytest.raises(InputError, match=r"2\.png is 7x5 pixels but .*0\.png is 7x6; make all"):
        read_images(tmp_path)


@pytest.mark.parametrize("keep", [0, 30, 60])
def test_damaged_picture(tmp_path, keep):
    path = save_pictures(tmp_path, *GREY) / "2.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"2\.png: cannot be read as an image"):
        read_images(tmp_path)


@pytest.mark.parametrize(("dtype", "suffix"), [("u2", "png"), ("i4", "tif"), ("f4", "tif")])
def test_pictures_with_more_than_8_bits(tmp_path, dtype, suffix):
    save_pictures(tmp_path, GREY[0].astype(dtype), suffix=suffix)
    with pytest.raises(InputError, match=r"0\.\w+: has more than 8 bits a channel"):
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


def test_a_palette_with_transparency_of_its_own(tmp_path):
    picture = Image.fromarray(GREY[0]).convert("P")
    picture.save(tmp_path / "0.png", transparency=bytes(range(256)))
    assert_images(read_images(tmp_path)[0], np.stack([GREY[0]] * 3)[None])


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
