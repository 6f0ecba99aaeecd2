"""A step in one call of compiled code is the step that forward, backward and the optimiser take."""

import numpy as np
import pytest

from minae import nn, random
from minae.grad_mode import no_grad
from minae.kernels import use_backend
from minae.kernels.cpu.compile import threads
from minae.models import ConvAutoencoder, DenseAutoencoder
from minae.optim import SGD, Adam, AdamW, decay_groups
from minae.train import step
from minae.train.dense_step import dense_step

SIZES = [9, 7, 3]


def prepared(optimizer=Adam, loss="mse", sizes=SIZES, dtype=np.float32, model=None, **options):
    """Return a model with its optimiser: the same weights each time."""
    random.manual_seed(0)
    model = DenseAutoencoder(sizes, loss=loss) if model is None else model
    for p in model.parameters():
        p.data = p.data.astype(dtype)
    return model, optimizer(model.parameters(), lr=0.01, **options)


def images(rows=5, pixels=9, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).random((rows, pixels)).astype(dtype)


def take(monkeypatch, steps, whole, dtype, **options):
    """Return the losses, the parameters and the gradients after some steps."""
    taken = []

    def spy(*arguments):
        taken.append(dense_step(*arguments) if whole else None)
        return taken[-1]

    monkeypatch.setattr(step, "dense_step", spy)
    model, optimizer = prepared(dtype=dtype, **options)
    losses = [
        step.train_step(model, optimizer, [a.astype(dtype) for a in batch]) for batch in steps
    ]
    assert [loss is not None for loss in taken] == [whole] * len(steps)
    parameters = [*model.parameters()]
    return losses, [p.data for p in parameters], [p.grad.data for p in parameters]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["mse", "bce"])
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [(Adam, {}), (Adam, {"weight_decay": 0.1, "betas": (0.5, 0.9)}), (AdamW, {"eps": 1e-3})],
)
def test_it_is_the_same_step(monkeypatch, dtype, loss, optimizer, options):
    noisy = [(images(seed=i), images(seed=i + 9)) for i in range(3)]
    steps = [(images(1),), *noisy, (images(5).reshape(5, 3, 3),)]
    how = {"dtype": dtype, "loss": loss, "optimizer": optimizer, **options}
    one, other = (take(monkeypatch, steps, whole, **how) for whole in (True, False))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for results, expected in zip(one, other, strict=True):
        for result, wanted in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)


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


@pytest.mark.parametrize("change", [frozen, another_weight, another_layer, a_gradient])
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


@pytest.mark.parametrize(
    ("model", "optimizer", "batch"),
    [
        (Louder(SIZES), Adam, images()),
        (DenseAutoencoder(SIZES), SGD, images()),
        (DenseAutoencoder(SIZES, activation="tanh"), Adam, images()),
        (DenseAutoencoder(SIZES, tied=True), Adam, images()),
        (Tied(), Adam, images()),
        (ConvAutoencoder((1, 8, 8)), Adam, images(2, 64).reshape(2, 1, 8, 8)),
        (DenseAutoencoder([900, 800]), Adam, images(50, 900)),  # worth several threads
        (DenseAutoencoder(SIZES), Adam, images(dtype=np.float64)),
        (DenseAutoencoder(SIZES), Adam, images()[:, ::-1]),
        (DenseAutoencoder(SIZES), Adam, images(0)),
        (DenseAutoencoder(SIZES), Adam, images(5, 8)),
    ],
)
def test_it_leaves_others_alone(model, optimizer, batch, monkeypatch):
    monkeypatch.setattr(threads, "num_threads", lambda: 2)
    assert dense_step(*prepared(optimizer, model=model), [batch]) is None


def test_it_leaves_groups_alone():
    model, _ = prepared()
    optimizer = AdamW(decay_groups(model, 0.1))
    assert dense_step(model, optimizer, [images()]) is None


def test_it_keeps_to_the_chosen_backend_and_mode():
    with use_backend("reference"):
        assert dense_step(*prepared(), [images()]) is None
    with no_grad():
        assert dense_step(*prepared(), [images()]) is None
