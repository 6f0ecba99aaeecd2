"""Texts as bags of tokens: how often each occurs, weighed by how rare it is (tf-idf)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minae.data import Ragged
from minae.data.text.tokens import SPECIAL


@dataclass(frozen=True, eq=False)
class TfIdf:
    """Makes texts sparse vectors: log(1 + count) of each token times its weight, of length 1.

    weights (V,) are log(texts / texts with the token), as `fit_tfidf` finds them (Spärck Jones
    1972). Special tokens do not count; a text of nothing else is 0.
    """

    weights: np.ndarray

    def __call__(self, texts: Ragged) -> Any:
        """Return the vectors of texts, sparse (N, V) float32."""
        bags = counts(texts, len(self.weights))
        bags.data = np.log1p(bags.data) * self.weights[bags.indices]
        rows = np.repeat(np.arange(len(texts)), np.diff(bags.indptr))
        norms = np.sqrt(np.bincount(rows, np.square(bags.data), len(texts)))
        bags.data /= norms[rows].astype(np.float32)
        return bags


def fit_tfidf(texts: Ragged, size: int) -> TfIdf:
    """Return tf-idf for a vocabulary of a size V, with the weights that texts give."""
    having = np.bincount(counts(texts, size).indices, minlength=size)  # (V,)
    return TfIdf((np.log((1 + len(texts)) / (1 + having)) + 1).astype(np.float32))


def counts(texts: Ragged, size: int) -> Any:
    """Return how often each token occurs in texts, sparse (N, V) float32, but for special ones."""
    from scipy.sparse import csr_matrix

    words = texts.values >= len(SPECIAL)
    rows = np.repeat(np.arange(len(texts)), texts.lengths)[words]
    ones = np.ones(len(rows), np.float32)
    return csr_matrix((ones, (rows, texts.values[words])), (len(texts), size))
