"""`minae enhance`, run as a user does."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from minae.data import load, parse_corruption
from minae.tensor import Tensor
from minae.train import runs

DIGITS = load("digits").test.images  # (180, 1, 8, 8)
NOISY = parse_corruption("noise:0.3")(DIGITS, np.random.default_rng(0))

#: What is left out, and words of the line that says why.
ODD = {
    "text.txt": "cannot be read as an image (of no known kind",
    "empty.png": "cannot be read as an image (it is empty)",
    "large.png": "is 9x8 pixels, but the model takes 8x8; scale or crop",
    "deep.png": "has more than 8 bits a channel; save it with 8 bits",
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
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(folder / "deep.png")
    return folder


def size(path):
    with Image.open(path) as picture:
        return picture.size


def train(out, data="digits", corrupt="noise:0.3", sizes=(64, 16)):
    settings = runs.Settings("dense", data, epochs=2, lr=0.01, corrupt=corrupt)
    settings.model_options = {"sizes": sizes}
    runs.train_run(settings, out, command="", show_progress=False)
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


def test_more_than_a_batch(minae, run, tmp_path):
    save(tmp_path / "photos", NOISY, [f"{i}.png" for i in range(130)])
    assert minae("enhance", "run", "photos", "--out", "out")[0] == 0
    assert len(list((tmp_path / "out").iterdir())) == 131
    for name in ("0.png", "127.png", "128.png", "129.png"):
        assert_enhanced(run, tmp_path / "photos" / name, tmp_path / "out" / name)


def test_the_comparison_shows_ten(minae, run, tmp_path):
    save(tmp_path / "photos", NOISY, [f"{i}.png" for i in range(12)])
    for count in (1, 10, 12):
        minae("enhance", "run", *[f"photos/{i}.png" for i in range(count)], "--out", f"out{count}")
    one, ten, twelve = (size(tmp_path / f"out{count}" / "comparison.png") for count in (1, 10, 12))
    assert one[0] < ten[0] == twelve[0]
    assert ten[0] > 3 * ten[1]  # one above the other: two rows


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


def test_transparency_is_dropped_and_told(minae, run, tmp_path):
    grey = as_bytes(NOISY[0])
    save(tmp_path / "photos", NOISY, ["plain.png"])
    for name, alpha in (("opaque", 255), ("clear", 0), ("half", np.arange(64).reshape(8, 8))):
        layers = [grey, grey, grey, np.broadcast_to(np.uint8(alpha), grey.shape)]
        Image.fromarray(np.stack(layers, axis=-1)).save(tmp_path / "photos" / f"{name}.png")
    palette = Image.fromarray(grey).convert("P")
    palette.save(tmp_path / "photos" / "palette.png", transparency=bytes(range(256)))
    status, out, err = minae("enhance", "run", "photos", "--out", "out")
    assert (status, "5 of 5" in out) == (0, True)
    told = ["clear", "half", "palette"]
    assert [line.partition(": ")[2] for line in err.splitlines()] == [
        f"photos/{name}.png: transparency is dropped (if that shows, save it on a background)"
        for name in told
    ]
    same = (tmp_path / "out" / "plain.png").read_bytes()
    for name in ("opaque", *told):
        assert (tmp_path / "out" / f"{name}.png").read_bytes() == same


def test_colours_for_a_grey_model_become_grey_and_are_told(minae, run, tmp_path):
    save(tmp_path / "photos", np.repeat(NOISY[:1], 3, axis=1), ["equal.png"])
    save(tmp_path / "photos", NOISY, ["grey.png"])
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    Image.fromarray(red).save(tmp_path / "photos" / "red.png")
    save(tmp_path / "luminance", [np.full((1, 8, 8), 0.299)], ["red.png"])
    status, _, err = minae("enhance", "run", "photos", "--out", "out")
    assert status == 0
    assert err == ("minae: photos/red.png: colours become grey, as the model's images are\n")
    results = tmp_path / "out"
    assert (results / "equal.png").read_bytes() == (results / "grey.png").read_bytes()
    assert_enhanced(run, tmp_path / "luminance" / "red.png", results / "red.png")


def test_a_coloured_model(minae, tmp_path):
    colours = np.random.default_rng(0).random((30, 3, 8, 8), dtype=np.float32)
    np.save(tmp_path / "colours.npy", colours)
    train(tmp_path / "run", data=str(tmp_path / "colours.npy"), sizes=(192, 16))
    save(tmp_path / "photos", [*colours[:1], *DIGITS[:1]], ["colour.png", "grey.png"])
    status, _, err = minae("enhance", "run", "photos")
    assert (status, err) == (0, "")
    model = runs.load_run(tmp_path / "run").model
    inputs = np.stack([colours[0], np.repeat(DIGITS[0], 3, axis=0)])
    inputs = np.round(inputs * 255).astype(np.float32) / 255
    for name, output in zip(
        ("colour", "grey"), model(Tensor(inputs)).detach().numpy(), strict=True
    ):
        with Image.open(tmp_path / "run" / "enhanced" / f"{name}.png") as picture:
            assert picture.mode == "RGB"
            np.testing.assert_allclose(np.asarray(picture, int), as_bytes(output), atol=1)


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
    cvae = runs.Settings("cvae", "digits", {"sizes": [64, 2]}, epochs=1)
    runs.train_run(cvae, tmp_path / "cvae", command="", show_progress=False)
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
    save(tmp_path / "photos", DIGITS, ["a.png"])

    replace = os.replace

    def full(source, target):
        if target.name == "a.png":
            raise OSError(28, "No space left on device", source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    status, _, err = minae("enhance", "run", "photos", "--out", "out")
    assert (status, err) == (2, "minae: out/a.png: No space left on device\n")
    assert not (tmp_path / "out").exists()
