"""Spectrograms of sounds, side by side, with seconds and hertz."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minae.plots.style import make_axes, plain, styled

ACROSS = 5  # sounds in a line
WIDTH, HEIGHT = 1.45, 1.0  # of a spectrogram, in inches
MARKS = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)  # Hz


@styled
def spectrograms(
    rows: dict[str, np.ndarray],
    names: Sequence[str],
    frequencies: np.ndarray,
    seconds: float,
    title: str = "",
    unit: str = "dB",
    framed: Sequence[tuple[int, int, int, int]] = (),
) -> Figure:
    """Draw spectrograms, a column for each sound, and a row for each of `rows`, all on one scale.

    Each of the rows is (N, M, T): N sounds, M bands from the lowest, T frames. `names` are those of
    the sounds, `frequencies` (M,) the bands' middles in Hz, and `seconds` is how long T frames are.
    At most five sounds stand beside each other; further ones below. `framed` are, for each sound,
    the first and last frame and the first and last band of a part that gets a frame.
    """
    shapes = {array.shape for array in rows.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise ValueError(f"all spectrograms must have one shape (N, M, T), not {sorted(shapes)}")
    ((N, M, _),) = shapes
    blocks = -(-N // ACROSS)
    across = -(-N // blocks)
    gap, above, below = 0.1, 0.2, 0.4
    block = above + len(rows) * (HEIGHT + gap) + below
    width = across * (WIDTH + gap)
    outer = make_axes(width, blocks * block, title, left=0.95, right=0.95, bottom=0.05)
    outer.axis("off")
    figure, box = outer.figure, outer.get_position()
    W, H = figure.get_size_inches()
    values = list(rows.values())
    low, high = (float(extreme(values)) for extreme in (np.min, np.max))
    marks, places = _marks(frequencies)
    image = None
    for i in range(N):
        line, column = divmod(i, across)
        for row, (name, array) in enumerate(rows.items()):
            left = box.x0 + column * (WIDTH + gap) / W
            top = box.y1 - (line * block + above + row * (HEIGHT + gap)) / H
            axes = figure.add_axes((left, top - HEIGHT / H, WIDTH / W, HEIGHT / H))
            extent = (0, seconds, 0, M)
            look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "vmin": low, "vmax": high}
            image = axes.imshow(array[i], extent=extent, interpolation="nearest", **look)
            if framed:
                _frame(axes, framed[i], seconds / array.shape[2])
            axes.set_yticks(M * places, [f"{hz:,}" for hz in marks] if column == 0 else [])
            axes.tick_params(labelsize=7, length=2)
            axes.locator_params(axis="x", nbins=3)
            axes.tick_params(labelbottom=column == 0 and row == len(rows) - 1)
            if row == 0:
                axes.set_title(_cut(names[i]), fontsize=8, loc="left", pad=3)
            if column == 0:
                axes.set_ylabel(f"{name}\nHz" if name else "Hz", fontsize=8)
            if column == 0 and row == len(rows) - 1:
                axes.set_xlabel("seconds", fontsize=8, labelpad=1)
    bar = figure.add_axes(
        (1 - 0.75 / W, box.y0 + below / H, 0.12 / W, min(2.1, block - above - below - gap) / H)
    )
    figure.colorbar(image, cax=bar).set_label(unit, fontsize=8)
    bar.tick_params(labelsize=7)
    return figure


def _frame(axes: Any, part: tuple[int, int, int, int], step: float) -> None:
    """Draw a frame around frames and bands, first and last of each; `step` is the frames' hop."""
    first, last, low, high = part
    size = (last + 1 - first) * step, high + 1 - low
    axes.add_patch(Rectangle((first * step, low), *size, fill=False, edgecolor="#7fffd4"))


def _marks(frequencies: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Return the MARKS among frequencies (M,) that have room, and their heights from 0 to 1."""
    inside = [hz for hz in MARKS if frequencies[0] <= hz <= frequencies[-1]]
    heights = (np.interp(inside, frequencies, np.arange(len(frequencies))) + 0.5) / len(frequencies)
    chosen = []
    for i, height in enumerate(heights):
        if not chosen or height - heights[chosen[-1]] > 0.12:
            chosen.append(i)
    return [inside[i] for i in chosen], heights[chosen]


def _cut(name: str) -> str:
    """Return a name without its middle if it is too long for its column: what is said first stays.

    So does the end, which names the file, or the second at which a piece begins.
    """
    return plain(name if len(name) <= 20 else f"{name[:6]}…{name[-13:]}")
