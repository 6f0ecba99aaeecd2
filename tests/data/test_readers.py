"""Images in NumPy's formats and in idx: what can be read, and why the rest is refused."""

import gzip
import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from minae.data.readers import read_images
from minae.errors import InputError

from .images import COLOUR, GREY, assert_images

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


def read_bytes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    return read_images(tmp_path / name)


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


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.idx"])
def test_a_large_array_is_not_called_damaged(tmp_path, monkeypatch, name):
    def full(*_, **__):
        raise MemoryError("Unable to allocate 9 TiB")

    for reader in ("formats.read_array", "np.frombuffer"):
        monkeypatch.setattr(f"minae.data.readers.{reader}", full)
    content = {"a.npy": npy_bytes, "a.idx": idx_bytes}.get(name, lambda a: npz_bytes(images=a))
    with pytest.raises(InputError, match=rf"{name}: too large for .*: Unable to allocate 9 TiB"):
        read_bytes(tmp_path, name, content(GREY))


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
