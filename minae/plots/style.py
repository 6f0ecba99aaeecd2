"""The one style of all figures: colours, axes of a given size, and names that never overlap.

Sizes are in inches. The figures themselves are made in `images` and `curves`.
"""

import textwrap
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from minae.errors import InputError
from minae.files import write_whole

# Ten colours chosen by optimisation and survey to stay apart for colour-blind readers: M. Petroff,
# "Accessible Color Sequences for Data Visualization", arXiv:2107.02270. In an order that gives the
# most different ones to the digits that models confuse, 3 5 8 and 4 7 9.
COLOURS = (
    "#717581", "#b9ac70", "#a96b59", "#3f90da", "#832db6",
    "#ffa90e", "#94a4a2", "#e76300", "#bd1f01", "#92dadd",
)  # fmt: skip
INK, MUTED = "#222222", "#666666"  # words and numbers; what stands behind them
BLUE, RED = "#1f6fb8", "#bd1f01"  # the main thing; what it is compared with
DPI = 150

styled = style.context(  # a decorator: matplotlib's defaults and these, only within the function
    dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK)
    | dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED)
    | dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    after_reset=True,
)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a .png file, whole or not at all; its folder is made if need be.

    Raises InputError if the name does not end in .png.
    """
    path = check_png(Path(path))
    write_whole(path, as_png(figure))


@styled
def as_png(figure: Figure) -> bytes:
    """Return a figure as the content of a .png file."""
    figure.savefig(content := BytesIO(), format="png", dpi=DPI)
    return content.getvalue()


def check_png(path: Path) -> Path:
    """Return the path. Raises InputError if its name does not end in .png."""
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: pictures are .png files; give a name that ends in .png")
    return path


def make_axes(width, height, title, ylabel=None, left=0.15, bottom=0.15, right=0.15) -> Axes:
    """Return axes of just this size, in inches, in a new figure with margins and words above."""
    total = max(left + width + right, 3.2 if title else 0)
    words = textwrap.wrap(title or "", int((total - 0.3) * 8.5))  # bold characters to the inch
    top = 0.15 + (0.13 + 0.2 * len(words) if words else 0) + (0.25 if ylabel else 0)
    pixels = np.round(np.array([total, bottom + height + top, left, bottom, width, height]) * DPI)
    figure = Figure(figsize=pixels[:2] / DPI, dpi=DPI)
    x, y = (0.15, 0.13) / figure.get_size_inches()
    figure.text(x, 1 - y, "\n".join(words), va="top", fontsize=12, fontweight="bold")
    if ylabel:  # upright, above its axis: easier to read, and clear of long tick labels
        figure.text(x, (bottom + height + 0.12) / figure.get_figheight(), ylabel)
    axes = figure.add_axes(pixels[2:] / np.tile(pixels[:2], 2))
    axes.xaxis.set_major_formatter("{x:g}")  # each tick says all: no factor in a corner
    axes.yaxis.set_major_formatter("{x:g}")
    return axes


def name_ends(axes, ends, texts, colours) -> None:
    """Write texts right of the axes, with a line to their ends (K, 2), none over another."""
    axes.figure.draw_without_rendering()
    heights = axes.transAxes.inverted().transform(axes.transData.transform(ends))[:, 1]
    heights = stacked(heights, 0.065, -0.1, 1.1)
    for text, end, y, colour in zip(texts, ends, heights, colours, strict=True):
        place = {"xytext": (1.04, y), "textcoords": "axes fraction", "va": "center"}
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "linestyle": ":"}
        line["relpos"] = (0, 0.5)
        words = {"color": colour, "fontweight": "bold", "annotation_clip": False}
        axes.annotate(text, end, **place, **words, arrowprops=line)


def stacked(heights, size, low, high) -> np.ndarray:
    """Return heights (K,), moved as little as can be, `size` apart and within low and high.

    Where neighbours are too close, they become a block about the mean of where they belong.
    """
    size = min(size, (high - low) / len(heights))
    order = np.argsort(heights, kind="stable")
    steps = size * np.arange(len(heights))
    blocks: list[list[float]] = []  # each the places that its members want, less their steps
    for place in np.asarray(heights)[order] - steps:
        blocks.append([place])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    found = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    found = np.clip(found, low + size / 2, high - size / 2 - steps[-1]) + steps
    return found[np.argsort(order)]


def text_width(text: str) -> float:
    """Return how wide a bold text, with a dot more, is in inches."""
    return TextPath((0, 0), text + ".", size=10, prop={"weight": "bold"}).get_extents().width / 72


def number(value: float) -> str:
    """Return a number for reading: four digits, or all of a large one."""
    return format(value, ",.0f" if abs(value) >= 1000 else ".4g").replace("-", "−")
