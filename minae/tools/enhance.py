"""`minae enhance`: a trained model's version of each picture, in a file of its own."""

import shlex
from io import BytesIO
from pathlib import Path

import numpy as np

from minae import plots
from minae.data.folder import list_files
from minae.errors import InputError, complain
from minae.files import write_together
from minae.tools.images import BATCH, as_batch, check_out, read_usable, reconstruct
from minae.train.runs import Run

COMPARISON, SHOWN = "comparison.png", 10


def enhance(run: Run, images: list[Path], out: Path, overwrite: bool) -> bool:
    """Write what the model makes of each picture to `out`, and a comparison; print a summary.

    The model needs images alone; `images` are pictures and folders of them. All files are written
    or, if one cannot be, none. Returns whether all pictures could be used. Raises InputError if
    none can, `out` holds one of them, or a file exists already and `overwrite` is not set, and
    FloatingPointError if the model makes nan or infinite numbers of them.
    """
    given = list_files(images)
    check_out(out, given)
    pictures = read_usable(given, run.image_shape)
    files = [out / name for name in _names([path for path, _ in pictures])]
    comparison = out / COMPARISON
    there = [file for file in [*files, comparison] if file.exists()]
    if there and not overwrite:
        raise InputError(
            f"{there[0]} is there already: add --overwrite, or name another folder with --out"
        )
    contents = {}
    for start in range(0, len(files), BATCH):
        rows = slice(start, start + BATCH)
        before = as_batch(image for _, image in pictures[rows])
        after = reconstruct(run.model, before)
        if start == 0:
            shown = {"before": before[:SHOWN], "after": after[:SHOWN]}
            contents[comparison] = plots.as_png(plots.strips(shown))
        contents |= zip(files[rows], map(_png, after), strict=True)
    write_together(contents)
    settings = run.settings
    if settings.corrupt:
        print(f"{run.folder} was trained to undo {settings.corrupt}")
    else:
        complain(
            f"{run.folder} was trained without --corrupt, so it only reconstructs; to train one "
            f"that cleans: minae train {settings.model} --data {shlex.quote(settings.data)} "
            "--corrupt noise:0.3"
        )
    print(f"{len(pictures):,} of {len(given):,} files done")
    print("wrote", f"{out}: {len(pictures):,} pictures", comparison, sep="\n  ")
    return len(pictures) == len(given)


def _names(paths: list[Path]) -> list[str]:
    """Name a PNG after each picture, with a number where that name is taken, which is printed."""
    taken, names = {COMPARISON}, []
    for path in paths:
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
