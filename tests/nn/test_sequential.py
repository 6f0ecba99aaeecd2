"""Sequential hands an activation to the layer before it: the results stay what they were."""

import numpy as np
import pytest

from minae import Tensor, nn


class Shifted(nn.ReLU):
    def forward(self, x):
        return super().forward(x) + 1


LAYERS = {
    "linear": (lambda: nn.Linear(5, 4), (3, 5)),
    "conv": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 2, 5, 5)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), (2, 2, 3, 3)),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("activation", [nn.ReLU, Shifted, nn.Tanh])
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


def test_the_kernel_does_apply_it():
    network = nn.Sequential(nn.Linear(5, 4), nn.ReLU())
    y = network(Tensor(np.ones((3, 5), np.float32)))
    assert type(y.grad_fn).__name__ == "Linear"


def test_layers_put_in_or_taken_out_later():
    network = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
    x = Tensor(-np.ones((3, 5), np.float32))
    network[0].weight.data[...], network[0].bias.data[...] = np.eye(5), 0
    np.testing.assert_array_equal(network(x).data, np.zeros((3, 5)))
    setattr(network, "1", nn.LeakyReLU(0.5))
    np.testing.assert_array_equal(network(x).data, np.full((3, 5), -0.5))
    delattr(network, "1")
    np.testing.assert_array_equal(network(x).data, x.data)
