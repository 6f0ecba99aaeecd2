"""Read images from files: NumPy's .npy and .npz, idx (MNIST's format), or a folder of pictures.

Every reader ends in `as_images`, the one place that says which arrays are images. What is wrong
with a file is said without its path, which `naming` puts before it.
"""

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as formats

from minae.data.folder import read_folder
from minae.data.memory import check_room, naming
from minae.data.pictures import check_regular
from minae.errors import InputError

_HEADERS = {(1, 0): formats.read_array_header_1_0, (2, 0): formats.read_array_header_2_0}
_NO_ARRAY = "holds Python objects (a pickle) or is not a NumPy file"
_ADVICE = "save a plain array of numbers with np.save or np.savez"


def read_images(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a user's images and, if there are any, their labels.

    `path` is a folder of pictures (see `read_folder`), a `.npy` or `.npz` file (see `read_numpy`),
    or else an idx file (see `read_idx`). Returns images (N, C, H, W), float32 in [0, 1], and
    labels (N,), int64 or None. Raises InputError if they cannot be used, or do not fit into memory.
    """
    try:
        pictures = read_folder(path) if path.is_dir() else None  # this names the files itself
        with naming(path):
            if pictures:
                images, labels = pictures
            else:
                check_regular(path)
                numpys = path.suffix.lower() in (".npy", ".npz")
                images, labels = read_numpy(path) if numpys else (read_idx(path), None)
            return as_images(images), None if labels is None else as_labels(labels, images)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise InputError(f"{path}: {what}; check path and permissions") from error


def as_images(array: np.ndarray) -> np.ndarray:
    """Turn an array into images (N, C, H, W), float32 in [0, 1], where C is 1 or 3.

    uint8 is divided by 255; floating-point values must be in [0, 1] already. (N, H, W) are grey
    images. Of (N, C, H, W) and (N, H, W, C) it is the first if axis 1 has size 1 or 3, even if the
    last axis has such a size too. (N, F) are rows of F features, taken as grey images one pixel
    high, (N, 1, 1, F). Raises InputError for anything else.
    """
    floating = np.issubdtype(array.dtype, np.floating)
    if array.dtype != np.uint8 and not floating:
        raise InputError(
            f"values of type {array.dtype} are not images; "
            "save uint8 (0 to 255) or floating-point values in [0, 1]"
        )
    if array.size == 0 and array.ndim > 0:
        raise InputError(f"shape {array.shape} holds no pixels; give at least one image")
    if floating:
        _check_range(array)
    match array.ndim, *array.shape[1:]:
        case 2, _:
            array = array[:, None, None, :]  # (N, 1, 1, F)
        case 3, _, _:
            array = array[:, None, :, :]  # (N, 1, H, W)
        case 4, (1 | 3), _, _:
            pass
        case 4, _, _, (1 | 3):
            array = array.transpose(0, 3, 1, 2)  # (N, C, H, W)
        case _:
            raise InputError(
                f"shape {array.shape} is none of (N, H, W), (N, C, H, W), (N, H, W, C) "
                "with C = 1 or 3, or (N, F); reshape the array before you save it"
            )
    if floating:
        return np.ascontiguousarray(array, dtype=np.float32)
    return np.divide(array, 255, dtype=np.float32, order="C")


def _check_range(array: np.ndarray) -> None:
    """Raise InputError unless every value is finite and in [0, 1]."""
    low, high = array.min(), array.max()  # NaN if any value is NaN, and then no comparison holds
    if low >= 0 and high <= 1:
        return
    if len(unusable := np.flatnonzero(~np.isfinite(array))):
        first = tuple(map(int, np.unravel_index(unusable[0], array.shape)))
        raise InputError(
            f"{len(unusable):,} of {array.size:,} values are NaN or infinite, the first "
            f"at index {first}; remove or replace them"
        )
    raise InputError(
        f"values run from {low} to {high}, outside [0, 1]; "
        "scale them into [0, 1], or save uint8 (0 to 255)"
    )


def as_labels(labels: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Turn labels into (N,) int64; InputError unless they are whole numbers, one per image."""
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"labels of shape {labels.shape} and type {labels.dtype} do not fit; "
            f"give one whole number for each of the {len(images):,} images"
        )
    return labels.astype(np.int64)


def read_numpy(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the array in a .npy file, or images and labels from a .npz file.

    In a .npz file the images are called `images` or `x`, or are the only array beside the labels;
    the labels, which may be missing, are called `labels` or `y`. Python objects (pickles) are never
    loaded, because opening one can run arbitrary code. Raises InputError for unusable files.
    """
    with path.open("rb") as stream:
        try:
            start = stream.read(len(formats.MAGIC_PREFIX))
            stream.seek(0)
            if start.startswith(b"PK"):
                with zipfile.ZipFile(stream) as archive:
                    return _read_archive(archive)
            if start and start != formats.MAGIC_PREFIX:
                raise InputError(f"{_NO_ARRAY}; {_ADVICE}")
            return _read_array(stream, path.stat().st_size), None
        except (InputError, MemoryError):
            raise
        except Exception as error:  # NumPy and zipfile raise a dozen kinds on a damaged file
            what = f"is cut short or damaged ({type(error).__name__})"
            raise InputError(f"{what}; {_ADVICE}") from error


def _read_archive(archive: zipfile.ZipFile) -> tuple[np.ndarray, np.ndarray | None]:
    """Read images and labels from a .npz file, and nothing else it may contain."""
    members = archive.infolist()
    files = {m.filename.removesuffix(".npy"): m for m in members if m.filename.endswith(".npy")}
    if members and not files:
        raise InputError(f"is a zip file, but not one of arrays; {_ADVICE}")

    def read(name: str) -> np.ndarray:
        with archive.open(files[name]) as stream:
            return _read_array(stream, files[name].file_size)

    label = next((name for name in ("labels", "y") if name in files), None)
    others = [name for name in files if name != label]
    named = [name for name in ("images", "x") if name in files]
    if not named and len(others) != 1:
        found = f"cannot tell which array holds the images (found: {', '.join(others) or 'none'})"
        raise InputError(f"{found}; call it images, and the labels labels")
    return read([*named, *others][0]), None if label is None else read(label)


def _read_array(stream: IO[bytes], size: int) -> np.ndarray:
    """Read the array of a .npy file of `size` bytes, if that can be as large as its header says."""
    version = formats.read_magic(stream)
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise InputError(f"{_NO_ARRAY}; {_ADVICE}")
    values, there = math.prod(shape), size - stream.tell()
    if not 0 <= (promised := values * dtype.itemsize) <= there:
        counts = f"its header promises {promised:,} bytes, and {there:,} are there"
        raise InputError(f"is cut short or damaged ({counts}); {_ADVICE}")
    check_room(values, dtype.itemsize)
    stream.seek(0)
    return formats.read_array(stream, allow_pickle=False)


def read_idx(path: Path) -> np.ndarray:
    """Read an idx file of unsigned bytes, compressed with gzip or not.

    The format, all numbers big-endian: two zero bytes, the element type (0x08 is uint8), the number
    of axes, the size of each axis as uint32, then the elements (LeCun, Cortes, Burges, "The MNIST
    database of handwritten digits"). Returns a read-only uint8 array with 1 to 4 axes. Raises
    InputError if the file is damaged or holds something else.
    """
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"  # as gzip files begin, whatever their names
        file.seek(0)
        try:
            return _read_idx(gzip.GzipFile(fileobj=file) if compressed else file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError("the gzip file is cut short or damaged; get it again") from error


def _read_idx(stream: IO[bytes] | gzip.GzipFile) -> np.ndarray:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or not 1 <= start[3] <= 4:
        raise InputError(
            "not a kind of file that can be read; give a .npy, .npz or idx file (.gz or not), "
            "a folder of images, or a table or series saved as .csv"
        )
    _, _, kind, axes = start
    if kind != 0x08:
        raise InputError(f"holds idx elements of type 0x{kind:02X}; give a file of uint8 (0x08)")
    sizes = stream.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise InputError("ends within its header; get the file again")
    shape = struct.unpack(f">{axes}I", sizes)
    size = math.prod(shape)
    check_room(size, 1)
    values = stream.read(size + 1)  # one more, to see whether the file ends there
    if len(values) != size:
        there = f"but {len(values):,} are there" if len(values) < size else "but more are there"
        promised = f"its header {shape} promises {size:,} values"
        raise InputError(f"{promised}, {there}; get the file again")
    return np.frombuffer(values, np.uint8).reshape(shape)
