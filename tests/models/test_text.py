"""Models of texts: bags of words, and sequences that are read and written token by token."""

import numpy as np
import pytest
import torch

import minae
from minae import gradcheck, models, no_grad, random
from minae.data import Ragged
from minae.data.text.tokens import END, PAD, START, UNKNOWN
from minae.errors import InputError
from minae.tensor import Tensor
from minae.train import evaluate, fit

V = 12
IDS = np.array([[4, 5, 4, 11, END], [7, 1, END, 0, 0], [END, 0, 0, 0, 0]], np.int32)
SMALL = {"vocabulary": V, "longest": 6, "embedding": 5, "hidden": 7, "latent": 3}
BUILD = {
    "text": lambda: models.DocumentAutoencoder([V, 8, 3]),
    "sequence": lambda: models.SequenceAutoencoder(**SMALL, word_dropout=0.2),
    "sequence-vae": lambda: models.SequenceVAE(**SMALL, annealing=10),
}
SEQUENCES = ["sequence", "sequence-vae"]


def topics(n):
    """Return texts of one to six words of one of two topics."""
    rng = np.random.default_rng(0)
    rows = [4 + 4 * (i % 2) + rng.integers(0, 4, rng.integers(1, 7)) for i in range(n)]
    return Ragged.of([[*row, END] for row in rows])


@pytest.fixture(params=BUILD)
def model(request):
    minae.manual_seed(0)
    return BUILD[request.param]()


def made(name):
    minae.manual_seed(0)
    return BUILD[name]()


def ids():
    return Tensor(IDS)


def test_every_parameter_gets_a_gradient_and_the_loss_falls(model):
    texts = topics(200)
    model.start_at_mean(texts)
    model.loss(ids()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    model.zero_grad()
    adam = minae.optim.Adam(model.parameters(), lr=1e-2)
    history = fit(model, texts, epochs=6, batch_size=16, optimizer=adam, show_progress=False)
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]


def test_a_saved_model_comes_back_the_same(model, tmp_path):
    model.loss(ids())  # which counts a step
    model.eval()
    models.save(model, tmp_path / "m.safetensors")
    again, _ = models.load(tmp_path / "m.safetensors")
    assert (type(again), again.config) == (type(model), model.config)
    np.testing.assert_array_equal(again(ids()).data, model(ids()).data)
    np.testing.assert_array_equal(again.codes(ids()).data, model.codes(ids()).data)


def test_training_begins_with_how_frequent_words_are(model):
    texts, bag = topics(400), isinstance(model, models.DocumentAutoencoder)
    model.start_at_mean(texts)
    bias = model.decoder[-1].bias if bag else model.decoder.output.bias
    share, words = np.exp(bias.data), texts.values[texts.values >= 4]
    assert share.sum() == pytest.approx(1, abs=0.02)
    assert share[4] / share[4:].sum() == pytest.approx((words == 4).mean(), rel=0.05)
    assert (share[END] > 0.1) == (not bag)


@no_grad()
def test_what_is_behind_a_text_changes_nothing(model):
    model.eval()
    longer = Tensor(np.pad(IDS, ((0, 0), (0, 3))))
    np.testing.assert_allclose(model.codes(longer).data, model.codes(ids()).data, atol=1e-6)
    random.manual_seed(0)
    before = model.loss(ids()).item()
    random.manual_seed(0)
    assert model.loss(longer).item() == pytest.approx(before, rel=1e-5)
    for row in range(3):
        alone = Tensor(IDS[row : row + 1, : (IDS[row] != PAD).sum()])
        np.testing.assert_allclose(
            model.codes(alone).data[0], model.codes(ids()).data[row], atol=1e-6
        )


def test_gradients_of_the_whole_objective(model):
    model.eval()  # in which no step is counted
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    own = dict(model.named_parameters())
    first, *_, last = own
    for path in (first, last):
        owner, *_, attribute = model, path.rpartition(".")[2]
        for folder in path.split(".")[:-1]:
            owner = getattr(owner, folder)

        def loss(values, owner=owner, attribute=attribute):
            setattr(owner, attribute, values)
            random.manual_seed(0)  # the same draws each time
            return model.loss(ids())

        gradcheck(loss, own[path].data, tolerance=1e-5)  # a loss of 10 rounds at 1e-15
        setattr(owner, attribute, own[path])


def test_nats_per_token_are_those_of_all_texts_together(model):
    texts = topics(50)
    figures = evaluate(model, texts, batch_size=7)
    counted = len(texts.values) - (50 if isinstance(model, models.DocumentAutoencoder) else 0)
    if not isinstance(model, models.SequenceVAE):
        assert figures["nats_per_token"] == pytest.approx(figures["loss"] * 50 / counted, rel=1e-5)
    assert figures.keys() & {"nats", "tokens"} == set()


def test_special_ids_and_the_order_of_words_do_not_count():
    model = made("text")
    counts = model.counts(ids())
    assert counts[0].tolist() == [0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 1]
    assert counts[1].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert not counts[2].any()
    shuffled = Tensor(IDS[:1, [2, 3, 1, 4, 0]])
    np.testing.assert_array_equal(model.codes(shuffled).data[0], model.codes(ids()).data[0])


def test_the_loss_of_documents_is_multinomial():
    model = made("text")
    p = model(ids()).data.astype(np.float64)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    nats = [-np.log(p[i, w]) for i, row in enumerate(IDS) for w in row if w >= 4]
    assert model.loss(ids()).item() == pytest.approx(sum(nats) / 3, rel=1e-5)
    each = model.token_nats(ids()).data
    assert each.shape == IDS.shape
    np.testing.assert_allclose(each[IDS >= 4], nats, rtol=1e-5)
    assert not each[IDS < 4].any()


def test_a_document_is_rebuilt_from_what_is_left_of_it():
    model, target = made("text"), ids()
    x = Tensor(np.where(IDS == 4, UNKNOWN, IDS))
    p = model(x).data.astype(np.float64)
    nats = [-np.log(p[i, w]) for i, row in enumerate(IDS) for w in row if w >= 4]
    assert model.loss(x, target).item() == pytest.approx(sum(nats) / 3, rel=1e-5)


def in_torch(model, z):
    """Return what the decoder's cross-entropy is, computed by PyTorch, for codes (N, Z)."""
    decoder = model.decoder
    gru = torch.nn.GRU(8, 7, batch_first=True)
    gru.load_state_dict({k: torch.tensor(v) for k, v in decoder.gru.state_dict().items()})
    state = torch.tanh(
        torch.nn.functional.linear(z, *(torch.tensor(p.data) for p in decoder.first.parameters()))
    )
    before = torch.tensor(np.concatenate([np.full((3, 1), START), IDS[:, :-1]], 1)).long()
    told = torch.tensor(decoder.embedding.weight.data)[before]
    output, _ = gru(torch.cat([told, z[:, None].expand(3, 5, 3)], 2), state[None])
    logits = torch.nn.functional.linear(
        output, *(torch.tensor(p.data) for p in decoder.output.parameters())
    )
    target = torch.tensor(IDS).long()
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), target.flatten(), ignore_index=0, reduction="none"
    )


@no_grad()
@pytest.mark.parametrize("name", SEQUENCES)
def test_codes_and_nats_are_those_of_pytorch(name):
    model = made(name).eval()
    reader, linear = model.encoder
    gru = torch.nn.GRU(5, 7, batch_first=True, bidirectional=True)
    gru.load_state_dict({k: torch.tensor(v) for k, v in reader.gru.state_dict().items()})
    read = torch.tensor(reader.embedding.weight.data)[torch.tensor(IDS).long()]
    packed = torch.nn.utils.rnn.pack_padded_sequence(read, [5, 3, 1], batch_first=True)
    with torch.no_grad():
        ends = gru(packed)[1]
        codes = torch.nn.functional.linear(
            torch.cat([*ends], 1), *(torch.tensor(p.data) for p in linear.parameters())
        )
        codes = codes[:, :3]
        nats = in_torch(model, codes).reshape(3, 5).numpy()
    np.testing.assert_allclose(model.codes(ids()).data, codes, atol=1e-5)
    np.testing.assert_allclose(model.token_nats(ids()).data, nats, atol=1e-5)
    if name == "sequence":
        assert model.loss(ids()).item() == pytest.approx(nats.sum() / 3, rel=1e-5)


@pytest.fixture(scope="module")
def trained():
    minae.manual_seed(0)
    model = models.SequenceAutoencoder(V, 8, 16, 32, 8)
    adam = minae.optim.Adam(model.parameters(), lr=1e-2)
    texts = topics(300)
    fit(model, texts, epochs=15, batch_size=16, optimizer=adam, show_progress=False)
    return model, texts.padded()


@no_grad()
def test_a_text_is_written_token_by_token(trained):
    """As many are exact as `metrics` says, which writes nothing."""
    model, texts = trained
    written = model(Tensor(texts)).data
    assert written.dtype == np.int32
    same = np.zeros(texts.shape, np.int32)
    same[:, : written.shape[1]] = written[:, : texts.shape[1]]
    exact = (same == texts).all(axis=1).mean()
    assert exact > 0.3
    assert model.metrics(Tensor(texts))["exact"] == pytest.approx(exact)
    ends = (written == END).argmax(axis=1)
    behind = np.arange(written.shape[1]) > ends[:, None]
    assert not written[behind & (written == END).any(axis=1)[:, None]].any()
    one = model.decode(model.codes(Tensor(texts[:1])))  # does not depend on its batch
    np.testing.assert_array_equal(one.data[0], written[0, : one.shape[1]])


@no_grad()
@pytest.mark.parametrize("name", SEQUENCES)
def test_no_text_is_longer_than_the_longest(name):
    model = made(name)
    model.decoder.output.bias.data[5] = 100
    written = model.decode(Tensor(np.zeros((2, 3), np.float32))).data
    assert written.tolist() == [[5] * 6] * 2


def test_word_dropout_hides_words_in_training_only():
    model = made("sequence")
    losses = []
    for share, training in ((0.0, True), (1.0, True), (1.0, False)):
        model.decoder.word_dropout = share
        losses.append(model.train(training).loss(ids()).item())
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)
    assert losses[0] == pytest.approx(losses[2], rel=1e-6)
    model.decoder.word_dropout = 1.0
    model.train()
    for rows, told in ((slice(END + 1, None), False), (slice(START, START + 1), True)):
        weight = model.decoder.embedding.weight.data
        kept = weight[rows].copy()
        weight[rows] = np.nan
        nats = model._nats(model.codes(ids()), ids(), "batchmean").item()
        assert np.isnan(nats) == told  # words are hidden, the start is not
        weight[rows] = kept


def test_the_weight_of_the_kl_rises_step_by_step():
    model = models.SequenceVAE(**SMALL, beta=2.0, annealing=4, word_dropout=0)
    found = []
    for _ in range(6):
        random.manual_seed(0)
        nll, kl = (term.item() for term in model._terms(ids(), None))
        random.manual_seed(0)
        found.append((model.loss(ids()).item() - nll) / kl)
    np.testing.assert_allclose(found, [0, 0.5, 1, 1.5, 2, 2], atol=1e-3)
    assert model.steps.data == 6
    model.eval()
    random.manual_seed(0)
    loss = model.loss(ids()).item()
    random.manual_seed(0)
    assert model.metrics(ids())["loss"] == pytest.approx(loss, rel=1e-5)
    assert model.steps.data == 6


def test_free_bits_cost_nothing():
    model = models.SequenceVAE(**SMALL, annealing=0, free_bits=50.0, word_dropout=0)
    random.manual_seed(0)
    nll, kl = (term.item() for term in model._terms(ids(), None))
    assert kl < 50
    random.manual_seed(0)
    loss = model.loss(ids())
    assert loss.item() == pytest.approx(nll + 50, rel=1e-5)
    model.zero_grad()
    model.decoder.output.weight.data[...] = 0  # then the codes change no probability
    model.loss(ids()).backward()
    assert not np.any(model.encoder[-1].weight.grad.data)


@no_grad()
def test_the_kl_is_that_of_draws():
    """E_q[log q(z) - log p(z)], by Monte Carlo."""
    model = made("sequence-vae").eval()
    mean, log_var = (t.data.astype(np.float64) for t in model.encode(ids()))
    noise = np.random.default_rng(0).normal(size=(20_000, *mean.shape))
    z = mean + np.exp(log_var / 2) * noise
    drawn = 0.5 * (z**2 - noise**2 - log_var).sum(axis=2).mean()
    assert model.metrics(ids())["kl"] == pytest.approx(drawn, rel=0.02)


def test_bounds_of_a_sequence_vae():
    model, texts = made("sequence-vae"), topics(100)
    fit(model, texts, epochs=3, batch_size=16, show_progress=False)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    x = Tensor(texts.padded())
    one = np.mean([model.elbo(x).data.mean() for _ in range(20)])
    many = model.log_likelihood(x, 50).data
    assert many.shape == (100,)
    assert one <= many.mean() + 0.01
    assert model.metrics(x)["elbo"] == pytest.approx(one, abs=0.5)
    assert model.sample(7).shape[0] == 7


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.SequenceAutoencoder(3), "vocabulary is a whole number from 4"),
        (lambda: models.SequenceAutoencoder(9, longest=0), "longest is a whole number from 1"),
        (lambda: models.SequenceAutoencoder(9, hidden=0), "hidden is a whole number from 1"),
        (lambda: models.SequenceAutoencoder(9, word_dropout=1.1), "word_dropout is a share"),
        (lambda: models.SequenceVAE(9, latent=0), "latent is a whole number from 1"),
        (lambda: models.SequenceVAE(9, annealing=-1), "annealing, a number of steps, is"),
        (lambda: models.SequenceVAE(9, free_bits=-1), "free_bits is a number of nats from 0"),
        (lambda: models.SequenceVAE(9, beta=float("nan")), "beta weighs the KL"),
        (lambda: models.DocumentAutoencoder([V]), "two or more layer sizes"),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
