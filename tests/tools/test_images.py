"""Rows of different lengths in batches."""

import numpy as np
import pytest

from minae.data import Ragged
from minae.tools import images
from minae.tools.images import by_length, in_batches

RNG = np.random.default_rng(0)
TEXTS = Ragged.of([RNG.integers(4, 90, n) for n in RNG.permutation(np.arange(1, 60))])


@pytest.mark.parametrize(("texts", "tokens"), [(7, 10**6), (512, 100), (512, 1)])
def test_batches_hold_every_row_once_and_are_small_enough(monkeypatch, texts, tokens):
    monkeypatch.setattr(images, "TEXTS", texts)
    monkeypatch.setattr(images, "TOKENS", tokens)
    found = list(by_length(TEXTS))
    assert sorted(np.concatenate([rows for rows, _ in found]).tolist()) == list(range(59))
    for rows, ids in found:
        np.testing.assert_array_equal(ids, TEXTS[rows].padded())
        assert len(rows) <= texts
        assert ids.size <= tokens or len(rows) == 1
    padding = sum((ids == 0).sum() for _, ids in found)
    assert padding < 0.1 * len(TEXTS.values)


def test_results_come_in_the_order_of_the_rows(monkeypatch):
    monkeypatch.setattr(images, "TOKENS", 100)
    found = in_batches(lambda ids: ids.sum(axis=1), TEXTS)
    np.testing.assert_array_equal(found, [row.sum() for row in TEXTS])
