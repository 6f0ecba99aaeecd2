"""The results in README, made again at full size. Left out unless asked for: `pytest -m slow`."""

import json
import shlex
from pathlib import Path

import pytest

from minae import cli
from minae.kernels.arrays import device_problem

RESULTS = Path(__file__).parents[1] / "results"
BARS = {"vae-mnist": ("test_loss", 105.5), "dense-mnist": ("test_squared_error", 3.0)}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", BARS)
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="cpu"),
        pytest.param(("--device", "cuda"), id="cuda", marks=pytest.mark.gpu),
        pytest.param(("--device", "cuda", "--cuda-graph"), id="graph", marks=pytest.mark.gpu),
    ],
)
def test_full_size_result(name, options, tmp_path, monkeypatch):
    if options and (why := device_problem("cuda")):
        pytest.skip(why)
    command = json.loads((RESULTS / f"{name}.json").read_text())["command"]
    monkeypatch.setattr("sys.argv", [*shlex.split(command), "--out", str(tmp_path), *options])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 0
    figure, bar = BARS[name]
    assert json.loads((tmp_path / "metrics.json").read_text())[figure] <= bar


@pytest.mark.parametrize("name", BARS)
def test_recorded_result_reaches_its_bar(name):
    figure, bar = BARS[name]
    assert json.loads((RESULTS / f"{name}.json").read_text())[figure] <= bar
