"""Rows run through a model in batches."""

import numpy as np

from minae.data import Ragged
from minae.ops import sum as total
from minae.tools.images import BATCH, in_batches


def test_what_is_made_of_texts_comes_in_their_order():
    """They are taken by their length, so that little is padded."""
    rng = np.random.default_rng(0)
    rows = Ragged.of(
        [rng.integers(1, 100, length) for length in rng.integers(1, 60, 3 * BATCH + 5)]
    )
    widths = []

    def function(ids):
        widths.append(ids.shape[1])
        return total(ids, 1)

    found = in_batches(function, rows)
    assert found.tolist() == [row.sum() for row in rows]
    assert widths == sorted(widths)
    assert sum(widths) < 0.85 * 60 * len(widths)
