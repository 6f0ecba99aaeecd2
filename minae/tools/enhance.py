"""`minae enhance`: a trained model's version of each picture, in a file of its own."""

import shlex
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minae import plots, report
from minae.data.folder import list_files
from minae.data.kinds import ImageKind
from minae.data.pictures import Picture, encode, read_picture
from minae.errors import InputError, complain
from minae.files import write_whole
from minae.tools.images import check_out, reconstruct
from minae.tools.originals import as_table, find_originals, measure, print_measured, read_original
from minae.tools.tiles import apply_in_tiles
from minae.train.runs import Run, check_ensemble

COMPARISON, QUALITY = "comparison.png", "quality.csv"
SHOWN = 6  # pictures in the comparison
DETAIL = 48  # the sides of a detail in it, in pixels
BEYOND = 0.1  # how far a pixel is past black or white, which are 0 and 1, to be a sign of too much
MOST_BEYOND = 0.02  # share of such pixels; of pictures with the very blur that it undoes, 0.0002


def enhance(
    run: Run,
    images: list[Path],
    out: Path,
    overwrite: bool = False,
    strength: float = 1,
    originals: Path | None = None,
    ensemble: bool = False,
) -> bool:
    """Write what the model makes of each picture to `out`, and a comparison; print a summary.

    `images` are pictures and folders of them, which are read, restored and written one by one.
    `strength` times the change that the model makes is made to them: 0 leaves a picture as it is.
    `originals` is a folder of clean pictures of the same names and sizes, to measure against;
    `ensemble` is as in `ResUNet`.

    Returns whether every file could be used; those that could not are named. Raises InputError if
    none can, `out` holds one of them, or a result is there and `overwrite` is not set; OSError if
    one cannot be written; FloatingPointError if the model makes nan or infinite numbers.
    """
    if not 0 <= strength <= 10:
        raise InputError(f"--strength is a number from 0 to 10, not {strength}")
    if not isinstance(run.kind, ImageKind):
        raise InputError(
            f"{run.folder} was trained on data of kind {run.kind.name}: take a run of images"
        )
    if ensemble:
        check_ensemble(run)
    given = list_files(images)
    found = find_originals(originals, given) if originals else None
    check_out(out, [*given, *(found or {}).values()])
    if not overwrite:
        kinds = [f"{path.stem}{suffix}" for path in given for suffix in (".png", ".tif")]
        _check_new([out / name for name in (COMPARISON, *[QUALITY] * bool(originals), *kinds)])
    taken, done, measured, details = {Path(COMPARISON).stem}, 0, [], []
    with report.progress("enhancing", len(given)) as tell:
        for number, path in enumerate(given):
            try:
                picture = _read(run, path)
                restored, beyond = _restore(
                    run, picture, strength, ensemble, lambda part, n=number: tell(n + part)
                )
                suffix, content = encode(restored)
                file = out / _name(path, suffix, taken)
                if not overwrite:
                    _check_new([file])
                write_whole(file, content)
                if beyond > MOST_BEYOND:
                    complain(
                        f"{path}: {beyond:.0%} of its pixels would be blacker than black or whiter"
                        " than white; if it looks overdone, take a smaller --strength, or train for"
                        " what it suffers from, such as --corrupt blur:0-1.5"
                    )
            except InputError as error:
                complain(error)
                continue
            done += 1
            title, views = path.name, {"before": _floats(picture), "after": _floats(restored)}
            if found is not None:
                try:
                    views["original"] = _floats(read_original(path, found, picture))
                    figures = measure(path, found[path.stem], *views.values())
                    title += (
                        f": {figures.psnr_before:.2f} dB before, {figures.psnr_after:.2f} after"
                    )
                    measured.append(figures)
                except InputError as error:
                    complain(error)
            if len(details) < SHOWN:
                details.append(_detail(title, views))
            tell(number + 1)
    if not done:
        raise InputError(f"none of {len(given)} files can be used; give others, or correct these")
    _write_comparison(out / COMPARISON, details)
    wrote = [f"{out}: {done:,} picture{'s' * (done > 1)}", out / COMPARISON]
    if measured:
        table = as_table(measured)
        write_whole(out / QUALITY, table.to_csv(index=False, float_format="%.4f").encode())
        print_measured(table)
        wrote.append(out / QUALITY)
    _say_what_for(run)
    print(f"{done:,} of {len(given):,} file{'s' * (len(given) > 1)} done")
    print("wrote", *wrote, sep="\n  ")
    return done == len(given) and (found is None or len(measured) == done)


def _check_new(files: list[Path]) -> None:
    """Raise InputError if one of the files exists."""
    for file in files:
        if file.exists():
            raise InputError(
                f"{file} is there already: add --overwrite, or name another folder with --out"
            )


def _name(path: Path, suffix: str, taken: set[str]) -> str:
    """Return a result's name, with a number where that is taken, which is printed.

    `taken` are names without suffix; the new one is added.
    """
    name, number = path.stem, 1
    while name.casefold() in taken:  # to some file systems, A.png is a.png
        number += 1
        name = f"{path.stem}-{number}"
    if number > 1:
        complain(f"{path} becomes {name}{suffix}, as {path.stem}{suffix} is taken")
    taken.add(name.casefold())
    return name + suffix


def _read(run: Run, path: Path) -> Picture:
    """Read a picture that the model can take, and say what of its file is not in it."""
    picture = read_picture(path)
    _, height, width = run.image_shape
    if not run.model.any_size and picture.pixels.shape[1:] != (height, width):
        raise InputError(
            f"{path} is {picture.size} pixels, but the model takes {width}x{height}; scale or crop "
            "it to that size, or train a model for pictures of any size: minae train restore"
        )
    for remark in picture.remarks:
        complain(f"{path}: {remark}")
    return picture


def _restore(
    run: Run, picture: Picture, strength: float, ensemble: bool, tell: Callable[[float], None]
) -> tuple[Picture, float]:
    """Return what the model makes of a picture; all but its pixels stays as it is.

    With it comes the share of pixels that are far beyond black or white in it: a model that was
    trained on one blur undoes that of a sharp picture, too, and draws stripes.

    A model of grey images restores each channel of a coloured picture. One of colours is given
    three equal channels for a grey picture, and the mean of those that it returns is the result.
    """
    image, channels = _floats(picture), run.image_shape[0]
    batch = image[None]  # (1, C, H, W)
    if len(image) != channels:
        batch = np.repeat(image[:, None], channels, axis=1)  # (3, 1, H, W) or (1, 3, H, W)
    if run.model.any_size:
        made = apply_in_tiles(run.autoencoder, batch, ensemble, tell)
    else:
        made = reconstruct(run.autoencoder, batch)
    made = made[0] if len(image) == channels else made.mean(axis=1)  # (C, H, W)
    made = image + np.float32(strength) * (made - image)
    beyond = ((made < -BEYOND) | (made > 1 + BEYOND)).mean()
    pixels = np.rint(np.clip(made, 0, 1) * picture.top).astype(picture.pixels.dtype)
    return replace(picture, pixels=pixels), float(beyond)


def _detail(title: str, images: dict[str, np.ndarray]) -> plots.Detail:
    """Choose the part of a picture that shows best what was done to it.

    `images` are (C, H, W), values in [0, 1], by what they are: before, after and perhaps original.
    It is where much has changed and there is much to see: the mean change, times the mean
    difference to a smoothed picture.
    """
    from scipy.ndimage import uniform_filter

    after, before = images["after"], images["before"]
    change, grey = np.abs(after - before).mean(axis=0), after.mean(axis=0)  # (H, W)
    H, W = grey.shape
    h, w = min(DETAIL, H), min(DETAIL, W)
    window: Any = h, w
    fine = np.abs(grey - uniform_filter(grey, 5))
    score = np.prod([uniform_filter(each, window) + 1 / 255 for each in (change, fine)], axis=0)
    inside = score[h // 2 : h // 2 + H - h + 1, w // 2 : w // 2 + W - w + 1]  # by the top left
    top, left = map(int, np.unravel_index(inside.argmax(), inside.shape))
    parts = {
        words: _as_bytes(image[:, top : top + h, left : left + w])
        for words, image in images.items()
    }
    box = top / H, left / W, (top + h) / H, (left + w) / W
    return plots.Detail(title, _reduced(after), box, parts)


def _floats(picture: Picture) -> np.ndarray:
    """Return a picture's pixels as float32 (C, H, W) in [0, 1]."""
    return np.divide(picture.pixels, picture.top, dtype=np.float32)


def _reduced(image: np.ndarray) -> np.ndarray:
    """Return an image (C, H, W) as bytes (h, w, 3), reduced to what the comparison has room for."""
    from PIL import Image

    small = Image.fromarray(_as_bytes(image))
    small.thumbnail((plots.TILE, plots.TILE), Image.Resampling.LANCZOS)
    return np.asarray(small)


def _as_bytes(image: np.ndarray) -> np.ndarray:
    """Return an image (C, H, W), values in [0, 1], as uint8 (H, W, 3)."""
    _, H, W = image.shape
    pixels = np.rint(image * 255).astype(np.uint8).transpose(1, 2, 0)
    return np.ascontiguousarray(np.broadcast_to(pixels, (H, W, 3)))


def _write_comparison(path: Path, details: list[plots.Detail]) -> None:
    with warnings.catch_warnings(action="ignore"):  # a name may have characters without a glyph
        write_whole(path, plots.as_png(plots.details(details)))


def _say_what_for(run: Run) -> None:
    """Print what the model was trained to undo."""
    settings = run.settings
    if settings.corrupt:
        print(f"{run.folder} was trained to undo {settings.corrupt}")
    else:
        complain(
            f"{run.folder} was trained without --corrupt, so it only reconstructs; to train one "
            f"that cleans: minae train {settings.model} --data {shlex.quote(settings.data)} "
            "--corrupt noise:0.3"
        )
