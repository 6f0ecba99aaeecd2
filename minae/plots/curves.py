"""Numbers as curves, bars and points; among them what a GPU reads, and how fast it is."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from minae.plots.style import BLUE, INK, MUTED, RED, line_axes, make_axes, name_ends, number, styled


@styled
def learning_curves(
    history: list[dict[str, Any]],
    baselines: dict[str, float] | None = None,
    title: str = "",
    ylabel: str = "loss",
) -> Figure:
    """Draw training and validation loss over epochs, with their last values at the lines' ends.

    history is what `minae.train.fit` returns: dicts with `epoch` and `train_loss`, and perhaps
    `validation_loss`; other keys, and losses that are not finite, are left out. baselines, losses
    by name, become dashed lines. ylabel says what the loss is, and its unit.
    """
    if not any(np.isfinite(record.get("train_loss", np.nan)) for record in history):
        raise ValueError(f"a history of {len(history)} epochs has no finite train_loss to draw")
    last = history[-1]["epoch"]
    first = min(history[0]["epoch"], last - 1)  # after one epoch, the axis starts before it
    dashed, named = {"linestyle": (0, (5, 3)), "linewidth": 1.2}, (baselines or {}).items()
    drawn = [([(first, y), (last, y)], name, MUTED, dashed) for name, y in named]
    for name, colour in (("train", BLUE), ("validation", RED)):
        losses = [(record["epoch"], record.get(f"{name}_loss", np.nan)) for record in history]
        curve = [(epoch, loss) for epoch, loss in losses if np.isfinite(loss)]
        drawn += [(curve, name, colour, _look(len(curve)))] if curve else []
    texts = [f"{name} {number(curve[-1][1])}" for curve, name, _, _ in drawn]
    axes = line_axes(texts, title, ylabel)
    for curve, _, colour, look in drawn:
        axes.plot(*zip(*curve, strict=True), color=colour, **look)
    pad = 0.03 * (last - first)
    axes.set(xlabel="epoch", xlim=(first - pad, last + pad))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ends = [(last, curve[-1][1]) for curve, *_ in drawn]
    name_ends(axes, ends, texts, [colour for _, _, colour, _ in drawn])
    return axes.figure


def _look(points: int) -> dict[str, Any]:
    """Return how to draw a curve: with markers at its points unless they are many."""
    return {"marker": "o" if points <= 30 else None, "markersize": 4, "linewidth": 2}


LINE_COLOURS = (BLUE, RED, "#e76300", "#832db6", "#4c7a34", "#717581", "#a96b59", "#3f90da")


@styled
def lines(
    curves: dict[str, Any], xlabel: str, ylabel: str, title: str = "", log_x: bool = False
) -> Figure:
    """Draw curves over one axis, perhaps a logarithmic one, each with its name at its end.

    Each curve is (x, y) or (x, y, error), arrays (K,); bars show y ± error.
    """
    if not curves:
        raise ValueError("lines need one or more curves")
    arrays = {name: [np.asarray(a, float) for a in curve] for name, curve in curves.items()}
    for name, (x, *others) in arrays.items():
        if x.ndim != 1 or not len(x) or any(a.shape != x.shape for a in others):
            raise ValueError(f"curve {name!r} needs x and y of one length, not {curves[name]}")
    axes = line_axes(list(curves), title, ylabel)
    axes.set(xlabel=xlabel, xscale="log" if log_x else "linear")
    every_x = np.concatenate([x for x, *_ in arrays.values()])
    if log_x:
        decades = np.log10(every_x.max() / every_x.min())
        digits = (1, 2, 3, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2 else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=digits))
        axes.xaxis.set_minor_formatter("")
    elif (every_x == every_x.round()).all():
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter("{x:,.10g}")  # a log scale has set its own
    colours = [LINE_COLOURS[k % len(LINE_COLOURS)] for k in range(len(arrays))]
    for (x, y, *error), colour in zip(arrays.values(), colours, strict=True):
        axes.errorbar(x, y, *error, color=colour, capsize=3, **_look(len(x)))
    name_ends(axes, [(x[-1], y[-1]) for x, y, *_ in arrays.values()], list(arrays), colours)
    return axes.figure


@styled
def bars(values: dict[str, float], ylabel: str, title: str = "") -> Figure:
    """Compare numbers by name, as bars from zero with the number on each."""
    heights = list(values.values())
    if not heights or not np.isfinite(heights).all():
        raise ValueError(f"bars need one or more finite numbers, not {values}")
    names = [textwrap.fill(name, 14) for name in values]
    bottom = 0.38 + 0.18 * max(name.count("\n") for name in names)
    axes = make_axes(max(2.4, 1.25 * len(names)), 3.2, title, ylabel, left=0.85, bottom=bottom)
    drawn = axes.bar(range(len(names)), heights, width=0.62, color=BLUE)
    axes.bar_label(drawn, [number(height) for height in heights], padding=3, fontweight="bold")
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.5, len(names) - 0.5), ymargin=0.12)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.spines.bottom.set_visible(False)
    axes.tick_params(bottom=False)
    return axes.figure


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
    """Draw speeds below the roof of the arithmetic's `peak`, TFLOP/s, and memory's GB/s.

    points has for each of one or two owners (operations per byte of memory, TFLOP/s, name); an
    empty name is not written. After S. Williams, A. Waterman and D. Patterson, "Roofline",
    Communications of the ACM 52 (4), 2009.
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
