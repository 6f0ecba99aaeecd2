"""Pictures measured against clean ones of the same name: PSNR and SSIM, before and after."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minae import metrics, report
from minae.data.folder import SUFFIXES, list_files
from minae.data.pictures import Picture, luminance, read_picture
from minae.errors import InputError, printable

if TYPE_CHECKING:
    import pandas as pd

LISTED = 20  # rows on the terminal


@dataclass
class Measured:
    """How near a picture is to its original: PSNR in dB, and SSIM, nan where it is too small."""

    picture: str
    original: str
    psnr_before: float
    psnr_after: float
    ssim_before: float
    ssim_after: float


def find_originals(folder: Path, pictures: list[Path]) -> dict[str, Path]:
    """Return the pictures in a folder and its subfolders by their names without suffix.

    Raises InputError if it is no folder, two have one name, or none has that of one of `pictures`.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give one of clean pictures to --originals")
    originals: dict[str, Path] = {}
    for path in list_files([folder]):
        if path.suffix.lower() in SUFFIXES and originals.setdefault(path.stem, path) != path:
            raise InputError(
                f"{originals[path.stem]} and {path} would be originals of the same picture: "
                "keep one of them there"
            )
    if not any(path.stem in originals for path in pictures):
        wanted = f", such as {pictures[0].stem}.png" if pictures else ""
        raise InputError(
            f"{folder} holds no picture with the name of one of those given{wanted}: add the"
            " originals, or leave out --originals"
        )
    return originals


def read_original(path: Path, originals: dict[str, Path], picture: Picture) -> Picture:
    """Read a picture's original. Raises InputError if there is none, or it cannot be used."""
    if path.stem not in originals:
        raise InputError(f"{path}: there is no original of that name, so it is not measured")
    original = read_picture(originals[path.stem])
    if original.size != picture.size:
        raise InputError(
            f"{originals[path.stem]} is {original.size} pixels, but {path} is {picture.size}: give "
            "an original of the same size"
        )
    return original


def measure(
    path: Path, original: Path, before: np.ndarray, after: np.ndarray, clean: np.ndarray
) -> Measured:
    """Measure images (C, H, W), values in [0, 1]; all as grey if only some are coloured."""
    images = [before, after, clean]
    if len(clean) != len(before):
        images = [luminance(image) if len(image) == 3 else image for image in images]
    *ours, clean = images
    psnr = [metrics.psnr(image[None], clean[None]) for image in ours]
    ssim = [metrics.ssim(image, clean) for image in ours]
    return Measured(_text(path), _text(original), *psnr, *ssim)


def _text(path: Path) -> str:
    """Return a path as text that can be written, also where it is not UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def as_table(measured: list[Measured]) -> "pd.DataFrame":
    """Return the figures as a table: a row for each picture, then the mean."""
    import pandas as pd

    table = pd.DataFrame(measured)
    table.loc[len(table)] = {"picture": "mean", "original": "", **table.mean(numeric_only=True)}
    return table


def print_measured(table: "pd.DataFrame") -> None:
    """Print the figures of the first pictures, and the mean of all."""
    *rows, mean = table.drop(columns="original").itertuples(index=False, name=None)
    more = [(f"… {len(rows) - LISTED:,} more", *[""] * 4)] if len(rows) > LISTED else []
    rows = [(printable(Path(name).name), *figures) for name, *figures in rows[:LISTED]]
    mean = (f"mean of {len(table) - 1:,}", *mean[1:])
    header = ("", "PSNR before", "after", "SSIM before", "after")
    report.print_table(header, [*rows, *more, mean])
