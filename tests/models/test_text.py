"""Models of texts: bags of words and sequences."""

import numpy as np
import pytest

import minae
from minae import models
from minae.tensor import Tensor
from minae.train import fit

V = 12
IDS = np.array([[4, 5, 4, 11, 3], [7, 1, 3, 0, 0], [3, 0, 0, 0, 0]], np.int32)


def topics(n):
    """Texts of eight words of one of two topics."""
    rng = np.random.default_rng(0)
    first = np.where(np.arange(n) % 2, 4, 8)
    return (first[:, None] + rng.integers(0, 4, (n, 8))).astype(np.int32)


@pytest.fixture
def documents():
    minae.manual_seed(0)
    return models.DocumentAutoencoder([V, 8, 2])


def test_special_ids_and_the_order_of_words_do_not_count(documents):
    counts = documents.counts(Tensor(IDS))
    assert counts[0].tolist() == [0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 1]
    assert counts[1].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert not counts[2].any()
    shuffled = IDS[:1, [2, 3, 1, 4, 0]]
    np.testing.assert_array_equal(
        documents.codes(Tensor(shuffled)).data[0], documents.codes(Tensor(IDS)).data[0]
    )


def test_the_loss_of_documents_is_multinomial(documents):
    p = documents(Tensor(IDS)).data.astype(np.float64)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    words = [np.log(p[i, w]) for i, row in enumerate(IDS) for w in row if w >= 4]
    assert documents.loss(Tensor(IDS)).item() == pytest.approx(-sum(words) / 3, rel=1e-5)


def test_documents_of_topics_are_told_apart(documents):
    texts = topics(256)
    documents.start_at_mean(texts)
    shares = documents.decode(Tensor(np.zeros((1, 2), np.float32))).data
    history = fit(documents, texts, epochs=30, batch_size=32, show_progress=False)
    assert history[-1]["train_loss"] < 8 * np.log(4) + 0.5
    assert shares[0, :4].max() < 1e-3
