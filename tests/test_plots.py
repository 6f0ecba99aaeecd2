import itertools
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from minae import plots
from minae.errors import InputError
from minae.plots.style import stacked

rng = np.random.default_rng(0)
GREY = rng.random((7, 1, 28, 28), dtype=np.float32)
COLOUR = rng.random((7, 3, 8, 10))
LARGE, SMALL = (rng.integers(0, 256, (h, 40, 3), dtype=np.uint8) for h in (336, 7))
CODES = rng.normal(size=(300, 5)) * [9, 3, 1, 1, 1]
DIGITS = np.arange(300) % 10
HISTORY = [
    {"epoch": n, "train_loss": 0.1 / n, "validation_loss": 0.1 / n + 1e-5, "seconds": 2.0}
    for n in range(1, 41)
]
BASELINES = {"PCA, 32 components": 0.0025, "mean image": 0.067}
ERRORS = {"PCA, 32 components": 0.0105, "convolutional autoencoder": 0.0066}
CURVES = {
    f"curve {k}": ([1, 10, 100, 1000][: 2 + k % 3], [k % 2, k, 3 * k, 9][: 2 + k % 3])
    for k in range(9)
} | {"with errors": ([1, 2, 3], [5, 4, 4.5], [0.1, 0.3, 0.2])}
MANY = np.resize(COLOUR, (300, 3, 8, 10))
WINDOWS = {f"{k}: 2025-03-01 0{k}:00, $1 or $2": rng.normal(size=(2, 48)) for k in range(6)}
QUESTIONS = np.array(["abbreviation", "description", "human being"])[DIGITS % 3]
SOUNDS = -50 * rng.random((12, 40, 64))
TITLE = "A title that is too long for one line over the smallest of the figures"

FIGURES = {
    "one pair": lambda: plots.reconstructions(GREY[:1], GREY[:1], title=TITLE),
    "seven pairs, three rows": lambda: plots.reconstructions(COLOUR, COLOUR, COLOUR),
    "named rows": lambda: plots.strips({"a": GREY, "a longer name": GREY}, TITLE),
    "details": lambda: plots.details(
        [
            plots.Detail(title, LARGE, (0.1, 0.2, 0.3, 0.4), {"before": SMALL, "after": SMALL})
            for title in (TITLE, "a$b$_" + 9 * TITLE)
        ]
    ),
    "one image": lambda: plots.image_grid(GREY[:1], TITLE),
    "seven images": lambda: plots.image_grid(COLOUR, "Samples"),
    "large images": lambda: plots.image_grid(np.ones((2, 1, 300, 200)) * np.linspace(0, 1, 200)),
    "latent grid": lambda: plots.latent_grid(COLOUR[:6], 2, 3, (-3, 3), (0.1, 0.11), TITLE),
    "latent grid of one": lambda: plots.latent_grid(GREY[:1], 1, 1),
    "digits": lambda: plots.latent_plane(CODES[:, :2], DIGITS, TITLE * 2),
    "no labels": lambda: plots.latent_plane(CODES[:, :2]),
    "principal components": lambda: plots.latent_plane(CODES, DIGITS),
    "named classes": lambda: plots.latent_plane(CODES, QUESTIONS),
    "long name at the edge": lambda: plots.latent_plane(np.eye(2), ["a", "an abbreviated name"]),
    "collapsed codes": lambda: plots.latent_plane(np.zeros((300, 3)), DIGITS),
    "one code": lambda: plots.latent_plane(CODES[:1] * 1e6, [0]),
    "map with images": lambda: plots.code_map(CODES[:, :2], "x", "y", DIGITS, TITLE, MANY),
    "map of two wide images": lambda: plots.code_map(CODES[:2, :2], "x", "y", images=COLOUR[:2]),
    "a spectrogram": lambda: plots.spectrograms(
        {"": SOUNDS[:1]}, ["$a$"], np.linspace(20, 3900, 40), 0.3, TITLE
    ),
    "spectrograms of twelve sounds": lambda: plots.spectrograms(
        {"original": SOUNDS, "reconstructed": SOUNDS},
        [f"a/long/name/of a recording.wav @ {i:.2f} s" for i in range(12)],
        700 * (10 ** np.linspace(0.02, 1.08, 40) - 1),
        1.024,
    ),
    "windows in lanes": lambda: plots.lanes(WINDOWS, TITLE, ["heat in °C", "power in $"]),
    "one constant window": lambda: plots.lanes({"alone": np.ones((1, 24))}),
    "curves": lambda: plots.learning_curves(HISTORY, BASELINES, TITLE, "mean squared error"),
    "one epoch": lambda: plots.learning_curves(HISTORY[:1]),
    "one epoch, equal baselines": lambda: plots.learning_curves(HISTORY[:1], {"a": 0.1, "b": 0.1}),
    "lines": lambda: plots.lines(CURVES, "noise", "PSNR in dB", TITLE),
    "one line, one point": lambda: plots.lines({"a": ([1], [2])}, "x", "y"),
    "lines over a log axis": lambda: plots.lines(CURVES, "draws", "nats", log_x=True),
    "over half a decade": lambda: plots.lines({"a": ([25, 80], [1, 2])}, "x", "y", log_x=True),
    "over two decades": lambda: plots.lines({"a": ([1e4, 2e6], [1, 2])}, "x", "y", log_x=True),
    "over six decades": lambda: plots.lines({"a": ([1, 1e6], [1, 2])}, "x", "y", log_x=True),
    "bars": lambda: plots.bars(ERRORS, "mean squared error per pixel", TITLE),
    "negative bar": lambda: plots.bars({"a": -12345.6, "b": 1e-9}, "nats"),
}


def words(figure):
    """What is written in a figure: (text, its box in pixels), with the rim where it has one."""
    figure.draw_without_rendering()
    axes = figure.axes[0]
    outside = {
        id(label)
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text()]
    return [
        # not t.get_window_extent(), which would take in the line that leads to an annotation
        (t.get_text(), t.get_bbox_patch().get_window_extent() if t.get_bbox_patch()
         else Text.get_window_extent(t))
        for t in texts
        if id(t) not in outside
    ]  # fmt: skip


def pixels(figure, tmp_path):
    plots.save(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        return np.array(picture.convert("RGB"))


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_saved_picture(draw, tmp_path):
    figure = draw()
    picture = pixels(figure, tmp_path)
    height, width = picture.shape[:2]
    np.testing.assert_allclose([width, height], figure.get_size_inches() * plots.DPI, atol=0.5)
    assert 150 < width < 2000
    assert 150 < height < 2000
    assert (picture[[0, -1]] == 255).all()  # a white rim: nothing runs over the edge
    assert (picture[:, [0, -1]] == 255).all()
    assert (picture < 128).mean() > 0.001


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_no_words_overlap_or_are_cut_off(draw):
    figure = draw()
    boxes = words(figure)
    for text, box in boxes:
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, text
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        assert not first.padded(-1).overlaps(second.padded(-1)), (one, other)


def test_users_settings_neither_change_nor_matter(tmp_path):
    expected = pixels(FIGURES["curves"](), tmp_path)
    own = {"font.size": 20, "text.color": "red", "savefig.bbox": "tight", "lines.linewidth": 9}
    with matplotlib.rc_context(own):
        before = dict(matplotlib.rcParams)
        picture = pixels(FIGURES["curves"](), tmp_path)
        with pytest.raises(ValueError, match="history of 0"):
            plots.learning_curves([])
        assert dict(matplotlib.rcParams) == before
    np.testing.assert_array_equal(picture, expected)


def test_pyplot_stays_out():
    code = "import sys, minae.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_save_makes_folders_and_writes_png_only(tmp_path):
    path = tmp_path / "new" / "folder" / "figure.png"
    plots.save(plots.image_grid(GREY), str(path))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(InputError, match=r"figure\.pdf: pictures are \.png files"):
        plots.save(plots.image_grid(GREY), tmp_path / "figure.pdf")


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
def test_images_are_drawn_sharp_and_true(images, tmp_path):
    """Each image pixel is a square of figure pixels, all of its very colour."""
    figure = plots.image_grid(images * 1.2 - 0.1)  # some values are outside of [0, 1]
    picture = pixels(figure, tmp_path)
    N, _, H, W = images.shape
    box = figure.axes[0].get_window_extent()
    top, left = picture.shape[0] - round(box.y1), round(box.x0)
    size, gap = 168 // max(H, W), max(1, max(H, W) // 14)
    for n in range(N):
        y, x = top + n // 3 * (H + gap) * size, left + n % 3 * (W + gap) * size
        tile = picture[y : y + H * size, x : x + W * size].reshape(H, size, W, size, 3)
        assert (tile == tile[:, :1, :, :1]).all()
        expected = np.broadcast_to(images[n].transpose(1, 2, 0), (H, W, 3)) * 1.2 - 0.1
        np.testing.assert_allclose(tile[:, 0, :, 0] / 255, expected.clip(0, 1), atol=1 / 255)


def test_rows_of_reconstructions(tmp_path):
    clean, noisy = np.zeros((12, 1, 28, 28)), np.ones((12, 1, 28, 28))
    figure = plots.reconstructions(clean, clean, corrupted=noisy)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["original", "corrupted", "reconstructed"]
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape == (3 * 30 - 2, 10 * 30 - 2, 3)  # the first ten
    assert [shown[row, 0, 0] for row in (0, 30, 60)] == [0, 1, 0]


def test_latent_grid_lies_as_its_axes_say():
    images = np.zeros((6, 1, 4, 4))
    images[0] = 1  # decoded from the first z1 and the first z2
    axes = plots.latent_grid(images, 2, 3, z1=(-1, 1), z2=(0, 3)).axes[0]
    shown = axes.images[0].get_array()
    assert shown.shape == (8, 12, 3)
    assert (shown[4:, :4] == 1).all()  # at the bottom left
    assert shown.sum() == 4 * 4 * 3
    assert axes.images[0].get_extent() == [-1.5, 1.5, -1.5, 4.5]
    assert axes.get_xlim() == (-1.5, 1.5)
    assert axes.get_ylim() == (-1.5, 4.5)
    assert set(axes.get_xticks()) <= set(np.linspace(-1, 1, 21).round(9))


def test_digits_keep_their_colours_and_are_named_at_their_medians():
    codes, labels = np.array([[0.0, 0], [0, 1], [0, 90], [50, 3]]), np.array([3, 3, 3, 7])
    axes = plots.latent_plane(codes, labels).axes[0]
    colours = {tuple(c) for c in axes.collections[0].get_facecolors()[:, :3]}
    assert colours == {matplotlib.colors.to_rgb(plots.COLOURS[k]) for k in (3, 7)}
    assert [text.get_text() for text in axes.texts] == ["3", "7"]
    at = [axes.transData.inverted().transform(text.xy) for text in axes.texts]
    np.testing.assert_allclose(at, [[0, 1], [50, 3]], atol=0.5)


def test_images_lie_where_their_points_are():
    """In each cell one, that of the point nearest to its middle."""
    axes, beside = plots.code_map(CODES[:, :2], "x", "y", images=MANY).axes
    assert (axes.get_xlim(), axes.get_ylim()) == (beside.get_xlim(), beside.get_ylim())
    cell = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())]) / 18
    middles = []
    for drawn in beside.images:
        x0, x1, y0, y1 = drawn.get_extent()
        assert (x1 - x0) / (y1 - y0) == pytest.approx(10 / 8)  # as wide as it is
        middles.append([(x0 + x1) / 2, (y0 + y1) / 2])
        off_middle = (np.abs(CODES[:, :2] - middles[-1]) / cell).max(axis=1)
        assert off_middle.min() <= 0.501
        shown = drawn.get_array().transpose(2, 0, 1)
        np.testing.assert_allclose(shown, MANY[off_middle.argmin()], atol=1e-6)
    places = ((np.array(middles) - [axes.get_xlim()[0], axes.get_ylim()[0]]) / cell).astype(int)
    assert len(np.unique(places, axis=0)) == len(places) > 50


def test_a_long_name_of_a_sound_keeps_its_beginning_and_its_end():
    names = [f"query some folder/a {i}.wav" for i in range(6)]
    figure = plots.spectrograms({"": SOUNDS[:6]}, names, np.linspace(20, 3900, 40), 0.3)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert [title[:6] + title[-7:] for title in titles] == [f"query a {i}.wav" for i in range(6)]
    lefts = [axes.get_position().x0 for axes in figure.axes if axes.get_title(loc="left")]
    assert lefts[:3] == lefts[3:]  # three and three, not five and one


def test_windows_have_one_scale_and_the_query_behind_them():
    query, other = np.array([[0.0, 2, 0]]), np.array([[1.0, -1, 1]])
    axes = plots.lanes({"query": query, "other": other}).axes[0]
    first, behind, above = (line.get_ydata() for line in axes.lines)
    np.testing.assert_array_equal(first, query[0])
    np.testing.assert_allclose(behind - behind[0], query[0])
    np.testing.assert_allclose(above - behind, (other - query)[0])
    assert max(behind.max(), above.max()) < first.min()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["query", "other"]


def test_many_codes_are_thinned():
    codes = rng.normal(size=(6000, 2))
    first, second = (plots.latent_plane(codes).axes[0].collections[0] for _ in range(2))
    assert len(first.get_offsets()) == 5000
    np.testing.assert_array_equal(first.get_offsets(), second.get_offsets())


def test_principal_components():
    """Two directions of known variance, 9 and 3 of 12, hidden in five dimensions."""
    circle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    plane = np.stack([3 * np.cos(circle), np.sqrt(3) * np.sin(circle)], axis=1)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0][:2]
    figure = plots.latent_plane(plane @ basis + 7)
    texts = [text for text, _ in words(figure)]
    assert "first principal component, 75% of variance" in texts
    assert "second principal component, 25% of variance" in texts
    points = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(points.var(axis=0), [4.5, 1.5])
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-9)


def test_curves_end_in_their_values():
    history = [*HISTORY, {"epoch": 41, "train_loss": 0.5, "validation_loss": float("nan")}]
    axes = plots.learning_curves(history, BASELINES).axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "PCA, 32 components 0.0025",
        "mean image 0.067",
        "train 0.5",
        "validation 0.00251",
    ]
    *_, train, validation = axes.lines
    np.testing.assert_array_equal(train.get_xdata(), np.arange(1, 42))
    np.testing.assert_array_equal(train.get_ydata(), [r["train_loss"] for r in history])
    np.testing.assert_array_equal(validation.get_ydata(), [r["validation_loss"] for r in HISTORY])


def test_lines_end_in_their_names_and_show_errors():
    axes = plots.lines(CURVES, "x", "y").axes[0]
    assert [text.get_text() for text in axes.texts] == list(CURVES)
    at = np.array([text.xy for text in axes.texts])
    np.testing.assert_array_equal(at, [(x[-1], y[-1]) for x, y, *_ in CURVES.values()])
    *_, (bars,) = axes.containers[-1].lines
    lows, highs = np.array([segment[:, 1] for segment in bars.get_segments()]).T
    np.testing.assert_allclose([highs + lows, highs - lows], [[10, 8, 9], [0.2, 0.6, 0.4]])


@pytest.mark.parametrize("name", [name for name in FIGURES if name.startswith("over ")])
def test_a_log_axis_has_numbers(name):
    figure = FIGURES[name]()
    shown = [text for text, _ in words(figure) if text.replace(",", "").isdigit()]
    assert len({text for text in shown if int(text.replace(",", "")) > 2}) >= 3


@pytest.mark.parametrize("seed", range(60))
def test_close_ends_are_named_one_above_the_other(seed):
    draws = np.random.default_rng(seed)
    count = 1 + seed % 18 if seed < 40 else 2
    heights = draws.choice([0.0, 0.5, 1.0]) + draws.normal(size=count) * draws.choice([0, 0.02, 1])
    found = stacked(heights, 0.065, -0.1, 1.1)
    assert found.min() >= -0.1 + 0.0325 - 1e-9
    assert found.max() <= 1.1 - 0.0325 + 1e-9
    assert (np.diff(np.sort(found)) >= 0.065 - 1e-9).all()
    assert (np.argsort(found) == np.argsort(heights, kind="stable")).all()
    room = np.diff(np.sort(heights), prepend=-0.13, append=1.13)  # to neighbours and both ends
    if room.min() >= 0.065:
        np.testing.assert_allclose(found, heights)


def test_more_names_than_there_is_room_for_are_evenly_spaced():
    found = stacked(np.linspace(0, 1, 30), 0.065, -0.1, 1.1)
    np.testing.assert_allclose(np.diff(found), 0.04)
    assert found[0] == pytest.approx(-0.08)


def test_one_epoch_has_markers():
    axes = plots.learning_curves(HISTORY[:1]).axes[0]
    assert [line.get_marker() for line in axes.lines] == ["o", "o"]
    assert axes.get_xlim()[0] < 1 < axes.get_xlim()[1]


def test_bars_start_at_zero_and_say_their_numbers():
    axes = plots.bars({"a": 0.0105, "b": -2, "c": 12345.6}, "loss").axes[0]
    assert [(bar.get_y(), bar.get_height()) for bar in axes.patches] == [
        (0, 0.0105), (0, -2), (0, 12345.6),
    ]  # fmt: skip
    assert [text.get_text() for text in axes.texts] == ["0.0105", "−2", "12,346"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.image_grid(GREY[:0]), r"images must be .*not \(0, 1, 28, 28\)"),
        (lambda: plots.image_grid(GREY[:, 0]), r"images must be .*not \(7, 28, 28\)"),
        (lambda: plots.image_grid(np.zeros((2, 2, 4, 4))), r"not \(2, 2, 4, 4\)"),
        (lambda: plots.image_grid(GREY * np.nan), r"images \(7, 1, 28, 28\) must hold finite"),
        (lambda: plots.image_grid(np.full((1, 1, 4, 4), 255, np.uint8)), r"in \[0, 1\]"),
        (lambda: plots.reconstructions(GREY, COLOUR), "one shape .*28, 28.*3, 8, 10"),
        (lambda: plots.reconstructions(GREY, GREY[:3]), "one shape"),
        (lambda: plots.reconstructions(GREY, GREY[0]), r"reconstructed must be .*\(1, 28, 28\)"),
        (lambda: plots.strips({"a": GREY, "b": GREY[:3]}), "one shape"),
        (lambda: plots.strips({}), "one shape"),
        (lambda: plots.latent_grid(GREY, 2, 3), r"\(7, 1, 28, 28\) do not fill 2 rows and 3"),
        (lambda: plots.latent_grid(GREY, -1, -7), "do not fill -1 rows"),
        (lambda: plots.latent_plane(CODES[:, :1]), r"codes must be .*\(300, 1\)"),
        (lambda: plots.latent_plane(CODES[0]), r"codes must be .*\(5,\)"),
        (lambda: plots.latent_plane(CODES[:0]), r"codes must be .*\(0, 5\)"),
        (lambda: plots.latent_plane(CODES * np.inf), "finite"),
        (lambda: plots.latent_plane(CODES, DIGITS[:9]), r"labels must be \(300,\).*\(9,\)"),
        (lambda: plots.learning_curves([{"epoch": 1}]), "history of 1 epochs"),
        (lambda: plots.lines({}, "x", "y"), "one or more curves"),
        (lambda: plots.lines({"a": ([1, 2], [1])}, "x", "y"), "'a' needs x and y of one length"),
        (lambda: plots.lines({"a": ([], [])}, "x", "y"), "'a' needs x and y of one length"),
        (lambda: plots.lanes({}), "one or more, of one shape"),
        (lambda: plots.lanes({"a": np.ones((1, 3)), "b": np.ones((1, 4))}), "of one shape"),
        (lambda: plots.bars({}, "loss"), "one or more finite"),
        (lambda: plots.bars({"a": float("nan")}, "loss"), "one or more finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
