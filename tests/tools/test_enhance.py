"""`minae enhance`, run as a user does."""

import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from minae.data import load, parse_corruption
from minae.data.kinds import ImageKind
from minae.models import Autoencoder
from minae.tensor import Tensor
from minae.tools.enhance import enhance
from minae.train import runs, training

DIGITS = load("digits").test.images  # (180, 1, 8, 8)
NOISY = parse_corruption("noise:0.3")(DIGITS, np.random.default_rng(0))

#: What is left out, and words of the line that says why.
ODD = {
    "text.txt": "cannot be read as an image (of no known kind",
    "empty.png": "cannot be read as an image (it is empty)",
    "large.png": "is 9x8 pixels, but the model takes 8x8; scale or crop",
    "deep.tif": "has values of neither 8 nor 16 bits a channel; save it with 8 bits",
    "cut.png": "image file is truncated",
}


def as_bytes(image):
    """Return an image (C, H, W), values in [0, 1], as Pillow's array: (H, W) or (H, W, 3)."""
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def save(folder, images, names):
    folder.mkdir(parents=True, exist_ok=True)
    for image, name in zip(images, names, strict=False):
        Image.fromarray(as_bytes(image)).save(folder / name)
    return folder


def save_odd(folder):
    """Put the files of ODD into a folder."""
    save(folder, NOISY[:1], ["cut.png"])
    whole = (folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.txt").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")
    Image.new("L", (9, 8)).save(folder / "large.png")
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(folder / "deep.tif")
    return folder


def size(path):
    with Image.open(path) as picture:
        return picture.size


def train(out, data="digits", corrupt="noise:0.3", sizes=(64, 16)):
    settings = training.Settings("dense", data, epochs=2, lr=0.01, corrupt=corrupt)
    settings.model_options = {"sizes": sizes}
    training.train_run(settings, out, command="", show_progress=False)
    return out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("dense") / "run")


@pytest.fixture
def run(trained, tmp_path):
    """A denoiser of the 8x8 digits, in the folder where the command runs."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def expected(run, path):
    """What the model of a run makes of a picture, as bytes."""
    model = runs.load_run(run).model
    with Image.open(path) as picture:
        image = np.asarray(picture, np.float32)[None, None] / 255  # (1, 1, H, W)
    return as_bytes(model(Tensor(image)).detach().numpy()[0])


def assert_enhanced(run, path, result):
    with Image.open(result) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        # a batch is multiplied in another order than a single image
        np.testing.assert_allclose(np.asarray(picture, int), expected(run, path), atol=1)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_and_folders(minae, run, tmp_path):
    save(tmp_path / "photos", NOISY, ["a.png", "b.bmp"])
    save(tmp_path / "photos", NOISY[2:], [".hidden.png"])
    save(tmp_path, NOISY[3:], ["c.png"])
    before = contents(tmp_path / "photos")
    status, out, err = minae("enhance", "run", "photos", "c.png")
    assert (status, err) == (0, "")
    results = run / "enhanced"
    assert {path.name for path in results.iterdir()} == {
        "a.png",
        "b.png",
        "c.png",
        "comparison.png",
    }
    for path in ("photos/a.png", "photos/b.bmp", "c.png"):
        stem = (tmp_path / path).stem
        assert_enhanced(run, tmp_path / path, results / f"{stem}.png")
    assert contents(tmp_path / "photos") == before
    for words in ("undo noise:0.3", "3 of 3 files", "run/enhanced: 3", "comparison.png"):
        assert words in out


def test_the_comparison_shows_six(minae, run, tmp_path):
    save(tmp_path / "photos", NOISY, [f"{i}.png" for i in range(8)])
    for count in (1, 6, 8):
        minae("enhance", "run", *[f"photos/{i}.png" for i in range(count)], "--out", f"out{count}")
    one, six, eight = (size(tmp_path / f"out{count}" / "comparison.png") for count in (1, 6, 8))
    assert one[1] < six[1] == eight[1]


def test_odd_files_are_named_and_the_rest_is_done(minae, run, tmp_path):
    save(save_odd(tmp_path / "photos"), NOISY, ["good.png"])
    (tmp_path / "photos" / "cats" / "deeper").mkdir(parents=True)
    status, out, err = minae("enhance", "run", "photos", "nowhere.png")
    assert status == 1
    lines = err.splitlines()
    reasons = {f"photos/{name}": why for name, why in ODD.items()}
    reasons |= {"nowhere.png": "there is no such file", "photos/cats/deeper": "lies too deep"}
    assert len(lines) == len(reasons)
    for name, why in reasons.items():
        (line,) = [line for line in lines if line.startswith(f"minae: {name}")]
        assert why in line
    files = {path.name for path in (run / "enhanced").iterdir()}
    assert files == {"good.png", "comparison.png"}
    assert_enhanced(run, tmp_path / "photos" / "good.png", run / "enhanced" / "good.png")
    assert "1 of 8 files" in out


def test_nothing_usable_is_status_2_and_writes_nothing(minae, run, tmp_path):
    save_odd(tmp_path / "photos")
    (tmp_path / "nothing").mkdir()
    before = contents(tmp_path)
    status, out, err = minae("enhance", "run", "photos", "nothing")
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == len(ODD) + 2
    assert "none of 6 files can be used" in err.splitlines()[-1]
    assert contents(tmp_path) == before


def test_equal_stems_are_numbered(minae, run, tmp_path):
    for number, folder in enumerate(("a", "b", "c")):
        save(tmp_path / folder, NOISY[number:], ["x.png"])
    save(tmp_path / "a", NOISY[5:], ["x-2.bmp", "comparison.png", "y.png", "Z.png"])
    save(tmp_path / "b", NOISY[9:], ["Y.png", "z.png"])
    (tmp_path / "a" / "x.json").write_text("{}")  # left out: takes no name
    status, _, err = minae("enhance", "run", "a", "b", "c/x.png", "--out", "out")
    assert status == 1
    results = {
        "a/x.png": "x.png",
        "a/x-2.bmp": "x-2.png",
        "a/comparison.png": "comparison-2.png",
        "a/y.png": "y.png",
        "a/Z.png": "Z.png",
        "b/x.png": "x-3.png",
        "b/Y.png": "Y-2.png",
        "b/z.png": "z-2.png",
        "c/x.png": "x-4.png",
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *results.values(),
        "comparison.png",
    }
    for path, name in results.items():
        assert_enhanced(run, tmp_path / path, tmp_path / "out" / name)
    assert len({path.read_bytes() for path in (tmp_path / "out").iterdir()}) == len(results) + 1
    assert "b/x.png becomes x-3.png, as x.png is taken" in err
    assert "a/x.png becomes" not in err


def test_what_is_there_is_replaced_only_if_told(minae, run, tmp_path):
    save(tmp_path / "photos", NOISY, ["a.png", "b.png"])
    save(tmp_path / "out", NOISY[9:], ["b.png"])
    before = contents(tmp_path)
    status, _, err = minae("enhance", "run", "photos", "--out", "out")
    assert status == 2
    assert "out/b.png is there already: add --overwrite, or name another" in err
    assert contents(tmp_path) == before
    assert minae("enhance", "run", "photos", "--out", "out", "--overwrite")[0] == 0
    assert_enhanced(run, tmp_path / "photos" / "b.png", tmp_path / "out" / "b.png")


@pytest.mark.parametrize("out", ["photos", "photos/../photos/.", "links"])
def test_nothing_is_written_beside_the_originals(minae, run, tmp_path, out):
    save(tmp_path / "photos", NOISY, ["a.png"])
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.png").symlink_to(tmp_path / "photos" / "a.png")
    before = contents(tmp_path)
    status, _, err = minae("enhance", "run", "links/a.png", "--out", out, "--overwrite")
    assert status == 2
    assert "holds a.png, which is to be read: name another folder with --out" in err
    assert contents(tmp_path) == before


def test_what_a_grey_model_makes_of_colours_and_transparency(minae, run, tmp_path):
    """Each channel is restored like a grey picture; opacity stays, palettes become colours."""
    grey, photos = as_bytes(NOISY[0]), tmp_path / "photos"
    save(photos, NOISY, ["red.png", "green.png", "blue.png"])
    channels = [as_bytes(image) for image in NOISY[:3]]
    alpha = np.arange(64, dtype=np.uint8).reshape(8, 8)
    pictures = {"RGB": channels, "RGBA": [*channels, alpha], "LA": [grey, alpha]}
    for mode, layers in pictures.items():
        Image.fromarray(np.stack(layers, axis=-1), mode).save(photos / f"{mode}.png")
    Image.fromarray(grey).convert("P").save(photos / "palette.gif")
    status, out, err = minae("enhance", "run", "photos", "--out", "out")
    assert (status, "7 of 7" in out, err) == (0, True, "")
    results = {path.stem: np.asarray(Image.open(path)) for path in (tmp_path / "out").iterdir()}
    colours = [results[name] for name in ("red", "green", "blue")]
    expected = {"RGB": colours, "RGBA": [*colours, alpha], "LA": [colours[0], alpha]}
    expected |= {"palette": [colours[0]] * 3}
    for mode, layers in expected.items():
        difference = results[mode].astype(int) - np.stack(layers, axis=-1)
        assert np.abs(difference).max() <= 1  # one batch is multiplied unlike another


def test_a_coloured_model(minae, tmp_path):
    """A grey picture stays grey: the mean of what comes of three equal channels."""
    colours = np.random.default_rng(0).random((30, 3, 8, 8), dtype=np.float32)
    np.save(tmp_path / "colours.npy", colours)
    train(tmp_path / "run", data=str(tmp_path / "colours.npy"), sizes=(192, 16))
    save(tmp_path / "photos", [*colours[:1], *DIGITS[:1]], ["colour.png", "grey.png"])
    status, _, err = minae("enhance", "run", "photos")
    assert (status, err) == (0, "")
    model = runs.load_run(tmp_path / "run").model
    inputs = np.stack([colours[0], np.repeat(DIGITS[0], 3, axis=0)])
    inputs = np.round(inputs * 255).astype(np.float32) / 255
    colour, grey = model(Tensor(inputs)).detach().numpy()
    for name, output in {"colour": colour, "grey": grey.mean(axis=0, keepdims=True)}.items():
        with Image.open(tmp_path / "run" / "enhanced" / f"{name}.png") as picture:
            assert picture.mode == ("RGB" if name == "colour" else "L")
            np.testing.assert_allclose(np.asarray(picture, int), as_bytes(output), atol=1)


class Brighter(Autoencoder):
    """Adds a tenth of white; takes any size."""

    any_size, reach = True, 0

    def forward(self, x):
        return x + 0.1


def test_any_size(tmp_path, capsys):
    """A picture keeps its size and is upright; one that is cut short does not stop the others."""
    shape, settings = (1, 64, 64), training.Settings("dense", "digits")
    run = runs.Run(tmp_path / "run", Brighter(), settings, shape, ImageKind(shape))
    values = np.random.default_rng(0).integers(0, 230, (700, 3), dtype=np.uint8)
    photos = save(tmp_path / "photos", NOISY, ["small.png"])
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise
    Image.fromarray(np.rot90(values)).save(photos / "turned.png", exif=turned)
    Image.fromarray(values[:1, :1]).save(photos / "one.png")
    (photos / "cut.png").write_bytes((photos / "turned.png").read_bytes()[:200])
    assert not enhance(run, [photos], tmp_path / "out")
    assert "cut.png: cannot be read" in capsys.readouterr().err
    expected = {"turned": values, "one": values[:1, :1], "small": as_bytes(NOISY[0])}
    for name, given in expected.items():
        with Image.open(tmp_path / "out" / f"{name}.png") as picture:
            made = np.asarray(picture, float)
        np.testing.assert_allclose(made, np.minimum(given + 25.5, 255), atol=0.5)


def test_a_restoring_model(minae, tmp_path):
    """A trained one, of grey pictures, for a larger picture of colours."""
    settings = training.Settings.of("restore", data="digits", epochs=1, batch_size=64)
    settings.model_options = {"channels": (4,), "blocks": 1}
    training.train_run(settings, tmp_path / "run", command="", show_progress=False)
    colours = np.random.default_rng(0).random((1, 3, 13, 27), dtype=np.float32)
    save(tmp_path / "photos", colours, ["a.png"])
    status, out, err = minae("enhance", "run", "photos")
    assert (status, err, "undo noise" in out) == (0, "", True)
    model = runs.load_run(tmp_path / "run").model
    given = as_bytes(colours[0]).transpose(2, 0, 1).astype(np.float32) / 255
    made = model(Tensor(given[:, None])).detach().numpy()[:, 0]
    with Image.open(tmp_path / "run" / "enhanced" / "a.png") as picture:
        np.testing.assert_allclose(np.asarray(picture, int), as_bytes(made), atol=1)

    status, _, err = minae("enhance", "run", "photos", "--ensemble", "--overwrite")
    assert (status, err) == (0, "")
    turned = model.ensemble(Tensor(given[:, None])).numpy()[:, 0]
    with Image.open(tmp_path / "run" / "enhanced" / "a.png") as picture:
        np.testing.assert_allclose(np.asarray(picture, int), as_bytes(turned), atol=1)


@pytest.mark.parametrize("command", [("enhance", "run", "photos"), ("eval", "run")])
def test_an_ensemble_needs_a_restoring_model(minae, run, tmp_path, command):
    save(tmp_path / "photos", DIGITS, ["a.png"])
    status, _, err = minae(*command, "--ensemble")
    assert status == 2
    assert err.endswith("leave it out\n")
    assert len(err.splitlines()) == 1


def test_a_run_of_a_table_is_refused(minae, tmp_path):
    table = np.random.default_rng(0).random((30, 4)).round(3)
    pd.DataFrame(table, columns=list("abcd")).to_csv(tmp_path / "numbers.csv", index=False)
    train(tmp_path / "run", data=str(tmp_path / "numbers.csv"), corrupt=None, sizes=(4, 2))
    status, _, err = minae("enhance", "run", save(tmp_path / "photos", DIGITS, ["a.png"]))
    assert (status, err) == (
        2,
        "minae: run was trained on data of kind table: take a run of images\n",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="names are text")
def test_a_name_that_is_not_text(minae, run, tmp_path):
    name, clean = os.fsdecode(b"a\xff\n\x1b[31m$b_.png"), tmp_path / "clean"
    save(tmp_path / "photos", NOISY, [name])
    save(clean, DIGITS, [name])
    status, out, err = minae("enhance", "run", "photos", "--originals", "clean", "--out", "out")
    assert (status, err, "\x1b" in out) == (0, "", False)
    assert_enhanced(run, tmp_path / "photos" / name, tmp_path / "out" / name)
    assert len(pd.read_csv(tmp_path / "out" / "quality.csv")) == 2


def test_strength(minae, run, tmp_path):
    """0 gives the very same pixels, whatever their bits; 0.5 lies half way to 1."""
    save(tmp_path / "photos", NOISY, ["a.png"])
    deep = np.random.default_rng(0).integers(0, 65536, (8, 8), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "photos" / "deep.png")
    made = {}
    for strength in ("0", "0.5", "1"):
        assert minae("enhance", "run", "photos", "--out", strength, "--strength", strength)[0] == 0
        for name in ("a", "deep"):
            with Image.open(tmp_path / strength / f"{name}.png") as picture:
                made[name, strength] = np.asarray(picture, int)
    np.testing.assert_array_equal(made["a", "0"], as_bytes(NOISY[0]))
    np.testing.assert_array_equal(made["deep", "0"], deep)
    for name in ("a", "deep"):
        assert (made[name, "1"] != made[name, "0"]).any()
        half = (made[name, "0"] + made[name, "1"]) / 2
        np.testing.assert_allclose(made[name, "0.5"], half, atol=1)


def test_originals(minae, run, tmp_path):
    """PSNR and SSIM, before and after; what cannot be measured is named, and enhanced anyway."""
    save(tmp_path / "photos", NOISY, ["a.png", "b.png", "other.png", "lone.png", "cut.png"])
    clean = save(tmp_path / "clean", DIGITS, ["a.bmp", "b.png", "unused.png"])
    Image.new("L", (9, 8)).save(clean / "other.png")
    (clean / "cut.png").write_bytes(b"")
    arguments = ("enhance", "run", "photos", "--originals", "clean")
    status, out, err = minae(*arguments)
    assert (status, "5 of 5 files" in out, "mean of 2" in out) == (1, True, True)
    for words in (
        "clean/other.png is 9x8 pixels, but photos/other.png is 8x8",
        "photos/lone.png: there is no original of that name",
        "clean/cut.png: cannot be read as an image (it is empty)",
    ):
        assert words in err
    assert len(err.splitlines()) == 3
    table = pd.read_csv(run / "enhanced" / "quality.csv")
    assert table.picture.tolist() == ["photos/a.png", "photos/b.png", "mean"]
    assert table.original[:2].tolist() == ["clean/a.bmp", "clean/b.png"]
    for row, (before, after) in enumerate((("photos/a.png", "a"), ("photos/b.png", "b"))):
        images = [tmp_path / before, run / "enhanced" / f"{after}.png"]
        images = [np.asarray(Image.open(path), float) / 255 for path in images]
        errors = [np.mean((image - as_bytes(DIGITS[row]) / 255) ** 2) for image in images]
        found = table.loc[row, ["psnr_before", "psnr_after"]].to_list()
        np.testing.assert_allclose(found, -10 * np.log10(errors), atol=1e-4)
    assert table.psnr_after[2] == pytest.approx(table.psnr_after[:2].mean(), abs=1e-4)
    status, _, err = minae(*arguments)
    assert (status, "comparison.png is there already" in err) == (2, True)
    save(clean / "more", DIGITS, ["a.png"])
    status, _, err = minae(*arguments, "--overwrite")
    assert status == 2
    assert "clean/a.bmp and clean/more/a.png would be originals of the same picture" in err


def test_a_run_without_corruption_reconstructs_and_says_so(minae, tmp_path):
    train(tmp_path / "run", corrupt=None)
    save(tmp_path / "photos", DIGITS, ["a.png"])
    status, _, err = minae("enhance", "run", "photos")
    assert status == 0
    assert_enhanced(
        tmp_path / "run", tmp_path / "photos" / "a.png", tmp_path / "run" / "enhanced" / "a.png"
    )
    assert len(err.splitlines()) == 1
    assert "run was trained without --corrupt, so it only reconstructs" in err
    assert "minae train dense --data digits --corrupt noise:0.3" in err


@pytest.mark.parametrize("command", ["enhance", "anomalies"])
def test_bad_runs_are_refused(minae, tmp_path, command):
    save(tmp_path / "photos", DIGITS, ["a.png"])
    status, _, err = minae(command, "nowhere", "photos")
    assert (status, err) == (
        2,
        "minae: nowhere holds no trained model; make one with `minae train`\n",
    )
    cvae = training.Settings("cvae", "digits", {"sizes": [64, 2]}, epochs=1)
    training.train_run(cvae, tmp_path / "cvae", command="", show_progress=False)
    status, _, err = minae(command, "cvae", "photos")
    assert (status, "cvae holds a cvae, which rebuilds an image only with its label" in err) == (
        2,
        True,
    )
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["enhance", "anomalies"])
def test_out_is_a_folder(minae, run, tmp_path, command):
    save(tmp_path / "photos", DIGITS, ["a.png"])
    (tmp_path / "file").write_text("mine")
    status, _, err = minae(command, "run", "photos", "--out", "file")
    assert (status, err) == (2, "minae: file is a file: name a folder\n")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_that_cannot_be_written_leaves_no_piece(minae, run, tmp_path, monkeypatch):
    """What was written before it is whole; the rest is not begun."""
    save(tmp_path / "photos", NOISY, ["a.png", "b.png", "c.png"])

    replace = os.replace

    def full(source, target):
        if target.name == "b.png":
            raise OSError(28, "No space left on device", source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    status, _, err = minae("enhance", "run", "photos", "--out", "out")
    assert (status, err) == (2, "minae: out/b.png: No space left on device\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    assert_enhanced(run, tmp_path / "photos" / "a.png", tmp_path / "out" / "a.png")


@pytest.mark.parametrize(("strength", "said"), [(1, False), (10, True)])
def test_what_goes_far_beyond_black_and_white_is_said(run, minae, tmp_path, strength, said):
    save(tmp_path / "in", NOISY[:1], ["a.png"])
    status, _, err = minae("enhance", run, tmp_path / "in", "--strength", strength)
    assert status == 0
    assert ("a.png: " in err and "if it looks overdone, take a smaller --strength" in err) == said
