"""Pictures through a trained model, each into a file of its own: what `minae enhance` does."""

import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np

from minae import plots
from minae.data.folder import Outcome, read_pictures
from minae.errors import InputError, complain
from minae.files import write_together
from minae.grad_mode import no_grad
from minae.models import Autoencoder
from minae.tensor import Tensor
from minae.train import runs

BATCH = 128
COMPARISON, SHOWN = "comparison.png", 10


def open_run(run: Path) -> tuple[Autoencoder, dict]:
    """Return the best model of a run, one that needs images alone, and its metadata.

    Raises:
        InputError: the folder holds no run, or its model needs labels.
    """
    model, metadata = runs.load_run(run)
    if getattr(model, "conditional", False):
        raise InputError(
            f"{run} holds a {metadata['model']}, which rebuilds an image only with its label; "
            "take a run of another model"
        )
    return model, metadata


@no_grad()
def reconstruct(model: Autoencoder, images: np.ndarray) -> np.ndarray:
    """Return what the model makes of images (N, C, H, W), a batch at a time.

    Raises:
        FloatingPointError: that is nan or infinite.
    """
    starts = range(0, len(images), BATCH)
    with np.errstate(all="ignore"):  # said below, once
        outputs = [model(Tensor(images[i : i + BATCH])).numpy() for i in starts]
    return runs.finite(np.concatenate(outputs))


def read_usable(files: list[Path], image_shape: tuple[int, int, int]) -> list[Outcome]:
    """Read the pictures that a model for images (C, H, W) can take; print all remarks to stderr.

    Raises:
        InputError: there is none.
    """
    usable = []
    for outcome in read_pictures(files, image_shape):
        if outcome.remark:
            complain(outcome.remark)
        if outcome.image is not None:
            usable.append(outcome)
    if not usable:
        raise InputError(f"none of {len(files)} files can be used; give others, or correct these")
    return usable


def as_batch(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Return pictures, uint8 (C, H, W), as a model takes them: float32 (N, C, H, W) in [0, 1]."""
    return np.divide(np.stack(list(pictures)), 255, dtype=np.float32)


def check_folder(out: Path, originals: list[Path]) -> None:
    """Raise InputError if `out` is no folder, or if one of the originals lies in it."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder with --out")
    real = os.path.realpath  # unlike Path.resolve, never raises
    for path in originals:
        if real(out) in (real(path.parent), os.path.dirname(real(path))):
            raise InputError(
                f"{out} holds {path.name}, which is to be read: name another folder with --out"
            )


def enhance(model: Autoencoder, pictures: list[Outcome], out: Path, overwrite: bool) -> Path:
    """Write what the model makes of each picture to `out`, and a comparison; return the latter.

    All files are written or, if one cannot be, none.

    Raises:
        InputError: one of the files is there and is not to be overwritten.
        FloatingPointError: the model makes nan or infinite numbers of the pictures.
        OSError: a file cannot be written.
    """
    files = [out / name for name in _names(pictures)]
    comparison = out / COMPARISON
    there = [file for file in [*files, comparison] if file.exists()]
    if there and not overwrite:
        raise InputError(
            f"{there[0]} is there already: add --overwrite, or name another folder with --out"
        )
    contents = {}
    for start in range(0, len(files), BATCH):
        rows = slice(start, start + BATCH)
        before = as_batch(picture.image for picture in pictures[rows])
        after = reconstruct(model, before)
        if start == 0:
            shown = {"before": before[:SHOWN], "after": after[:SHOWN]}
            contents[comparison] = plots.as_png(plots.strips(shown))
        contents |= zip(files[rows], map(_png, after), strict=True)
    write_together(contents)
    return comparison


def _names(pictures: list[Outcome]) -> list[str]:
    """Name a PNG after each picture, with a number where that name is taken, which is printed."""
    taken, names = {COMPARISON}, []
    for path in (picture.path for picture in pictures):
        name, number = f"{path.stem}.png", 1
        while name.casefold() in taken:  # to some file systems, A.png is a.png
            number += 1
            name = f"{path.stem}-{number}.png"
        if number > 1:
            complain(f"{path} becomes {name}, as {path.stem}.png is taken")
        taken.add(name.casefold())
        names.append(name)
    return names


def _png(image: np.ndarray) -> bytes:
    """Return an image (C, H, W), values in [0, 1], as a PNG file of 8 bits."""
    from PIL import Image

    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    pixels = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    Image.fromarray(pixels).save(content := BytesIO(), format="PNG")
    return content.getvalue()
