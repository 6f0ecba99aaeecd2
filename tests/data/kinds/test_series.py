"""Series: which windows there are, how they are named and cut into parts."""

import os

import numpy as np
import pandas as pd
import pytest

from minae.data import load
from minae.data.kinds import describe, parse_kind
from minae.data.kinds.columns import Numbers
from minae.data.kinds.series import Readings, SeriesKind, every
from minae.errors import InputError

needs_data = pytest.mark.skipif(
    not os.environ.get("MINAE_DATA"), reason="MINAE_DATA names no folder with the full datasets"
)
HOUR = np.timedelta64(1, "h")
KIND = SeriesKind([Numbers("a", 0.0, 1.0)], window=3, step=3600.0, time_column="time")


def times(*hours):
    return np.datetime64("2024-03-01", "us") + np.array(hours) * HOUR


def write(path, count=200, hours=None, **columns):
    """Write a series with a column a, 0, 1, 2, … by default, at these hours."""
    hours = range(count) if hours is None else hours
    table = {"time": times(*hours), "a": np.arange(len(hours)), **columns}
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def first_readings(split):
    return split.inputs[:, 0, 0, 0].tolist()


def test_windows_share_memory():
    readings = Readings(["a"], np.arange(6.0)[:, None], times(*range(6)))
    split = KIND.windows(readings)
    assert split.inputs[:, 0, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert split.inputs.strides[0] == 4
    assert split.names.tolist() == times(0, 1, 2, 3).tolist()


@pytest.mark.parametrize(
    ("hours", "values", "begin"),
    [
        ((0, 1, 2, 5, 6, 7, 8), range(7), [0, 3, 4]),  # a gap in time
        (range(7), (0, 1, 2, np.nan, 4, 5, 6), [0, 4]),  # a reading that is missing
        ((0, 1, 2, 4, 5, 6), range(6), [0, 3]),
        ((0, 1, 3, 4, 6, 7), range(6), []),
        ((0, 1), (0, 1), []),
    ],
)
def test_no_window_reaches_over_a_gap(hours, values, begin):
    readings = Readings(["a"], np.array(values, float)[:, None], times(*hours))
    assert first_readings(KIND.windows(readings)) == begin


def test_with_a_stride_every_reading_is_in_a_window():
    readings = Readings(["a"], np.arange(8.0)[:, None], times(*range(8)))
    assert first_readings(KIND.windows(readings, 3)) == [0, 3, 5]


def test_errors_belong_to_readings():
    kind = SeriesKind([Numbers("a", 0.0, 1.0), Numbers("b", 0.0, 1.0)], window=3, step=0.0)
    split = kind.windows(Readings(["a", "b"], np.zeros((3, 2))))
    outputs = np.arange(6, dtype=np.float32).reshape(1, 2, 1, 3)
    assert kind.errors(split, outputs).tolist() == [[0 + 9, 1 + 16, 4 + 25]]
    assert len(kind.parts) == 3


def test_parts_share_no_reading(tmp_path):
    dataset = load(write(tmp_path / "my.csv"), window=10)
    parts = dataset.train, dataset.validation, dataset.test
    seen = [set(dataset.kind.decode(part.inputs).round().ravel()) for part in parts]
    assert [len(part) for part in parts] == [135, 19, 19]
    assert not seen[0] & seen[1]
    assert not seen[1] & seen[2]
    assert max(seen[0]) < min(seen[1])
    assert max(seen[1]) < min(seen[2])
    assert load(tmp_path / "my.csv", window=10, validation=0).validation.inputs.shape[0] == 0


@pytest.mark.parametrize(
    "order", [np.arange(200), np.arange(200)[::-1], np.random.default_rng(0).permutation(200)]
)
def test_any_order_of_rows_is_sorted(tmp_path, order):
    path = write(tmp_path / "my.csv", hours=order, a=order)
    dataset = load(path, window=10)
    assert (np.diff(dataset.train.names) == HOUR).all()
    np.testing.assert_allclose(np.diff(dataset.train.inputs[:, 0, 0, 0]), 0.0216, rtol=0.1)


def test_a_time_that_comes_again_is_left_out(tmp_path):
    hours = [*range(100), 99, *range(100, 200)]
    (line,) = load(write(tmp_path / "my.csv", hours=hours), window=10).notes
    assert "a series of 200 readings of 1 column, every hour" in line
    assert "1 reading with a repeated time left out" in line


@pytest.mark.parametrize("offset", ["+02:00", "Z", ""])
def test_times_that_name_their_offset_are_converted_and_that_is_said(tmp_path, offset):
    rows = [
        f"2024-03-{1 + hour // 24:02}T{hour % 24:02}:00:00{offset},{hour}" for hour in range(96)
    ]
    (tmp_path / "my.csv").write_text("\n".join(["time,a", *rows]))
    dataset = load(tmp_path / "my.csv", window=4)
    began = np.datetime64("2024-03-01T00") - np.timedelta64(2 * (offset == "+02:00"), "h")
    assert dataset.train.names[0] == began
    assert ("times converted to UTC" in dataset.notes[0]) == bool(offset)


def test_rows_at_odd_times_are_no_series(tmp_path):
    path = write(tmp_path / "my.csv", hours=np.random.default_rng(0).integers(0, 10**5, 200))
    assert load(path).kind.name == "table"
    with pytest.raises(InputError, match=r"follow no regular step .* --kind table"):
        load(path, kind="series")


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("Datum;Zeit;Wert", [f"1.3.2024;{n // 2:02d}:{n % 2 * 30:02d};{n},5" for n in range(48)]),
        ("timestamp,a", [f"{1_700_000_000 + 60 * n},{n}" for n in range(48)]),
        ("t,a", [f"{1990 + n // 12}-{n % 12 + 1:02d},{n}" for n in range(48)]),
    ],
)
def test_times_as_people_write_them(tmp_path, header, lines):
    (tmp_path / "my.csv").write_text("\n".join([header, *lines]))
    name = {"Datum;Zeit;Wert": "Datum Zeit"}.get(header, header.split(",")[0])
    kind = load(tmp_path / "my.csv").kind
    assert (kind.name, kind.time_column) == ("series", name)
    assert len(kind.read(tmp_path / "my.csv")[0]) == 48 - kind.window + 1


def test_new_readings(tmp_path):
    kind = load(write(tmp_path / "my.csv", b=1.0), window=10).kind
    assert parse_kind(describe(kind)) == kind
    split, notes = kind.read(write(tmp_path / "new.csv", 50, c="x", b=1.0))
    assert (len(split), notes) == (41, [f"{tmp_path / 'new.csv'}: column c left out"])
    hours = np.arange(50) * 2
    for new, sentence in (
        (write(tmp_path / "a.csv", 50), "has no column b, which the run was trained with"),
        (write(tmp_path / "b.csv", hours=hours, b=1.0), "every 2 hours, but the run .* every hour"),
        (write(tmp_path / "c.csv", 5, b=1.0), "has no 10 readings in a row"),
    ):
        with pytest.raises(InputError, match=sentence):
            kind.read(new)


def test_labels_and_normal_windows(tmp_path):
    bad = np.zeros(200, int)
    bad[50:55] = 1
    path = write(tmp_path / "my.csv", bad=bad)
    dataset = load(path, label_column="bad", window=10)
    assert dataset.kind.columns == ["a"]
    assert dataset.train.labels.sum() == 14  # a window with one such reading is one
    assert not load(path, label_column="bad", window=10, normal="0").train.labels.any()


def test_arrays_are_series(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(200.0))
    np.save(tmp_path / "two.npy", np.arange(400.0).reshape(200, 2))
    one, two = load(tmp_path / "one.npy"), load(tmp_path / "two.npy", kind="series")
    assert (one.kind.shape, two.kind.shape) == ((1, 1, 20), (2, 1, 20))
    assert one.train.names[:3].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="has 1 columns, but the run was trained on 2"):
        two.kind.read(tmp_path / "one.npy")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"window": 300}, "gives 0 windows of 300 readings without a gap, too few"),
        ({"window": 100}, "gives 101 windows of 100 readings without a gap, too few"),
        ({"label_column": "lable"}, "has no column 'lable'; the columns are "),
        ({"id_column": "a"}, "--id-column is for tables and separate texts: leave"),
        ({"window": 1}, "--window is a number of readings from 2"),
        ({"kind": "sound"}, "kind 'sound' is unknown"),
    ],
)
def test_what_cannot_be_cut_is_refused(tmp_path, how, sentence):
    with pytest.raises(InputError, match=sentence):
        load(write(tmp_path / "my.csv"), **how)


@pytest.mark.parametrize(
    ("step", "words"),
    [(86400, "every day"), (1800, "every 30 minutes"), (0.001, "every 1 milliseconds")],
)
def test_a_step_in_words(step, words):
    assert every(step) == words


@needs_data
@pytest.mark.parametrize(
    ("name", "readings", "events", "window"),
    [
        ("machine_temperature", 22_683, 4, 288),
        ("nyc_taxi", 10_320, 5, 48),
        ("ambient_temperature", 7_267, 2, 24),
    ],
)
def test_named_series(name, readings, events, window):
    dataset = load(name)
    assert f"a series of {readings:,} readings of 1 column" in dataset.notes[0]
    assert (len(dataset.events), dataset.kind.window) == (events, window)
    assert dataset.kind.classes == ["0", "1"]
    assert set(dataset.train.labels) == {0, 1}
