"""Read pictures with Pillow: a folder of equal ones to train on, or any files for a model."""

import math
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minae.data.memory import check_room, naming
from minae.errors import InputError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_GREY_MODES = ("1", "L", "LA")  # Pillow's names: black and white, grey, grey with transparency


def read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the pictures of a folder, or of its subfolders, each of which is a class.

    Returns uint8 images (N, C, H, W), ordered by path, and labels: None if the pictures are in the
    folder itself, else (N,) int64, which number the subfolders in alphabetical order. C is 1 if
    all pictures are grey, else 3. Transparency is dropped; of an animation the first frame is read.
    Hidden files and files of other kinds are skipped.

    Raises InputError if there are no pictures, if they differ in size, if one cannot be read or
    has more than 8 bits per channel, or if they are both in the folder and in subfolders.
    """
    paths = _pictures(folder)
    classes = [found for child in _children(folder) if (found := _pictures(child))]
    if not paths and not classes:
        raise InputError(
            f"{folder}: there are no images in this folder or directly in its subfolders; "
            f"put some there ({', '.join(suffix[1:] for suffix in _SUFFIXES)})"
        )
    if paths and classes:
        raise InputError(
            f"{folder}: images lie both in this folder ({paths[0].name}) and in its subfolders "
            f"({classes[0][0].relative_to(folder).as_posix()}); use one or the other"
        )
    if paths:
        return _read_all(paths), None
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in classes])
    return _read_all([path for found in classes for path in found]), labels


def picture_names(folder: Path) -> list[str]:
    """Return the names of the pictures of a folder, with those of subfolders, as they are read."""
    found = _pictures(folder) or [p for child in _children(folder) for p in _pictures(child)]
    return [path.relative_to(folder).as_posix() for path in found]


class Outcome(NamedTuple):
    """The result of reading one file."""

    path: Path
    image: np.ndarray | None  # uint8 (C, H, W)
    remark: str | None  # begins with the path; why there is no image, or what the image lacks


def list_files(given: Iterable[Path]) -> list[Path]:
    """Return the given files, with every folder replaced by the files in it and its subfolders.

    Hidden ones are skipped. A folder that is empty or lies deeper is in the list itself.
    """
    files = []
    for path in given:
        for child in _children(path) or [path]:
            files += _children(child) or [child]
    return files


def read_pictures(files: Iterable[Path], image_shape: tuple[int, int, int]) -> Iterator[Outcome]:
    """Read pictures for a model of images (C, H, W); an unusable one does not stop the others.

    Transparency is dropped. For a model of grey images, colours become grey (luminance, ITU-R
    BT.601); for one of colours, a grey picture gets three equal channels.
    """
    for path in files:
        try:
            yield _read_for_model(path, image_shape)
        except InputError as error:
            yield Outcome(path, None, str(error))


def _read_for_model(path: Path, image_shape: tuple[int, int, int]) -> Outcome:
    from PIL import Image

    channels, height, width = image_shape
    with naming(path):
        opened = _open(path)
    picture = _pixels(opened)
    if picture.shape[1:] != (height, width):
        raise InputError(
            f"{path} is {_size(picture)} pixels, but the model takes {width}x{height}; "
            "scale or crop it to that size"
        )
    changes = []
    if np.asarray(opened.convert("RGBA"))[..., 3].min() < 255:
        changes.append("transparency is dropped (if that shows, save it on a background)")
    if len(picture) > channels:
        if (picture != picture[0]).any():
            changes.append("colours become grey, as the model's images are")
        grey = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).convert("L")
        picture = np.asarray(grey)[None]
    remark = f"{path}: {' and '.join(changes)}" if changes else None
    return Outcome(path, np.broadcast_to(picture, image_shape), remark)


def _children(path: Path) -> list[Path]:
    """Return what is in a folder except hidden files; nothing if it is not a folder."""
    if not os.path.isdir(path):
        return []
    return sorted(child for child in path.iterdir() if not child.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    return [p for p in _children(folder) if p.suffix.lower() in _SUFFIXES and p.is_file()]


def _read_all(paths: list[Path]) -> np.ndarray:
    """Read pictures of one size into uint8 (N, C, H, W)."""
    pictures = []
    for path in paths:
        with naming(path):
            picture = _pixels(_open(path))
        pictures.append(picture)
        if picture.shape[1:] != pictures[0].shape[1:]:
            raise InputError(
                f"{path} is {_size(picture)} pixels but {paths[0]} is {_size(pictures[0])}; "
                "make all images one size"
            )
        if len(pictures) == 1:
            with naming(path.parent):
                check_room(len(paths) * picture.size, 1)
    channels = max(len(picture) for picture in pictures)
    with naming(paths[0].parent):
        # grey pictures among coloured ones get three equal channels
        return np.stack([np.broadcast_to(p, (channels, *p.shape[1:])) for p in pictures])


def _size(picture: np.ndarray) -> str:
    _, height, width = picture.shape
    return f"{width}x{height}"


def check_regular(path: Path) -> None:
    """Raise InputError for a pipe or a device: reading it may never end."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError("is a pipe or a device; copy what it gives into a file first")


def _open(path: Path) -> Any:
    """Read a picture of up to 8 bits per channel as Pillow's Image."""
    from PIL import Image, UnidentifiedImageError

    if os.path.isdir(path):
        raise InputError(
            "is a folder that is empty or lies too deep; "
            "give a folder with images in it or directly in its subfolders"
        )
    if not os.path.exists(path):
        raise InputError("there is no such file; check the path")
    check_regular(path)
    try:
        large = Image.DecompressionBombWarning  # which check_room knows better
        with warnings.catch_warnings(action="ignore", category=large), Image.open(path) as image:
            check_room(math.prod(image.size) * len(image.getbands()), 1)
            sixteen_bits = ";16" in str(image.tile)
            image.load()
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise InputError("has too many pixels to be read; give smaller images") from error
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        why = f"{type(error).__name__}: {error}"
        if isinstance(error, UnidentifiedImageError):
            why = "of no known kind, or damaged at its start"
        if not os.path.getsize(path):
            why = "it is empty"
        what = f"cannot be read as an image ({why})"
        raise InputError(f"{what}; remove it or save it again") from error
    # Pillow would clip grey to 8 bits, and cut off the rest of colours
    if sixteen_bits or image.mode.startswith(("I", "F")):
        raise InputError("has more than 8 bits a channel; save it with 8 bits")
    return image


def _pixels(image: Any) -> np.ndarray:
    """Return a picture as uint8 (1, H, W) if it is grey, else (3, H, W)."""
    if image.mode in _GREY_MODES:
        return np.asarray(image.convert("L"))[None]
    if image.mode == "P":  # Pillow warns if a palette with transparency goes straight to RGB
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
