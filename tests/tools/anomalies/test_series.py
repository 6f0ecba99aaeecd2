"""`minae anomalies` on series, run as a user does; scores and baselines by themselves."""

import csv
import json

import numpy as np
import pytest

from minae.data import Split
from minae.tools.anomalies.baselines import find_period, fit_pca, fit_seasonal, in_pieces
from minae.tools.anomalies.pictures import series as draw_series
from minae.tools.anomalies.reading import Data, read_data, read_own
from minae.tools.anomalies.scores import by_row, find_weights, score
from minae.train import runs, training

DAY = 24
START = np.datetime64("2024-01-01T00:00:00")  # a Monday
FAULTS = ((600, 605), (700, 720))  # first and last reading: too high, and no cycle


def readings(days, seed, faults=()):
    """A daily cycle, read every hour."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * DAY)
    x = 10 + 3 * np.sin(2 * np.pi * hours / DAY) + rng.normal(0, 0.2, len(hours))
    for number, (first, last) in enumerate(faults):
        x[first : last + 1] = x[first : last + 1] + 6 if number == 0 else 10
    return START + hours * np.timedelta64(1, "h"), x


def write(path, times, x, without=slice(0, 0)):
    lines = [f"{str(t).replace('T', ' ')},{v:.4f}" for t, v in zip(times, x, strict=True)]
    del lines[without]
    path.write_text("time,celsius\n" + "\n".join(lines) + "\n")
    return path


def table(folder, name):
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A dense autoencoder of days without faults."""
    folder = tmp_path_factory.mktemp("series")
    path = write(folder / "normal.csv", *readings(40, 0))
    options = {"sizes": [DAY, 16, 3], "activation": "tanh"}
    settings = training.Settings("dense", str(path), options, epochs=40, lr=0.01)
    training.train_run(settings, folder / "run", command="", show_progress=False)
    return folder / "run"


@pytest.fixture
def faulty(tmp_path):
    return write(tmp_path / "faulty.csv", *readings(40, 1, FAULTS))


def write_events(folder, how):
    times, _ = readings(40, 1)
    pairs = [[str(times[a]), str(times[b])] for a, b in FAULTS]
    if how == "json":
        (folder / "events.json").write_text(json.dumps(pairs))
    elif how == "csv":
        lines = [",".join(pair) for pair in pairs]
        (folder / "events.csv").write_text("start,end\n" + "\n".join(lines))
    else:
        flags = np.zeros(len(times), int)
        for a, b in FAULTS:
            flags[a : b + 1] = 1
        np.save(folder / "events.npy", flags)
    return f"events.{how}"


@pytest.mark.parametrize("how", ["json", "csv", "npy"])
def test_alarms_and_events(minae, run, faulty, tmp_path, how):
    labels = write_events(tmp_path, how)
    status, out, err = minae(
        "anomalies", run, faulty, "--labels", labels, "--expect", 0.05, "--out", "out"
    )
    assert (status, err) == (0, "")
    scores, alarms = table(tmp_path / "out", "scores"), table(tmp_path / "out", "alarms")
    assert list(scores[0]) == ["time", "score", "anomaly"]
    assert len(scores) == 40 * DAY
    assert scores[605]["time"] == "2024-01-26 05:00:00"
    times = [row["time"] for row in scores]
    worst = [times.index(alarm["worst"]) for alarm in alarms]
    assert any(600 <= place <= 605 for place in worst)
    for alarm in alarms:
        first, last = times.index(alarm["start"]), times.index(alarm["end"])
        of = [float(row["score"]) for row in scores[first : last + 1]]
        assert float(alarm["score"]) == pytest.approx(max(of))
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())["methods"]
    assert figures["dense model"]["events_found"] == figures["dense model"]["events"] == 2
    assert figures["dense model"]["false_alarms"] == 0
    assert {name.split(",")[0] for name in figures} == {
        "dense model",
        "PCA",
        "isolation forest",
        "seasonal",
    }
    assert "seasonal, day" in figures
    assert "2 of 2" in out
    assert (tmp_path / "out" / "series.png").is_file()


def test_a_gap_leaves_readings_without_a_score(minae, run, tmp_path):
    write(tmp_path / "gap.csv", *readings(10, 2), without=slice(30, 40))
    status, out, _ = minae("anomalies", run, "gap.csv", "--out", "out")
    assert status == 0
    scores = [row["score"] for row in table(tmp_path / "out", "scores")]
    assert len(scores) == 230
    assert all(scores)  # both pieces hold a whole window
    write(tmp_path / "gap.csv", *readings(10, 2), without=slice(10, 20))
    status, out, _ = minae("anomalies", run, "gap.csv", "--out", "out")
    scores = [row["score"] for row in table(tmp_path / "out", "scores")]
    assert not any(scores[:10])
    assert all(scores[10:])
    assert "not scored" in out


@pytest.mark.parametrize(
    ("labels", "content", "sentence"),
    [
        ("bad.json", "{1", "is no list of pairs"),
        ("bad.json", "[[1, 2, 3]]", "is no list of pairs"),
        ("bad.csv", "start,end\n2030-01-01,2030-01-02\n", "holds no reading"),
        ("bad.csv", "start,end\n2024-01-01,2025-01-02\n", "every row is an anomaly"),
        ("bad.csv", "label\n1\n0\n", "holds 2 labels, but the data have 960 rows"),
        ("colour", None, "has no column 'colour', nor is there such a file"),
    ],
)
def test_labels_that_do_not_fit(minae, run, faulty, tmp_path, labels, content, sentence):
    if content is not None:
        (tmp_path / labels).write_text(content)
    status, out, err = minae("anomalies", run, faulty, "--labels", labels, "--out", "out")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert sentence in err
    assert not (tmp_path / "out").exists()


def test_what_is_no_such_series(minae, run, tmp_path):
    for data, options, sentence in (
        (".", (), "is a folder, and the run is of a series"),
        ("nothing.csv", (), "there is no series and no file called 'nothing.csv'"),
        ("faulty.csv", ("--labels", "colour"), "has no column 'colour'"),
    ):
        write(tmp_path / "faulty.csv", *readings(5, 1))
        status, out, err = minae("anomalies", run, data, *options)
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert sentence in err


def test_a_reading_has_the_mean_of_its_windows():
    starts, scores = np.array([0, 2, 3, 8]), np.array([1.0, 5.0, 3.0, 7.0])
    data = Data(Split(np.zeros((4, 1, 1, 3), np.float32)), range(12), starts=starts)
    expected = [1, 1, 3, 4, 4, 3, np.nan, np.nan, 7, 7, 7, np.nan]
    np.testing.assert_allclose(by_row(scores, data, 3), expected)


def test_a_window_has_the_mean_error_of_its_readings(run, faulty, tmp_path):
    found = runs.load_run(run)
    data = read_data(found, str(faulty), tmp_path / "out", None)
    own = read_own(found)
    weights = find_weights(found, own.train, own.held_out.split)
    scores = score(found, data, weights)
    outputs = found.model(runs_tensor(data.split.inputs)).detach().numpy()
    errors = np.square(outputs - data.split.inputs, dtype=float)[:, 0, 0] * weights
    np.testing.assert_allclose(scores.values, by_row(errors.mean(axis=1), data, DAY), rtol=1e-5)
    worst = int(np.nanargmax(scores.errors[:, 0]))
    assert 600 <= worst <= 605
    usual = score(found, own.held_out, weights).values
    assert 0.1 < np.nanmean(usual) < 2  # in nats, a reading's usual error is one half


def runs_tensor(array):
    from minae.tensor import Tensor

    return Tensor(np.ascontiguousarray(array))


def test_thinned_training_windows_know_every_hour(run):
    """Every third window begins at eight of the hours only, but holds readings of all."""
    found = runs.load_run(run)
    own = read_own(found)
    name, method = fit_seasonal(
        found.kind, own.train.take(slice(None, None, 3)), own.held_out.split
    )
    assert name == "seasonal, day"
    assert in_pieces(method, own.held_out.split).mean() < 0.05


def test_the_seasonal_baseline_finds_the_day(run, faulty, tmp_path):
    found = runs.load_run(run)
    own = read_own(found)
    name, method = fit_seasonal(found.kind, own.train, own.held_out.split)
    assert name == "seasonal, day"
    data = read_data(found, str(faulty), tmp_path / "out", None)
    scores = by_row(in_pieces(method, data.split), data, DAY)
    assert 590 <= np.nanargmax(scores) <= 620
    assert np.nanmedian(scores) < 0.1


@pytest.mark.parametrize("period", [5, 24, 100])
def test_the_period_of_a_cycle(period):
    t, rng = np.arange(1000), np.random.default_rng(0)
    x = np.sin(2 * np.pi * t / period) + rng.normal(0, 0.2, len(t))
    assert find_period(x[:, None]) % period == 0
    assert find_period(rng.normal(size=(1000, 1))) is None
    assert find_period(np.zeros((1000, 1))) is None


def test_pca_has_as_many_components_as_held_out_rows_need():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(400, 3)) * (5, 3, 2)
    rows = codes @ rng.normal(size=(3, 10)) + rng.normal(0, 0.01, (400, 10))
    assert fit_pca(rows[:300], rows[300:])[1] in (2, 3)


def test_a_long_series_keeps_its_peaks_in_the_picture():
    x = np.zeros((100_000, 1))
    x[54_321] = 7
    none = np.empty((0, 2), int)
    figure = draw_series(np.arange(len(x)), x, ["x"], x[:, 0] + 1, 2.0, none, None)
    drawn = figure.axes[0].lines[0].get_ydata()
    assert drawn.max() == 7
    assert len(drawn) < 5000
