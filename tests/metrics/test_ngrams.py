"""N-grams with Witten-Bell smoothing, beside one that counts in dictionaries."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from minae.metrics import ngrams
from minae.metrics.ngrams import best_ngram, ngram_nats

RNG = np.random.default_rng(0)


def plain(train, text, size, n):
    """The formula as it is usually written down; -1 stands before both."""
    x, nats = [-1, *train], []
    grams = Counter()
    for length in range(1, n + 1):
        for i in range(1, len(x)):
            if i - length + 1 >= 0:
                grams[tuple(x[i - length + 1 : i + 1])] += 1

    def p(h, w):
        lower = 1 / size if h is None else None
        if lower is None:
            lower = p(h[1:] if h else None, w)
            follow = {g: c for g, c in grams.items() if len(g) == len(h) + 1 and g[:-1] == h}
            c, t = sum(follow.values()), len(follow)
            return (follow.get((*h, w), 0) + t * lower) / (c + t) if c else lower
        return lower

    y = [-1, *text]
    for i in range(1, len(y)):
        h = tuple(y[max(0, i - n + 1) : i])
        nats.append(-np.log(p(h, y[i])))
    return np.array(nats)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_formula(n):
    train, text = RNG.integers(0, 4, 60), RNG.integers(0, 5, 25)  # 4 is never counted
    *_, found = islice(ngram_nats(train, text, 5), n)
    np.testing.assert_allclose(found, plain(train.tolist(), text.tolist(), 5, n), rtol=1e-12)


def test_probabilities_add_up_to_one():
    train, before = RNG.integers(0, 6, 300), RNG.integers(0, 6, 3)
    texts = [np.append(before, w) for w in range(6)]
    for n in (1, 2, 4):
        p = [np.exp(-[*islice(ngram_nats(train, text, 6), n)][-1][-1]) for text in texts]
        assert sum(p) == pytest.approx(1, rel=1e-12)


def test_the_best_n_is_found():
    x = RNG.integers(0, 5, 3000)
    for i in range(2, len(x)):  # a token depends on the two before it, not on one
        x[i] = (x[i - 1] + x[i - 2]) % 5 if RNG.random() < 0.8 else x[i]
    train, text = x[:2500], x[2500:]
    *_, found = islice(ngram_nats(train, text, 5), 3)
    assert best_ngram(train, text, 5) == (3, pytest.approx(found[1:].mean()))
    noise = RNG.integers(0, 50, 400)
    assert best_ngram(noise, RNG.integers(0, 50, 400), 50)[0] == 1


def test_only_so_many_tokens_are_counted(monkeypatch):
    monkeypatch.setattr(ngrams, "MOST_COUNTED", 3)
    text = np.array([0, 1])
    short = next(ngram_nats(np.array([1, 0, 0]), text, 2))
    np.testing.assert_array_equal(next(ngram_nats(np.array([1, 1, 1, 0, 0]), text, 2)), short)
