"""Drawing tokens: frequencies against probabilities, and what the options leave out."""

import numpy as np
import pytest
from scipy import stats

from minae.errors import InputError
from minae.models.sampling import draw, sampler

P = np.array([0.05, 0.4, 0.15, 0.3, 0.1])
LOGITS = np.log(P).astype(np.float32) + 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, P),
        ({"temperature": 0.5}, P**2),
        ({"temperature": 2.0}, P**0.5),
        ({"top_k": 2}, P * [0, 1, 0, 1, 0]),
        ({"top_k": 9}, P),
        ({"top_p": 0.5}, P * [0, 1, 0, 1, 0]),
        ({"top_p": 0.75}, P * [0, 1, 1, 1, 0]),
        ({"top_p": 1.0}, P),
        ({"top_p": 1e-9}, P * [0, 1, 0, 0, 0]),
        ({"temperature": 0.5, "top_p": 0.7}, P**2 * [0, 1, 0, 1, 0]),  # .56 + .32
        ({"temperature": 0.5, "top_k": 3, "top_p": 0.95}, P**2 * [0, 1, 1, 1, 0]),
        ({"temperature": 0}, P * [0, 1, 0, 0, 0]),
        ({"temperature": 1e-310}, P * [0, 1, 0, 0, 0]),
    ],
)
def test_frequencies_are_the_probabilities(options, expected):
    rng, n = np.random.default_rng(0), 4000
    counts = np.bincount([draw(LOGITS, rng, **options) for _ in range(n)], minlength=5)
    expected = expected / expected.sum()
    assert not counts[expected == 0].any()
    seen = expected > 0
    if seen.sum() > 1:
        assert stats.chisquare(counts[seen], n * expected[seen]).pvalue > 0.01


def test_of_equally_probable_ids_the_first_are_kept():
    rng = np.random.default_rng(0)
    assert {draw(np.zeros(5), rng, top_k=2) for _ in range(50)} == {0, 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature is a number from 0"),
        ({"temperature": float("nan")}, "temperature is a number from 0"),
        ({"top_k": 0}, "top_k is a whole number from 1"),
        ({"top_p": 0.0}, "top_p is a share above 0"),
        ({"top_p": 1.1}, "top_p is a share above 0"),
        ({"seed": -1}, "seed is a whole number from 0"),
    ],
)
def test_bad_options_are_named(options, message):
    usual = {"temperature": 1.0, "top_k": None, "top_p": None, "seed": None}
    with pytest.raises(InputError, match=message):
        sampler(**usual | options)
