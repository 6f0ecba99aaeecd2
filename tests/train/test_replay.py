"""Replayed calls of kernels give the loss and the gradients that the usual way gives."""

import numpy as np
import pytest

from minae import nn, random
from minae.grad_mode import no_grad
from minae.kernels import use_backend
from minae.kernels.cpu.compile import threads
from minae.models import (
    VAE,
    ConvAutoencoder,
    ConvVAE,
    DenoisingAutoencoder,
    DenseAutoencoder,
    SpectrogramAutoencoder,
)
from minae.optim import SGD, Adam, AdamW, decay_groups
from minae.train import replay, step

SHAPE = (1, 8, 9)


def prepared(build=lambda: ConvAutoencoder(SHAPE, (4, 6), 3), dtype=np.float32, optimizer=Adam):
    random.manual_seed(0)
    model = build()
    for p in model.parameters():
        p.data = p.data.astype(dtype)
    return model, optimizer(model.parameters(), lr=0.01)


def images(n=4, shape=SHAPE, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).random((n, *shape)).astype(dtype)


def with_layers(encoder, decoder):
    """Return a model of other layers than its own."""
    model = ConvAutoencoder(SHAPE, (4,), 3)
    model.encoder, model.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
    return model


def grouped():
    down = nn.Conv2d(1, 4, (3, 2), (2, 1), (0, 1), bias=False), nn.ReLU()
    apart = nn.Conv2d(4, 8, 3, 1, (1, 2), (1, 2), groups=2), nn.ReLU()
    up = nn.ConvTranspose2d(8, 1, (4, 2), (2, 1), (0, 1))
    return with_layers((*down, *apart), (up, nn.ReLU()))


def of_maps():
    """Return a model whose linear layers take the last dimension of maps."""
    row = nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 9)
    return with_layers((nn.Conv2d(1, 2, 3, 1, 1), *row), (nn.ConvTranspose2d(2, 1, 3, 1, 1),))


MODELS = {
    "images": (lambda: ConvAutoencoder(SHAPE, (4, 6), 3), SHAPE),
    "in colour": (lambda: ConvAutoencoder((3, 5, 8), (4,), 3, loss="mse"), (3, 5, 8)),
    "two a stage": (lambda: ConvAutoencoder((1, 12, 12), (16, 17), 3, 2), (1, 12, 12)),
    "series": (lambda: ConvAutoencoder((2, 1, 20), (3, 4), 3, loss="mse"), (2, 1, 20)),
    "no code": (lambda: DenoisingAutoencoder((1, 8, 9), (4,)), (1, 8, 9)),
    "dense": (lambda: DenseAutoencoder([72, 9, 2]), (1, 8, 9)),
    "groups": (grouped, SHAPE),
    "rows of maps": (of_maps, SHAPE),
}


def take(monkeypatch, batches, whole, dtype, build, max_grad_norm=None, optimizer=Adam):
    """Return the losses, the parameters and the gradients after some steps, replayed or not."""
    results = []

    def spy(*arguments):
        results.append(replay.loss_and_gradients(*arguments) if whole else None)
        return results[-1]

    monkeypatch.setattr(step, "dense_step", lambda *arguments: None)
    monkeypatch.setattr(step, "loss_and_gradients", spy)
    model, optimizer = prepared(build, dtype, optimizer)
    losses = [step.train_step(model, optimizer, batch, max_grad_norm) for batch in batches]
    assert [result is not None for result in results] == [whole] * len(batches)
    parameters = [*model.parameters()]
    return losses, [p.data for p in parameters], [p.grad.data for p in parameters]


def assert_same_bits(monkeypatch, batches, dtype, build, **how):
    one, other = (take(monkeypatch, batches, whole, dtype, build, **how) for whole in (True, False))
    for results, expected in zip(one, other, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(results, expected, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_is_the_same_step(monkeypatch, dtype, model, count):
    monkeypatch.setattr(threads, "num_threads", lambda: count)
    build, shape = MODELS[model]
    batches = [(images(60, shape, i, dtype), images(60, shape, i + 9, dtype)) for i in range(4)]
    assert_same_bits(monkeypatch, batches, dtype, build)


@pytest.mark.parametrize("how", [{"max_grad_norm": 0.1}, {"optimizer": SGD}, {"optimizer": AdamW}])
def test_what_follows_is_the_same(monkeypatch, how):
    batches = [(images(seed=i),) for i in range(3)]
    assert_same_bits(monkeypatch, batches, np.float32, MODELS["images"][0], **how)


def test_it_replays():
    model, optimizer = prepared()
    step.train_step(model, optimizer, [images()])
    model.loss = None  # is not called
    recording = vars(optimizer)["_recording"]
    before = [p.data.copy() for p in optimizer.parameters]
    assert recording.replay(optimizer, [images(seed=1)]) > 0
    assert all((p.data == b).all() for p, b in zip(optimizer.parameters, before, strict=True))
    assert all(p.grad is not None for p in optimizer.parameters)


def test_a_loss_that_is_not_finite_changes_nothing():
    model, optimizer = prepared()
    bad = np.full((4, *SHAPE), np.inf, np.float32)
    for seed in range(3):
        before = [p.data.copy() for p in model.parameters()]
        with pytest.raises(FloatingPointError):
            step.train_step(model, optimizer, [bad])
        assert all((p.data == b).all() for p, b in zip(model.parameters(), before, strict=True))
        assert all(p.grad is None for p in model.parameters())
        step.train_step(model, optimizer, [images(seed=seed)])


def test_a_gradient_that_somebody_holds_stays():
    model, optimizer = prepared()
    for seed in range(2):  # of the step that is recorded, and of one that is replayed
        step.train_step(model, optimizer, [images(seed=seed)])
        held = optimizer.parameters[0].grad
        before = held.data.copy()
        optimizer.zero_grad()
        assert replay.loss_and_gradients(model, optimizer, [images(seed=seed + 1)]) is None
        step.train_step(model, optimizer, [images(seed=seed + 1)])
        assert (held.data == before).all()
        del held


def another_weight(model, optimizer):
    old = model.encoder[0]
    old.weight.data = images(4, (1, 3, 3), 7)  # the optimiser takes it in


def another_stride(model, optimizer):
    model.encoder[0].stride, model.encoder[0].padding = (2, 2), (1, 1)


def another_loss(model, optimizer):
    model.has_logits = not model.has_logits


def another_layer(model, optimizer):
    model.decoder = nn.Sequential(*model.decoder, nn.ReLU())


@pytest.mark.parametrize("change", [another_weight, another_stride, another_loss, another_layer])
def test_it_sees_what_was_changed(monkeypatch, change):
    losses = []
    for whole in (True, False):
        model, optimizer = prepared()
        if not whole:
            monkeypatch.setattr(step, "loss_and_gradients", lambda *arguments: None)
        for seed in range(5):
            if seed == 2:
                change(model, optimizer)
            losses.append(step.train_step(model, optimizer, [images(seed=seed)]))
    assert losses[:5] == losses[5:]


def frozen(model, optimizer):
    optimizer.parameters[0].requires_grad = False


def a_gradient(model, optimizer):
    step.train_step(model, optimizer, [images()])


def own_loss(model, optimizer):
    model.loss = lambda x: ConvAutoencoder.loss(model, x) * 2


def own_forward(model, optimizer):
    layer = model.encoder[0]
    layer.forward = lambda x, activation=None: type(layer).forward(layer, x, activation) * 2


@pytest.mark.parametrize("change", [frozen, a_gradient, own_loss, own_forward])
def test_it_leaves_alone_what_was_changed(change):
    model, optimizer = prepared()
    assert replay.loss_and_gradients(model, optimizer, [images()]) is not None
    optimizer.zero_grad()
    change(model, optimizer)
    assert replay.loss_and_gradients(model, optimizer, [images()]) is None


def twice():
    """Return a model that has one convolution in two places, and as many parameters as without."""
    layer = nn.Conv2d(1, 1, 3, 1, 1)
    return with_layers((layer, nn.ReLU()), (layer, nn.ReLU()))


def padded():
    return with_layers((nn.Conv2d(1, 2, 2, padding="same"),), (nn.Conv2d(2, 1, 1),))


@pytest.mark.parametrize(
    ("build", "batch"),
    [
        (twice, images()),
        (padded, images()),
        (lambda: with_layers((nn.Conv2d(1, 1, 1), nn.Tanh()), (nn.Conv2d(1, 1, 1),)), images()),
        (lambda: ConvVAE(SHAPE), images()),
        (lambda: VAE([72, 5, 2]), images()),
        (lambda: SpectrogramAutoencoder(SHAPE), images()),
        (lambda: DenseAutoencoder([72, 9, 5], activation="gelu"), images()),
        (lambda: DenseAutoencoder([72, 5], loss="mse", binary=2), images()),
        (lambda: DenseAutoencoder([72, 5], tied=True), images()),
        (lambda: ConvAutoencoder(SHAPE), images(dtype=np.float64)),
        (lambda: ConvAutoencoder(SHAPE), images(0)),
    ],
)
def test_it_leaves_others_alone(build, batch):
    assert replay.loss_and_gradients(*prepared(build), [batch]) is None


def test_it_leaves_other_parameters_alone():
    model, _ = prepared()
    for optimizer in (Adam(model.decoder.parameters()), AdamW(decay_groups(model, 0.1))):
        result = replay.loss_and_gradients(model, optimizer, [images()])
        assert (result is None) == (len(optimizer.parameters) < 12)


def test_batches_of_another_size_take_the_usual_way():
    model, optimizer = prepared()
    for n, replayed in ((4, True), (3, False), (4, True)):
        optimizer.zero_grad()
        found = replay.loss_and_gradients(model, optimizer, [images(n)])
        assert (found is not None) == replayed


def test_a_recording_of_much_memory_is_not_kept(monkeypatch):
    monkeypatch.setattr(replay, "LARGEST", 1000)
    model, optimizer = prepared()
    for first in (True, False):
        optimizer.zero_grad()
        assert (replay.loss_and_gradients(model, optimizer, [images()]) is not None) == first


def test_it_keeps_to_the_chosen_backend_and_mode():
    with use_backend("reference"):
        assert replay.loss_and_gradients(*prepared(), [images()]) is None
    with no_grad():
        assert replay.loss_and_gradients(*prepared(), [images()]) is None
