"""Read a folder of pictures, through Pillow."""

from pathlib import Path

import numpy as np

from minae.errors import InputError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_GREY_MODES = ("1", "L", "LA")  # Pillow's names: black and white, grey, grey with transparency


def read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the pictures of a folder, or of its subfolders, one subfolder a class.

    Returns uint8 images (N, C, H, W), ordered by path, and labels: None if the pictures lie in the
    folder itself, else (N,) int64, which number the subfolders in alphabetical order. C is 1 if
    all pictures are grey, else 3. Transparency is dropped; of an animation the first frame is read.
    Hidden files and files of other kinds are passed over.

    Raises InputError if there are no pictures, if they differ in size, if one cannot be read or
    has more than 8 bits a channel, or if they lie both in the folder and in subfolders.
    """
    paths = _pictures(folder)
    nested = sorted(child for child in folder.iterdir() if _visible(child) and child.is_dir())
    classes = [found for found in map(_pictures, nested) if found]
    if not paths and not classes:
        raise InputError(
            f"{folder}: there are no images in this folder or directly in its subfolders; "
            f"put some there ({', '.join(suffix[1:] for suffix in _SUFFIXES)})"
        )
    if paths and classes:
        raise InputError(
            f"{folder}: images lie both in this folder ({paths[0].name}) and in its subfolders "
            f"({classes[0][0].parent.name}/{classes[0][0].name}); use one or the other"
        )
    if paths:
        return _read_all(paths), None
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in classes])
    return _read_all([path for found in classes for path in found]), labels


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES and _visible(path) and path.is_file()
    )


def _read_all(paths: list[Path]) -> np.ndarray:
    """Read pictures of one size into uint8 (N, C, H, W)."""
    pictures = []
    for path in paths:
        picture = _read_picture(path)
        if pictures and picture.shape[1:] != pictures[0].shape[1:]:
            raise InputError(
                f"{path} is {_size(picture)} pixels but {paths[0]} is {_size(pictures[0])}; "
                "make all images one size"
            )
        pictures.append(picture)
    channels = max(len(picture) for picture in pictures)
    # Grey pictures among coloured ones get three equal channels.
    return np.stack([np.broadcast_to(p, (channels, *p.shape[1:])) for p in pictures])


def _size(picture: np.ndarray) -> str:
    _, height, width = picture.shape
    return f"{width}x{height}"


def _read_picture(path: Path) -> np.ndarray:
    """Read one picture into uint8 (1, H, W) if it is grey, else (3, H, W)."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        raise InputError(
            f"{path}: cannot be read as an image ({type(error).__name__}: {error}); "
            "remove it or save it again"
        ) from error
    if image.mode.startswith(("I", "F")):  # Pillow would clip these to 8 bits
        raise InputError(
            f"{path}: has more than 8 bits a channel (mode {image.mode}); save it with 8 bits"
        )
    if image.mode in _GREY_MODES:
        return np.asarray(image.convert("L"))[None]
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
