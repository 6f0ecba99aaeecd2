import hashlib
import json
import os

import numpy as np
import pytest

from minae.data import SOURCES, Source, load_readings
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


def test_times_values_and_events(small):
    readings, events = load_readings("machine_temperature")
    times = ["2014-01-07T02:00", "2014-01-07T02:50", "2014-01-07T02:55"]  # in their order
    np.testing.assert_array_equal(readings.times, np.array(times, "datetime64[s]"))
    np.testing.assert_array_equal(readings.values, [[100], [70.5], [-3.25]])
    assert readings.labels is not None
    assert readings.labels.tolist() == ["1", "1", "1"]
    assert events == [
        (np.datetime64("2013-12-10T06:25:00", "s"), np.datetime64("2013-12-12T05:35:00", "s")),
        (np.datetime64("2014-01-07T02:00:00", "s"), np.datetime64("2014-01-07T02:55:00", "s")),
    ]


def test_damaged_file(small):
    (small / READINGS).write_bytes(b"timestamp,value\n")
    with pytest.raises(InputError, match=r"system_failure\.csv: has 16 bytes, not the expected"):
        load_readings("machine_temperature")


@needs_data
@pytest.mark.parametrize(
    ("name", "step", "events"),
    [("machine_temperature", 300, 4), ("nyc_taxi", 1800, 5), ("ambient_temperature", 3600, 2)],
)
def test_the_real_ones(name, step, events):
    readings, found = load_readings(name)
    assert readings.step == step
    assert np.isfinite(readings.values).all()
    assert (np.diff(readings.times) > np.timedelta64(0)).all()
    assert len(found) == events
    for start, end in found:
        assert readings.times[0] < start < end <= readings.times[-1]
