"""The one style of all figures: colours, axes of a given size, and names that never overlap.

Sizes are in inches. The figures themselves are made in `images` and `curves`.
"""

import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from minae.errors import InputError
from minae.files import write_whole

# Ten colours chosen by optimisation and survey to stay distinct for colour-blind readers:
# M. Petroff, "Accessible Color Sequences for Data Visualization", arXiv:2107.02270. Their order
# gives the most different ones to the digits that models confuse, 3 5 8 and 4 7 9.
COLOURS = (
    "#717581", "#b9ac70", "#a96b59", "#3f90da", "#832db6",
    "#ffa90e", "#94a4a2", "#e76300", "#bd1f01", "#92dadd",
)  # fmt: skip
INK, MUTED = "#222222", "#666666"  # words and numbers; what stands behind them
BLUE, RED = "#1f6fb8", "#bd1f01"  # the main thing; what it is compared with
DPI = 150
MARGINS = {"left": 0.15, "bottom": 0.15, "right": 0.15}

STYLE: dict[str, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
}
#: a decorator: within the function, matplotlib's defaults and STYLE are in force
styled = style.context(STYLE, after_reset=True)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a .png file, whole or not at all; its folder is made if it is missing.

    Raises InputError if the name does not end in .png.
    """
    write_whole(check_png(Path(path)), as_png(figure))


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


def make_axes(
    width: float, height: float, title: str | None, ylabel: str = "", **margins: float
) -> Any:  # Axes; but type checkers do not know that their figure is a Figure
    """Return axes of exactly this size, in inches, in a new figure with margins and a title."""
    left, bottom, right = (MARGINS | margins).values()
    total = max(left + width + right, 3.2 if title else 0)
    words = textwrap.wrap(title or "", int((total - 0.3) * 8.5))  # bold characters to the inch
    top = 0.15 + (0.13 + 0.2 * len(words) if words else 0) + (0.25 if ylabel else 0)
    sizes = [total, bottom + height + top, left, bottom, width, height]
    W, H, *box = np.round(np.array(sizes) * DPI)  # whole pixels
    figure = Figure((W / DPI, H / DPI), dpi=DPI)
    x, y = (0.15, 0.13) / figure.get_size_inches()
    figure.text(x, 1 - y, "\n".join(words), va="top", fontsize=12, fontweight="bold")
    if ylabel:  # horizontal, above its axis: easier to read, and clear of long tick labels
        figure.text(x, (bottom + height + 0.12) / figure.get_figheight(), ylabel)
    axes = figure.add_axes(tuple(box / np.array([W, H, W, H])))
    axes.xaxis.set_major_formatter("{x:g}")  # ticks with all their digits: no factor in a corner
    axes.yaxis.set_major_formatter("{x:g}")
    return axes


def line_axes(
    texts: Sequence[str], title: str, ylabel: str, height: float = 3.4, grid: Any = "y"
) -> Any:
    """Return axes with a grid for curves, and room on the right for texts at their ends."""
    right = 0.5 + max(map(text_width, texts), default=0)
    axes = make_axes(5.6, height, title, ylabel, left=0.85, bottom=0.6, right=right)
    axes.grid(axis=grid, color="#e6e6e6", linewidth=0.8)
    return axes


def name_ends(axes: Any, ends: Any, texts: Sequence[str], colours: Sequence[str]) -> None:
    """Write texts to the right of the axes, with lines to their ends (K, 2), none overlapping."""
    axes.figure.draw_without_rendering()
    heights = axes.transAxes.inverted().transform(axes.transData.transform(ends))[:, 1]
    heights = stacked(heights, 0.065, -0.1, 1.1)
    for text, end, y, colour in zip(texts, ends, heights, colours, strict=True):
        place = {"xytext": (1.04, y), "textcoords": "axes fraction", "va": "center"}
        line = {"arrowstyle": "-", "color": colour, "lw": 0.8, "ls": ":", "relpos": (0, 0.5)}
        words = {"color": colour, "fontweight": "bold", "annotation_clip": False}
        axes.annotate(text, end, **place, **words, arrowprops=line)


def stacked(heights: Any, size: float, low: float, high: float) -> np.ndarray:
    """Return heights (K,), moved as little as possible, `size` apart and within low and high.

    Neighbours that are too close become a block, centred at the mean of where they belong.
    """
    size = min(size, (high - low) / len(heights))
    order = np.argsort(heights, kind="stable")
    steps = size * np.arange(len(heights))
    blocks: list[list[float]] = []  # where the members of each belong, minus their steps
    for place in np.asarray(heights)[order] - steps:
        blocks.append([place])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    found = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    found = np.clip(found, low + size / 2, high - size / 2 - steps[-1]) + steps
    return found[np.argsort(order)]


def plain(text: str) -> str:
    """Return a text so that matplotlib writes it as it is: a $ of a user's begins no formula."""
    return text.replace("$", r"\$")


def text_width(text: str) -> float:
    """Return the width in inches of a bold text with a dot after it."""
    bold = FontProperties(weight="bold")
    return TextPath((0, 0), text + ".", size=10, prop=bold).get_extents().width / 72


def number(value: float) -> str:
    """Return a number as text for readers: four digits, or all before the point if more."""
    return format(value, ",.0f" if abs(value) >= 1000 else ".4g").replace("-", "−")
