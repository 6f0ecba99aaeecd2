"""The roofline of a GPU, in the style of `plots`."""

import numpy as np
from matplotlib.figure import Figure

from minae.plots import BLUE, INK, MUTED, RED, _axes, _name_ends, _styled, _width


@_styled
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
    right = 0.5 + max((_width(name) for *_, name in named), default=0)
    axes = _axes(5.6, 4.0, title, "TFLOP/s", left=0.85, bottom=0.6, right=right)
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
        _name_ends(axes, [p[:2] for p in named], [p[2] for p in named], [MUTED] * len(named))
    return axes.figure
