"""Load a series of sensor readings by its name."""

import json
from dataclasses import dataclass

import numpy as np

from minae.data.sources import fetch
from minae.errors import InputError


@dataclass(frozen=True, eq=False)
class Series:
    """Readings of one sensor: times (T,), datetime64[s]; values (T,), float32.

    `windows` holds (start, end), both datetime64[s], of every interval that people have labelled as
    an anomaly; readings at both ends belong to it.
    """

    name: str
    times: np.ndarray
    values: np.ndarray
    windows: list[tuple[np.datetime64, np.datetime64]]

    def __len__(self) -> int:
        return len(self.times)


# by name, the key of a series in the Numenta Anomaly Benchmark's file of labels
_SERIES = {"machine_temperature": "realKnownCause/machine_temperature_system_failure.csv"}


def load_series(name: str) -> Series:
    """Load a named series.

    `machine_temperature`: the temperature of a part of a large machine, every 5 minutes for 11
    weeks, with 4 labelled windows. The hour from 02:00 on 2014-01-07 occurs twice; readings are in
    the order of the file. Source: Lavin and Ahmad 2015, Numenta Anomaly Benchmark.

    Raises InputError if no series has this name, or if it cannot be downloaded.
    """
    if name not in _SERIES:
        raise InputError(f"no series is called {name!r}; the series are {', '.join(_SERIES)}")
    readings, labels = fetch(name).values()
    columns = [("time", "U19"), ("value", np.float32)]
    table = np.loadtxt(readings, delimiter=",", skiprows=1, dtype=columns)
    windows = json.loads(labels.read_text(encoding="utf-8"))[_SERIES[name]]
    return Series(
        name,
        times=table["time"].astype("datetime64[s]"),
        values=np.ascontiguousarray(table["value"]),
        windows=[(np.datetime64(start, "s"), np.datetime64(end, "s")) for start, end in windows],
    )
