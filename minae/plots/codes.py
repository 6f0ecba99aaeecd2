"""Codes as points in the plane: classes in colour, and the images that the points stand for."""

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from minae.plots.style import BLUE, COLOURS, DPI, INK, make_axes, plain, styled, text_width

MAX_POINTS = 5000
CELLS = 18  # images along each side of a map: 46 pixels for each


@styled
def latent_plane(codes: Any, labels: Any = None, title: str = "") -> Figure:
    """Scatter codes in the plane, both axes on one scale, and name each class at its median.

    codes (N, 2), or (N, D) with D > 2: then on their first two principal components. Of more than
    5,000, 5,000 are drawn, always the same ones. labels (N,), integers or strings, or all alike.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or len(codes) < 1 or codes.shape[1] < 2 or not np.isfinite(codes).all():
        raise ValueError(f"codes must be (N, D), N >= 1, D >= 2, and finite, not {codes.shape}")
    return code_map(*_plane(codes), labels, title)


@styled
def code_map(
    points: np.ndarray,
    xlabel: str,
    ylabel: str,
    labels: Any = None,
    title: str = "",
    images: np.ndarray | None = None,
) -> Figure:
    """Scatter points (N, 2) as `latent_plane` does, and beside them the images that they stand for.

    images (N, C, H, W), C = 1 or 3, values in [0, 1], are drawn on a grid of cells, in each the one
    whose point is nearest to the middle, so that none hides another.
    """
    palette = [BLUE] if labels is None else COLOURS
    labels = np.full(len(points), "") if labels is None else np.asarray(labels)
    if labels.shape != (len(points),):
        raise ValueError(f"labels must be ({len(points)},), one for each code, not {labels.shape}")
    right = 0.35 if images is None else 6.25
    axes = make_axes(5.6, 5.6, title, ylabel, left=0.85, bottom=0.6, right=right)
    axes.set(xlabel=xlabel, adjustable="datalim", aspect="equal")
    names, index = np.unique(labels, return_inverse=True)
    # a digit keeps its colour in a figure that lacks other digits
    numbers = names if names.dtype.kind in "iu" else np.arange(len(names))
    colours = np.array([to_rgb(palette[k % len(palette)]) for k in numbers])
    order = np.random.default_rng(0).permutation(len(points))[:MAX_POINTS]  # no class lies on top
    axes.scatter(*points[order].T, s=9, c=colours[index[order]], alpha=0.6, linewidths=0)
    medians = np.array([np.median(points[index == k], axis=0) for k in range(len(names))])
    _name_classes(axes, medians, [plain(str(name)) for name in names], colours)
    if images is not None:
        _draw_images(axes, points, images)
    return axes.figure


def _draw_images(axes: Any, points: np.ndarray, images: np.ndarray) -> None:
    """Draw images (N, C, H, W) at their points (N, 2), in axes of their own beside the given ones.

    Those are settled: the limits are the same.
    """
    figure, box = axes.figure, axes.get_position()
    step = box.width * (1 + 0.3 / 5.6)
    beside = figure.add_axes((box.x0 + step, box.y0, box.width, box.height))
    limits = np.array([axes.get_xlim(), axes.get_ylim()])  # (2, low and high)
    cell = (limits[:, 1] - limits[:, 0]) / CELLS  # (2,)
    places = (points - limits[:, 0]) / cell  # (N, 2), in cells
    off_middle = np.abs(places % 1 - 0.5).max(axis=1)
    order = np.argsort(off_middle, kind="stable")
    _, first = np.unique(places[order] // 1, axis=0, return_index=True)
    size = np.array(images.shape[:1:-1]) / max(images.shape[2:]) * cell / 2 * 0.94  # half of w, h
    for k in order[first]:
        x, y = limits[:, 0] + (places[k] // 1 + 0.5) * cell
        image = np.broadcast_to(np.clip(images[k], 0, 1), (3, *images.shape[2:])).transpose(1, 2, 0)
        extent = (x - size[0], x + size[0], y - size[1], y + size[1])
        beside.imshow(image, extent=extent, aspect="auto")
    beside.set(xlim=limits[0], ylim=limits[1], xticks=[], yticks=[])
    beside.spines[:].set_visible(False)


def _plane(codes: np.ndarray) -> tuple[np.ndarray, str, str]:
    """Return points (N, 2) and labels of the axes: principal components if D > 2."""
    if codes.shape[1] == 2:
        return codes, "$z_1$", "$z_2$"
    centred = codes - codes.mean(axis=0)
    directions, variances, _ = np.linalg.svd(centred.T @ centred)  # (D, D), (D,)
    directions = directions[:, :2]
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, [0, 1]])  # else the sign is arbitrary
    shares = variances[:2] / (variances.sum() or 1)
    words = "{} principal component, {:.0%} of variance".format
    return centred @ directions, words("first", shares[0]), words("second", shares[1])


def _name_classes(axes: Any, medians: Any, names: list[str], colours: Any) -> None:
    """Write names at medians (K, 2) on their colours with a white rim, none overlapping."""
    axes.figure.draw_without_rendering()  # settles the limits, which the pixels depend on
    sizes = np.array([(text_width(name) + 0.16, 0.26) for name in names]) * DPI
    box = axes.get_window_extent()
    pixels = _spread(axes.transData.transform(medians), sizes, box.min, box.max)
    for name, (x, y), colour in zip(names, pixels, colours, strict=True):
        ink = "white" if colour @ (0.299, 0.587, 0.114) < 0.5 else INK
        rim = {"boxstyle": "round,pad=0.3,rounding_size=0.7", "fc": colour, "ec": "white"}
        place = {"xycoords": "figure pixels", "ha": "center", "va": "center"}
        axes.annotate(name, (x, y), **place, color=ink, fontweight="bold", bbox=rim)


def _spread(centres: Any, sizes: Any, low: Any, high: Any) -> np.ndarray:
    """Push boxes (K, D) apart, little by little, until none overlap, within low and high."""
    need = (sizes[:, None] + sizes) / 2  # (K, K, D)
    centres = centres + 1e-3 * sizes * np.arange(len(sizes))[:, None]  # no two in one place
    for _ in range(500):
        apart = centres[:, None] - centres  # (K, K, D)
        distance = np.max(np.abs(apart) / need, axis=-1)  # two boxes overlap below 1
        np.fill_diagonal(distance, 1)
        push = np.clip(1 / np.maximum(distance, 0.1) - 1, 0, 1)
        centres = centres + 0.3 * np.sum(apart * push[..., None], axis=1)
        centres = np.clip(centres, low + sizes / 2, high - sizes / 2)
    return centres
