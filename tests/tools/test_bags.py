"""Texts as sparse vectors."""

import numpy as np

from minae.data import Ragged
from minae.tools.bags import count, fit_tfidf

TEXTS = Ragged.of([[4, 5, 4, 3], [1, 3], [5, 6, 3], [5, 3]])  # 0 to 3 are special


def test_count_leaves_special_tokens_out():
    rows, tokens, counts = count(TEXTS, 8)
    assert rows.tolist() == [0, 0, 2, 2, 3]
    assert tokens.tolist() == [4, 5, 5, 6, 5]
    assert counts.tolist() == [2, 1, 1, 1, 1]


def test_rare_tokens_weigh_more_and_vectors_have_length_1():
    found = fit_tfidf(TEXTS, 8)(TEXTS).toarray()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0, 1, 1], rtol=1e-6)
    idf = np.log([5 / 2, 5 / 4, 5 / 2]) + 1  # of 4, 5 and 6, which 1, 3 and 1 of 4 texts have
    first = np.log([3, 2]) * idf[:2]
    np.testing.assert_allclose(found[0, 4:6], first / np.linalg.norm(first), rtol=1e-6)
    np.testing.assert_allclose(found[2, 6] / found[2, 5], idf[2] / idf[1], rtol=1e-6)


def test_weights_are_those_of_the_texts_that_were_fitted():
    vectors = fit_tfidf(TEXTS, 8)
    new = vectors(Ragged.of([[7, 5, 3]])).toarray()[0]
    assert new[7] / new[5] == np.float32((np.log(5) + 1) / (np.log(5 / 4) + 1))


def test_distances_are_by_the_angle_between_vectors():
    tfidf, query = fit_tfidf(TEXTS, 8), Ragged.of([[5, 4, 4, 4, 3]])
    cosines = (tfidf(TEXTS) @ tfidf(query).T).toarray()[:, 0]
    np.testing.assert_allclose(tfidf.distances(TEXTS, query), 1 - cosines, atol=1e-6)
