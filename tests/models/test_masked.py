"""The masked language model: what is hidden, what is guessed, and what does not matter."""

import numpy as np
import pytest
import torch

import minae
from minae import models, no_grad, random
from minae.data import Ragged
from minae.data.text.tokens import END, PAD, UNKNOWN
from minae.errors import InputError
from minae.tensor import Tensor
from minae.train import evaluate, fit

V = 14
IDS = np.array([[4, 5, 4, 11, END], [7, 1, END, 0, 0], [END, 0, 0, 0, 0]], np.int32)
SMALL = {"vocabulary": V, "longest": 12, "layers": 2, "heads": 2, "width": 16}


def made(**options):
    minae.manual_seed(0)
    model = models.MaskedLanguageModel(**SMALL, **options)
    for parameter in model.parameters():  # so large that every part shows
        parameter.data[...] += 0.2 * random.normal(parameter.shape)
    return model


def pairs(n):
    """Return texts of pairs of words that belong together: 4 5, 6 7, 8 9, 10 11 or 12 13."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(2, 7, rng.integers(1, 5)) for _ in range(n)]
    both = [np.stack([2 * row, 2 * row + 1], axis=1).ravel() for row in rows]
    return Ragged.of([np.append(words, END) for words in both])


def test_words_are_learned_from_those_beside_them(tmp_path):
    minae.manual_seed(0)
    model, texts = models.MaskedLanguageModel(**SMALL, dropout=0.0), pairs(300)
    model.start_at_mean(texts)
    adam = minae.optim.Adam(model.parameters(), lr=5e-3)
    fit(model, texts, epochs=25, batch_size=32, optimizer=adam, show_progress=False)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    assert evaluate(model, texts)["guessed"] > 0.8
    ids = Tensor(np.array([[6, UNKNOWN, UNKNOWN, 13, END]], np.int32))
    assert model(ids).data[0, 1:3].tolist() == [7, 12]
    models.save(model, tmp_path / "m.safetensors")
    again, _ = models.load(tmp_path / "m.safetensors")
    assert isinstance(again, models.MaskedLanguageModel)
    assert again.config == model.config
    np.testing.assert_array_equal(again.codes(ids).data, model.codes(ids).data)


def test_the_words_to_guess_are_hidden_in_three_ways():
    model = made(masked=0.3)
    ids = np.random.default_rng(0).integers(0, V, (200, 100)).astype(np.int32)
    read, chosen = model.hide(ids)
    words = ids > END
    assert not (chosen & ~words).any()
    np.testing.assert_array_equal(read[~chosen], ids[~chosen])
    assert chosen[words].mean() == pytest.approx(0.3, abs=0.02)
    hidden, kept = read[chosen] == UNKNOWN, read[chosen] == ids[chosen]
    assert hidden.mean() == pytest.approx(0.8, abs=0.02)
    assert kept.mean() == pytest.approx(0.1 + 0.1 / (V - 4), abs=0.02)
    others = read[chosen & (read != UNKNOWN) & (read != ids)]
    assert np.unique(others).tolist() == list(range(END + 1, V))


@no_grad()
def test_the_loss_is_that_of_the_words_to_guess():
    model, target = made().eval(), Tensor(IDS)
    read = np.where(IDS == 4, UNKNOWN, IDS)
    logits = model.decoder(model.encoder(Tensor(read))).data.astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    loss = -np.log(p[0, [0, 2], 4]).mean()
    assert model.loss(Tensor(read), target).item() == pytest.approx(loss, rel=1e-5)
    figures = model.metrics(Tensor(read), target)
    assert figures["loss"] == pytest.approx(loss, rel=1e-5)
    assert figures["nats"] == pytest.approx(2 * loss / 3, rel=1e-5)
    assert figures["tokens"] == pytest.approx(2 / 3)
    assert model.loss(target, target).item() == 0  # nothing to guess


@no_grad()
def test_what_is_behind_a_text_changes_nothing():
    model = made().eval()
    longer = Tensor(np.pad(IDS, ((0, 0), (0, 3))))
    np.testing.assert_allclose(model.codes(longer).data, model.codes(Tensor(IDS)).data, atol=1e-5)
    nats = model.token_nats(Tensor(IDS)).data
    np.testing.assert_allclose(model.token_nats(longer).data[:, :5], nats, atol=1e-5)
    for row in range(3):
        alone = Tensor(IDS[row : row + 1, : (IDS[row] != PAD).sum()])
        code = model.codes(Tensor(IDS)).data[row]
        np.testing.assert_allclose(model.codes(alone).data[0], code, atol=1e-5)


@no_grad()
def test_a_word_is_judged_without_being_seen():
    model = made().eval()
    ids = np.random.default_rng(1).integers(4, V, (2, 10)).astype(np.int32)
    nats = model.token_nats(Tensor(ids)).data
    read = ids.copy()
    read[:, [2, 9]] = UNKNOWN  # seven apart: hidden together
    logits = torch.tensor(model.decoder(model.encoder(Tensor(read))).data)
    expected = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), torch.tensor(ids).long(), reduction="none"
    )
    np.testing.assert_allclose(nats[:, [2, 9]], expected[:, [2, 9]], atol=1e-5)
    guesses = model(Tensor(ids)).data
    assert guesses[0, 2] == logits[0, 2, END + 1 :].argmax() + END + 1
    special = np.array([[5, UNKNOWN, END, PAD]], np.int32)
    assert (model.token_nats(Tensor(special)).data > 0).tolist() == [[True, False, False, False]]
    assert (model(Tensor(special)).data > END).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary": 4}, "vocabulary is a whole number from 5"),
        ({"longest": 0}, "longest is a whole number from 1"),
        ({"width": 15}, "width 15 is not a multiple of the 2 heads"),
        ({"dropout": 1.5}, "dropout is a share"),
        ({"masked": -1.0}, "masked is a share"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(InputError, match=message):
        models.MaskedLanguageModel(**SMALL | options)


def test_a_text_may_be_too_long():
    with pytest.raises(ValueError, match="texts have 12 ids at most, not 13"):
        made().codes(Tensor(np.full((1, 13), 5, np.int32)))


def test_it_writes_no_text_from_a_code():
    with pytest.raises(InputError, match="writes no text from a code"):
        made().decode(Tensor(np.zeros((1, 16), np.float32)))
