"""The command, run as a user does: what it prints, writes, and refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minae import report
from minae.data import load
from minae.models import MODELS
from minae.tools import tour
from minae.tools.gradchecks import minae_ops

RECORD = Path(__file__).parents[2] / "results" / "bench.json"

COMMANDS = [
    ("train",),
    ("eval",),
    ("reconstruct",),
    ("sample",),
    ("import",),
    ("enhance",),
    ("anomalies",),
    ("embed",),
    ("nearest",),
    ("gradcheck",),
    ("doctor",),
    ("tour",),
    ("data", "list"),
    ("data", "fetch"),
    ("kernels", "show"),
    ("start",),
    ("check",),
    ("watch",),
    ("hint",),
    ("solution",),
    ("reset",),
    ("progress",),
    ("run",),
    ("lessons",),
    ("lessons", "verify"),
    ("grade",),
    ("release",),
]


@pytest.fixture
def run_folder(minae, tmp_path):
    """A run of a small VAE on the 8x8 digits."""
    status, _, _ = minae(
        *("train", "vae", "--data", "digits", "--epochs", 1, "--sizes", 64, 16, 3, "--out", "run")
    )
    assert status == 0
    return tmp_path / "run"


def size(path):
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(minae, command):
    status, out, _ = minae(*command, "--help")
    assert status == 0
    assert f"minae {' '.join(command)}" in out
    assert "Example" in out


def test_a_run_folder(run_folder):
    metrics = json.loads((run_folder / "metrics.json").read_text())
    command = "minae train vae --data digits --epochs 1 --sizes 64 16 3 --out run"
    assert metrics["command"] == command
    assert metrics["config"]["sizes"] == [64, 16, 3]
    assert metrics["seed"] == 0
    assert metrics["data"] == "digits"
    assert metrics["seconds"] > 0
    for part in ("train", "validation", "test"):
        assert metrics[f"{part}_loss"] == pytest.approx(-metrics[f"{part}_elbo"], rel=1e-6)
    files = {path.name for path in run_folder.iterdir()}
    assert files == {
        "metrics.json",
        "best.safetensors",
        "last.safetensors",
        "learning_curves.png",
        "reconstructions.png",
        "samples.png",
        "kl_by_latent.png",
    }


PICTURES = {  # beside learning curves and reconstructions
    "dense": [],
    "conv": ["feature_maps"],
    "denoising": ["denoised"],
    "vae": ["samples", "kl_by_latent"],
    "conv-vae": ["samples", "kl_by_latent"],
    "beta-vae": ["samples", "kl_by_latent", "traversals"],
    "cvae": ["samples"],
    "iwae": ["samples", "kl_by_latent", "bound"],
    "vq-vae": ["codebook"],
    "restore": ["denoised"],
    "audio": [],
    "text": [],
    "sequence": [],
    "sequence-vae": ["kl_by_latent"],
    "masked": [],
    "gpt": [],
}
OF_TEXTS = ("text", "sequence", "sequence-vae", "masked", "gpt")
DATA = {"audio": "vowels"} | dict.fromkeys(OF_TEXTS, "a.txt")
FIGURES = {
    "restore": "psnr", "text": "nats_per_token", "sequence": "exact", "masked": "guessed",
    "gpt": "perplexity",
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains_with_its_defaults(minae, tmp_path, model):
    (tmp_path / "a.txt").write_text("\n".join(f"line {n} of {n % 7} words" for n in range(60)))
    data = DATA.get(model, "digits")
    status, out, _ = minae("train", model, "--data", data, "--epochs", 1)
    assert status == 0
    run = tmp_path / "runs" / f"{model}-{data.removesuffix('.txt')}"
    metrics = json.loads((run / "metrics.json").read_text())
    elbo = model.endswith(("vae", "iwae")) and model != "vq-vae"
    part = "validation" if model == "gpt" else "test"  # which a running text has not
    assert f"{part}_{FIGURES.get(model, 'elbo' if elbo else 'squared_error')}" in metrics
    assert metrics["settings"]["corrupt"] == MODELS[model].corruption
    whole = [] if model == "restore" or data == "a.txt" else ["reconstructions"]
    drawn = {"learning_curves", *whole, *PICTURES[model]}
    assert {path.stem for path in run.glob("*.png")} == drawn
    assert all(f"{name}.png" in out for name in drawn)
    assert minae("eval", run, "--data", data)[0] == 0
    assert minae("reconstruct", run)[0] == (2 if model in ("restore", "gpt") else 0)


def test_a_conditional_model_draws_the_class_that_is_asked_for(minae, tmp_path):
    minae("train", "cvae", "--data", "digits", "--epochs", 1, "--out", "run")
    ten = size(tmp_path / "run" / "samples.png")
    assert minae("sample", "run", "--label", 3, "-n", 4)[0] == 0
    assert size(tmp_path / "run" / "samples.png")[0] < ten[0]
    np.savez(tmp_path / "odd.npz", images=load("digits").test.images, labels=[11] * 180)
    np.save(tmp_path / "none.npy", load("digits").test.images)
    for arguments, sentence in [
        (("sample", "run", "--label", 10), "--label 10 is none of the classes 0 to 9"),
        (("eval", "run", "--data", "none.npy"), "give data with labels from 0 to 9"),
        (("reconstruct", "run", "--data", "odd.npz"), "give data with labels from 0 to 9"),
        (("train", "cvae", "--data", "none.npy"), "none.npy has no labels"),
        (("train", "cvae", "--corrupt", "noise:0.3"), "--corrupt is no option of model 'cvae'"),
    ]:
        status, _, err = minae(*arguments)
        assert (status, err.count("\n")) == (2, 1)
        assert sentence in err


def test_a_label_is_for_conditional_models(minae, run_folder):
    status, _, err = minae("sample", run_folder, "--label", 3)
    assert (status, "--label is for a cvae" in err) == (2, True)


def test_eval_repeats_the_figures_of_the_run(minae, run_folder):
    metrics = json.loads((run_folder / "metrics.json").read_text())
    status, out, _ = minae("eval", run_folder)
    assert status == 0
    assert f"{metrics['test_loss']:.4f}" in out


def test_denoising_run_draws_three_rows(minae, tmp_path):
    minae("train", "dense", "--data", "digits", "--epochs", 1, "--corrupt", "noise:0.4")
    run = tmp_path / "runs" / "dense-digits"
    three = size(run / "reconstructions.png")
    minae("train", "dense", "--data", "digits", "--epochs", 1, "--out", "clean")
    two = size(tmp_path / "clean" / "reconstructions.png")
    assert three[1] > two[1]


def test_reconstruct_and_sample_write_where_told(minae, run_folder, tmp_path):
    np.save(tmp_path / "mine.npy", load("digits").test.images[:30])
    assert minae("reconstruct", run_folder, "--data", "mine.npy", "--out", "r.png")[0] == 0
    assert minae("sample", run_folder, "-n", 9, "--out", "s.png")[0] == 0
    width, height = size(tmp_path / "r.png")
    assert width > height
    width, height = size(tmp_path / "s.png")
    assert width == pytest.approx(height, rel=0.1)


def test_a_model_has_to_be_named(minae):
    status, _, err = minae("train")
    assert (status, "Missing argument 'MODEL'" in err) == (2, True)


def test_resume_goes_on_and_overwrite_begins_anew(minae, run_folder):
    again = ("train", "vae", "--data", "digits", "--sizes", 64, 16, 3, "--out", run_folder)
    before = (run_folder / "last.safetensors").read_bytes()
    status, _, err = minae(*again, "--epochs", 2)
    assert (status, "--resume" in err, "--overwrite" in err) == (2, True, True)
    assert (run_folder / "last.safetensors").read_bytes() == before
    assert minae(*again, "--epochs", 3, "--resume")[0] == 0
    assert json.loads((run_folder / "metrics.json").read_text())["epochs"] == 3
    assert minae(*again, "--epochs", 1, "--overwrite")[0] == 0
    assert json.loads((run_folder / "metrics.json").read_text())["epochs"] == 1


def _mixed_sizes(folder):
    folder.mkdir()
    for name, size in (("a.png", (8, 8)), ("b.png", (9, 8)), ("c.png", (8, 8))):
        Image.new("L", size).save(folder / name)


def _nan(path):
    images = np.zeros((10, 8, 8), np.float32)
    images[3, 0, 0] = np.nan
    np.save(path, images)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "transformer"), "model 'transformer' is unknown: choose one of dense, conv"),
        (("train", "dense", "--data", "mnist6k"), "the datasets are mnist5k"),
        (("train", "dense", "--data", "empty"), "empty"),
        (("train", "dense", "--data", "mixed"), "b.png"),
        (("train", "dense", "--data", "nan.npy"), "nan"),
        (("train", "dense", "--sizes", 700, 32), "784 inputs"),
        (("train", "vae", "--tied"), "--tied is no option of model 'vae'"),
        (("train", "conv", "--sizes", 784, 20), "--sizes is no option of model 'conv'"),
        (("train", "dense", "--epochs", 0), "minae: --epochs is a whole number from 1, not 0"),
        (("train", "dense", "--lr", -1), "minae: --lr is a number from 0, not -1"),
        (("train", "dense", "--validation", 5000), "validation"),
        (("train", "dense", "--corrupt", "fog:1"), "not a corruption"),
        (("train", "dense", "--corrupt", "mask:40"), "40"),
        (("train", "dense", "--out", "file.txt"), "file.txt is a file"),
        (("train", "dense", "--batch-size", 0), "minae: --batch-size is a whole number"),
        (("train", "dense", "--optimizer", "x"), "minae: --optimizer 'x' is unknown: choose one"),
        (("train", "dense", "--resume", "--out", "nothing"), "nothing holds no training to go on"),
        (("train", "dense", "--device", "tpu"), "device 'tpu' is unknown: choose one of cpu, cuda"),
        (("train", "dense", "--cuda-graph"), "--cuda-graph is for a GPU: add --device cuda"),
        (("train", "dense", "--kernels", "vendor"), "--kernels vendor is for a GPU"),
        (("train", "dense", "--kernels", "mine"), "kernels 'mine' is unknown"),
        (("gradcheck", "--device", "tpu"), "device 'tpu' is unknown"),
        (("bench", "W1", "--products"), "are six benchmarks: choose one"),
        (("bench", "--parts", "--kernels"), "are six benchmarks: choose one"),
        (("bench", "W1", "--parts", "--out", "a.json"), "--parts writes no file"),
        (("eval", "nothing"), "nothing holds no trained model"),
        (("data", "fetch", "mnist6k"), "mnist6k"),
    ],
)
def test_bad_input_is_one_line_status_2_and_nothing_written(minae, tmp_path, arguments, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("mine")
    _mixed_sizes(tmp_path / "mixed")
    _nan(tmp_path / "nan.npy")
    before = sorted(tmp_path.rglob("*"))
    status, _, err = minae(*arguments)
    assert status == 2
    assert sentence.lower() in err.lower()
    assert len(err.strip().splitlines()) == 1, err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", [("train", "vae"), ("gradcheck",)])
def test_without_a_gpu_the_reason_is_told(minae, monkeypatch, tmp_path, command):
    monkeypatch.setattr(
        "minae.kernels.cuda.launch.device.problem", lambda: "there is no GPU: use cpu"
    )
    status, _, err = minae(*command, "--device", "cuda")
    assert (status, err.strip()) == (2, "minae: there is no GPU: use cpu")
    assert not list(tmp_path.iterdir())


def test_a_run_that_does_not_fit_into_memory_is_told(minae, monkeypatch):
    def full(*_, **__):
        raise MemoryError("16 GiB were asked for")

    monkeypatch.setattr("minae.train.loop._train_epoch", full)
    status, _, err = minae("train", "vae", "--data", "digits")
    assert (status, "out of memory (16 GiB were asked for): take a" in err) == (2, True)


def test_a_run_on_images_of_another_shape_is_refused(minae, run_folder):
    status, _, err = minae("reconstruct", run_folder, "--data", "mnist5k")
    assert status == 2
    assert "(1, 28, 28)" in err
    assert "(1, 8, 8)" in err


def test_a_plain_autoencoder_cannot_sample(minae):
    minae("train", "dense", "--data", "digits", "--epochs", 1, "--out", "run")
    status, _, err = minae("sample", "run")
    assert (status, "train a vae" in err) == (2, True)


def test_a_masked_model_takes_texts_longer_than_those_it_was_trained_on(minae, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(f"line {n} of {n % 7} words" for n in range(60)))
    (tmp_path / "b.txt").write_text("line 7 of " * 50)
    small = "--width", 16, "--layers", 1, "--longest", 40
    assert minae("train", "masked", "--data", "a.txt", "--epochs", 1, *small)[0] == 0
    status, _, err = minae("embed", "runs/masked-a", "b.txt", "--out", "b.csv")
    assert (status, "b.txt: 1 text is longer than 39 words and is cut there" in err) == (0, True)


def test_a_language_model_writes_a_text(minae, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(f"line {n} of {n % 7} words" for n in range(60)))
    minae("train", "gpt", "--data", "a.txt", "--steps", 2, "--width", 16, "--layers", 1)
    sample = ("sample", "runs/gpt-a", "--prompt", "line 5", "--seed", 3, "-n", 9)
    status, out, err = minae(*sample, "--temperature", 0.5, "--top-k", 5, "--top-p", 0.9)
    assert (status, err) == (0, "")
    assert re.fullmatch("line 5.{9}\n", out, flags=re.DOTALL)
    minae("train", "vae", "--data", "digits", "--epochs", 1, "--out", "vae")
    for arguments, sentence in [
        (
            (*sample, "--label", 3),
            "--label is for a cvae, and runs/gpt-a holds a gpt model: leave",
        ),
        ((*sample, "--out", "x.png"), "a gpt prints its text: leave out --out, and add > text.txt"),
        ((*sample, "--temperature", -1), "temperature is a number from 0, not -1.0"),
        ((*sample, "--top-k", 0), "top_k is a whole number from 1"),
        (("sample", "vae", "--prompt", "x"), "--prompt is for a gpt, and vae holds a vae"),
        (("sample", "vae", "-n", 401), "--count is a whole number from 1 to 400, not 401"),
        (("embed", "runs/gpt-a", "a.txt"), "no one code for a text: train text, sequence or"),
        (("import", "runs", "--out", "new"), "there is no runs/config.json: give a folder with"),
        (("import", "runs", "--out", "vae"), "vae already holds a run: name another folder"),
    ]:
        status, _, err = minae(*arguments)
        assert (status, err.count("\n")) == (2, 1)
        assert sentence in err
    assert not (tmp_path / "new").exists()


def test_a_damaged_run_is_refused(minae, run_folder):
    path = run_folder / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    status, _, err = minae("eval", run_folder)
    assert (status, "not a whole safetensors file" in err) == (2, True)


def test_a_diverging_run_says_what_to_do(minae):
    status, _, err = minae("train", "vae", "--data", "digits", "--optimizer", "sgd", "--lr", 1e8)
    assert (status, "lower the learning rate (--lr, now 1e+08)" in err) == (2, True)


def test_stopping_by_hand_says_how_to_go_on(minae, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("minae.train.loop._train_epoch", interrupted)
    status, out, _ = minae("train", "vae", "--data", "digits")
    assert (status, "--resume" in out) == (130, True)
    for command in ("eval", "sample"):
        status, _, err = minae(command, "runs/vae-digits")
        assert (status, err.count("\n")) == (2, 1)
        assert "runs/vae-digits holds no trained model yet, as its training was stopped" in err
        assert "the same command with --resume goes on" in err


def test_gradcheck_prints_every_operation(minae):
    status, out, _ = minae("gradcheck")
    assert status == 0
    for op in minae_ops():
        assert re.search(rf"\b{op.__name__}\b", out)
    assert "WRONG" not in out


def test_doctor(minae):
    status, out, _ = minae("doctor")
    assert status == 0
    for word in ("numpy", "BLAS", "threads", "GPU"):
        assert word in out


def test_doctor_says_whether_the_speed_here_is_on_record(minae, monkeypatch):
    measured, *_ = json.loads(RECORD.read_text())
    for machine, said in ((measured, "bench.json"), ("other", "not measured yet")):
        monkeypatch.setattr("minae.tools.doctor.machine", lambda machine=machine: machine)
        _, out, _ = minae("doctor")
        assert re.search(f"processor +{re.escape(machine)}; its speed is .*{said}", out)


def test_data_list(minae):
    status, out, _ = minae("data", "list")
    assert status == 0
    for name in ("mnist5k", "digits", "mnist", "fashion_mnist"):
        assert name in out


def test_tour_writes_a_page_with_all_its_pictures(minae, monkeypatch, tmp_path):
    for settings in (tour.DENSE, tour.VARIATIONAL, tour.PLANE):
        monkeypatch.setattr(settings, "epochs", 1)
    status, out, _ = minae("tour", "--out", "t")
    assert status == 0
    page = (tmp_path / "t" / "index.html").read_text()
    pictures = re.findall(r'<img src="(.*?)"', page)
    assert len(pictures) == 6
    for name in pictures:
        assert min(size(tmp_path / "t" / name)) > 100
    for name in ("dense", "vae", "plane"):
        assert (tmp_path / "t" / name / "best.safetensors").is_file()
    assert "PCA with 32 components" in out
    assert "index.html" in out


def test_a_table_prints_its_words_as_they_are(capsys):
    report.print_table(("name", "value"), [("E[log p]", -3.0)])
    assert "E[log p]" in capsys.readouterr().out
