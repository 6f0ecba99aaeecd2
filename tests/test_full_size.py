"""The results in README, made again at full size. Left out unless asked for: `pytest -m slow`."""

import json
import shlex
from pathlib import Path

import pytest

from minae import cli
from minae.kernels.arrays import device_problem
from minae.train import runs

RESULTS = Path(__file__).parents[1] / "results"
ANOMALIES = json.loads((RESULTS / "anomalies.json").read_text())
BARS = {
    "vae-mnist": ("test_loss", 105.5),
    "dense-mnist": ("test_squared_error", 3.0),
    "gpt-shakespeare-recipe": ("validation_loss", 1.92),
    "gpt-shakespeare": ("validation_loss", 1.66),
}


@pytest.mark.slow
@pytest.mark.timeout(7200)
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


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ANOMALIES)
def test_anomalies_are_found_again(name, minae, tmp_path):
    """Other processors round differently, so that AUCs differ a little."""
    recorded = ANOMALIES[name]
    for command in (recorded["train"], recorded["command"]):
        status, _, _ = minae(*shlex.split(command)[1:])
        assert status == 0
    found = json.loads((tmp_path / recorded["figures"]).read_text())["methods"]
    for method, figures in recorded["methods"].items():
        assert found[method]["auc"] == pytest.approx(figures["auc"], abs=0.03)


def test_recorded_anomalies_of_a_table_reach_their_bar():
    model, *others = ANOMALIES["breast_cancer"]["methods"].values()
    assert model["auc"] > max(0.97, *(other["auc"] - 0.01 for other in others))


@pytest.mark.parametrize("name", ["machine_temperature", "nyc_taxi", "ambient_temperature"])
def test_recorded_streams_have_one_rule(name):
    record = ANOMALIES[name]
    assert record["rule"] == "--expect: 0.03 of the data lie above it"
    assert {name.split(",")[0] for name in record["methods"]} == {
        "dense model",
        "PCA",
        "isolation forest",
        "seasonal",
    }


#: By record, the corruptions that its network is tested with, and the PSNR in dB to reach. BM3D has
#: 31.07, 28.57 and 25.62 (published) against the noise, and a Wiener filter sharpens to 27.94.
RESTORED = {
    "restore-noise25": {"unclipped-noise:25/255": 29.0},
    "restore-blind": {
        "unclipped-noise:15/255": 31.0,
        "unclipped-noise:25/255": 28.4,
        "unclipped-noise:50/255": 25.5,
    },
    "restore-deblur": {"blur:1.5+unclipped-noise:2/255": 27.94 + 1.5},  # Wiener filter: 27.94,
}


@pytest.mark.parametrize("name", RESTORED)
def test_recorded_restoration_reaches_its_bars(name):
    record = json.loads((RESULTS / f"{name}.json").read_text())
    assert record["evaluated"].keys() == RESTORED[name].keys()
    for corrupt, bar in RESTORED[name].items():
        assert record["evaluated"][corrupt]["test_psnr"] > bar


def test_recorded_denoising_took_less_than_an_hour():
    assert json.loads((RESULTS / "restore-noise25.json").read_text())["seconds"] < 3600


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", RESTORED)
def test_pictures_are_restored_again(name, minae, tmp_path):
    record = json.loads((RESULTS / f"{name}.json").read_text())
    assert minae(*shlex.split(record["command"])[1:], "--out", "run")[0] == 0
    run = runs.load_run(tmp_path / "run")
    for corrupt, bar in RESTORED[name].items():
        assert runs.final_figures(run, corrupt=corrupt)["test_psnr"] > bar
