"""Pictures as a whole, and enlarged details of them before and after something was done."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minae.errors import printable
from minae.plots.style import DPI, RED, make_axes, styled

TILE = 336  # sides of an image's place, in figure pixels
GAP, WORDS = 20, 34  # between the images; the height of a line of words
CHARACTERS = 13  # in an inch, at most


class Detail(NamedTuple):
    """A row of `details`."""

    title: str
    whole: np.ndarray  # uint8 (h, w, 3), no larger than TILE
    box: tuple[float, float, float, float]  # the detail in it: top, left, bottom, right, as shares
    parts: dict[str, np.ndarray]  # the details, uint8 (h, w, 3), by what is written above them


@styled
def details(rows: list[Detail]) -> Figure:
    """Draw, for each picture, the whole with the detail's place, and its details enlarged.

    A pixel of a detail becomes a square of pixels; the sides of a detail are TILE at most.
    """
    columns = 1 + max(len(row.parts) for row in rows)
    high, wide = TILE + 2 * WORDS + GAP, TILE + GAP
    canvas = np.full((len(rows) * high, columns * wide - GAP, 3), 255, np.uint8)
    axes = make_axes(canvas.shape[1] / DPI, canvas.shape[0] / DPI, None)
    axes.set(xlim=(0, canvas.shape[1]), ylim=(canvas.shape[0], 0))
    axes.set_axis_off()
    for number, row in enumerate(rows):
        y = number * high
        room = int(canvas.shape[1] / DPI * CHARACTERS)
        _write(axes, 0, y + WORDS / 2, _shortened(row.title, room), fontweight="bold")
        top = y + 2 * WORDS
        images = {"the whole": row.whole} | row.parts
        for x, (words, image) in zip(range(0, canvas.shape[1], wide), images.items(), strict=False):
            _write(axes, x, y + 1.5 * WORDS, words)
            image = _enlarged(image)
            canvas[top : top + image.shape[0], x : x + image.shape[1]] = image
            if x == 0:
                size = np.array(image.shape[:2])
                (y0, x0), (y1, x1) = size * row.box[:2], size * row.box[2:]
                for colour, width in (("white", 3), (RED, 1.5)):  # to be seen on any ground
                    frame = {"fill": False, "ec": colour, "lw": width}
                    axes.add_patch(Rectangle((x0, top + y0), x1 - x0, y1 - y0, **frame))
    axes.imshow(
        canvas, interpolation="nearest", aspect="auto", extent=(0, canvas.shape[1], len(canvas), 0)
    )
    return axes.figure


def _enlarged(image: np.ndarray) -> np.ndarray:
    """Enlarge an image (h, w, 3) by the largest whole number with which it fits into TILE."""
    times = TILE // max(image.shape[:2])
    return image.repeat(times, axis=0).repeat(times, axis=1)


def _shortened(text: str, room: int) -> str:
    """Return a text of `room` characters at most, with the middle left out if it is longer."""
    text = printable(text)
    if len(text) <= room:
        return text
    half = (room - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _write(axes: Any, x: float, y: float, words: str, **how: Any) -> None:
    axes.text(x, y, words, va="center", fontsize=10, parse_math=False, **how)
