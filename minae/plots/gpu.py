"""Requests to a GPU's memory, and the roofline of its speed."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minae.plots.style import BLUE, INK, MUTED, RED, line_axes, make_axes, name_ends, styled


@styled
def requests(panels: dict[str, Any], title: str = "") -> Figure:
    """Draw requests to memory (see kernels.simulator.traffic), one per panel, lane by lane.

    Global memory: words of 4 bytes along x, from the first one requested on, and the sectors that
    hold them shaded. Shared memory: banks along x; red where lanes that could be served together
    request different words of one bank.
    """
    rows = -(-len(panels) // 2)
    axes = make_axes(7.6, 2.3 * rows, title, "lane", left=0.55, bottom=0.45)
    figure, box = axes.figure, axes.get_position()
    axes.remove()
    grid = figure.add_gridspec(rows, 2, hspace=0.6, wspace=0.18)
    grid.update(left=box.x0, bottom=box.y0, right=box.x1, top=box.y1 - 0.1 / figure.get_figheight())
    for n, (name, request) in enumerate(panels.items()):
        panel = figure.add_subplot(grid[n // 2, n % 2])
        words = np.array([[i // 4 + w for w in range(request.bytes // 4)] for i in request.first])
        lanes, colours = np.repeat(np.arange(len(words)), words.shape[1]), BLUE
        words = words.ravel()
        if request.array.startswith("global"):
            words -= words.min() // 8 * 8
            for sector in np.unique(words // 8):
                panel.axvspan(8 * sector - 0.5, 8 * sector + 7.5, color="#d3e3f1", linewidth=0)
            panel.set(xlabel="word", xlim=(-0.5, words.max() // 8 * 8 + 7.5))
        else:
            wave = lanes * request.bytes // 128  # lanes that are served together if possible
            same = (wave == wave[:, None]) & (words % 32 == words[:, None] % 32)
            crowded = (same & (words != words[:, None])).any(axis=0)
            words, colours = words % 32, np.where(crowded, RED, BLUE)
            panel.set(xlabel="bank", xlim=(-0.5, 31.5))
        panel.scatter(words, lanes, s=7, c=colours, linewidths=0, zorder=3)
        panel.set(ylim=(31.5, -0.5), yticks=[0, 8, 16, 24, 31])
        panel.set_title(name, fontsize=9, loc="left")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    return figure


@styled
def roofline(
    points: dict[str, list[tuple[float, float, str]]],
    peak: float,
    bandwidth: float,
    title: str = "",
) -> Figure:
    """Draw speeds below the roof that memory and float32 arithmetic set.

    points are, for each of one or two owners, (operations per byte of memory, TFLOP/s, name); an
    empty name is not written. The arithmetic's peak is in TFLOP/s, the memory's bandwidth in GB/s.
    After S. Williams, A. Waterman and D. Patterson, "Roofline", Communications of the ACM 52 (4),
    2009.
    """
    everything = [point for group in points.values() for point in group]
    if not everything or len(points) > 2:
        raise ValueError(f"a roofline needs one or two groups of points, not {points}")
    named = [(x, y, name) for x, y, name in everything if name]
    axes = line_axes([name for *_, name in named], title, "TFLOP/s", height=4.0, grid="both")
    ridge = peak * 1e3 / bandwidth
    edges = [x for x, *_ in everything] + [ridge]
    x = np.array([min(edges) / 2, ridge, max(edges) * 2])
    roof = np.minimum(peak, x * bandwidth / 1e3)
    axes.plot(x, roof, color=INK, linewidth=1.5, label="at best: memory, float32")
    axes.set(xscale="log", yscale="log", xlabel="operations a byte of memory")
    for (owner, group), colour in zip(points.items(), (BLUE, RED), strict=False):
        axes.scatter(*np.array([p[:2] for p in group]).T, s=16, color=colour, label=owner, zorder=3)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")  # a log scale has set its own
    axes.legend(loc="upper left", frameon=False)
    if named:
        name_ends(axes, [p[:2] for p in named], [p[2] for p in named], [MUTED] * len(named))
    return axes.figure
