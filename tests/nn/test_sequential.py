"""Sequential runs at once what it can: the results stay what they were."""

import pickle

import numpy as np
import pytest

from minae import Tensor, nn, ops, optim
from minae.models import DenseAutoencoder
from minae.train import train_step


class Shifted(nn.ReLU):
    def forward(self, x):
        return super().forward(x) + 1


LAYERS = {
    "linear": (lambda: nn.Linear(5, 4), (3, 5)),
    "conv": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 2, 5, 5)),
    "conv of sequences": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 2, 5)),
    "transposed, of sequences": (lambda: nn.ConvTranspose1d(2, 3, 4, stride=2), (2, 2, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), (2, 2, 3, 3)),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "activation", [nn.ReLU, Shifted, nn.Tanh, nn.GELU, lambda: nn.GELU("tanh")]
)
def test_one_pass_or_two(layer, activation):
    make, shape = LAYERS[layer]
    network = nn.Sequential(make(), activation(), activation())
    data = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    results = []
    for forward in (network, lambda x: network[2](network[1](network[0](x)))):
        network.zero_grad()
        x = Tensor(data, requires_grad=True)
        y = forward(x)
        (y * y).sum().backward()
        results.append([y.data, x.grad.data, *(p.grad.data for p in network.parameters())])
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_kernel_does_apply_it(layer):
    make, shape = LAYERS[layer]
    op = nn.Sequential(make(), nn.ReLU())(Tensor(np.ones(shape, np.float32))).grad_fn
    names = []
    while op is not None:
        names.append(type(op).__name__)
        op = op.inputs[0].grad_fn
    assert {*names} & {"Linear", "Conv2d", "ConvTranspose2d"}
    assert "ReLU" not in names


def test_linear_layers_apply_a_smooth_activation_each_by_itself():
    layers = [nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 3), nn.SiLU()]
    network = nn.Sequential(*layers, nn.Linear(3, 3), nn.Linear(3, 2))
    x = y = Tensor(np.ones((2, 5), np.float32))
    op = network(x).grad_fn
    names = []
    while op is not None:
        names.append(type(op).__name__)
        op = op.inputs[0].grad_fn
    assert names == ["LinearStack", "Linear", "Linear", "Linear"]
    for module in network:
        y = module(y)
    np.testing.assert_allclose(network(x).data, y.data, rtol=1e-5)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU])
@pytest.mark.parametrize("changed", [0, 1, 2])
def test_a_module_with_a_forward_of_its_own_runs_by_itself(activation, changed):
    modules = [nn.Linear(3, 4), activation(), nn.Linear(4, 3), activation()]
    module, seen = modules[changed], []
    usual = module.forward
    module.forward = lambda x: (seen.append(x.shape), usual(x) + 1)[1]
    network, x = nn.Sequential(*modules), Tensor(np.ones((2, 3), np.float32))
    y = x
    for each in modules:
        y = each(y)
    np.testing.assert_allclose(network(x).data, y.data, rtol=1e-6)
    assert len(seen) == 2
    fitted = DenseAutoencoder([3, 4])
    fitted.encoder, fitted.decoder = network, nn.Sequential(nn.Linear(3, 3))
    train_step(fitted, optim.SGD(fitted.parameters(), lr=0.1), [x.data])
    train_step(fitted, optim.Adam(fitted.parameters()), [x.data])
    assert len(seen) == 4


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5), (400, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_layers_at_once_or_one_by_one(count, shape, bias):
    layers = [nn.Linear(5, 7, bias), nn.ReLU(), nn.Linear(7, 6, bias), nn.Linear(6, 200, bias)]
    network = nn.Sequential(*layers, nn.ReLU(), nn.Linear(200, 4, bias))
    network = nn.Sequential(*list(network)[: count + (1 if count < 4 else 2)])
    data = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    results = []
    for at_once in (True, False):
        network.zero_grad()
        x = y = Tensor(data, requires_grad=True)
        for module in [network] if at_once else network:
            y = module(y)
        (y * y).sum().backward()
        results.append([y.data, x.grad.data, *(p.grad.data for p in network.parameters())])
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


def test_linear_layers_in_a_row_are_one_operation():
    encoder = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    network = nn.Sequential(encoder, nn.Sequential(nn.ReLU(), nn.Linear(3, 5)))
    x = Tensor(np.ones((3, 5), np.float32))
    y = network(x)
    assert type(y.grad_fn).__name__ == "LinearStack"
    assert y.grad_fn.inputs[0] is x
    np.testing.assert_allclose(y.data, network[1](encoder(x)).data, rtol=1e-5)


@pytest.mark.parametrize("frozen", ["0.weight", "0.bias", "1.weight", "1.bias"])
def test_a_stack_with_a_frozen_parameter(frozen):
    network = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 4))
    parameters = dict(network.named_parameters())
    parameters[frozen].requires_grad_(False)
    network(Tensor(np.ones((3, 5), np.float32))).sum().backward()
    assert [name for name, p in parameters.items() if p.grad is None] == [frozen]


def test_one_layer_twice():
    layer = nn.Linear(4, 4)
    network, optimizer = nn.Sequential(layer, layer), optim.SGD(layer.parameters(), lr=0.0)
    x = Tensor(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
    gradients = []
    for y in (lambda: network(x), lambda: layer(layer(x))):
        optimizer.zero_grad()
        y().sum().backward()
        gradients.append(layer.weight.grad.data.copy())
    np.testing.assert_allclose(*gradients, rtol=1e-5)


def test_layers_put_in_or_taken_out_later():
    network = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
    x = Tensor(-np.ones((3, 5), np.float32))
    network[0].weight.data[...], network[0].bias.data[...] = np.eye(5), 0
    np.testing.assert_array_equal(network(x).data, np.zeros((3, 5)))
    setattr(network, "1", nn.LeakyReLU(0.5))
    np.testing.assert_array_equal(network(x).data, np.full((3, 5), -0.5))
    delattr(network, "1")
    np.testing.assert_array_equal(network(x).data, x.data)


def test_layers_put_into_a_sequential_inside():
    inner = nn.Sequential(nn.Linear(5, 5))
    network = nn.Sequential(inner, nn.Linear(5, 2))
    x = Tensor(np.ones((3, 5), np.float32))
    network(x)
    setattr(inner, "1", nn.Tanh())
    expected = network[1](ops.tanh(inner[0](x)))
    np.testing.assert_allclose(network(x).data, expected.data, rtol=1e-6)


def test_a_pickled_copy_prepares_itself_anew():
    network = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
    x = Tensor(-np.ones((3, 5), np.float32))
    network(x)
    setattr(network, "1", nn.LeakyReLU(0.5))
    copy = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copy(x).data, network(x).data)
