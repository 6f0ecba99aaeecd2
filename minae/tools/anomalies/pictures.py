"""Pictures of anomalies: the worst images, the columns of the worst rows, a series with alarms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minae.plots.style import BLUE, INK, MUTED, RED, make_axes, number, styled

SHOWN = 10  # rows
MOST_COLUMNS = 10
MOST_PANELS = 4  # columns of a series
PIXELS = 2000  # across a series
LEAST = 1e-6  # of scores on a logarithmic scale: nobody tells smaller ones apart


@styled
def histogram(
    groups: dict[str, np.ndarray], threshold: float, xlabel: str, each: str = "rows"
) -> Figure:
    """Draw how scores are spread, one or more groups (N,) by name, with the threshold."""
    shown = {name: np.maximum(s[~np.isnan(s)], LEAST) for name, s in groups.items()}
    everything = np.concatenate(list(shown.values()))
    bins = np.geomspace(everything.min() / 1.1, everything.max() * 1.1, 41)
    axes = make_axes(5.6, 3.2, None, f"% of the {each}", left=0.6, bottom=0.6, right=2.9)
    for (name, values), colour in zip(shown.items(), (MUTED, BLUE, RED), strict=False):
        share = np.full(len(values), 100 / max(len(values), 1))
        axes.hist(values, bins, weights=share, color=colour, alpha=0.6, label=name)
    axes.axvline(max(threshold, LEAST), color=INK, label=f"threshold {number(threshold)}")
    axes.set(xscale="log", xlabel=xlabel)
    axes.xaxis.set_major_formatter("{x:g}")  # a log scale has brought its own
    axes.xaxis.set_minor_formatter("" if np.log10(bins[-1] / bins[0]) > 1 else "{x:g}")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return axes.figure


@styled
def columns(errors: np.ndarray, names: Sequence[str], rows: Sequence[str], title: str) -> Figure:
    """Draw the share that each column has of the errors of rows (N, P), those with most alone."""
    shares = 100 * errors / np.maximum(errors.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    most = np.argsort(-shares.mean(axis=0), kind="stable")[:MOST_COLUMNS]
    labels, named = [_cut(names[int(i)], 24) for i in most], [_cut(row, 20) for row in rows]
    left = 0.35 + 0.085 * max(map(len, named))
    bottom = 0.3 + 0.075 * max(map(len, labels))
    axes = make_axes(
        max(2.4, 0.5 * len(most)), 0.3 * len(rows), title, left=left, bottom=bottom, right=0.5
    )
    axes.imshow(shares[:, most], cmap="Reds", vmin=0, vmax=100, aspect="auto")
    for (row, column), share in np.ndenumerate(shares[:, most]):
        colour = "white" if share > 60 else INK
        if round(share):
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(most)), labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), named)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes.figure


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


@styled
def series(
    places: np.ndarray,
    values: np.ndarray,
    names: Sequence[str],
    scores: np.ndarray,
    threshold: float,
    alarms: np.ndarray,
    events: np.ndarray | None,
) -> Figure:
    """Draw readings (T, C) at places (T,), times or indices, and the score below, with alarms.

    Alarms and events are first and last indices, (K, 2); events None if they are not known.
    """
    panels = values.shape[1] + 1
    axes = make_axes(10, 1.5 * panels, None, left=0.95, bottom=0.7, right=0.5)
    figure, box = axes.figure, axes.get_position()
    axes.remove()
    grid = figure.add_gridspec(panels, 1, hspace=0.25)
    top = 1 - 0.5 / figure.get_figheight()
    grid.update(left=box.x0, bottom=box.y0, right=box.x1, top=top)
    shared = None
    for panel in range(panels):
        ax = shared = figure.add_subplot(grid[panel, 0], sharex=shared)
        is_score = panel == panels - 1
        curve = np.maximum(scores, LEAST) if is_score else values[:, panel]
        _draw_curve(ax, places, curve, BLUE if is_score else INK)
        _draw_spans(ax, places, alarms, RED, 0, 1, "alarm")
        if events is not None:
            _draw_spans(ax, places, events, BLUE, 0.94, 0.06, "labelled as an anomaly")
        ax.set_ylabel("score" if is_score else _cut(names[panel], 16))
        if is_score:
            ax.set(yscale="log")
            ax.axhline(max(threshold, LEAST), color=MUTED, linestyle="--", label="threshold")
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter("")
        else:
            ax.tick_params(labelbottom=False)
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="upper right", ncols=3, frameon=False, bbox_to_anchor=(box.x1, 1)
    )
    figure.axes[-1].set_xlabel("time" if places.dtype.kind == "M" else "reading")
    return figure


def _draw_curve(axes: Any, places: np.ndarray, curve: np.ndarray, colour: str) -> None:
    """Draw a curve, in pieces where times have a gap.

    A long one is drawn by the least and largest value of each of PIXELS stretches.
    """
    if len(curve) > 4 * PIXELS:
        edges = np.linspace(0, len(curve), PIXELS + 1).astype(int)[:-1]
        both = [ufunc.reduceat(curve, edges) for ufunc in (np.fmin, np.fmax)]
        curve, places = np.stack(both, axis=1).ravel(), np.repeat(places[edges], 2)
    steps = np.diff(places).astype(float)
    usual = np.median(steps[steps > 0]) if len(steps) else 0
    gaps = np.flatnonzero(steps > 1.5 * usual) + 1
    places, curve = np.insert(places, gaps, places[gaps]), np.insert(curve, gaps, np.nan)
    axes.plot(places, curve, color=colour, linewidth=0.6)


def _draw_spans(
    axes: Any,
    places: np.ndarray,
    spans: np.ndarray,
    colour: str,
    low: float,
    height: float,
    label: str,
) -> None:
    """Shade spans (K, 2) of readings, however short, from `low` up, in shares of the height."""
    from matplotlib.dates import date2num

    at = date2num(places) if places.dtype.kind == "M" else places
    least = (at[-1] - at[0]) / 500
    bars = [(at[first], max(at[last] - at[first], least)) for first, last in spans]
    axes.broken_barh(
        bars,
        (low, height),
        transform=axes.get_xaxis_transform(),
        color=colour,
        alpha=0.3 if height == 1 else 1,
        linewidth=0,
        label=label,
    )
