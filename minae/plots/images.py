"""Images side by side, also those that a decoder makes of a grid of codes."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minae.plots.style import DPI, make_axes, styled, text_width

MAX_PAIRS = 10
Range = tuple[float, float]


@styled
def reconstructions(
    originals: Any, reconstructed: Any, corrupted: Any = None, title: str = ""
) -> Figure:
    """Draw rows of originals, of the corrupted images (if there are any), and of reconstructions.

    Each is (N, C, H, W) with C = 1 (grey) or 3 (colour) and values in [0, 1]; values outside are
    clipped. The first ten images are drawn.
    """
    rows = {"original": originals, "corrupted": corrupted, "reconstructed": reconstructed}
    rows = {name: x for name, x in rows.items() if x is not None}
    return strips(rows, title, columns=min(len(originals), MAX_PAIRS))


@styled
def strips(rows: dict[str, Any], title: str = "", columns: int | None = None) -> Figure:
    """Draw rows of images, each with its name on the left.

    All rows have one shape (N, C, H, W), with values in [0, 1]; values outside are clipped. The
    first `columns` images of each are drawn, or all.
    """
    rows = {name: _images(x, name) for name, x in rows.items()}
    shapes = {x.shape for x in rows.values()}
    if len(shapes) != 1:
        raise ValueError(f"all rows must have one shape (N, C, H, W), not {sorted(shapes)}")
    ((N, *_),) = shapes
    images = np.concatenate([x[:columns] for x in rows.values()])
    left = 0.3 + max(map(text_width, rows))
    axes = _draw_tiles(images, len(rows), columns or N, title, left=left)
    height = axes.get_ylim()[0] / len(rows)  # the y axis points down
    axes.set_yticks((np.arange(len(rows)) + 0.5) * height, rows)
    axes.tick_params(left=False)
    return axes.figure


@styled
def image_grid(images: Any, title: str = "") -> Figure:
    """Tile images (N, C, H, W), values in [0, 1], row by row into a nearly square grid."""
    images = _images(images)
    columns = math.ceil(math.sqrt(len(images)))
    return _draw_tiles(images, math.ceil(len(images) / columns), columns, title).figure


@styled
def latent_grid(
    images: Any, rows: int, columns: int, z1: Range = (-2, 2), z2: Range = (-2, 2), title: str = ""
) -> Figure:
    """Draw what a decoder makes of the points of a grid in a two-dimensional latent space.

    images (rows * columns, C, H, W), values in [0, 1]: image r * columns + c is decoded from
    linspace(*z1, columns)[c] and linspace(*z2, rows)[r]. z2 points up, as in `latent_plane`, so
    the first `columns` images are the bottom row.
    """
    images = _images(images)
    if min(rows, columns) < 1 or len(images) != rows * columns:
        raise ValueError(f"images {images.shape} do not fill {rows} rows and {columns} columns")
    images = images.reshape(rows, columns, *images.shape[1:])[::-1].reshape(images.shape)
    walks = np.linspace(*z1, columns), np.linspace(*z2, rows)
    extent = [*_edges(walks[0]), *_edges(walks[1])]
    locator = MaxNLocator(7, steps=[1, 2, 5, 10])
    margins = {"left": 0.6, "bottom": 0.6}
    axes = _draw_tiles(images, rows, columns, title, extent, ylabel="$z_2$", **margins)
    axes.set_xlabel("$z_1$")
    for axis, walk in zip((axes.xaxis, axes.yaxis), walks, strict=True):
        ticks = locator.tick_values(walk.min(), walk.max()) if len(walk) > 1 else walk
        axis.set_ticks(ticks[(ticks > walk.min() - 1e-9) & (ticks < walk.max() + 1e-9)])
    return axes.figure


def _images(images: Any, name: str = "images") -> np.ndarray:
    """Return images (N, C, H, W) as an array clipped to [0, 1], or say what is wrong with them."""
    images = np.asarray(images)
    shape = images.shape
    if len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape:
        raise ValueError(f"{name} must be (N, 1, H, W) or (N, 3, H, W) with N >= 1, not {shape}")
    if not np.isfinite(images).all() or (images.dtype.kind in "iu" and images.max() > 1):
        raise ValueError(f"{name} {shape} must hold finite values in [0, 1]")
    return np.clip(images, 0, 1)


def _draw_tiles(
    images: np.ndarray, rows: int, columns: int, title: str, extent: Any = None, **how: Any
) -> Any:
    """Draw images (N, C, H, W) row by row from the top; without an extent, with gaps between."""
    N, _, H, W = images.shape
    gap = max(1, max(H, W) // 14) if extent is None else 0
    tiles = np.ones((rows * columns, H + gap, W + gap, 3))  # white
    tiles[:N, :H, :W] = images.transpose(0, 2, 3, 1)  # grey becomes three equal colours
    tiles = tiles.reshape(rows, columns, H + gap, W + gap, 3).transpose(0, 2, 1, 3, 4)
    picture = tiles.reshape(rows * (H + gap), columns * (W + gap), 3)
    picture = picture[: rows * (H + gap) - gap, : columns * (W + gap) - gap]
    # figure pixels per image pixel: a whole number, unless the images are larger than their tiles
    scale = np.clip(1200 / max(rows, columns), 24, 168) / max(H, W)
    scale, sharp = (np.floor(scale), "nearest") if scale >= 1 else (scale, "antialiased")
    height, width = np.array(picture.shape[:2]) * scale / DPI
    axes = make_axes(width, height, title, **how)
    axes.imshow(picture, interpolation=sharp, extent=extent, aspect="auto")
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    return axes


def _edges(centres: np.ndarray) -> tuple[float, float]:
    """Return where a row of tiles with these evenly spaced centres begins and ends."""
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.5
    return centres[0] - half, centres[-1] + half
