"""A step in one call of compiled code is the step that forward, backward and the optimiser take."""

import numpy as np
import pytest

from minae import nn, random
from minae.grad_mode import no_grad
from minae.kernels import use_backend
from minae.kernels.cpu.compile import threads
from minae.models import (
    IWAE,
    VAE,
    BetaVAE,
    ConditionalVAE,
    ConvAutoencoder,
    ConvVAE,
    DenseAutoencoder,
)
from minae.optim import SGD, Adam, AdamW, decay_groups
from minae.train import step
from minae.train.dense_step import dense_step

SIZES = [9, 7, 3]


def prepared(build=lambda: DenseAutoencoder(SIZES), dtype=np.float32, optimizer=Adam, **options):
    """Return a model with its optimiser: the same weights, and later draws, each time."""
    random.manual_seed(0)
    model = build()
    for p in model.parameters():
        p.data = p.data.astype(dtype)
    return model, optimizer(model.parameters(), lr=0.01, **options)


def images(rows=5, pixels=9, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).random((rows, pixels)).astype(dtype)


def take(monkeypatch, steps, whole, dtype, build, **how):
    """Return the losses, the parameters and the gradients after some steps."""
    taken = []

    def spy(*arguments):
        taken.append(dense_step(*arguments) if whole else None)
        return taken[-1]

    monkeypatch.setattr(step, "dense_step", spy)
    model, optimizer = prepared(build, dtype, **how)
    losses = [
        step.train_step(model, optimizer, [a.astype(dtype) for a in batch]) for batch in steps
    ]
    assert [loss is not None for loss in taken] == [whole] * len(steps)
    parameters = [*model.parameters()]
    return losses, [p.data for p in parameters], [p.grad.data for p in parameters]


def ends_in(activation, loss):
    model = DenseAutoencoder(SIZES, loss=loss)
    model.decoder = nn.Sequential(*model.decoder, activation)
    return model


def mixed(loss):
    model = VAE(SIZES)
    layers = nn.Linear(9, 7), nn.GELU("tanh"), nn.Linear(7, 6)
    model.encoder = nn.Sequential(nn.Flatten(), *layers)
    layers = nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5)
    model.decoder = nn.Sequential(*layers, nn.Linear(5, 9), nn.SiLU())
    return model


MODELS = {
    "dense": lambda loss: DenseAutoencoder(SIZES, loss=loss),
    "ends in a ReLU": lambda loss: ends_in(nn.ReLU(), loss),
    "ends in a SiLU": lambda loss: ends_in(nn.SiLU(), loss),
    "SiLU": lambda loss: DenseAutoencoder([9, 8, 7, 3], "silu", loss),
    "GELU": lambda loss: DenseAutoencoder(SIZES, "gelu", loss),
    "VAE": lambda loss: VAE(SIZES),
    "VAE of two layers": lambda loss: VAE([9, 3]),
    "VAE of all activations": mixed,
    "BetaVAE": lambda loss: BetaVAE([9, 8, 6, 1], beta=3.0),
}


def assert_same_step(monkeypatch, steps, dtype, build, **how):
    """Assert that losses, parameters and gradients are those of forward, backward and step."""
    one, other = (take(monkeypatch, steps, whole, dtype, build, **how) for whole in (True, False))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for results, expected in zip(one, other, strict=True):
        for result, wanted in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("model", "loss"), [("dense", "mse"), *[(model, "bce") for model in MODELS]]
)
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [(Adam, {}), (Adam, {"weight_decay": 0.1, "betas": (0.5, 0.9)}), (AdamW, {"eps": 1e-3})],
)
def test_it_is_the_same_step(monkeypatch, dtype, model, loss, optimizer, options):
    noisy = [(images(seed=i), images(seed=i + 9)) for i in range(3)]
    steps = [(images(1),), *noisy, (images(5).reshape(5, 3, 3),)]
    how = {"optimizer": optimizer, **options}
    assert_same_step(monkeypatch, steps, dtype, lambda: MODELS[model](loss), **how)


@pytest.mark.parametrize("kind", [DenseAutoencoder, VAE])
@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("count", [2, 3])
def test_it_is_the_same_step_on_threads(monkeypatch, kind, activation, count):
    monkeypatch.setattr(threads, "num_threads", lambda: count)
    steps = [(images(50, 501, seed=i),) for i in range(3)]
    assert_same_step(monkeypatch, steps, np.float64, lambda: kind([501, 203, 5], activation))


def test_weights_have_the_same_bits_on_any_number_of_threads(monkeypatch):
    found = []
    for count in (1, 2, 3, 5):
        monkeypatch.setattr(threads, "num_threads", lambda count=count: count)
        model, optimizer = prepared(lambda: DenseAutoencoder([501, 203, 5]))
        for i in range(3):
            step.train_step(model, optimizer, [images(50, 501, seed=i)])
        found.append([p.data for p in model.parameters()])
    for weights in zip(*found, strict=True):
        assert all((weight == weights[0]).all() for weight in weights)


def test_a_loss_that_is_not_finite_changes_nothing():
    model, optimizer = prepared()
    before = [p.data.copy() for p in model.parameters()]
    with pytest.raises(FloatingPointError):
        step.train_step(model, optimizer, [np.full((2, 9), np.inf, np.float32)])
    assert all((p.data == b).all() for p, b in zip(model.parameters(), before, strict=True))
    assert optimizer.steps == [0] * 8


def test_a_gradient_that_somebody_holds_stays():
    model, optimizer = prepared()
    step.train_step(model, optimizer, [images()])
    held = optimizer.parameters[0].grad
    before = held.data.copy()
    optimizer.zero_grad()
    assert dense_step(model, optimizer, [images(seed=1)]) is None
    step.train_step(model, optimizer, [images(seed=1)])
    assert (held.data == before).all()


class Louder(DenseAutoencoder):
    """Its loss is its own."""

    def loss(self, x, target=None):
        return super().loss(x, target) * 2


def frozen(model, optimizer):
    optimizer.parameters[0].requires_grad = False


def another_weight(model, optimizer):
    layer = model.decoder[0]
    layer.weight = nn.Linear(3, 7).weight


def another_layer(model, optimizer):
    model.decoder = nn.Sequential(*model.decoder, nn.Tanh())


def a_gradient(model, optimizer):
    step.train_step(model, optimizer, [images()])


def another_loss(model, optimizer):
    model.loss = lambda x: DenseAutoencoder.loss(model, x) * 2


def another_step(model, optimizer):
    optimizer.step = lambda: None


CHANGES = [frozen, another_weight, another_layer, a_gradient, another_loss, another_step]


@pytest.mark.parametrize("change", CHANGES)
def test_it_leaves_alone_what_was_changed(change):
    model, optimizer = prepared()
    assert dense_step(model, optimizer, [images()]) is not None
    optimizer.zero_grad()
    change(model, optimizer)
    assert dense_step(model, optimizer, [images()]) is None


class Tied(DenseAutoencoder):
    """Square, with one weight in two layers, and as many parameters as without."""

    def __init__(self):
        super().__init__([9, 9], loss="mse")
        self.decoder[0].weight = self.encoder[1].weight
        self.extra = nn.Parameter(np.zeros(9, np.float32))


class Sharper(VAE):
    """Its codes are its own, and its loss is the base's."""

    def encode(self, x, *labels):
        mean, log_var = super().encode(x, *labels)
        return mean, log_var - 1


def with_code_after(activation):
    model = VAE(SIZES)
    model.encoder = nn.Sequential(*model.encoder, activation)
    return model


def with_wide_code(kind):
    model = kind(SIZES)
    model.decoder = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 9))
    return model


@pytest.mark.parametrize(
    ("build", "optimizer", "batch"),
    [
        (lambda: Louder(SIZES), Adam, images()),
        (lambda: DenseAutoencoder(SIZES), SGD, images()),
        (lambda: DenseAutoencoder(SIZES, activation="tanh"), Adam, images()),
        (lambda: DenseAutoencoder(SIZES, tied=True), Adam, images()),
        (lambda: DenseAutoencoder(SIZES, loss="mse", binary=2), Adam, images()),
        (lambda: with_wide_code(DenseAutoencoder), Adam, images()),
        (Tied, Adam, images()),
        (lambda: ConvAutoencoder((1, 8, 8)), Adam, images(2, 64).reshape(2, 1, 8, 8)),
        (lambda: VAE(SIZES, likelihood="gaussian"), Adam, images()),
        (lambda: ends_in(nn.Tanh(), "bce"), Adam, images()),
        (lambda: IWAE(SIZES), Adam, images()),
        (lambda: ConditionalVAE(SIZES), Adam, images()),
        (lambda: ConvVAE((1, 8, 8)), Adam, images(2, 64).reshape(2, 1, 8, 8)),
        (lambda: Sharper(SIZES), Adam, images()),
        (lambda: with_code_after(nn.ReLU()), Adam, images()),
        (lambda: with_code_after(nn.SiLU()), Adam, images()),
        (lambda: with_wide_code(VAE), Adam, images()),
        (lambda: DenseAutoencoder(SIZES), Adam, images(dtype=np.float64)),
        (lambda: DenseAutoencoder(SIZES), Adam, images()[:, ::-1]),
        (lambda: DenseAutoencoder(SIZES), Adam, images(0)),
        (lambda: DenseAutoencoder(SIZES), Adam, images(5, 8)),
    ],
)
def test_it_leaves_others_alone(build, optimizer, batch):
    assert dense_step(*prepared(build, optimizer=optimizer), [batch]) is None


def test_it_leaves_groups_alone():
    model, _ = prepared()
    optimizer = AdamW(decay_groups(model, 0.1))
    assert dense_step(model, optimizer, [images()]) is None


def test_it_keeps_to_the_chosen_backend_and_mode():
    with use_backend("reference"):
        assert dense_step(*prepared(), [images()]) is None
    with no_grad():
        assert dense_step(*prepared(), [images()]) is None
