"""The generator against its authors' known answers, and the distribution of draws."""

from types import FunctionType

import numba
import numpy as np
import pytest
from scipy import stats

from minae.kernels.cuda import random


def test_known_answer():
    """From the Random123 library, for a counter and a key of zeros."""
    assert random.philox(0, 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)


def test_integers_of_64_bits_are_enough():
    """Python's are unlimited; compiled, a product of two words may be negative."""
    scope = {**random.__dict__, "int64": numba.int64}
    compiled = numba.njit(FunctionType(random.philox.__code__, scope))
    for i in range(100):
        index, seed = 0x123456789ABCDEF * i % 2**63, 0xFEDCBA987654321 * i % 2**63
        assert compiled(index, seed) == random.philox(index, seed)


def draw(kind, size, state=(1, 0)):
    out = np.full(size, np.nan, np.float32)
    random.draw(kind, out, np.asarray(state, np.int64))
    return out


@pytest.mark.parametrize(("kind", "cdf"), [("uniform", "uniform"), ("normal", "norm")])
def test_draws_follow_their_distribution(kind, cdf):
    numbers = draw(kind, (50, 41))
    assert stats.kstest(numbers.ravel(), cdf).pvalue > 0.01
    pairs = numbers.ravel()[:2048].reshape(-1, 4)
    assert (np.abs(np.corrcoef(pairs.T) - np.eye(4)) < 0.2).all()  # 512 rows: σ is 0.044


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_numbers_go_on_where_they_ended(kind):
    state = np.array([1, 0])
    first, second = draw(kind, 10, state), draw(kind, 7, state)
    assert state.tolist() == [1, 3 + 2]  # groups of four
    together = draw(kind, 20)
    np.testing.assert_array_equal(first, together[:10])
    np.testing.assert_array_equal(second, together[12:19])
    assert not np.array_equal(draw(kind, 10, (2, 0)), first)


def test_large_positions_and_seeds_keep_their_bits():
    assert len({random.philox(i << 20, s << 40) for i in range(40) for s in range(20)}) == 800
