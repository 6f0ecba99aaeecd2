"""Which rows are known to be anomalies: from a file, or from labels that the data have."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minae.data.delimited import Frame, is_csv, read_csv
from minae.data.kinds.columns import as_texts, as_times
from minae.data.memory import naming
from minae.data.readers import read_numpy
from minae.errors import InputError
from minae.metrics.detection import stretches
from minae.tools.anomalies.reading import Data

#: What labels mean where --normal does not say it.
NORMAL, ANOMALY = ("0", "false", "no", "normal"), ("1", "true", "yes", "anomaly")


@dataclass(frozen=True, eq=False)
class Labels:
    """Which rows (N,) are anomalies; in a series, its events too: (E, 2), first and last index."""

    anomaly: np.ndarray
    events: np.ndarray | None


def read_labels(given: str, normal: str | None, data: Data) -> Labels:
    """Return the labels of the data: from a file that `given` names, or those that the data have.

    A file has a label for each row, in order (a .npy file, or the last column of a CSV file), or
    for a series the start and end of each event (columns `start` and `end`, or JSON: a list of
    pairs). A label other than `normal` is an anomaly. Raises InputError if they do not fit.
    """
    path, events = Path(given), None
    if not path.is_file():
        texts = data.labels
        if texts is None:
            raise InputError(f"the data have no labels called {given!r}, nor is there such a file")
        anomaly = _is_anomaly(given, texts, normal)
    else:
        with naming(path):
            events, texts = _read(path, data)
        if events is None:
            if len(texts) != len(data):
                raise InputError(
                    f"{path}: holds {len(texts):,} labels, but the data have {len(data):,} rows;"
                    " give one for each"
                )
            anomaly = _is_anomaly(given, texts, normal)
        else:
            anomaly = np.zeros(len(data), bool)
            for first, last in events:
                anomaly[first : last + 1] = True
    if anomaly.all() or not anomaly.any():
        all_are = "an anomaly" if anomaly.all() else "normal"
        raise InputError(f"{given}: every row is {all_are}; give labels of both sorts")
    if data.starts is None:
        return Labels(anomaly, None)
    return Labels(anomaly, stretches(anomaly) if events is None else events)


def _is_anomaly(given: str, texts: np.ndarray, normal: str | None) -> np.ndarray:
    """Return which labels (N,) mean an anomaly. Raises InputError if that cannot be told."""
    missing = np.flatnonzero([text is None for text in texts])
    if len(missing):
        raise InputError(f"{given}: row {missing[0]} has no label; fill it in, or leave it out")
    found = sorted(set(texts))
    shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
    if normal is None:
        if not {text.lower() for text in found} <= {*NORMAL, *ANOMALY}:
            raise InputError(f"{given}: the labels are {shown}; say with --normal which is normal")
        return np.array([text.lower() in ANOMALY for text in texts])
    if normal not in found:
        raise InputError(f"{given}: no row has the label --normal {normal}; the labels are {shown}")
    return texts != normal


def _read(path: Path, data: Data) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the events in a file, or the labels in it, (M,) texts with None for gaps."""
    none = np.empty(0, object)
    if path.suffix.lower() == ".json":
        return _as_events(path, _from_json(path), data), none
    if not is_csv(path):
        array = read_numpy(path)[0]
        if array.ndim != 1 or array.dtype.kind not in "iubU":
            raise InputError(
                f"holds an array of shape {array.shape} and type {array.dtype}; give a whole"
                " number or a text for each row"
            )
        return None, array.astype(str).astype(object)
    frame = read_csv(path)
    if {"start", "end"} <= set(frame):
        return _as_events(path, frame, data), none
    return None, as_texts(frame.iloc[:, -1])


def _from_json(path: Path) -> Frame:
    """Return the pairs in a JSON file as columns start and end."""
    import pandas as pd

    try:
        pairs = json.loads(path.read_text(encoding="utf-8"))
        return pd.DataFrame([(start, end) for start, end in pairs], columns=["start", "end"])
    except (ValueError, TypeError) as error:
        raise InputError(f"is no list of pairs [start, end] ({error}); correct it") from error


def _as_events(path: Path, frame: Frame, data: Data) -> np.ndarray:
    """Return the readings from start to end of each event, (E, 2), first and last index."""
    if data.starts is None:
        raise InputError("holds the start and end of events, and the data are no series")
    if data.numbered:
        ends = frame[["start", "end"]].to_numpy()
        if ends.dtype.kind not in "iu":
            raise InputError("start and end are numbers of readings here; correct them")
        names = np.arange(len(data))
    else:
        ends = np.stack([as_times(path, frame[name]) for name in ("start", "end")], axis=1)
        names = np.asarray(data.names)
    first = np.searchsorted(names, ends[:, 0])
    last = np.searchsorted(names, ends[:, 1], side="right") - 1
    empty = np.flatnonzero(first > last)
    if len(empty):
        start, end = ends[empty[0]]
        raise InputError(f"the event from {start} to {end} holds no reading; correct or remove it")
    return np.stack([first, last], axis=1)
