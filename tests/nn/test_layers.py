"""Vector quantisation: the nearest vector, the gradients that are handed on, the codebook's use."""

import numpy as np
import pytest

from minae import Tensor, manual_seed, nn

rng = np.random.default_rng(0)


@pytest.fixture
def layer():
    manual_seed(0)
    layer = nn.VectorQuantizer(5, 3, commitment=0.3)
    layer.used.data[...] = 1  # none is new
    return layer


def inputs(rows=20):
    return Tensor(rng.normal(size=(rows, 3)).astype(np.float32), requires_grad=True)


def test_each_row_becomes_the_nearest_vector(layer):
    z = inputs()
    y, index, loss = layer(z)
    distances = np.linalg.norm(z.data[:, None] - layer.weight.data, axis=2)  # (20, 5)
    np.testing.assert_array_equal(index.data, distances.argmin(axis=1))
    np.testing.assert_allclose(y.data, layer.weight.data[index.data], atol=1e-6)
    assert loss.item() == pytest.approx(1.3 * np.square(distances.min(axis=1)).sum(), rel=1e-5)


def test_the_gradient_goes_straight_through(layer):
    z, dy = inputs(), rng.normal(size=(20, 3)).astype(np.float32)
    y, _, _ = layer(z)
    y.backward(dy)
    np.testing.assert_array_equal(z.grad.data, dy)
    assert layer.weight.grad is None or not layer.weight.grad.data.any()


def test_each_part_of_the_loss_moves_one_side(layer):
    z = inputs()
    _, index, loss = layer(z)
    loss.backward()
    apart = z.data - layer.weight.data[index.data]
    dweight = np.zeros((5, 3))
    np.add.at(dweight, index.data, -2 * apart)
    np.testing.assert_allclose(layer.weight.grad.data, dweight, atol=1e-5)
    np.testing.assert_allclose(z.grad.data, 0.3 * 2 * apart, atol=1e-5)


@pytest.mark.parametrize("rows", [20, 5, 2])
def test_the_first_batch_fills_a_new_codebook(rows):
    layer, z = nn.VectorQuantizer(5, 3), inputs(rows)
    layer(z)
    distances = np.linalg.norm(z.data[:, None] - layer.weight.data, axis=2)  # (rows, 5)
    assert (distances.min(axis=0) == 0).all()
    if rows <= 5:
        assert (distances.min(axis=1) == 0).all()


def test_a_vector_out_of_use_jumps_to_an_input(layer):
    layer.weight.data[3] = 1e3
    z = Tensor(layer.weight.data[[0, 1, 2, 4]].repeat(5, axis=0))
    uses = []
    while np.abs(layer.weight.data[3]).max() == 1e3 and len(uses) < 50:
        uses.append(layer.used.data[3])
        layer(z)
    np.testing.assert_allclose(uses, 0.9 ** np.arange(len(uses)), rtol=1e-5)
    assert uses[-1] < 0.05 < uses[-2]
    assert (layer.weight.data[3] == layer.weight.data[[0, 1, 2, 4]]).all(axis=1).any()
    np.testing.assert_allclose(layer.used.data[[0, 1, 2, 4]], 1.25, rtol=0.05)


def test_nothing_moves_in_evaluation():
    layer = nn.VectorQuantizer(5, 3).eval()
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    layer(inputs())
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
