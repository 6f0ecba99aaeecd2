"""Windows of a series, as curves side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from minae.plots.style import BLUE, MUTED, RED, make_axes, number, styled

MOST_COLUMNS = 4  # of readings, in one figure
LOOKS = {
    "corrupted": {"color": "#c9c9c9", "linewidth": 0.8},
    "original": {"color": MUTED, "linewidth": 1.6},
    "reconstructed": {"color": RED, "linewidth": 1.2},
    "sample": {"color": BLUE, "linewidth": 1.2},
}


@styled
def windows(
    curves: dict[str, np.ndarray], columns: Sequence[str], names: Sequence[str], title: str = ""
) -> Figure:
    """Draw windows, each (N, C, 1, W), on top of each other, named `original` or as in LOOKS.

    A panel holds a window and a column of readings: two windows to a line, or a line for each
    window if there are several columns, of which the first four are drawn. The panels of a column
    have one scale. `columns` are the C names of columns, `names` the N names of windows.
    """
    shapes = {array.shape for array in curves.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 4:
        raise ValueError(f"all windows must have one shape (N, C, 1, W), not {sorted(shapes)}")
    ((N, C, _, W),) = shapes
    shown = min(C, MOST_COLUMNS)
    across = min(N, 2) if shown == 1 else shown
    panels = [(i, c) for i in range(N) for c in range(shown)]
    down = -(-len(panels) // across)
    width, height = 7.6 if across <= 2 else 2.6 * across, 1.25 * down + 0.2
    outer = make_axes(width, height, title, left=0.75, bottom=0.75)
    outer.axis("off")
    figure, box = outer.figure, outer.get_position()
    grid = figure.add_gridspec(down, across, hspace=0.6, wspace=0.22)
    grid.update(
        left=box.x0, bottom=box.y0, right=box.x1, top=box.y1 - 0.25 / figure.get_figheight()
    )
    drawn = [name for name in LOOKS if name in curves]
    for n, (i, c) in enumerate(panels):
        axes = figure.add_subplot(grid[n // across, n % across])
        for name in drawn:
            axes.plot(curves[name][i, c, 0], label=name, **LOOKS[name])
        among = np.concatenate([curves[name][:, c].ravel() for name in drawn])
        low, high = among.min(), among.max()
        pad = 0.08 * (high - low) or 1.0
        axes.set(xlim=(0, W - 1), ylim=(low - pad, high + pad))
        words = names[i] if C == 1 else f"{columns[c]}, {names[i]}"
        axes.set_title(words, fontsize=8, loc="left", pad=3)
        axes.tick_params(labelsize=7)
        axes.locator_params(axis="y", nbins=3)
        axes.yaxis.set_major_formatter(lambda value, _: number(value))
        last = n // across == down - 1
        axes.tick_params(labelbottom=last)
        if last:
            axes.set_xlabel("reading of the window", fontsize=8)
    if len(drawn) > 1:
        handles, labels = figure.axes[1].get_legend_handles_labels()
        place = {"loc": "lower right", "bbox_to_anchor": (0.99, 0.0), "ncols": len(drawn)}
        figure.legend(handles, labels, frameon=False, fontsize=8, **place)
    return figure
