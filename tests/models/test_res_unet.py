"""The model that restores pictures of any size."""

import numpy as np
import pytest

import minae
from minae import models, no_grad
from minae.errors import InputError
from minae.tensor import Tensor
from minae.train import fit


@pytest.fixture
def model():
    minae.manual_seed(0)
    return models.ResUNet(channels=(4, 8), blocks=1)


@no_grad()
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (8, 8), (13, 22)])
def test_pictures_of_any_size_keep_their_size_and_begin_nearly_unchanged(model, size):
    x = Tensor(np.random.default_rng(0).random((2, 1, *size), np.float32))
    y = model(x)
    assert y.shape == x.shape
    np.testing.assert_allclose(y.numpy(), x.numpy(), atol=0.3)
    assert not np.array_equal(y.numpy(), x.numpy())


@no_grad()
def test_what_is_out_of_reach_changes_nothing(model):
    x = np.random.default_rng(0).random((1, 1, 96, 96), np.float32)
    before = model(Tensor(x)).numpy()
    x[0, 0, 48, 48] += 1
    changed = np.abs(model(Tensor(x)).numpy() - before)[0, 0] > 1e-6
    rows, columns = changed.nonzero()
    farthest = max(np.abs(rows - 48).max(), np.abs(columns - 48).max())
    assert model.reach / 2 < farthest <= model.reach


@no_grad()
def test_an_ensemble_treats_all_eight_ways_alike(model):
    x = np.random.default_rng(0).random((2, 1, 13, 22), np.float32)
    whole = model.ensemble(Tensor(x)).numpy()
    assert np.abs(whole - model(Tensor(x)).numpy()).max() > 1e-5
    turned = np.ascontiguousarray(np.rot90(x, 1, (2, 3))[..., ::-1])
    same = np.rot90(model.ensemble(Tensor(turned)).numpy()[..., ::-1], -1, (2, 3))
    np.testing.assert_allclose(whole, same, atol=1e-6)
    for way in range(4):  # what is the same in all ways stays so
        flat = Tensor(np.full((1, 1, 8, 8), way / 4, np.float32))
        np.testing.assert_allclose(model.ensemble(flat).numpy().std(), 0, atol=0.02)


def test_it_learns_and_every_parameter_takes_part(model):
    rng = np.random.default_rng(0)
    clean = np.repeat(rng.random((64, 1, 1, 1), np.float32), 16, axis=2).repeat(16, axis=3)
    noisy = clean + 0.1 * rng.standard_normal(clean.shape, dtype=np.float32)
    model.loss(Tensor(noisy), Tensor(clean)).backward()
    assert all(np.any(parameter.grad.numpy()) for parameter in model.parameters())
    fit(model, (noisy, clean), epochs=20, batch_size=16, clip=1.0, show_progress=False)
    figures = model.metrics(Tensor(noisy), Tensor(clean))
    assert figures["psnr"] > 22  # the noisy ones have 20


@no_grad()
def test_a_saved_model_comes_back_the_same(model, tmp_path):
    models.save(model, tmp_path / "m.safetensors")
    again, _ = models.load(tmp_path / "m.safetensors")
    x = Tensor(np.random.default_rng(0).random((1, 1, 12, 10), np.float32))
    np.testing.assert_array_equal(again(x).numpy(), model.eval()(x).numpy())


@pytest.mark.parametrize("options", [{"channels": ()}, {"channels": (0,)}, {"blocks": 0}])
def test_options_that_make_no_network(options):
    with pytest.raises(InputError, match=next(iter(options))):
        models.ResUNet(**options)
