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
        from scipy.sparse import csr_matrix

        rows, tokens, values = self.values(texts)
        return csr_matrix((values, (rows, tokens)), (len(texts), len(self.weights)))

    def distances(self, texts: Ragged, query: Ragged) -> np.ndarray:
        """Return 1 - the cosine between the vector of each of N texts and that of one: (N,)."""
        (rows, tokens, values), (_, asked, weights) = self.values(texts), self.values(query)
        vector = np.zeros(len(self.weights))  # (V,)
        vector[asked] = weights
        return 1 - np.bincount(rows, values * vector[tokens], len(texts))

    def values(self, texts: Ragged) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is not 0 in the vectors of texts: rows, tokens and values, each (n,)."""
        rows, tokens, counts = count(texts, len(self.weights))
        values = np.log1p(counts) * self.weights[tokens]
        norms = np.sqrt(np.bincount(rows, np.square(values), len(texts)))  # (N,)
        return rows, tokens, (values / norms[rows]).astype(np.float32)


def fit_tfidf(texts: Ragged, size: int) -> TfIdf:
    """Return tf-idf for a vocabulary of a size V, with the weights that texts give."""
    _, tokens, _ = count(texts, size)
    having = np.bincount(tokens, minlength=size)  # (V,)
    return TfIdf((np.log((1 + len(texts)) / (1 + having)) + 1).astype(np.float32))


def count(texts: Ragged, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which tokens each text has, but for special ones: rows, tokens and counts, each (n,).

    They are in the order of the rows, and of the tokens in each; `size` is the vocabulary's.
    """
    words = texts.values >= len(SPECIAL)  # (T,)
    rows = np.repeat(np.arange(len(texts)), texts.lengths)[words]
    cells, counts = np.unique(rows * size + texts.values[words], return_counts=True)
    return *np.divmod(cells, size), counts
