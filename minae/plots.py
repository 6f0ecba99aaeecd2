"""Every figure, in one style: plain arrays in, a matplotlib Figure out; `save` writes it as PNG.

Nothing here needs a display, touches pyplot, or changes the user's own matplotlib settings. Sizes
are in inches. An image pixel is drawn as a whole number of figure pixels, so that it stays sharp.
"""

import textwrap
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator

from minae.checkpoint import write_whole

# Ten colours chosen by optimisation and survey to stay apart for colour-blind readers: M. Petroff,
# "Accessible Color Sequences for Data Visualization", arXiv:2107.02270. In an order that gives the
# most different ones to the digits that models confuse, 3 5 8 and 4 7 9.
COLOURS = (
    "#717581", "#b9ac70", "#a96b59", "#3f90da", "#832db6",
    "#ffa90e", "#94a4a2", "#e76300", "#bd1f01", "#92dadd",
)  # fmt: skip
INK, MUTED = "#222222", "#666666"  # words and numbers; what stands behind them
BLUE, RED = "#1f6fb8", "#bd1f01"  # the main thing; what it is compared with
DPI, MAX_PAIRS, MAX_POINTS = 150, 10, 5000

_styled = style.context(  # a decorator: matplotlib's defaults and these, only within the function
    dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK)
    | dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED)
    | dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    after_reset=True,
)


@_styled
def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a .png file, whole or not at all; its folder is made if need be."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"figures are saved as .png files, not as {path.name!r}")
    figure.savefig(content := BytesIO(), format="png", dpi=DPI)
    write_whole(path, content.getvalue())


@_styled
def reconstructions(originals, reconstructed, corrupted=None, title: str | None = None) -> Figure:
    """Draw originals, what the model was given if that was corrupted, and reconstructions in rows.

    Each is (N, C, H, W) with C = 1 (grey) or 3 (colour) and values in [0, 1]; values outside are
    clipped. The first ten images are drawn.
    """
    rows = {"original": originals, "corrupted": corrupted, "reconstructed": reconstructed}
    rows = {name: _images(x, name) for name, x in rows.items() if x is not None}
    shapes = {x.shape for x in rows.values()}
    if len(shapes) > 1:
        raise ValueError(f"all rows must have one shape (N, C, H, W), not {sorted(shapes)}")
    columns = min(len(originals), MAX_PAIRS)
    images = np.concatenate([x[:columns] for x in rows.values()])
    axes = _draw_tiles(images, len(rows), columns, title, left=1.25)
    height = axes.get_ylim()[0] / len(rows)  # the y axis points down
    axes.set_yticks((np.arange(len(rows)) + 0.5) * height, rows)
    axes.tick_params(left=False)
    return axes.figure


@_styled
def image_grid(images, title: str | None = None) -> Figure:
    """Tile images (N, C, H, W), values in [0, 1], row by row into a grid that is nearly square."""
    images = _images(images)
    columns = int(np.ceil(np.sqrt(len(images))))
    rows = int(np.ceil(len(images) / columns))
    return _draw_tiles(images, rows, columns, title).figure


@_styled
def latent_grid(images, rows: int, columns: int, z1=(-2, 2), z2=(-2, 2), title=None) -> Figure:
    """Draw what a decoder makes of a grid walked through a two-dimensional latent space.

    images (rows * columns, C, H, W), values in [0, 1]: image r * columns + c is decoded from
    linspace(*z1, columns)[c] and linspace(*z2, rows)[r]. z2 points up, as in `latent_plane`, so
    the first `columns` images are the row at the bottom.
    """
    images = _images(images)
    if min(rows, columns) < 1 or len(images) != rows * columns:
        raise ValueError(f"images {images.shape} do not fill {rows} rows and {columns} columns")
    images = images.reshape(rows, columns, *images.shape[1:])[::-1].reshape(images.shape)
    walks = np.linspace(*z1, columns), np.linspace(*z2, rows)
    extent = [*_edges(walks[0]), *_edges(walks[1])]
    locator = MaxNLocator(7, steps=[1, 2, 5, 10])
    axes = _draw_tiles(images, rows, columns, title, extent, "$z_2$", left=0.6, bottom=0.6)
    axes.set_xlabel("$z_1$")
    for axis, walk in zip((axes.xaxis, axes.yaxis), walks, strict=True):
        ticks = locator.tick_values(walk.min(), walk.max()) if len(walk) > 1 else walk
        axis.set_ticks(ticks[(ticks > walk.min() - 1e-9) & (ticks < walk.max() + 1e-9)])
    return axes.figure


@_styled
def latent_plane(codes, labels=None, title: str | None = None) -> Figure:
    """Scatter codes in the plane, both axes in one scale, and name each class at its median.

    codes (N, 2), or (N, D) with D > 2: then drawn on their first two principal components. Of more
    than 5,000 codes, 5,000 are drawn, always the same. labels (N,), integers or strings; None
    draws all codes in one colour.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or len(codes) < 1 or codes.shape[1] < 2 or not np.isfinite(codes).all():
        raise ValueError(f"codes must be (N, D), N >= 1, D >= 2, and finite, not {codes.shape}")
    palette = [BLUE] if labels is None else COLOURS
    labels = np.full(len(codes), "") if labels is None else np.asarray(labels)
    if labels.shape != (len(codes),):
        raise ValueError(f"labels must be ({len(codes)},), one for each code, not {labels.shape}")
    points, xlabel, ylabel = _plane(codes)
    axes = _axes(5.6, 5.6, title, ylabel, left=0.85, bottom=0.6, right=0.35)
    axes.set(xlabel=xlabel, adjustable="datalim", aspect="equal")
    names, index = np.unique(labels, return_inverse=True)
    # A digit keeps its colour in a figure that lacks other digits.
    numbers = names if names.dtype.kind in "iu" else np.arange(len(names))
    colours = np.array([to_rgb(palette[k % len(palette)]) for k in numbers])
    order = np.random.default_rng(0).permutation(len(points))[:MAX_POINTS]  # no class lies on top
    axes.scatter(*points[order].T, s=9, c=colours[index[order]], alpha=0.6, linewidths=0)
    medians = np.array([np.median(points[index == k], axis=0) for k in range(len(names))])
    _name_classes(axes, medians, [str(name) for name in names], colours)
    return axes.figure


@_styled
def learning_curves(history: list[dict], baselines=None, title=None, ylabel="loss") -> Figure:
    """Draw training and validation loss over epochs, with their last values at the lines' ends.

    history is what `minae.train.fit` returns: dicts with `epoch` and `train_loss`, and perhaps
    `validation_loss`; other keys, and losses that are not finite, are left out. baselines, a dict
    of losses by name, become dashed lines. ylabel says what the loss is, and its unit.
    """
    if not any(np.isfinite(record.get("train_loss", np.nan)) for record in history):
        raise ValueError(f"a history of {len(history)} epochs has no finite train_loss to draw")
    last = history[-1]["epoch"]
    first = min(history[0]["epoch"], last - 1)  # after one epoch, the axis starts before it
    lines = [
        ([(first, value), (last, value)], name, MUTED, {"linestyle": (0, (5, 3)), "linewidth": 1.2})
        for name, value in (baselines or {}).items()
    ]
    for name, colour in (("train", BLUE), ("validation", RED)):
        key = f"{name}_loss"
        curve = [(r["epoch"], r[key]) for r in history if np.isfinite(r.get(key, np.nan))]
        look = {"marker": "o" if len(curve) <= 30 else None, "markersize": 4, "linewidth": 2}
        lines += [(curve, name, colour, look)] if curve else []
    texts = [f"{name} {_number(curve[-1][1])}" for curve, name, _, _ in lines]
    axes = _axes(5.6, 3.4, title, ylabel, 0.85, 0.6, right=0.5 + max(map(_width, texts)))
    for curve, _, colour, look in lines:
        axes.plot(*zip(*curve, strict=True), color=colour, **look)
    pad = 0.03 * (last - first)
    axes.set(xlabel="epoch", xlim=(first - pad, last + pad))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    ends = [(last, curve[-1][1]) for curve, *_ in lines]
    _name_ends(axes, ends, texts, [colour for _, _, colour, _ in lines])
    return axes.figure


@_styled
def bars(values: dict[str, float], ylabel: str, title: str | None = None) -> Figure:
    """Compare numbers by name, as bars from zero with the number on each."""
    heights = list(values.values())
    if not heights or not np.isfinite(heights).all():
        raise ValueError(f"bars need one or more finite numbers, not {values}")
    names = [textwrap.fill(name, 14) for name in values]
    bottom = 0.38 + 0.18 * max(name.count("\n") for name in names)
    axes = _axes(max(2.4, 1.25 * len(names)), 3.2, title, ylabel, left=0.85, bottom=bottom)
    drawn = axes.bar(range(len(names)), heights, width=0.62, color=BLUE)
    axes.bar_label(drawn, [_number(height) for height in heights], padding=3, fontweight="bold")
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.5, len(names) - 0.5), ymargin=0.12)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.spines.bottom.set_visible(False)
    axes.tick_params(bottom=False)
    return axes.figure


@_styled
def requests(panels: dict, title: str | None = None) -> Figure:
    """Draw requests to memory (see kernels.simulator.traffic), one a panel: what each lane wants.

    Global memory: its words of 4 bytes along x, from the first one wanted on, and the sectors that
    hold them shaded. Shared memory: banks along x; red where lanes that could be answered at once
    want different words of one.
    """
    rows = -(-len(panels) // 2)
    axes = _axes(7.6, 2.3 * rows, title, "lane", left=0.55, bottom=0.45)
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


def _images(images, name: str = "images") -> np.ndarray:
    """Return images (N, C, H, W) as an array clipped to [0, 1], or say what is wrong with them."""
    images = np.asarray(images)
    shape = images.shape
    if len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape:
        raise ValueError(f"{name} must be (N, 1, H, W) or (N, 3, H, W) with N >= 1, not {shape}")
    if not np.isfinite(images).all() or (images.dtype.kind in "iu" and images.max() > 1):
        raise ValueError(f"{name} {shape} must hold finite values in [0, 1]")
    return np.clip(images, 0, 1)


def _axes(width, height, title, ylabel=None, left=0.15, bottom=0.15, right=0.15) -> Axes:
    """Return axes of just this size, in inches, in a new figure with margins and words above."""
    total = max(left + width + right, 3.2 if title else 0)
    words = textwrap.wrap(title or "", int((total - 0.3) * 8.5))  # bold characters to the inch
    top = 0.15 + (0.13 + 0.2 * len(words) if words else 0) + (0.25 if ylabel else 0)
    pixels = np.round(np.array([total, bottom + height + top, left, bottom, width, height]) * DPI)
    figure = Figure(figsize=pixels[:2] / DPI, dpi=DPI)
    x, y = (0.15, 0.13) / figure.get_size_inches()
    figure.text(x, 1 - y, "\n".join(words), va="top", fontsize=12, fontweight="bold")
    if ylabel:  # upright, above its axis: easier to read, and clear of long tick labels
        figure.text(x, (bottom + height + 0.12) / figure.get_figheight(), ylabel)
    axes = figure.add_axes(pixels[2:] / np.tile(pixels[:2], 2))
    axes.xaxis.set_major_formatter("{x:g}")  # each tick says all: no factor in a corner
    axes.yaxis.set_major_formatter("{x:g}")
    return axes


def _draw_tiles(images, rows, columns, title, extent=None, ylabel=None, **margins) -> Axes:
    """Draw images (N, C, H, W) row by row from the top; without an extent, with gaps between."""
    N, _, H, W = images.shape
    gap = max(1, max(H, W) // 14) if extent is None else 0
    tiles = np.ones((rows * columns, H + gap, W + gap, 3))  # white
    tiles[:N, :H, :W] = images.transpose(0, 2, 3, 1)  # grey becomes three equal colours
    tiles = tiles.reshape(rows, columns, H + gap, W + gap, 3).transpose(0, 2, 1, 3, 4)
    picture = tiles.reshape(rows * (H + gap), columns * (W + gap), 3)
    picture = picture[: rows * (H + gap) - gap, : columns * (W + gap) - gap]
    # Figure pixels to an image pixel: a whole number, unless the images are larger than their tile.
    scale = np.clip(1200 / max(rows, columns), 24, 168) / max(H, W)
    scale, sharp = (np.floor(scale), "nearest") if scale >= 1 else (scale, "antialiased")
    height, width = np.array(picture.shape[:2]) * scale / DPI
    axes = _axes(width, height, title, ylabel, **margins)
    axes.imshow(picture, interpolation=sharp, extent=extent, aspect="auto")
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    return axes


def _edges(centres) -> tuple[float, float]:
    """Return where a row of tiles with these centres, evenly spaced, begins and ends."""
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.5
    return centres[0] - half, centres[-1] + half


def _plane(codes) -> tuple[np.ndarray, str, str]:
    """Return points (N, 2) and what the axes are, by principal components if D > 2."""
    if codes.shape[1] == 2:
        return codes, "$z_1$", "$z_2$"
    centred = codes - codes.mean(axis=0)
    directions, variances, _ = np.linalg.svd(centred.T @ centred)  # (D, D), (D,)
    directions = directions[:, :2]
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, [0, 1]])  # else the sign is up to chance
    shares = variances[:2] / (variances.sum() or 1)
    words = "{} principal component, {:.0%} of variance".format
    return centred @ directions, words("first", shares[0]), words("second", shares[1])


def _name_classes(axes, medians, names, colours) -> None:
    """Write names at medians (K, 2) on their colours with a white rim, none over another."""
    axes.figure.draw_without_rendering()  # settles the limits, which the pixels depend on
    sizes = np.array([(_width(name) + 0.16, 0.26) for name in names]) * DPI
    box = axes.get_window_extent()
    pixels = _spread(axes.transData.transform(medians), sizes, box.min, box.max)
    for name, (x, y), colour in zip(names, pixels, colours, strict=True):
        ink = "white" if colour @ (0.299, 0.587, 0.114) < 0.5 else INK
        rim = {"boxstyle": "round,pad=0.3,rounding_size=0.7", "fc": colour, "ec": "white"}
        place = {"xycoords": "figure pixels", "ha": "center", "va": "center"}
        axes.annotate(name, (x, y), **place, color=ink, fontweight="bold", bbox=rim)


def _name_ends(axes, ends, texts, colours) -> None:
    """Write texts right of the axes, with a line to their ends (K, 2), none over another."""
    axes.figure.draw_without_rendering()
    heights = axes.transAxes.inverted().transform(axes.transData.transform(ends))[:, 1:]  # (K, 1)
    heights = _spread(heights, np.full_like(heights, 0.065), -0.1, 1.1)
    for text, end, (y,), colour in zip(texts, ends, heights, colours, strict=True):
        place = {"xytext": (1.04, y), "textcoords": "axes fraction", "va": "center"}
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "relpos": (0, 0.5)}
        words = {"color": colour, "fontweight": "bold", "annotation_clip": False}
        axes.annotate(text, end, **place, **words, arrowprops=line)


def _spread(centres, sizes, low, high) -> np.ndarray:
    """Push boxes (K, D) apart, little by little, until none covers another, within low and high."""
    need = (sizes[:, None] + sizes) / 2  # (K, K, D)
    centres = centres + 1e-3 * sizes * np.arange(len(sizes))[:, None]  # none just upon another
    for _ in range(500):
        apart = centres[:, None] - centres  # (K, K, D)
        distance = np.max(np.abs(apart) / need, axis=-1)  # two boxes overlap below 1
        np.fill_diagonal(distance, 1)
        push = np.clip(1 / distance - 1, 0, 1)
        centres = centres + 0.3 * np.sum(apart * push[..., None], axis=1)
        centres = np.clip(centres, low + sizes / 2, high - sizes / 2)
    return centres


def _width(text: str) -> float:
    """Return how wide a bold text, with a dot more, is in inches."""
    return TextPath((0, 0), text + ".", size=10, prop={"weight": "bold"}).get_extents().width / 72


def _number(value: float) -> str:
    """Return a number for reading: four digits, or all of a large one."""
    return format(value, ",.0f" if abs(value) >= 1000 else ".4g").replace("-", "−")
