"""The GPT: its parts against PyTorch, causality, the cache, and text that it goes on with."""

import numpy as np
import pytest

import minae
from minae import models, no_grad, optim, random
from minae.models.gpt import Cache
from minae.tensor import Tensor

V, CONTEXT = 11, 8
SMALL = {"vocabulary": V, "context": CONTEXT, "layers": 2, "heads": 2, "width": 12}
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, V, (3, CONTEXT + 1)).astype(np.int32)


def made(bias=False):
    minae.manual_seed(0)
    model = models.GPT(**SMALL, bias=bias)
    for parameter in model.parameters():  # so large that every part shows in the logits
        parameter.data[...] += 0.2 * random.normal(parameter.shape)
    return model


def test_it_has_the_size_of_nanogpt():
    model = models.GPT(65)  # the configuration for a CPU
    assert sum(p.numel() for p in model.parameters()) == 804_096
    model = models.GPT(50257, 1024, 1, 12, 768, bias=True)
    block = sum(p.numel() for p in model.transformer.h.parameters())
    rest = sum(p.numel() for p in model.parameters()) - block
    assert rest + 12 * block == 124_439_808  # of GPT-2


def test_every_parameter_gets_a_gradient_and_the_loss_falls():
    model = made(bias=True)
    adam = optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        adam.zero_grad()
        loss = model.loss(Tensor(IDS))
        loss.backward()
        adam.step()
        losses.append(loss.item())
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.data.any(), name
    assert losses[-1] < 0.5 * losses[0]


def test_a_saved_model_comes_back_the_same(tmp_path):
    model = made().eval()
    models.save(model, tmp_path / "m.safetensors")
    again, _ = models.load(tmp_path / "m.safetensors")
    assert (type(again), again.config) == (type(model), model.config)
    ids = Tensor(IDS[:, :-1])
    np.testing.assert_array_equal(again(ids).data, model(ids).data)


@no_grad()
def test_a_later_token_changes_no_earlier_output():
    model, ids = made(), IDS[:, :-1]
    before = model(Tensor(ids)).data
    for place in range(CONTEXT):
        other = ids.copy()
        other[:, place] = (other[:, place] + 1) % V
        after = model(Tensor(other)).data
        np.testing.assert_array_equal(after[:, :place], before[:, :place])
        assert (after[:, place:] != before[:, place:]).any(axis=(0, 2)).all()


@no_grad()
@pytest.mark.parametrize("pieces", [[8], [1] * 8, [3, 1, 4], [5, 3]])
def test_logits_with_a_cache_are_those_without(pieces):
    model = made(bias=True).eval()
    cache, found, start = Cache(model, 3), [], 0
    for size in pieces:
        found.append(model(Tensor(IDS[:, start : start + size]), cache).data)
        start += size
    np.testing.assert_allclose(
        np.concatenate(found, axis=1), model(Tensor(IDS[:, :-1])).data, atol=2e-5
    )
    with pytest.raises(ValueError, match="9 tokens, but the context is 8"):
        model(Tensor(IDS[:, :1]), cache)
