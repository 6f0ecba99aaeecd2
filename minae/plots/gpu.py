"""What a GPU's memory is asked for, and the roofline of its speed."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minae.plots.style import BLUE, INK, MUTED, RED, make_axes, name_ends, styled, text_width


@styled
def requests(panels: dict, title: str | None = None) -> Figure:
    """Draw requests to memory (see kernels.simulator.traffic), one a panel: what each lane wants.

    Global memory: its words of 4 bytes along x, from the first one wanted on, and the sectors that
    hold them shaded. Shared memory: banks along x; red where lanes that could be answered at once
    want different words of one.
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
            wave = lanes * request.bytes // 128  # lanes that are answered at once, if they can be
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
def roofline(points: dict, peak: float, bandwidth: float, title: str | None = None) -> Figure:
    """Draw speeds below the roof of what memory and float32 arithmetic allow at best.

    After S. Williams, A. Waterman and D. Patterson, "Roofline", Communications of the ACM 52 (4),
    2009.

    Args:
        points: by whose they are, two at most: (operations a byte of memory, TFLOP/s, name); those
            with a name are named.
        peak: of the arithmetic, TFLOP/s.
        bandwidth: of the memory, GB/s.
        title: of the figure.
    """
    everything = [point for group in points.values() for point in group]
    if not everything or len(points) > 2:
        raise ValueError(f"a roofline needs one or two groups of points, not {points}")
    named = [(x, y, name) for x, y, name in everything if name]
    right = 0.5 + max((text_width(name) for *_, name in named), default=0)
    axes = make_axes(5.6, 4.0, title, "TFLOP/s", left=0.85, bottom=0.6, right=right)
    ridge = peak * 1e3 / bandwidth
    edges = [x for x, *_ in everything] + [ridge]
    x = np.array([min(edges) / 2, ridge, max(edges) * 2])
    axes.plot(
        x,
        np.minimum(peak, x * bandwidth / 1e3),
        color=INK,
        linewidth=1.5,
        label="at best: memory, float32",
    )
    axes.set(xscale="log", yscale="log", xlabel="operations a byte of memory")
    for (owner, group), colour in zip(points.items(), (BLUE, RED), strict=False):
        axes.scatter(*np.array([p[:2] for p in group]).T, s=16, color=colour, label=owner, zorder=3)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")  # a log scale has brought its own
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.legend(loc="upper left", frameon=False)
    if named:
        name_ends(axes, [p[:2] for p in named], [p[2] for p in named], [MUTED] * len(named))
    return axes.figure
