"""Read images from files: NumPy's .npy and .npz, idx (MNIST's format), or a folder of pictures.

Every reader ends in `as_images`, the one place that says which arrays are images.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from minae.data.folder import read_folder
from minae.errors import InputError

_UNSIGNED_BYTE = 0x08  # idx's code for the element type of images and labels


def read_images(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a user's images and, if there are any, their labels.

    `path` is a folder of pictures (see `read_folder`), a `.npy` or `.npz` file (see `read_numpy`),
    or else an idx file (see `read_idx`). Returns images (N, C, H, W), float32 in [0, 1], and
    labels (N,), int64 or None. Raises InputError if they cannot be used.
    """
    try:
        if path.is_dir():
            images, labels = read_folder(path)
        elif path.suffix.lower() in (".npy", ".npz"):
            images, labels = read_numpy(path)
        else:
            images, labels = read_idx(path), None
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check path and permissions"
        ) from error
    return as_images(images, path), None if labels is None else as_labels(labels, images, path)


def as_images(array: np.ndarray, path: Path) -> np.ndarray:
    """Turn an array into images (N, C, H, W), float32 in [0, 1].

    Values: uint8 is divided by 255; floating-point values must lie in [0, 1] already.
    Shapes, with C = 1 or 3:

    - (N, H, W): grey images;
    - (N, C, H, W) or (N, H, W, C): if axis 1 has size 1 or 3 it is the channels, even where the
      last axis has such a size too;
    - (N, F): rows of F features, seen as grey images one pixel high, (N, 1, 1, F).

    Raises InputError, naming `path`, for anything else.
    """
    floating = np.issubdtype(array.dtype, np.floating)
    if array.dtype != np.uint8 and not floating:
        raise InputError(
            f"{path}: values of type {array.dtype} are not images; "
            "save uint8 (0 to 255) or floating-point values in [0, 1]"
        )
    if array.size == 0 and array.ndim > 0:
        raise InputError(f"{path}: shape {array.shape} holds no pixels; give at least one image")
    if floating:
        _check_range(array, path)
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
                f"{path}: shape {array.shape} is none of (N, H, W), (N, C, H, W), (N, H, W, C) "
                "with C = 1 or 3, or (N, F); reshape the array before you save it"
            )
    if floating:
        return np.ascontiguousarray(array, dtype=np.float32)
    return np.divide(array, 255, dtype=np.float32, order="C")


def _check_range(array: np.ndarray, path: Path) -> None:
    """Raise InputError unless every value is finite and in [0, 1]."""
    low, high = array.min(), array.max()  # NaN if any value is NaN, and then no comparison holds
    if low >= 0 and high <= 1:
        return
    unusable = np.flatnonzero(~np.isfinite(array))
    if len(unusable):
        first = tuple(int(i) for i in np.unravel_index(unusable[0], array.shape))
        raise InputError(
            f"{path}: {len(unusable):,} of {array.size:,} values are NaN or infinite, the first "
            f"at index {first}; remove or replace them"
        )
    raise InputError(
        f"{path}: values run from {low} to {high}, outside [0, 1]; "
        "scale them into [0, 1], or save uint8 (0 to 255)"
    )


def as_labels(labels: np.ndarray, images: np.ndarray, path: Path) -> np.ndarray:
    """Turn labels into (N,) int64; InputError unless they are whole numbers, one an image."""
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{path}: labels of shape {labels.shape} and type {labels.dtype} do not fit; "
            f"give one whole number for each of the {len(images):,} images"
        )
    return labels.astype(np.int64)


def read_numpy(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the array in a .npy file, or images and labels from a .npz file.

    In a .npz file the images are called `images` or `x`, or are the only array beside the labels;
    the labels, which may be missing, are called `labels` or `y`. Python objects (pickles) are never
    loaded, because opening one can run any code. Raises InputError if the file cannot be used.
    """
    with path.open("rb") as stream:  # np.load does not close a damaged file that it has opened
        try:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded, None
            arrays = {name: loaded[name] for name in loaded.files}
        except Exception as error:  # NumPy and zipfile raise a dozen kinds on a damaged file
            # NumPy says the same of an object array and of a file that is no NumPy file at all.
            if "pickle" in str(error):
                why = "holds Python objects (a pickle) or is not a NumPy file"
            else:
                why = f"is cut short or damaged ({type(error).__name__})"
            raise InputError(
                f"{path}: {why}; save a plain array of numbers with np.save or np.savez"
            ) from error
    labels = next((arrays.pop(name) for name in ("labels", "y") if name in arrays), None)
    key = next((name for name in ("images", "x") if name in arrays), None)
    if key is None and len(arrays) == 1:
        (key,) = arrays
    if key is None:
        names = ", ".join(arrays) or "none"
        raise InputError(
            f"{path}: cannot tell which array holds the images (found: {names}); "
            "call it images, and the labels labels"
        )
    return arrays[key], labels


def read_idx(path: Path) -> np.ndarray:
    """Read an idx file of unsigned bytes, compressed with gzip or not.

    The format, all numbers big-endian: two zero bytes, the element type (0x08 is uint8), the number
    of axes, the size of each axis as uint32, then the elements. Returns a read-only uint8 array
    with 1 to 4 axes. Raises InputError if the file is damaged or holds something else.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    raw = _read_bytes(path)
    if len(raw) < 4 or raw[:2] != b"\0\0" or not 1 <= raw[3] <= 4:
        raise InputError(
            f"{path}: not a kind of file that can be read; "
            "give a .npy, .npz or idx file (.gz or not), or a folder of images"
        )
    if raw[2] != _UNSIGNED_BYTE:
        raise InputError(
            f"{path}: holds idx elements of type 0x{raw[2]:02X}; give a file of uint8 (0x08)"
        )
    axes = raw[3]
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", raw[4:start].ljust(4 * axes, b"\0"))
    if len(raw) != start + math.prod(shape):
        raise InputError(
            f"{path}: has {len(raw):,} bytes, but its header {shape} promises "
            f"{start + math.prod(shape):,}; get the file again"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _read_bytes(path: Path) -> bytes:
    """Return what a file holds, decompressed if it begins as gzip files do, whatever its name."""
    raw = path.read_bytes()
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: the gzip file is cut short or damaged; get it again") from error
