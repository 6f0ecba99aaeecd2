"""Predicting a text by counting: what a language model has to be better than."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

LONGEST = 10  # tokens of an n-gram
MOST_COUNTED = 5_000_000  # tokens of the training part, the last ones: of more, it takes a minute


def ngram_nats(train: np.ndarray, text: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield -log p of each token of a text by 1-grams, 2-grams, and so on: (S,) float64, in nats.

    The tokens of train (T,) are counted, those of text (S,) predicted; ids are below `size`. An
    n-gram model predicts a token w from the n - 1 tokens h before it. With Witten-Bell smoothing it
    mixes what has followed h with what the model of the next shorter h' says,

        p(w | h) = (c(h w) + t(h) p(w | h')) / (c(h) + t(h)),

    where c counts how often something occurs, and t(h) how many different tokens have followed h:
    a context with many is likely to be followed by another new one. Below the 1-grams, all tokens
    are equally likely. (Witten & Bell 1991; as interpolation Chen & Goodman 1998, section 2.5.)
    """
    train = train[-MOST_COUNTED:]
    border = [size]  # stands before each of both, so that no n-gram reaches over
    x = np.concatenate([border, train, border, text]).astype(np.int64)
    counted, predicted = slice(1, 1 + len(train)), slice(2 + len(train), None)
    context, p = np.zeros(len(x), np.int64), np.full(len(text), 1 / size)
    while True:
        keys, first, gram = np.unique(
            context * (size + 1) + x, return_index=True, return_inverse=True
        )
        c_gram = np.bincount(gram[counted], minlength=len(keys))
        contexts = int(context.max()) + 1
        c_context = np.bincount(context[counted], minlength=contexts)
        t = np.bincount(context[first[c_gram > 0]], minlength=contexts)
        h = context[predicted]
        seen = c_context[h] > 0  # else nothing is known beyond the shorter context
        mixed = (c_gram[gram[predicted]] + t[h] * p) / np.maximum(c_context[h] + t[h], 1)
        p = np.where(seen, mixed, p)
        yield -np.log(p)
        context = np.concatenate([[0], gram[:-1]])  # an n-gram is the context of what follows it


def nth(n: int, train: np.ndarray, text: np.ndarray, size: int) -> np.ndarray:
    """Return what n-grams make of a text; see `ngram_nats`."""
    return next(islice(ngram_nats(train, text, size), n - 1, None))


def best_ngram(train: np.ndarray, validation: np.ndarray, size: int) -> tuple[int, float]:
    """Return the n with which n-grams predict a text best, and their nats per token there.

    They are tried from 1 to LONGEST. The first token, of which a language model says nothing, does
    not count.
    """
    tried = islice(ngram_nats(train, validation, size), LONGEST)
    means = [float(nats[1:].mean()) for nats in tried]
    best = int(np.argmin(means))
    return best + 1, means[best]
