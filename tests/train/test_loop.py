"""The training loop: that it learns, keeps the best, and cannot be harmed by being killed."""

import signal
import subprocess
import sys

import numpy as np
import pytest

import minae
from minae import checkpoint, models, nn, ops, optim
from minae.data import GaussianNoise, load
from minae.errors import InputError
from minae.train import evaluate, fit

IMAGES = load("digits").train.images[:256]
HELD_OUT = load("digits").validation.images[:64]


def small_vae(seed=0):
    minae.manual_seed(seed)
    return models.VAE([64, 32, 4])


def train(model, out=None, **options):
    options = {"epochs": 3, "batch_size": 64, "show_progress": False, **options}
    return fit(model, IMAGES, HELD_OUT, out=out, **options)


def weights(path):
    return checkpoint.subset(checkpoint.load(path)[0], "model.")


def test_it_learns_and_records():
    history = train(small_vae(), epochs=5)
    losses = [record["train_loss"] for record in history]
    assert losses == sorted(losses, reverse=True)
    assert [record["epoch"] for record in history] == [1, 2, 3, 4, 5]
    assert {"validation_loss", "validation_elbo", "seconds"} <= history[-1].keys()


def test_one_loop_trains_a_classifier_too():
    digits = load("digits").train

    class Classifier(nn.Module):
        def __init__(self):
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

        def loss(self, x, labels):
            return ops.cross_entropy(self.layers(x), labels)

    model = Classifier()
    adam = optim.Adam(model.parameters(), lr=0.05)
    history = fit(
        model, (digits.images, digits.labels), epochs=5, optimizer=adam, show_progress=False
    )
    assert history[-1]["train_loss"] < 0.3 < history[0]["train_loss"]


@pytest.mark.parametrize("name", ["clip", "max_grad_norm"])
def test_gradients_are_clipped(name):
    model = small_vae()
    before = [p.data.copy() for p in model.parameters()]
    train(model, epochs=1, optimizer=optim.SGD(model.parameters(), lr=1.0), **{name: 1e-6})
    after = [p.data for p in model.parameters()]
    assert 0 < max(abs(a - b).max() for a, b in zip(after, before, strict=True)) < 1e-5


def test_a_warm_up_begins_with_small_steps(monkeypatch):
    """256 images are four steps: the second epoch goes on where the first one stopped."""
    model, rates = small_vae(), []
    adam = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.StepLR(adam, step_size=2, gamma=0.5)
    monkeypatch.setattr(adam, "step", lambda: rates.append(adam.lr))
    train(model, optimizer=adam, schedule=schedule, warmup=6)
    np.testing.assert_allclose(rates[:6], 0.01 * np.arange(1, 7) / 6)
    assert rates[6:] == [0.01] * 2 + [0.005] * 4


def test_same_seed_same_bits(tmp_path):
    for name in ("a", "b"):
        train(small_vae(), tmp_path / name)
    a, b = (weights(tmp_path / name / "last.safetensors") for name in ("a", "b"))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_best_is_the_epoch_with_the_lowest_validation_loss(tmp_path):
    model = small_vae()
    # steps so large that the loss goes up and down
    history = train(model, tmp_path, epochs=12, optimizer=optim.Adam(model.parameters(), lr=0.2))
    losses = [record["validation_loss"] for record in history]
    assert min(losses) < losses[-1]
    best = small_vae()
    best.load_state_dict(weights(tmp_path / "best.safetensors"))
    assert evaluate(best, HELD_OUT)["loss"] == pytest.approx(min(losses), rel=1e-6)


def test_patience():
    model = small_vae()
    history = train(model, epochs=50, patience=2, optimizer=optim.SGD(model.parameters(), lr=0.0))
    assert len(history) == 3  # the first is the best; then two without a better one


def test_evaluation_leaves_no_trace():
    model = small_vae()
    state = minae.random.get_state()
    first = evaluate(model, HELD_OUT, corrupt=GaussianNoise(0.3))
    assert evaluate(model, HELD_OUT, corrupt=GaussianNoise(0.3)) == first
    assert minae.random.get_state() == state
    assert model.training


def test_corruption_is_of_the_input_only():
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones((), np.float32))

        def loss(self, x, target):
            seen.append((x.data, target.data))
            return ops.mse_loss(x * self.scale, target)

    fit(Spy(), IMAGES[:8], epochs=1, corrupt=GaussianNoise(0.5), show_progress=False)
    x, target = seen[0]
    assert not np.array_equal(x, target)
    assert all(any(np.array_equal(t, image) for image in IMAGES[:8]) for t in target)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    model = small_vae()
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train(model, tmp_path, optimizer=optim.SGD(model.parameters(), lr=1e6))


def test_plain_lines_where_there_is_no_terminal(capsys):
    train(small_vae(), epochs=2, show_progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "epoch   2" in lines[1]
    assert "validation_elbo" in lines[1]


VICTIM = """
import os, signal, sys
import minae
from minae import checkpoint, models, optim
from minae.data import load
from minae.train import fit

out, victim, count, resume = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "resume"
minae.train.state.SAVE_SECONDS = float(sys.argv[5])

def dies_at(count, function):
    calls = 0
    def wrapped(*args):
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args)
    return wrapped

minae.manual_seed(0)
model = models.VAE([64, 32, 4])
if victim == "fsync":
    os.fsync = dies_at(count, os.fsync)
elif victim == "replace":
    os.replace = dies_at(count, os.replace)
adam = optim.Adam(model.parameters())
if victim == "step":
    adam.count_step = dies_at(count, adam.count_step)
digits = load("digits")
fit(model, digits.train.images[:256], digits.validation.images, epochs=4, batch_size=64, out=out,
    optimizer=adam, schedule=optim.CosineAnnealingLR(adam, 4), resume=resume, show_progress=False)
"""


def run_victim(out, victim="none", count=0, resume=False, save_seconds=0):
    how = "resume" if resume else "anew"
    arguments = [str(out), victim, str(count), how, str(save_seconds)]
    command = [sys.executable, "-c", VICTIM, *arguments]
    return subprocess.run(command, check=False).returncode


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken")
    assert run_victim(out) == 0
    return out


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
@pytest.mark.parametrize(
    ("victim", "count", "save_seconds"),
    [
        ("step", 2, 0),  # in the first epoch
        ("step", 11, 0),  # in the middle of the third, of 4 steps each
        ("step", 11, 1000),  # the same, with nothing saved but the start
        ("fsync", 7, 0),  # in the middle of writing a checkpoint
        ("replace", 4, 0),  # written, but not yet in its place
        ("replace", 5, 0),  # best in its place, last not yet
    ],
)
def test_killed_and_resumed_ends_with_the_same_bits(
    unbroken, tmp_path, victim, count, save_seconds
):
    killed = run_victim(tmp_path, victim, count, save_seconds=save_seconds)
    assert killed == -signal.SIGKILL
    assert run_victim(tmp_path, resume=True) == 0
    for name in ("last.safetensors", "best.safetensors"):
        expected, actual = (checkpoint.load(folder / name)[0] for folder in (unbroken, tmp_path))
        assert expected.keys() == actual.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(actual[key], value, err_msg=f"{name}: {key}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 32}, "trained with batch_size 64, not 32"),
        ({"seed": 1}, "trained with seed 0, not 1"),
    ],
)
def test_resuming_with_other_settings_is_refused(tmp_path, options, message):
    train(small_vae(), tmp_path, epochs=1)
    with pytest.raises(InputError, match=message):
        train(small_vae(), tmp_path, epochs=2, resume=True, **options)


def test_resuming_another_model_is_refused(tmp_path):
    train(small_vae(), tmp_path, epochs=1)
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(InputError, match="does not fit VAE"):
        train(models.VAE([64, 16, 4]), tmp_path, epochs=2, resume=True)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_resuming_from_nothing_says_so(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        train(small_vae(), tmp_path, resume=True)
