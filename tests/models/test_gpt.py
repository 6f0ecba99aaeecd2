"""The GPT: its parts against PyTorch, causality, the cache, and text that it goes on with."""

from typing import Any

import numpy as np
import pytest

import minae
from minae import models, no_grad, optim, random
from minae.errors import InputError
from minae.models import gpt
from minae.models.gpt import Cache
from minae.models.gpt_step import step
from minae.nn import init
from minae.tensor import Tensor

V, CONTEXT = 11, 8
SMALL: dict[str, Any] = {"vocabulary": V, "context": CONTEXT, "layers": 2, "heads": 2, "width": 12}
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, V, (3, CONTEXT + 1)).astype(np.int32)


def made(**options):
    minae.manual_seed(0)
    model = models.GPT(**SMALL, **options)
    for parameter in model.parameters():  # so large that every part shows in the logits
        parameter.data[...] += 0.2 * random.normal(parameter.shape)
    return model


def test_it_has_the_size_of_nanogpt():
    with init.skipped():
        small, gpt2 = models.GPT(65), models.GPT(50257, 1024, 12, 12, 768, bias=True)
    assert sum(p.numel() for p in small.parameters()) == 804_096  # its configuration for a CPU
    assert sum(p.numel() for p in gpt2.parameters()) == 124_439_808


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


def greedy(model, prompt, count):
    """Return the most probable ids, read anew for each: as `generate` does, but slowly."""
    ids, start = list(prompt[-CONTEXT:]), 0
    for _ in range(count):
        if len(ids) - start > CONTEXT:
            start = len(ids) - CONTEXT // 2
        logits = model(Tensor(np.array([ids[start:]], np.int32))).data[0, -1]
        ids.append(int(logits.argmax()))
    return ids[len(prompt[-CONTEXT:]) :]


@no_grad()
@pytest.mark.parametrize("length", [1, 7, 8, 9, 30])
def test_it_goes_on_from_a_prompt(length):
    """Across the end of the context, where the last half of it is read anew."""
    model, prompt = made().eval(), np.resize(IDS, length)
    made_ids = list(model.generate(prompt, 25, temperature=0))
    assert made_ids == greedy(model, prompt.tolist(), 25)
    assert len({*made_ids}) > 2


def test_equal_seeds_give_equal_ids():
    model = made().eval()
    first, again, other = ([*model.generate([3], 40, seed=seed)] for seed in (1, 1, 2))
    assert first == again != other
    minae.manual_seed(5)
    first = [*model.generate([3], 40)]
    minae.manual_seed(5)
    assert [*model.generate([3], 40)] == first
    assert len({*model.generate([3], 60, top_k=1)}) > 1


def test_ids_come_as_they_are_made():
    stream = made().eval().generate([0], 10**8, seed=0)
    assert [next(stream) for _ in range(3)] == [*made().eval().generate([0], 3, seed=0)]


def test_a_cache_keeps_no_token_twice(monkeypatch):
    """Work is counted: after the prompt, one token is read for each that is made."""
    model, read = made().eval(), []
    whole, one = model.transformer.forward, gpt.step

    def counted(ids, cache=None):
        read.append(ids.shape[1])
        return whole(ids, cache)

    monkeypatch.setattr(model.transformer, "forward", counted)
    monkeypatch.setattr(gpt, "step", lambda *args: read.append(1) or one(*args))
    list(model.generate([1, 2, 3], 12, seed=0))
    assert read == [3, 1, 1, 1, 1, 1, 4, 1, 1, 1, 1, 4]


@no_grad()
@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_step_gives_the_logits_of_the_whole(bias, approximate):
    model, cache = made(bias=bias, approximate=approximate).eval(), None
    expected = model(Tensor(IDS[:1, :-1])).data[0]
    for start in (0, 3):  # how many tokens are read at once before
        cache = Cache(model)
        if start:
            model(Tensor(IDS[:1, :start]), cache)
        found = [step(model, int(token), cache) for token in IDS[0, start:-1]]
        np.testing.assert_allclose(found, expected[start:], atol=2e-5)
        assert cache.length == CONTEXT


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        ([], {}, "a prompt is one or more ids from 0 to 10, not"),
        ([3, V], {}, "a prompt is one or more ids from 0 to 10, not .3, 11."),
        ([1], {"count": -1}, "count is a whole number from 0"),
        ([1], {"temperature": -1}, "temperature is a number from 0"),
    ],
)
def test_bad_requests_are_refused_at_once(prompt, options, message):
    with pytest.raises(InputError, match=message):
        made().generate(prompt, **{"count": 1} | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary": 0}, "vocabulary is a whole number from 1"),
        ({"context": 0}, "context is a whole number from 1"),
        ({"heads": 5}, "width 12 is not a multiple of the 5 heads"),
        ({"dropout": 2.0}, "dropout is a share"),
        ({"approximate": "erf"}, "approximate 'erf' is unknown"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(InputError, match=message):
        models.GPT(**SMALL | options)


@no_grad()
def test_dropout_is_for_training_only():
    minae.manual_seed(0)
    model, ids = models.GPT(**SMALL, dropout=0.5), Tensor(IDS)
    first, second = model.loss(ids).item(), model.loss(ids).item()
    assert first != second
    made_in_training = [*model.generate([1], 20, seed=0)]
    assert model.transformer.drop.training
    model.eval()
    assert model.loss(ids).item() == model.loss(ids).item()
    assert [*model.generate([1], 20, seed=0)] == made_in_training
