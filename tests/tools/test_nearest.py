"""`minae nearest`, run as a user does."""

import re

import numpy as np
import pytest

from minae import plots
from minae.train import runs

from .conftest import DIGITS
from .test_embed import bad_data, codes_of
from .test_enhance import save, save_odd, size


def lines_of(out):
    """The cells of the first table that is printed: a list for each neighbour."""
    table = out.partition("┡")[2].partition("└")[0]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines()[1:]]


def by_hand(array, row, count):
    """The indices of the rows nearest to one of an array (N, ...), and their distances."""
    flat = array.reshape(len(array), -1).astype(float)
    distances = np.sqrt(((flat - flat[row]) ** 2).sum(axis=1))
    order = [i for i in np.argsort(distances, kind="stable") if i != row][:count]
    return order, distances[order]


def test_neighbours_are_the_nearest(minae, home):
    status, out, err = minae("nearest", home / "digits", "digits", 17, "-n", 7)
    assert (status, err) == (0, "")
    images, labels = DIGITS.test.images, DIGITS.test.labels
    rows, distances = by_hand(codes_of(home / "digits", images), 17, 7)
    others, _ = by_hand(images, 17, 7)
    found = lines_of(out)
    assert [int(line[0]) for line in found] == rows
    np.testing.assert_allclose([float(line[1]) for line in found], distances, rtol=1e-3)
    rank = [str(others.index(row) + 1) if row in others else "> 7" for row in rows]
    assert [line[2] for line in found] == rank
    assert [line[3] for line in found] == [str(labels[row]) for row in rows]
    assert f"{7 - rank.count('> 7')} of 7 are also among the 7 nearest by the inputs" in out
    ours, theirs = (int((labels[chosen] == labels[17]).sum()) for chosen in (rows, others))
    assert f"{ours} of 7 have the query's, {labels[17]}; of those nearest by the inputs" in out
    assert f"by the inputs {theirs}\n" in out
    assert size(home / "digits" / "nearest-digits.png")[0] > 300


@pytest.mark.parametrize(
    ("run", "data", "query", "name"),
    [
        ("images", "photos", "even/3.png", "even/3.png"),
        ("images", "photos", "3.png", "even/3.png"),
        ("images", "photos/", "photos/even/3.png", "even/3.png"),
        ("images", "photos", "./photos/odd/../even/3.png", "even/3.png"),
        ("table", "plants.csv", "p7", "p7"),
        ("series", "plant.csv", "2025-03-04 05:00", "2025-03-04 05:00:00"),
        ("series", "plant.csv", "2025-03-04T05:40", "2025-03-04 05:00:00"),
        ("series", "plant.csv", "2025-03-13 11:30", "2025-03-12 12:00:00"),  # in the last one
    ],
)
def test_a_query_that_is_a_row(minae, home, monkeypatch, tmp_path, run, data, query, name):
    monkeypatch.chdir(home)
    status, out, err = minae("nearest", home / run, data, query, "-n", 3)
    assert (status, err) == (0, "")
    assert f"nearest to {name}" in out
    assert name not in [line[0] for line in lines_of(out)]


@pytest.fixture
def here(minae, home, monkeypatch):
    """Stay in the folder with the data: `minae` changes to an empty one."""
    monkeypatch.chdir(home)
    return home


def test_a_picture_of_ones_own(minae, here, tmp_path):
    save(tmp_path, [DIGITS.test.images[6]], ["mine.png"])  # even/3.png
    status, out, err = minae("nearest", here / "images", "photos", tmp_path / "mine.png", "-n", 2)
    assert (status, err) == (0, "")
    assert lines_of(out)[0] == ["even/3.png", "0", "1", "even"]
    assert "have the query's" not in out  # it has no label


def test_a_row_of_ones_own(minae, here, tmp_path):
    header, *rows = (here / "plants.csv").read_text().splitlines()
    (tmp_path / "one.csv").write_text(f"{header}\n{rows[3]}\n")
    status, out, err = minae("nearest", here / "table", "plants.csv", tmp_path / "one.csv", "-n", 2)
    assert (status, err) == (0, "")
    assert lines_of(out)[0] == ["p3", "0", "1", "b"]
    height = rows[3].split(",")[1]
    assert re.search(rf"height +│ {float(height):.5g} +│ {float(height):.5g} +│", out)
    assert re.search(r"width +│ +│ +│ [\d.]+", out)  # the gap
    assert re.search(r"soil +│ sand +│ sand +│", out)
    assert not (here / "table" / "nearest-plants.png").exists()


def test_windows_do_not_overlap(minae, here, monkeypatch):
    pictures, draw = [], plots.lanes
    monkeypatch.setattr(plots, "lanes", lambda *a: pictures.append(a) or draw(*a))
    status, out, _ = minae("nearest", here / "series", "plant.csv", "2025-03-05", "-n", 6)
    assert status == 0
    times = np.array([line[0] for line in lines_of(out)], "datetime64[h]")
    every = np.append(times, np.datetime64("2025-03-05T00"))
    apart = np.abs(every[:, None] - every)[~np.eye(7, dtype=bool)]
    assert apart.min() >= np.timedelta64(24, "h")
    assert ((times.astype(int) % 24 + 3) % 24 <= 6).all()  # a day comes again at its hour
    (windows, _, columns), *_ = pictures
    assert columns == ["power", "heat"]
    assert [window.shape for window in windows.values()] == [(2, 24)] * 7
    start = runs.load_run(here / "series").read("plant.csv").inputs[96]
    np.testing.assert_array_equal(next(iter(windows.values())), start[:, 0])


def test_images_are_drawn_behind_the_query(minae, here, tmp_path, monkeypatch):
    pictures, draw = [], plots.strips
    monkeypatch.setattr(plots, "strips", lambda *a: pictures.append(a) or draw(*a))
    out = tmp_path / "seen.png"
    assert minae("nearest", here / "digits", "digits", 4, "-n", 3, "--out", out)[0] == 0
    ((rows, _),) = pictures
    images = DIGITS.test.images
    codes = codes_of(here / "digits", images)
    for name, array in (("by code", codes), ("by pixels", images)):
        np.testing.assert_array_equal(rows[name], images[[4, *by_hand(array, 4, 3)[0]]])
    assert out.exists()


@pytest.mark.parametrize(
    ("run", "arguments", "sentence"),
    [
        ("digits", ("digits", 180), "'180' is no row of digits, and no file: give a name such as"),
        ("digits", ("three.npy", 0, "-n", 3), "three.npy has 2 rows beside the query, fewer than"),
        ("digits", ("equal.npy", 0, "-n", 1), "all 3 rows have the same code"),
        ("digits", ("nan.npy", 0), "values are NaN"),
        ("images", ("photos", "17.png"), "'17.png' names 2 rows of photos"),
        ("images", ("photos", "large.png"), "large.png is 9x8 pixels, but the model takes 8x8"),
        ("images", ("photos", "text.txt"), "text.txt: cannot be read as an image"),
        ("images", ("photos", "odd/17.png", "--out", "photos/a.png"), "a.png would change photos"),
        ("images", ("photos", "cut.png", "--out", "cut.png"), "cut.png would change cut.png"),
        ("table", ("plants.csv", "p99"), "'p99' is no row of plants.csv, and no file: give a name"),
        ("table", ("twice.csv", "p1"), "'p1' names 2 rows of twice.csv, such as number 1 and 40"),
        ("table", ("plants.csv", "three.csv"), "three.csv holds 3 rows: give a file of one"),
        ("table", ("plants.csv", "p1", "--out", "a.png"), "printed, not drawn: leave out --out"),
        ("series", ("plant.csv", "noon"), "'noon' is no time, and no file: give a time such as"),
        ("series", ("plant.csv", "3.4.2025 05:00"), "give a time such as 2025-03-01 00:00:00"),
        ("series", ("plant.csv", "2025-01-01"), "no window of plant.csv has '2025-01-01' in it"),
        ("series", ("plant.csv", "2025-03-02", "-n", 14), "windows that do not overlap, fewer"),
    ],
)
def test_bad_input_is_status_2_and_nothing_written(minae, home, tmp_path, run, arguments, sentence):
    bad_data(home, tmp_path)
    save_odd(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    status, out, err = minae("nearest", home / run, *arguments)
    assert (status, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before
