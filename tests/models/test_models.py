"""Models: shapes, objectives against hand-written ones, and the bounds that theory promises."""

import copy
import json
import math

import numpy as np
import pytest

import minae
from minae import gradcheck, models, no_grad, ops, random
from minae.data import load
from minae.errors import InputError
from minae.nn import Parameter
from minae.tensor import Tensor
from minae.train import fit

BUILD = {
    "dense": lambda: models.DenseAutoencoder([64, 32, 8]),
    "dense-mse": lambda: models.DenseAutoencoder([64, 32, 8], activation="gelu", loss="mse"),
    "dense-tied": lambda: models.DenseAutoencoder([64, 32, 16, 8], tied=True),
    "conv": lambda: models.ConvAutoencoder((1, 8, 8), (4, 8), latent=8),
    "conv-two": lambda: models.ConvAutoencoder((1, 8, 8), (4,), latent=8, convs_per_stage=2),
    "vae": lambda: models.VAE([64, 32, 4]),
    "vae-gaussian": lambda: models.VAE([64, 32, 4], likelihood="gaussian", beta=2.0),
    "conv-vae": lambda: models.ConvVAE((1, 8, 8), (4, 8), latent=4),
    "denoising": lambda: models.DenoisingAutoencoder((1, 8, 8), (4, 8)),
    "beta-vae": lambda: models.BetaVAE([64, 32, 4]),
    "iwae": lambda: models.IWAE([64, 32, 4], k=3),
    "cvae": lambda: models.ConditionalVAE([64, 32, 4]),
    "dense-binary": lambda: models.DenseAutoencoder([64, 32, 8], loss="mse", binary=20),
    "vae-binary": lambda: models.VAE([64, 32, 4], likelihood="gaussian", binary=20),
    "vq-vae": lambda: models.VQVAE((1, 8, 8), (4, 8), codes=16, latent=2),
    "audio": lambda: models.SpectrogramAutoencoder((1, 8, 8), (4, 8), hidden=8, latent=8),
}
VAES = [
    name
    for name in BUILD
    if name.endswith(("vae", "gaussian", "iwae", "vae-binary")) and name != "vq-vae"
]
CODES = {"denoising": 8 * 2 * 2, "vq-vae": 2 * 2 * 2} | dict.fromkeys(VAES, 4)  # else 8
IMAGES, LABELS = load("digits").train.images, load("digits").train.labels


@pytest.fixture(params=BUILD)
def model(request):
    minae.manual_seed(0)
    return BUILD[request.param]()


def arrays(model, rows):
    """What a model trains on: images, and their labels if it is conditional."""
    return (IMAGES[:rows], LABELS[:rows]) if model.conditional else (IMAGES[:rows],)


def batch(model, rows):
    return [Tensor(array) for array in arrays(model, rows)]


def test_reconstruction_has_the_shape_of_the_input(model, request):
    x = batch(model, 5)
    assert model(*x).shape == (5, 1, 8, 8)
    name = request.node.callspec.params["model"]
    assert model.codes(*x).shape == (5, CODES.get(name, 8))
    assert np.isfinite(model.loss(*x).item())
    assert model.metrics(*x).keys() & {"squared_error", "elbo"}


def test_every_parameter_gets_a_gradient_and_the_loss_falls(model):
    model.loss(*batch(model, 64)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    model.zero_grad()
    history = fit(model, arrays(model, 256), epochs=8, batch_size=32, show_progress=False)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_a_saved_model_comes_back_the_same(model, tmp_path):
    model.eval()
    models.save(model, tmp_path / "m.safetensors", note="hello")
    again, metadata = models.load(tmp_path / "m.safetensors")
    assert type(again) is type(model)
    assert again.config == model.config
    assert metadata["note"] == "hello"
    x = batch(model, 3)
    np.testing.assert_array_equal(again(*x).data, model(*x).data)


@pytest.mark.parametrize(
    ("build", "config"),
    [
        (
            lambda: models.IWAE((64, 8), "gelu", k=3),  # calls the constructor of VAE, with beta
            '{"sizes": [64, 8], "activation": "gelu", "likelihood": "bernoulli", "k": 3,'
            ' "binary": 0}',
        ),
        (
            lambda: models.DenoisingAutoencoder((1, 8, 8), loss="mse"),
            '{"image_shape": [1, 8, 8], "channels": [32, 64], "convs_per_stage": 1, "loss": "mse"}',
        ),
    ],
)
def test_config_holds_the_arguments_in_their_order(build, config):
    model = build()
    assert json.dumps(model.config) == config
    assert copy.deepcopy(model).config == model.config


def test_it_begins_with_the_mean_image(model):
    model.start_at_mean(IMAGES)
    *_, last = model.decoder
    last_weight = last.mirrored.weight if hasattr(last, "mirrored") else last.weight
    last_weight.data[...] = 0
    x = batch(model, 1)
    z = Tensor(np.zeros_like(model.codes(*x).data))
    output = model.decode(z, *x[1:]).data.reshape(IMAGES[0].shape)
    mean = IMAGES.mean(axis=0)
    if isinstance(model, models.SpectrogramAutoencoder):  # one bias for a band
        mean = np.full_like(mean, 1) * mean.mean(axis=2, keepdims=True)
    elif "convs_per_stage" in model.config:  # one bias for all pixels
        mean = np.full_like(mean, mean.mean())
    np.testing.assert_allclose(output, mean, atol=2e-3)


def in_float64(model):
    for value in [*model.parameters()]:
        value.data = value.data.astype(np.float64)
    return model


@pytest.mark.parametrize("name", ["vae", "vae-gaussian", "conv-vae", "dense-tied", "cvae", "iwae"])
def test_gradient_of_the_whole_objective(name):
    minae.manual_seed(1)
    model = in_float64(BUILD[name]())
    x, *labels = batch(model, 2)
    x = Tensor(x.data.astype(np.float64))
    # the smallest parameter of each kind is enough: what lies between is checked op by op
    for path, parameter in [*model.named_parameters()][-3:]:
        owner = model
        *folders, attribute = path.split(".")
        for folder in folders:
            owner = getattr(owner, folder)

        def loss(values, owner=owner, attribute=attribute):
            setattr(owner, attribute, values)
            random.manual_seed(0)  # the same draws each time
            return model.loss(x, *labels)

        if parameter.numel() <= 300:
            gradcheck(loss, parameter.data)
        setattr(owner, attribute, parameter)


def test_vae_objective_by_hand():
    """-ELBO = BCE + KL with z = mean + exp(log_var / 2) noise: the deviation, not the variance."""
    minae.manual_seed(0)
    model = models.VAE([64, 32, 4])
    x = IMAGES[:6].reshape(6, 64)
    mean, log_var = (t.data for t in model.encode(Tensor(x)))
    random.manual_seed(5)
    loss = model.loss(Tensor(x)).item()
    random.manual_seed(5)
    z = mean + np.sqrt(np.exp(log_var)) * random.normal(mean.shape)
    p = model.decode(Tensor(z)).data
    bce = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum() / 6
    kl = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1).sum() / 6
    assert loss == pytest.approx(bce + kl, rel=1e-5)


@pytest.fixture(scope="module")
def trained_vae():
    minae.manual_seed(0)
    model = models.VAE([64, 64, 4])
    fit(model, IMAGES, epochs=15, batch_size=32, show_progress=False)
    return model


@no_grad()
def test_bounds_rise_with_k(trained_vae):
    """ELBO <= IWAE-5 <= IWAE-50 in expectation (Burda et al. 2016, theorem 1)."""
    x = Tensor(IMAGES[:200])
    minae.manual_seed(0)
    elbo = np.mean([trained_vae.elbo(x).data.mean() for _ in range(50)])
    five = np.mean([trained_vae.log_likelihood(x, k=5).data.mean() for _ in range(10)])
    fifty = trained_vae.log_likelihood(x, k=50).data.mean()
    assert elbo < five < fifty
    assert fifty - elbo < 10


@no_grad()
def test_one_draw_importance_bound_is_the_elbo(trained_vae):
    x = Tensor(IMAGES[:200])
    minae.manual_seed(0)
    elbo = np.mean([trained_vae.elbo(x).data.mean() for _ in range(100)])
    one = np.mean([trained_vae.log_likelihood(x, k=1).data.mean() for _ in range(100)])
    assert one == pytest.approx(elbo, abs=0.15)


@no_grad()
def test_log_weights_average_over_their_own_draws(trained_vae):
    """By hand: log p(x|z) + log p(z) - log q(z|x) for each of k draws, then log-mean-exp."""
    x = IMAGES[:6].reshape(6, 64).astype(np.float64)
    mean, log_var = (t.data.astype(np.float64) for t in trained_vae.encode(Tensor(IMAGES[:6])))
    random.manual_seed(3)
    weights = trained_vae.log_weights(Tensor(IMAGES[:6]), 4).data
    random.manual_seed(3)
    noise = random.normal((4, 6, 4))
    z = mean + np.exp(log_var / 2) * noise  # (4, 6, 4)
    p = np.array([trained_vae.decode(Tensor(draw.astype(np.float32))).data for draw in z])
    log_p = (x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=2)
    log_ratio = 0.5 * (noise**2 - z**2 + log_var).sum(axis=2)
    np.testing.assert_allclose(weights, log_p + log_ratio, rtol=1e-4)
    random.manual_seed(3)
    bound = trained_vae.log_likelihood(Tensor(IMAGES[:6]), 4).data
    np.testing.assert_allclose(bound, np.log(np.exp(weights + 40).mean(axis=0)) - 40, rtol=1e-5)


@no_grad()
def test_draws_in_portions_make_one_mean(trained_vae, monkeypatch):
    x = Tensor(IMAGES[:50])
    monkeypatch.setattr(models.vae, "DRAWS_AT_ONCE", 7)
    shapes, log_weights = [], trained_vae.log_weights
    monkeypatch.setattr(
        trained_vae, "log_weights", lambda *a: shapes.append(log_weights(*a)) or shapes[-1]
    )
    bound = trained_vae.log_likelihood(x, 20).data
    weights = np.concatenate([w.data for w in shapes]).astype(np.float64)
    assert weights.shape == (20, 50)
    np.testing.assert_allclose(bound, np.log(np.exp(weights + 40).mean(axis=0)) - 40, rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_an_iwae_rises_with_k(seed):
    """On one trained model, over seeds: theorem 1 of Burda et al. 2016."""
    minae.manual_seed(seed)
    model = models.IWAE([64, 64, 4], k=5)
    fit(model, IMAGES, epochs=5, batch_size=32, show_progress=False, seed=seed)
    with no_grad():
        x = Tensor(IMAGES[:300])
        bounds = [
            np.mean([model.log_likelihood(x, k).data.mean() for _ in range(200 // k)])
            for k in (1, 5, 50)
        ]
    assert bounds == sorted(bounds)
    assert model.metrics(x)["loss"] == pytest.approx(-bounds[1], abs=0.5)


@no_grad()
def test_an_iwae_trains_on_the_bound_with_its_k():
    minae.manual_seed(0)
    model, x = BUILD["iwae"](), Tensor(IMAGES[:8])
    losses = []
    for compute in (model.loss, lambda x: -model.log_likelihood(x, 3).mean()):
        random.manual_seed(1)
        losses.append(compute(x).item())
    assert losses[0] == losses[1]


@no_grad()
def test_codes_of_a_vq_vae_are_vectors_of_its_codebook():
    minae.manual_seed(0)
    model, x = BUILD["vq-vae"](), Tensor(IMAGES[:9])
    codes, index, _ = model.encode(x)
    vectors = codes.data.reshape(9, 2, 2, 2).transpose(0, 2, 3, 1)  # (N, h, w, latent)
    np.testing.assert_allclose(vectors, model.quantizer.weight.data[index.data], atol=1e-6)
    model.eval()
    share = np.bincount(model.encode(x)[1].data.ravel(), minlength=16) / 36
    entropy = -sum(p * np.log(p) for p in share if p)
    assert model.metrics(x)["perplexity"] == pytest.approx(np.exp(entropy))


def test_a_conditional_model_draws_what_it_is_asked_for():
    """Each class is a bar in a column of its own."""
    minae.manual_seed(0)
    images = np.zeros((300, 1, 8, 8), np.float32)
    labels = np.arange(300) % 3
    for label in range(3):
        images[labels == label, :, :, 2 * label + 1] = 1  # a bar in this column
    model = models.ConditionalVAE([64, 16, 2], classes=3)
    adam = minae.optim.Adam(model.parameters(), lr=1e-2)
    fit(model, (images, labels), epochs=10, optimizer=adam, show_progress=False)
    asked = Tensor(np.array([2, 0, 1]))
    columns = model.sample(asked).data.reshape(3, 8, 8).sum(axis=1).argmax(axis=1)
    assert columns.tolist() == [5, 1, 3]
    with pytest.raises(ValueError, match="labels from 0 to 3: the model knows 0 to 2"):
        model.sample(Tensor(np.array([0, 3])))


def test_beta_weighs_the_kl_only():
    minae.manual_seed(0)
    model = models.VAE([64, 32, 4], beta=3.0)
    x = Tensor(IMAGES[:50])
    random.manual_seed(1)
    metrics = model.metrics(x)
    kl = ops.gaussian_kl(*model.encode(x)).mean().item()
    assert metrics["loss"] == pytest.approx(-metrics["elbo"] + 2 * kl, rel=1e-5)
    random.manual_seed(1)
    assert model.loss(x).item() == pytest.approx(metrics["loss"], rel=1e-5)


@pytest.mark.parametrize("name", VAES)
def test_samples(name):
    minae.manual_seed(0)
    model = BUILD[name]()
    images = model.sample(Tensor(LABELS[:7]) if model.conditional else 7).data
    assert images.reshape(7, -1).shape == (7, 64)
    if name not in ("vae-gaussian", "vae-binary"):
        assert 0 <= images.min() <= images.max() <= 1


@pytest.mark.parametrize("size", [1, 2, 5, 7, 8, 28, 33])
def test_any_image_size_comes_back(size):
    model = models.ConvAutoencoder((3, size, size + 1), (2, 3, 4), latent=5)
    x = Tensor(np.zeros((2, 3, size, size + 1), np.float32))
    assert model(x).shape == x.shape


def test_tied_weights_are_one_parameter():
    model = models.DenseAutoencoder([64, 32, 8], tied=True)
    shapes = sorted(p.shape for p in model.parameters() if p.ndim == 2)
    assert shapes == [(8, 32), (32, 64)]
    assert all(isinstance(p, Parameter) for p in model.parameters())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.DenseAutoencoder([64]), "two or more layer sizes"),
        (lambda: models.DenseAutoencoder([64, 0]), "whole number from 1 to 100,000,000, not 0"),
        (lambda: models.DenseAutoencoder([64, 10**30]), "from 1 to 100,000,000, not 1000"),
        (lambda: models.DenseAutoencoder([64, 2.5]), "not 2.5"),
        (lambda: models.DenseAutoencoder([64, 8], loss="l3"), "choose one of bce, mse"),
        (lambda: models.DenseAutoencoder([64, 8], activation="rely"), "choose one of relu"),
        (lambda: models.VAE([64, 8], likelihood="poisson"), "choose one of bernoulli, gaussian"),
        (lambda: models.VAE([64, 8], beta=-1), "a number from 0, not -1"),
        (lambda: models.VAE([64, 8], beta=math.nan), "a number from 0, not nan"),
        (lambda: models.ConvVAE(beta=math.inf), "a number from 0, not inf"),
        (
            lambda: models.IWAE([64, 8], k=0),
            "number of draws, is a whole number from 1 to 10,000, not 0",
        ),
        (lambda: models.IWAE([64, 8], k=10**30), "from 1 to 10,000, not 1000"),
        (
            lambda: models.ConditionalVAE([64, 8], classes=0),
            "classes is a whole number from 1 .*, not 0",
        ),
        (lambda: models.VQVAE(codes=1), "codes is a whole number from 2 .*, not 1"),
        (lambda: models.VQVAE(latent=0), "latent is a whole number from 1 .*, not 0"),
        (lambda: models.VQVAE(loss="l3"), "choose one of bce, mse"),
        (lambda: models.ConvAutoencoder((28, 28)), r"image shape \(C, H, W\)"),
        (lambda: models.ConvVAE((1, 28, 28), ()), r"channels, not \(1, 28, 28\) and \(\)"),
        (lambda: models.ConvAutoencoder(channels=(0,)), "image shape and channels .*, not 0"),
        (lambda: models.ConvAutoencoder(latent=0), "latent is a whole number from 1 .*, not 0"),
        (lambda: models.SpectrogramAutoencoder((1, 8, 8), latent=0), "latent is a whole number"),
        (lambda: models.SpectrogramAutoencoder((1, 8, 8), hidden=0), "hidden is a whole number"),
        (lambda: models.ConvVAE(latent=-1), "latent is a whole number from 1 .*, not -1"),
        *(
            (lambda n=n: models.DenoisingAutoencoder(convs_per_stage=n), f"from 1 to 2, not {n}")
            for n in (0, 3, 10**9)
        ),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize("shape", [(1, 1, 48), (2, 1, 25)])
@pytest.mark.parametrize("convs", [1, 2])
def test_windows_of_a_series_keep_their_height(shape, convs):
    model = models.ConvAutoencoder(shape, (4, 8), latent=3, convs_per_stage=convs, loss="mse")
    x = Tensor(np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32))
    assert model(x).shape == x.shape
    assert {w.shape[2] for name, w in model.named_parameters() if w.ndim == 4} == {1}


@pytest.mark.parametrize("binary", [1, 20, 63])
def test_the_last_inputs_are_told_by_their_cross_entropy(binary):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 1, 1, 64)).astype(np.float32)
    x[..., 64 - binary :] = x[..., 64 - binary :] > 0
    minae.manual_seed(0)
    model = models.DenseAutoencoder([64, 8], loss="mse", binary=binary)
    output = model.decoder(model.encoder(Tensor(x))).data.reshape(x.shape).astype(np.float64)
    numbers, logits = output[..., : 64 - binary], output[..., 64 - binary :]
    p, t = 1 / (1 + np.exp(-logits)), x[..., 64 - binary :]
    expected = ((numbers - x[..., : 64 - binary]) ** 2).sum()
    expected -= (t * np.log(p) + (1 - t) * np.log(1 - p)).sum()
    assert model.loss(Tensor(x)).item() == pytest.approx(expected / 6, rel=1e-5)
    np.testing.assert_allclose(model(Tensor(x)).data[..., 64 - binary :], p, rtol=1e-4)
    vae = models.VAE([64, 8], likelihood="gaussian", binary=binary)
    each = vae.elbo(Tensor(x)).data
    assert each.shape == (6,)
    assert np.isfinite(each).all()
    model.start_at_mean(x)
    bias = model.decoder[-1].bias.data
    np.testing.assert_allclose(
        bias[: 64 - binary], x[..., : 64 - binary].mean((0, 1, 2)), rtol=1e-4
    )
    share = np.clip(t.mean((0, 1, 2)), 0.001, 0.999)
    np.testing.assert_allclose(1 / (1 + np.exp(-bias[64 - binary :])), share, rtol=1e-4)


@no_grad()
def test_the_bands_of_a_spectrogram_are_channels():
    minae.manual_seed(0)
    model = models.SpectrogramAutoencoder((1, 6, 10), (4, 8), hidden=5, latent=3)
    x = Tensor(np.random.default_rng(0).normal(size=(7, 1, 6, 10)).astype(np.float32))
    z = model.codes(x)
    assert (z.shape, model.decode(z).shape, model(x).shape) == ((7, 3), x.shape, x.shape)
    first = next(w for _, w in model.named_parameters() if w.ndim == 4)
    assert first.shape == (4, 6, 1, 3)  # each filter sees all bands of three frames
    means = np.arange(6, dtype=np.float32)[:, None].repeat(10, axis=1)
    model.start_at_mean(np.stack([means[None]] * 4))
    model.decoder[-1].weight.data[...] = 0
    np.testing.assert_allclose(model.decode(z).data[0, 0], means, atol=1e-6)
    expected = ((x.data - means) ** 2).sum() / 7
    assert model.loss(x).item() == pytest.approx(expected, rel=1e-5)
