"""The named datasets: how each is read from the files that `sources.json` lists."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minae.data import readers
from minae.data.delimited import Frame
from minae.data.kinds.series import Readings, read_readings
from minae.data.memory import naming
from minae.data.sound import vowels
from minae.data.sound.analysis import Analysis
from minae.data.sound.files import read_archive
from minae.data.sound.recordings import Pieces, made_recording, read_pieces
from minae.data.sources import fetch
from minae.data.split import Split, stratified_order
from minae.data.text import datasets
from minae.data.text.datasets import TextParts
from minae.errors import InputError

ImageParts = tuple[Split, Split, int]  # to train on, to test on, the validation set's usual size
Event = tuple[np.datetime64, np.datetime64]  # the first and the last moment


@dataclass(frozen=True, eq=False)
class Sounds:
    """Waveforms (n,) float32, `rate` samples a second, each with a name and a label, texts (N,).

    test (N,) bool says which are for testing.
    """

    waveforms: list[np.ndarray]
    rate: int
    names: np.ndarray
    labels: np.ndarray
    test: np.ndarray


def _load_mnist(name: str) -> ImageParts:
    """Load the four idx files of MNIST, or of a dataset in the same form."""
    paths, splits = fetch(name), []
    for part in ("train", "t10k"):
        images, _ = readers.read_images(paths[f"{part}-images-idx3-ubyte.gz"])
        path = paths[f"{part}-labels-idx1-ubyte.gz"]
        with naming(path):
            splits.append(Split(images, readers.as_labels(readers.read_idx(path), images)))
    return *splits, 5_000


def _load_embedded(name: str, side: int, white: int) -> ImageParts:
    """Load an embedded CSV file, whose rows are the pixels, 0 to `white`, then the label."""
    (path,) = fetch(name).values()
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)  # (N, side² + 1)
    images = np.divide(table[:, :-1], white, dtype=np.float32).reshape(-1, 1, side, side)
    labels = table[:, -1].astype(np.int64)
    # The rows may be sorted by label; with a generator of its own, the order is always the same.
    order = stratified_order(labels, np.random.default_rng(0))
    ordered, test = Split(images, labels).take(order), max(1, round(len(order) / 10))
    return ordered.take(slice(-test)), ordered.take(slice(-test, None)), test


def _load_breast_cancer(name: str) -> tuple[Frame, str]:
    """Return the table, with a column of labels, and that column's name."""
    fetch(name)  # which says what to do if it is not there
    from sklearn.datasets import load_breast_cancer

    found: Any = load_breast_cancer(as_frame=True)
    frame = found.data.assign(diagnosis=found.target_names[found.target])
    return frame, "diagnosis"


def _make_vowels(name: str) -> Sounds:
    fetch(name)  # which says what to do if the means are not there
    names, labels, factors = vowels.draw_factors()
    groups = np.arange(len(names)) // vowels.EACH  # of a vowel and a voice
    order = stratified_order(groups, np.random.default_rng(0))
    waveforms = vowels.synthesise(factors[order])
    test = np.arange(len(order)) >= round(0.9 * len(order))
    return Sounds(list(waveforms), vowels.RATE, names[order], labels[order], test)


def _load_spoken_digits(name: str) -> Sounds:
    """Load an archive of files DIGIT_SPEAKER_NUMBER.wav; 0 to 4 are the official test part."""
    (path,) = fetch(name).values()
    with naming(path):
        names, waveforms, rate = read_archive(path)
    parts = [str(name).split("_") for name in names]
    digits = np.array([digit for digit, _, _ in parts], object)
    order = stratified_order(digits, np.random.default_rng(0))
    test = np.array([int(parts[i][2]) < 5 for i in order])
    return Sounds([waveforms[i] for i in order], rate, names[order], digits[order], test)


#: The named datasets of images, and of rows of a table.
IMAGES: dict[str, Callable[[str], ImageParts]] = {
    "mnist5k": lambda name: _load_embedded(name, side=28, white=255),
    "digits": lambda name: _load_embedded(name, side=8, white=16),
    "mnist": _load_mnist,
    "fashion_mnist": _load_mnist,
}
TABLES: dict[str, Callable[[str], tuple[Frame, str]]] = {"breast_cancer": _load_breast_cancer}
#: By name, the key of a series in the Numenta Anomaly Benchmark's file of labels.
SERIES = {
    "machine_temperature": "realKnownCause/machine_temperature_system_failure.csv",
    "nyc_taxi": "realKnownCause/nyc_taxi.csv",
    "ambient_temperature": "realKnownCause/ambient_temperature_system_failure.csv",
}
#: The named datasets of texts: in a fixed order, of which the last so many are the test part.
TEXTS: dict[str, Callable[[], TextParts]] = {
    "docstrings": datasets.load_docstrings,
    "unicode_names": datasets.load_unicode_names,
    "trec": datasets.load_trec,
    "names": datasets.load_names,
    "tiny_shakespeare": datasets.load_shakespeare,
}
#: Of sounds, what they are made or read by, the range in dB, and the frames of a piece.
SOUNDS: dict[str, tuple[Callable[[str], Sounds], float, int]] = {
    "vowels": (_make_vowels, 60.0, 20),  # no noise, so all of what is quiet is of use
    "spoken_digits": (_load_spoken_digits, 40.0, 40),  # noise, and 95 in 100 are 0.6 s at most
}
_KINDS = {"images": IMAGES, "table": TABLES, "series": SERIES, "text": TEXTS, "audio": SOUNDS}
DATASETS = [name for names in _KINDS.values() for name in names]


def kind_of(name: str) -> str:
    """Return the kind of a named dataset."""
    return next(kind for kind, names in _KINDS.items() if name in names)


def load_sounds(name: str) -> Sounds:
    """Return a named dataset of sounds as waveforms. Raises InputError if it cannot be loaded."""
    load, *_ = SOUNDS[name]
    return load(name)


def load_running(name: str) -> TextParts:
    """Return a named dataset of texts as a running text, and how many of the last are to test on.

    Raises InputError if it is none of texts, or cannot be loaded.
    """
    if name not in TEXTS:
        raise InputError(
            f"holds no text, but {kind_of(name)}: give a text file, a folder of such, or"
            f" {', '.join(TEXTS)}"
        )
    return datasets.load_whole_shakespeare() if name == "tiny_shakespeare" else TEXTS[name]()


def load_pieces(name: str) -> tuple[Pieces, np.ndarray, np.ndarray]:
    """Return spectrograms of named sounds, a piece of each, and the indices of both parts."""
    load, range, frames = SOUNDS[name]
    sounds = load(name)
    made = [
        made_recording(*each, sounds.rate)
        for each in zip(sounds.names, sounds.labels, sounds.waveforms, strict=True)
    ]
    pieces = read_pieces(made, [], Analysis(sounds.rate, range=range), frames, whole=True)
    return pieces, np.flatnonzero(~sounds.test), np.flatnonzero(sounds.test)


def load_readings(name: str) -> tuple[Readings, list[Event]]:
    """Return a named series, labelled 1 in events that people have marked, else 0; and the events.

    Source: Lavin and Ahmad 2015, Numenta Anomaly Benchmark. Raises
    InputError if it cannot be downloaded.
    """
    path, windows = fetch(name).values()
    with naming(path):
        readings = read_readings(path, "timestamp", None)
    events = _events(windows, name)
    times: Any = readings.times
    inside = [(start <= times) & (times <= end) for start, end in events]
    labels = np.where(np.any(inside, axis=0), "1", "0").astype(object)
    return replace(readings, labels=labels), events


def _events(labels: Path, name: str) -> list[Event]:
    windows = json.loads(labels.read_text(encoding="utf-8"))[SERIES[name]]
    return [(np.datetime64(start, "s"), np.datetime64(end, "s")) for start, end in windows]
