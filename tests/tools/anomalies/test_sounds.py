"""`minae anomalies` on sounds: when and at which frequencies they are strange."""

import csv
import re

import numpy as np
import pytest
import soundfile

from minae import plots
from minae.tools.anomalies.sounds import stretch
from minae.train import runs

from ..conftest import train

RATE = 8000


def hum(seconds, rng):
    """Return the sound of a machine: overtones of one frequency, and noise."""
    t = np.arange(round(RATE * seconds)) / RATE
    waves = [np.sin(2 * np.pi * rng.uniform(100, 120) * k * t) / k for k in range(1, 8)]
    return 0.1 * np.sum(waves, axis=0) + 0.002 * rng.normal(size=len(t))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A folder with sounds of a machine, and a run of them."""
    folder, rng = tmp_path_factory.mktemp("machine"), np.random.default_rng(0)
    (folder / "good").mkdir()
    for i in range(40):
        soundfile.write(folder / "good" / f"{i}.wav", hum(0.52, rng), RATE)
    sizes = {"sizes": [1280, 32, 6]}
    train(folder / "run", folder / "good", model_options=sizes, seconds=0.512, batch_size=8)
    return folder


def test_the_stretch_is_around_the_largest_error():
    errors = np.full((10, 20), 0.1)
    errors[6:8, 11:14] = 5, 4, 3
    errors[2, 3] = 4  # not so much in all of that frame
    assert stretch(errors) == (11, 13, 6, 7)
    assert stretch(np.ones((3, 4))) == (0, 3, 0, 2)
    assert stretch(np.zeros((3, 4))) == (0, 3, 0, 2)
    errors[:, 14] = 1.2  # as much in all, but not in these bands
    assert stretch(errors) == (11, 13, 6, 7)
    errors[6:8, 11] = 100
    assert stretch(errors) == (11, 11, 6, 7)


def test_a_whistle_is_found_where_it_is(minae, machine, tmp_path, monkeypatch):
    drawn, draw = [], plots.spectrograms
    monkeypatch.setattr(
        plots, "spectrograms", lambda *a, **k: drawn.append((a, k)) or draw(*a, **k)
    )
    sound, at = hum(2.048, np.random.default_rng(1)), round(1.2 * RATE)
    whistle = np.sin(2 * np.pi * 3000 * np.arange(800) / RATE)  # 0.1 s
    sound[at : at + 800] += 0.2 * whistle
    (tmp_path / "new").mkdir()
    soundfile.write(tmp_path / "new" / "long.wav", sound, RATE)
    (tmp_path / "new" / "empty.wav").write_bytes(b"")
    status, out, err = minae("anomalies", machine / "run", "new", "--expect", 0.25, "--out", "out")
    assert (status, "empty.wav: is empty" in err) == (1, True)
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [f"long.wav @ {second:.2f} s" for second in (0, 0.51, 1.02, 1.54)]
    assert [row["name"] for row in rows] == names
    assert [row["anomaly"] for row in rows] == ["0", "0", "1", "0"]
    start, end, low, high = (
        float(rows[2][f"{side}_{unit}"]) for unit in ("seconds", "hertz") for side in ("from", "to")
    )
    assert start == pytest.approx(1.2, abs=0.04)
    assert end == pytest.approx(1.3, abs=0.04)
    assert 2500 < low < 3000 < high < 3500
    said = rf"long.wav @ 1.02 s +[\d.]+, largest from {start:.2f} to {end:.2f} s, {low:,.0f} to"
    assert re.search(said, out)
    ((args, options),) = drawn
    first, last, bottom, top = options["framed"][0]
    kind = runs.load_run(machine / "run").kind
    assert kind.analysis.seconds(int(first)) == pytest.approx(start - 1.02, abs=0.02)
    assert kind.frequencies[bottom] > 2500 > kind.frequencies[bottom - 4]
    assert args[1][0] == "long.wav @ 1.02 s"
    assert (tmp_path / "out" / "worst.png").stat().st_size > 0
    assert last >= first
    assert top >= bottom
