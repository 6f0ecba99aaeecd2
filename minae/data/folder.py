"""Read pictures with Pillow: a folder of equal ones to train on, or any files for a model."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minae.data.memory import check_room, naming
from minae.data.pictures import Picture, luminance, read_picture
from minae.errors import InputError, complain

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the pictures of a folder, or of its subfolders, each of which is a class.

    Returns uint8 images (N, C, H, W), ordered by path, and labels: None if the pictures are in the
    folder itself, else (N,) int64, which number the subfolders in alphabetical order. C is 1 if
    all pictures are grey, else 3. Each is upright, as its EXIF data say. Transparency is dropped,
    with a line on stderr; of an animation the first frame is read. Hidden files and files of other
    kinds are skipped.

    Raises InputError if there are no pictures, if they differ in size, if one cannot be read or
    has more than 8 bits per channel, or if they are both in the folder and in subfolders.
    """
    paths = _pictures(folder)
    classes = [found for child in children(folder) if (found := _pictures(child))]
    if not paths and not classes:
        raise InputError(
            f"{folder}: there are no images in this folder or directly in its subfolders; "
            f"put some there ({', '.join(suffix[1:] for suffix in SUFFIXES)}), or texts (txt, md)"
        )
    if paths and classes:
        raise InputError(
            f"{folder}: images lie both in this folder ({paths[0].name}) and in its subfolders "
            f"({classes[0][0].relative_to(folder).as_posix()}); use one or the other"
        )
    if paths:
        return _read_all(folder, paths), None
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in classes])
    return _read_all(folder, [path for found in classes for path in found]), labels


def picture_names(folder: Path) -> list[str]:
    """Return the names of the pictures of a folder, with those of subfolders, as they are read."""
    found = _pictures(folder) or [p for child in children(folder) for p in _pictures(child)]
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
        for child in children(path) or [path]:
            files += children(child) or [child]
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


def read_8_bits(path: Path) -> Picture:
    """Read a picture of 8 bits a channel. Raises InputError, naming it, if that cannot be."""
    picture = read_picture(path)
    if picture.top > 255:
        raise InputError(f"{path}: has more than 8 bits a channel; save it with 8 bits")
    return picture


def _read_for_model(path: Path, image_shape: tuple[int, int, int]) -> Outcome:
    channels, height, width = image_shape
    picture = read_8_bits(path)
    pixels = picture.pixels
    if pixels.shape[1:] != (height, width):
        raise InputError(
            f"{path} is {picture.size} pixels, but the model takes {width}x{height}; "
            "scale or crop it to that size"
        )
    changes = []
    if picture.is_transparent:
        changes.append("transparency is dropped (if that shows, save it on a background)")
    if len(pixels) > channels:
        if (pixels != pixels[0]).any():
            changes.append("colours become grey, as the model's images are")
        pixels = luminance(pixels)
    remark = f"{path}: {' and '.join(changes)}" if changes else None
    return Outcome(path, np.broadcast_to(pixels, image_shape), remark)


def children(path: Path) -> list[Path]:
    """Return what is in a folder except hidden files; nothing if it is not a folder."""
    if not os.path.isdir(path):
        return []
    return sorted(child for child in path.iterdir() if not child.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    return [p for p in children(folder) if p.suffix.lower() in SUFFIXES and p.is_file()]


def say_transparent(folder: Path, count: int) -> None:
    """Say on stderr of how many pictures of a folder the transparency is dropped, if of any."""
    if count:
        complain(
            f"{folder}: the transparency of {count:,} picture{'s' * (count > 1)} is dropped (if"
            " that shows, save them on a background)"
        )


def _read_all(folder: Path, paths: list[Path]) -> np.ndarray:
    """Read pictures of one size into uint8 (N, C, H, W)."""
    pictures = []
    for path in paths:
        pictures.append(read_8_bits(path))
        first, last = pictures[0], pictures[-1]
        if last.size != first.size:
            raise InputError(
                f"{path} is {last.size} pixels but {paths[0]} is {first.size}; "
                "make all images one size (only `minae train restore` takes pictures of any)"
            )
        if len(pictures) == 1:
            with naming(folder):
                check_room(len(paths) * first.pixels.size, 1)
    say_transparent(folder, sum(picture.is_transparent for picture in pictures))
    pixels = [picture.pixels for picture in pictures]
    channels = max(map(len, pixels))
    with naming(folder):
        # grey pictures among coloured ones get three equal channels
        return np.stack([np.broadcast_to(p, (channels, *p.shape[1:])) for p in pixels])
