import hashlib
import json
import os

import numpy as np
import pytest

from minae.data import SOURCES, Source, load_series
from minae.data.sources import RemoteFile
from minae.errors import InputError

READINGS = "nab/realKnownCause/machine_temperature_system_failure.csv"
LABELS = "nab/combined_windows.json"
CONTENT = {
    READINGS: b"timestamp,value\n"
    b"2014-01-07 02:50:00,70.5\n2014-01-07 02:55:00,-3.25\n2014-01-07 02:00:00,1e2\n",
    LABELS: json.dumps(
        {
            "realKnownCause/nyc_taxi.csv": [],
            "realKnownCause/machine_temperature_system_failure.csv": [
                ["2013-12-10 06:25:00.000000", "2013-12-12 05:35:00.000000"],
                ["2014-01-07 02:00:00.000000", "2014-01-07 02:55:00.000000"],
            ],
        }
    ).encode(),
}

needs_data = pytest.mark.skipif(
    not os.environ.get("MINAE_DATA"), reason="MINAE_DATA names no folder with the full datasets"
)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A folder named by MINAE_DATA with a series of three readings under the real one's name."""
    files = []
    for path, content in CONTENT.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
        files.append(RemoteFile(path, len(content), hashlib.sha256(content).hexdigest(), ()))
    source = Source("machine_temperature", "three readings", files=tuple(files))
    monkeypatch.setitem(SOURCES, "machine_temperature", source)
    monkeypatch.setenv("MINAE_DATA", str(tmp_path))
    return tmp_path


def test_times_values_and_windows(small):
    series = load_series("machine_temperature")
    assert series.name == "machine_temperature"
    assert len(series) == 3
    assert series.times.dtype == "datetime64[s]"
    times = ["2014-01-07T02:50", "2014-01-07T02:55", "2014-01-07T02:00"]  # in the file's order
    np.testing.assert_array_equal(series.times, np.array(times, "datetime64[s]"))
    assert series.values.dtype == np.float32
    assert series.values.flags.c_contiguous
    np.testing.assert_array_equal(series.values, [70.5, -3.25, 100])
    assert series.windows == [
        (np.datetime64("2013-12-10T06:25:00", "s"), np.datetime64("2013-12-12T05:35:00", "s")),
        (np.datetime64("2014-01-07T02:00:00", "s"), np.datetime64("2014-01-07T02:55:00", "s")),
    ]


def test_damaged_file(small):
    (small / READINGS).write_bytes(b"timestamp,value\n")
    with pytest.raises(InputError, match=r"system_failure\.csv: has 16 bytes, not the expected"):
        load_series("machine_temperature")


@pytest.mark.parametrize("name", ["machine_temprature", "mnist"])
def test_unknown_name(name):
    with pytest.raises(InputError, match=f"{name!r}; the series are machine_temperature"):
        load_series(name)


@needs_data
def test_machine_temperature():
    series = load_series("machine_temperature")
    assert series.times.shape == series.values.shape == (22_695,)
    assert np.isfinite(series.values).all()
    steps = np.diff(series.times).astype(int)
    assert (steps != 300).sum() == 1  # where an hour comes twice
    assert steps.min() == -55 * 60
    assert len(series.windows) == 4
    for start, end in series.windows:
        assert series.times[0] < start < end < series.times[-1]
    low = series.times[series.values.argmin()]
    assert series.windows[1][0] < low < series.windows[1][1]
