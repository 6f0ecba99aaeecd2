"""Pictures of any sizes to train on and to test with, from a folder or a dataset of images."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minae.data.dataset import load
from minae.data.folder import SUFFIXES, list_files, say_transparent
from minae.data.kinds import ImageKind
from minae.data.memory import check_room, naming
from minae.data.pictures import luminance, read_picture
from minae.data.sources import data_folder
from minae.errors import InputError, complain

Pictures = list[np.ndarray]  # each uint8 (C, H, W); all have the same C
LARGEST = 1024  # of larger pictures, the middle is taken: there are details enough
#: Picture sets by name: the folders to train on and to test with, below the one of that name.
NAMED = {"bsd": ("train400", "bsd68")}


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures of any sizes, in three parts."""

    name: str
    train: Pictures
    validation: Pictures
    test: Pictures


def load_pictures(name_or_path: str, *, seed: int = 0, validation: int | None = None) -> PictureSet:
    """Load pictures to train on: a folder of them, which may differ in size, or a dataset.

    Of a folder, about 80 / 10 / 10 per cent are for train / validation / test, at least one each,
    after a shuffle by `seed`. `bsd`, from the Berkeley segmentation data set, has 400 grey
    photographs to train on and, as its test part, the 68 on which denoising is usually compared;
    MINAE_DATA has to say where they are. Datasets of images keep their parts.

    Pictures are grey if all are, else coloured. Of those larger than `LARGEST`, the middle is
    taken. `validation` is the number of validation pictures. One that cannot be read is left out,
    with a line on stderr, and transparency is dropped, with one line for all. Raises InputError if
    there are too few, or they do not fit into memory.
    """
    if name_or_path in NAMED:
        folder = _folder_of(name_or_path)
        pool, test = (_read(folder / part) for part in NAMED[name_or_path])
        pool = _shuffled(pool, seed)
    elif os.path.isdir(name_or_path):
        pictures = _shuffled(_read(Path(name_or_path)), seed)
        if len(pictures) < 3:
            raise InputError(
                f"{name_or_path}: holds too few pictures: {len(pictures)}, and at least 3 are"
                " needed to train, validate and test; add more"
            )
        cut = len(pictures) - max(1, round(len(pictures) / 10))
        pool, test = pictures[:cut], pictures[cut:]
    else:
        dataset = load(name_or_path, seed=seed, validation=validation)
        if not isinstance(dataset.kind, ImageKind):
            raise InputError(f"{name_or_path} is a {dataset.kind.name}, and restore takes pictures")
        parts = [dataset.train, dataset.validation, dataset.test]
        pictures = [[np.rint(image * 255).astype(np.uint8) for image in p.images] for p in parts]
        return PictureSet(dataset.name, *pictures)
    size = max(1, round(len(pool) / 10)) if validation is None else validation
    if not 0 <= size < len(pool):
        raise InputError(
            f"{name_or_path}: cannot set aside {size:,} pictures for validation; give a number from"
            f" 0 to {len(pool) - 1:,}, so that one is left to train on"
        )
    channels = max(len(picture) for picture in (*pool, *test))
    pool, test = with_channels(pool, channels), with_channels(test, channels)
    cut = len(pool) - size
    return PictureSet(Path(name_or_path).name, pool[:cut], pool[cut:], test)


def load_others(name_or_path: str, channels: int) -> Pictures:
    """Load pictures to measure a trained model on: all of a folder, or a dataset's test part.

    They get as many channels as the model takes, 1 or 3. Raises InputError as `load_pictures`.
    """
    if name_or_path not in NAMED and os.path.isdir(name_or_path):
        return with_channels(_read(Path(name_or_path)), channels)
    return with_channels(load_pictures(name_or_path).test, channels)


def with_channels(pictures: Pictures, channels: int) -> Pictures:
    """Make all pictures grey (1 channel) or coloured (3)."""
    made = [luminance(picture) if len(picture) > channels else picture for picture in pictures]
    return [np.broadcast_to(picture, (channels, *picture.shape[1:])) for picture in made]


def _folder_of(name: str) -> Path:
    """Return the folder of a picture set by its name."""
    folder = data_folder()
    if folder is None or not all((folder / name / part).is_dir() for part in NAMED[name]):
        parts = " and ".join(NAMED[name])
        raise InputError(
            f"{name} is not downloaded: put it into a folder {name} with {parts}, and set"
            " MINAE_DATA to the folder that this one is in"
        )
    return folder / name


def _shuffled(pictures: Pictures, seed: int) -> Pictures:
    return [pictures[i] for i in np.random.default_rng(seed).permutation(len(pictures))]


def _read(folder: Path) -> Pictures:
    """Read all pictures of a folder and its subfolders, in the order of their paths."""
    pictures, size, transparent = [], 0, 0
    for file in list_files([folder]):
        if file.suffix.lower() not in SUFFIXES:
            continue
        try:
            read = read_picture(file)
        except InputError as error:
            complain(str(error))
            continue
        picture, transparent = read.in_8_bits, transparent + read.is_transparent
        _, H, W = picture.shape
        top, left = max(0, H - LARGEST) // 2, max(0, W - LARGEST) // 2
        pictures.append(picture[:, top : top + LARGEST, left : left + LARGEST].copy())
        size += pictures[-1].size
        if len(pictures) % 100 == 0:
            with naming(folder):
                check_room(size, 1)
    if not pictures:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise InputError(f"{folder}: holds no pictures that can be used; put some there ({kinds})")
    say_transparent(folder, transparent)
    return pictures
