"""A user's pictures and a model: those that it can take, and what it makes of them."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from minae.data import Loader, Ragged
from minae.data.folder import read_pictures
from minae.errors import InputError, complain
from minae.files import check_folder
from minae.grad_mode import no_grad
from minae.models import Autoencoder
from minae.tensor import Tensor
from minae.train.runs import Run, load_run
from minae.train.state import Rows

BATCH = 128
TEXTS, TOKENS = 512, 8192  # of a batch, at most, but one text
NAMED = 3  # pictures that are changed in the same way


def open_run(folder: Path) -> Run:
    """Return a run. Raises InputError if the folder holds none, or its model needs labels."""
    run = load_run(folder)
    if run.model.conditional:
        raise InputError(
            f"{folder} holds a {run.settings.model}, which rebuilds an image only with its label; "
            "take a run of another model"
        )
    return run


def check_out(out: Path, originals: list[Path]) -> None:
    """Raise InputError unless `out` is a folder, or can be made one, with no original in it."""
    check_folder(out)
    real = os.path.realpath  # unlike Path.resolve, never raises
    for path in originals:
        if real(out) in (real(path.parent), os.path.dirname(real(path))):
            raise InputError(
                f"{out} holds {path.name}, which is to be read: name another folder with --out"
            )


def read_usable(files: list[Path], shape: tuple[int, int, int]) -> list[tuple[Path, np.ndarray]]:
    """Return the pictures that a model for images (C, H, W) can take, uint8, with their paths.

    What cannot be used is named on stderr. So is what is changed, but of many that are changed in
    the same way, NAMED. Raises InputError if there is no such picture.
    """
    usable, changes = [], Counter()
    for outcome in read_pictures(files, shape):
        if outcome.image is None:
            complain(outcome.remark)
            continue
        usable.append((outcome.path, outcome.image))
        if outcome.remark:
            change = outcome.remark.removeprefix(f"{outcome.path}: ")
            changes[change] += 1
            if changes[change] <= NAMED:
                complain(outcome.remark)
    for change, count in changes.items():
        if count > NAMED:
            complain(f"{count - NAMED:,} more pictures: {change}")
    if not usable:
        raise InputError(f"none of {len(files)} files can be used; give others, or correct these")
    return usable


def as_batch(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Return pictures, uint8 (C, H, W), as a model takes them: float32 (N, C, H, W) in [0, 1]."""
    return np.divide(np.stack(list(pictures)), 255, dtype=np.float32)


def reconstruct(model: Autoencoder, *inputs: np.ndarray) -> np.ndarray:
    """Return what the model makes of images (N, C, H, W), and labels if it takes them.

    Raises FloatingPointError if some of it is nan or infinite.
    """
    return in_batches(model, *inputs)


@no_grad()
@np.errstate(all="ignore")  # what is nan or infinite is said once, by `finite`
def in_batches(function: Callable[..., Tensor], *inputs: Rows) -> np.ndarray:
    """Return a function of rows, such as a model or its `codes`, for arrays (N, ...): (N, ...).

    Raises FloatingPointError if some of it is nan or infinite.
    """
    first, *_ = inputs
    if isinstance(first, Ragged):
        pairs = [(rows, function(Tensor(ids)).numpy()) for rows, ids in by_length(first)]
        order, results = map(np.concatenate, zip(*pairs, strict=True))
        return finite(results[np.argsort(order)])
    loader = Loader(*inputs, batch_size=BATCH, shuffle=False)
    return finite(np.concatenate([function(*map(Tensor, b)).numpy() for b in loader.epoch(0)]))


def by_length(texts: Ragged) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches of texts of similar length, so that little is padded: their indices, their ids.

    Indices are (n,), ids (n, L).
    """
    order = np.argsort(texts.lengths, kind="stable")
    lengths, start = texts.lengths[order], 0
    while start < len(order):
        longest = lengths[start : start + TEXTS]  # of the texts up to each
        fits = longest * np.arange(1, len(longest) + 1) <= TOKENS
        rows = order[start : start + max(1, int(fits.sum()))]
        yield rows, texts[rows].padded()
        start += len(rows)


def finite(images: np.ndarray) -> np.ndarray:
    """Return what a model made. Raises FloatingPointError if some of it is nan or infinite."""
    if not np.isfinite(images).all():
        raise FloatingPointError("the model makes nan or infinite numbers: train again")
    return images
