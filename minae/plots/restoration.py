"""A restoring model beside classical methods: scores, gain by picture, and enlarged details."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minae.plots.style import BLUE, DPI, INK, MUTED, RED, make_axes, styled, text_width

TILE = 264  # figure pixels, at most, of a side of a detail


@styled
def restoration(
    scores: dict[str, tuple[float, float]],
    gains: Any,
    rival: str,
    details: dict[str, dict[str, Any]],
    title: str = "",
) -> Figure:
    """Draw mean scores, the gain over the best rival on each picture, and details.

    scores: by name (PSNR in dB, SSIM); the model's is the last. gains (N,), in dB, over `rival`.
    details: by the name of a row, images (C, H, W) with values in [0, 1] by the name of a column;
    the columns are the same in all rows, and values outside are clipped.
    """
    columns = list(next(iter(details.values())))
    tiles = [[np.clip(x, 0, 1) for x in row.values()] for row in details.values()]
    largest = max(max(x.shape[1:]) for row in tiles for x in row)
    scale = max(1, TILE // largest)
    side, gap = scale * largest / DPI, 0.12
    left = 0.3 + max(max(map(text_width, (*scores, *details))), 1.0)
    wide = max(len(columns) * (side + gap) - gap, 7.4)
    low = len(tiles) * (side + gap) + 0.35  # of the details, their names above them
    high = max(0.26 * len(scores), 1.7)
    axes = make_axes(wide, low + 0.6 + high + 0.3, title, left=left)
    figure, box = axes.figure, axes.get_position()
    size = figure.get_size_inches()
    axes.remove()

    def panel(x: float, y: float, w: float, h: float) -> Any:
        """Return axes at a place in inches, from the lower left corner of the whole."""
        return figure.add_axes(
            (box.x0 + x / size[0], box.y0 + y / size[1], w / size[0], h / size[1])
        )

    _draw_scores(panel(0, low + 0.6, 0.38 * wide, high), scores, rival)
    _draw_gains(panel(0.62 * wide, low + 0.6, 0.38 * wide, high), np.sort(gains))
    for row, (name, images) in enumerate(zip(details, tiles, strict=True)):
        for column, image in enumerate(images):
            y = (len(tiles) - 1 - row) * (side + gap)
            h, w = (scale * length / DPI for length in image.shape[1:])
            tile = panel(column * (side + gap), y + side - h, w, h)
            tile.imshow(_pixels(image), interpolation="nearest", aspect="auto")
            tile.set_axis_off()
            if row == 0:
                tile.set_title(textwrap.fill(columns[column], 22), fontsize=9, loc="left")
            if column == 0:
                place = {"xycoords": "axes fraction", "textcoords": "offset points"}
                how = {"ha": "right", "va": "center", "annotation_clip": False}
                tile.annotate(name, (0, 0.5), (-8, 0), **place, **how, fontsize=9)
    return figure


def _draw_scores(axes: Any, scores: dict[str, tuple[float, float]], rival: str) -> None:
    """Draw mean PSNR as dots beside numbers, the best rival and the model in colour."""
    names, model = list(scores), list(scores)[-1]
    colours = [{model: BLUE, rival: RED}.get(name, MUTED) for name in names]
    values, places = [scores[name][0] for name in names], np.arange(len(names))
    axes.scatter(values, places, c=colours, s=36, zorder=3)
    axes.set(ylim=(len(names) - 0.5, -0.5), yticks=places, xmargin=0.08)
    axes.set_yticklabels(names)
    for name, place, colour in zip(names, places, colours, strict=True):
        axes.get_yticklabels()[place].set(
            color=INK if colour == MUTED else colour,
            fontweight="normal" if colour == MUTED else "bold",
        )
        text = f"{scores[name][0]:.2f} dB, {scores[name][1]:.3f}"
        axes.annotate(
            text, (1.03, place), xycoords=("axes fraction", "data"), va="center", fontsize=9
        )
    axes.set_title("mean PSNR, SSIM", fontsize=10, loc="left")
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axes.spines[["left"]].set_visible(False)
    axes.tick_params(left=False)


def _draw_gains(axes: Any, gains: np.ndarray) -> None:
    """Draw the gain on each picture, the least first, red where the model is worse."""
    colours = [BLUE if gain > 0 else RED for gain in gains]
    axes.bar(np.arange(1, len(gains) + 1), gains, width=0.8, color=colours)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_title("gain over the best rival, in dB", fontsize=10, loc="left")
    axes.set(xlabel="picture, by rank", xlim=(0.3, len(gains) + 0.7))
    axes.xaxis.get_major_locator().set_params(integer=True)


def _pixels(image: np.ndarray) -> np.ndarray:
    """Return an image (1, H, W) or (3, H, W) as (H, W, 3)."""
    return np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
