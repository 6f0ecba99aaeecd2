"""A model applied tile by tile: what comes of it is what comes of the whole."""

import numpy as np
import pytest

from minae import manual_seed, nn
from minae.grad_mode import no_grad
from minae.tensor import Tensor
from minae.tools import tiles


class Halving(nn.Module):
    """Convolutions, some of them at half the size, whose padding and halving must be in place."""

    any_size, reach = True, 7

    def __init__(self, channels=1):
        super().__init__()
        self.inside = nn.Conv2d(channels, 4, 3, stride=2, padding=1)
        self.wide = nn.Conv2d(4, 4, 3, padding=1)
        self.outside = nn.ConvTranspose2d(4, channels, 4, stride=2, padding=1)
        self.given = []

    def forward(self, x):
        self.given.append(x.shape)
        _, _, H, W = x.shape
        y = self.outside(nn.ReLU()(self.wide(nn.ReLU()(self.inside(x)))))
        return x + y[:, :, :H, :W]


@pytest.fixture
def model():
    manual_seed(0)
    return Halving()


def random(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(1, 1, 150, 131), (2, 1, 65, 40), (1, 1, 1, 200), (1, 1, 1, 1)])
def test_tiles_are_as_the_whole(model, monkeypatch, shape):
    monkeypatch.setattr(tiles, "SIDE", 64)
    images = random(*shape)
    with no_grad():
        whole = model(Tensor(images)).numpy()
    told = []
    np.testing.assert_allclose(
        tiles.apply_in_tiles(model, images, tell=told.append), whole, atol=1e-6
    )
    assert told == sorted(told)
    assert told[-1] == 1


def test_too_little_reach_shows_seams(model, monkeypatch):
    """The test above can fail."""
    monkeypatch.setattr(tiles, "SIDE", 64)
    images = random(1, 1, 150, 131)
    with no_grad():
        whole = model(Tensor(images)).numpy()
    model.reach = 0
    assert np.abs(tiles.apply_in_tiles(model, images) - whole).max() > 1 / 255


def test_what_the_model_is_given_does_not_grow(model):
    images = random(2, 1, 1200, 1500)
    tiles.apply_in_tiles(model, images)
    most = tiles.SIDE + 2 * tiles.GRID
    assert all(n == 1 and h <= most and w <= most for n, _, h, w in model.given)
    assert len(model.given) == 2 * 3 * 3


def test_nan_is_said(model):
    model.wide.bias.data[...] = np.nan
    with pytest.raises(FloatingPointError, match="nan or infinite"):
        tiles.apply_in_tiles(model, random(1, 1, 8, 8))
