"""Weights move both ways between these layers and PyTorch's, and then compute the same."""

import itertools

import numpy as np
import pytest

from minae import Tensor, manual_seed, nn, no_grad

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
LIBRARIES = {"minae": nn, "torch": torch.nn}


def dense_autoencoder(lib):
    sizes = [784, 512, 256, 32, 256, 512, 784]
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [lib.Linear(inputs, outputs), lib.ReLU()]
    return lib.Sequential(*layers[:-1], lib.Sigmoid())


def conv_autoencoder(lib):
    return lib.Sequential(
        lib.Sequential(
            lib.Conv2d(1, 4, 3, stride=2, padding=1),
            lib.BatchNorm2d(4),
            lib.ReLU(),
            lib.MaxPool2d(2),
            lib.Flatten(),
            lib.Linear(4 * 7 * 7, 8),
            lib.BatchNorm1d(8),
        ),
        lib.Sequential(
            lib.Linear(8, 4 * 7 * 7),
            lib.Unflatten(1, (4, 7, 7)),
            lib.ConvTranspose2d(4, 4, 4, stride=2, padding=1),
            lib.SiLU(),
            lib.AvgPool2d(2),
            lib.Upsample(scale_factor=2),
            lib.ConvTranspose2d(4, 1, 3, stride=2, padding=1, output_padding=1),
            lib.Sigmoid(),
        ),
    )


def super_resolution(lib):
    """All that changes the size of images, its arguments by position."""
    return lib.Sequential(
        lib.Conv2d(3, 8, 3, 1, "same"),
        lib.PixelShuffle(2),
        lib.Upsample(None, (1.5, 2), "bilinear", True),
        lib.GELU("tanh"),
        lib.MaxPool2d(3, 2, 1, 1, ceil_mode=True),
        lib.Upsample((12, 14)),
        lib.PixelUnshuffle(2),
        lib.AvgPool2d(2, 2, 1, True, False),
        lib.AdaptiveAvgPool2d((3, None)),
        lib.Flatten(0, 1),
        lib.Flatten(-2),
        lib.Unflatten(-1, (3, -1)),
    )


def activations(lib):
    names = ["ReLU", "ELU", "GELU", "SiLU", "Softplus", "Sigmoid", "Tanh"]
    layers = [layer for name in names for layer in (lib.Linear(6, 6), getattr(lib, name)())]
    return lib.Sequential(*layers, lib.LeakyReLU(0.2), lib.Softmax(dim=1))


def tied(lib):
    """Words in, words out, by one table of vectors (Press & Wolf 2017)."""
    network = lib.Sequential(
        lib.Embedding(6, 4, 0), lib.Linear(4, 4), lib.Tanh(), lib.Linear(4, 4), lib.Linear(4, 6)
    )
    network[-1].weight = network[0].weight
    return network


MODELS = {
    # name: (what builds it in either library, the shape of its input; int: numbers below that)
    "Linear": (lambda lib: lib.Linear(5, 3), (4, 5)),
    "Linear without bias": (lambda lib: lib.Linear(5, 3, bias=False), (2, 4, 5)),
    "Conv2d": (lambda lib: lib.Conv2d(4, 6, (3, 2), 2, (1, 0), 2, 2), (2, 4, 8, 7)),
    "Conv2d without bias": (lambda lib: lib.Conv2d(3, 2, 3, bias=False), (1, 3, 5, 5)),
    "Conv1d": (lambda lib: lib.Conv1d(4, 6, 3, 2, 1, 2, 2), (2, 4, 8)),
    "Conv1d same": (lambda lib: lib.Conv1d(2, 3, 4, 1, "same", 2, bias=False), (2, 2, 7)),
    "ConvTranspose1d": (lambda lib: lib.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2, True, 2), (2, 4, 5)),
    "ConvTranspose2d": (
        lambda lib: lib.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2),
        (2, 4, 5, 3),
    ),
    "ConvTranspose2d without bias": (
        lambda lib: lib.ConvTranspose2d(2, 3, (2, 3), bias=False),
        (2, 2, 3, 3),
    ),
    "Conv2d same": (lambda lib: lib.Conv2d(2, 3, (4, 3), 1, "same", 2), (2, 2, 6, 7)),
    "BatchNorm1d": (lambda lib: lib.BatchNorm1d(3, eps=1e-3, momentum=0.3), (6, 3)),
    "BatchNorm1d of sequences": (lambda lib: lib.BatchNorm1d(3), (2, 3, 5)),
    "BatchNorm2d": (lambda lib: lib.BatchNorm2d(3), (4, 3, 2, 5)),
    "BatchNorm2d with the mean of all": (lambda lib: lib.BatchNorm2d(3, 1e-5, None), (4, 3, 2, 5)),
    "BatchNorm2d without weights": (
        lambda lib: lib.Sequential(
            lib.Conv2d(2, 3, 1, bias=False), lib.BatchNorm2d(3, 1e-3, 0.2, False), lib.ELU()
        ),
        (4, 2, 2, 5),
    ),
    "GroupNorm": (lambda lib: lib.GroupNorm(2, 6, 1e-3), (4, 6, 2, 5)),
    "GroupNorm without weights": (
        lambda lib: lib.Sequential(lib.Linear(3, 2), lib.GroupNorm(3, 6, 1e-3, False), lib.ELU()),
        (4, 6, 3),
    ),
    "LayerNorm": (lambda lib: lib.LayerNorm(6), (3, 6)),
    "LayerNorm of images": (lambda lib: lib.LayerNorm((2, 3), eps=1e-3), (4, 2, 3)),
    "LayerNorm without bias": (lambda lib: lib.LayerNorm(6, 1e-5, True, False), (3, 6)),
    "LayerNorm without weights": (
        lambda lib: lib.Sequential(lib.Linear(4, 6), lib.LayerNorm(6, 1e-3, False), lib.ELU()),
        (3, 4),
    ),
    "Embedding": (lambda lib: lib.Embedding(7, 3), 7),
    "Embedding with padding": (lambda lib: lib.Embedding(4, 3, 0), 4),
    "Embedding with padding at the end": (lambda lib: lib.Embedding(4, 3, -1), 4),
    "tied weights": (tied, 6),
    "dense autoencoder": (dense_autoencoder, (3, 784)),
    "conv autoencoder": (conv_autoencoder, (3, 1, 28, 28)),
    "activations": (activations, (4, 6)),
    "super-resolution": (super_resolution, (2, 3, 7, 6)),
}


def pair(name):
    """Return the model in both libraries, with weights of their own, and inputs for three steps."""
    build, shape = MODELS[name]
    manual_seed(1)
    torch.manual_seed(2)
    rng = np.random.default_rng(3)
    if isinstance(shape, int):
        inputs = [rng.integers(0, shape, (4, 2)) for _ in range(3)]
    else:
        inputs = [rng.normal(size=shape).astype(np.float32) for _ in range(3)]
    return build(nn), build(torch.nn), inputs


def move(source, ours, theirs):
    """Copy one model's state into the other."""
    if source == "torch":
        ours.load_state_dict(theirs.state_dict())
    else:
        state = {name: torch.tensor(value) for name, value in ours.state_dict().items()}
        theirs.load_state_dict(state)


def assert_same_state(ours, theirs):
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert state[name].dtype == value.numpy().dtype
        np.testing.assert_allclose(state[name], value.numpy(), 1e-5, 1e-6, err_msg=name)


@pytest.mark.parametrize("source", LIBRARIES)
@pytest.mark.parametrize("name", MODELS)
def test_the_same_weights_give_the_same_outputs(name, source):
    ours, theirs, (*training, last) = pair(name)
    move(source, ours, theirs)
    assert_same_state(ours, theirs)
    with no_grad(), torch.no_grad():
        for x in training:
            expected = theirs(torch.tensor(x)).numpy()
            np.testing.assert_allclose(ours(Tensor(x)).data, expected, 1e-5, 1e-5)
        assert_same_state(ours, theirs)  # running statistics have moved alike
        expected = theirs.eval()(torch.tensor(last)).numpy()
        np.testing.assert_allclose(ours.eval()(Tensor(last)).data, expected, 1e-5, 1e-5)
        assert_same_state(ours, theirs)  # and evaluation moves nothing


@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_parameters(name):
    ours, theirs, (x, *_) = pair(name)
    move("minae", ours, theirs)
    (ours(Tensor(x)) ** 2).sum().backward()
    (theirs(torch.tensor(x)) ** 2).sum().backward()
    expected = dict(theirs.named_parameters())
    assert [p for p, _ in ours.named_parameters()] == list(expected)
    for path, parameter in ours.named_parameters():
        gradient = expected[path].grad.numpy()
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(parameter.grad.data, gradient, 1e-3, 1e-4 * scale + 1e-5, path)


@pytest.mark.parametrize("name", MODELS)
def test_initial_shapes_and_constants(name):
    """Scales of 1, shifts of 0, running statistics: what is not drawn is equal."""
    ours, theirs, _ = pair(name)
    for path, expected in theirs.state_dict().items():
        expected, actual = expected.numpy(), ours.state_dict()[path]
        assert actual.shape == expected.shape
        if expected.size > 1 and np.ptp(expected) == 0:
            np.testing.assert_array_equal(actual, expected)
        assert not actual[expected == 0].any()  # such as the vector of padding


LARGE = {
    "Linear": lambda lib: lib.Linear(300, 100),
    "Conv2d": lambda lib: lib.Conv2d(30, 40, (3, 5), groups=2),
    "ConvTranspose2d": lambda lib: lib.ConvTranspose2d(40, 30, (3, 5), groups=2),
    "Conv1d": lambda lib: lib.Conv1d(60, 40, 9, groups=2),
    "ConvTranspose1d": lambda lib: lib.ConvTranspose1d(40, 60, 9, groups=2),
    "Embedding": lambda lib: lib.Embedding(300, 100),
}


@pytest.mark.parametrize("name", LARGE)
def test_initial_weights_of_large_layers(name):
    manual_seed(1)
    torch.manual_seed(2)
    ours, theirs = LARGE[name](nn).state_dict(), LARGE[name](torch.nn).state_dict()
    weight, expected = ours["weight"], theirs["weight"].numpy()
    error = float(expected.std()) / weight.size**0.5  # standard error of the mean
    assert weight.dtype == np.float32
    assert weight.mean() == pytest.approx(0, abs=5 * error)
    assert weight.std() == pytest.approx(expected.std(), rel=0.03)
    quantiles = [0.001, 0.1, 0.25, 0.75, 0.9, 0.999]
    np.testing.assert_allclose(
        np.quantile(weight, quantiles), np.quantile(expected, quantiles), 0.1, 0.02 * expected.std()
    )
    if "bias" in ours:
        bound = np.abs(expected).max()
        assert bound * 0.8 < np.abs(ours["bias"]).max() <= bound * 1.01
