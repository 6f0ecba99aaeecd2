"""Every rung of the CPU's ladder computes the same product."""

import numpy as np
import pytest

from minae.kernels.cpu.ladders import limit
from minae.kernels.cpu.ladders.matmul import COLUMNS, ROWS, RUNGS, WIDTH, Rung

SIZES = [
    (1, 1, 1),
    (ROWS, 20, COLUMNS),
    (ROWS + 1, 33, COLUMNS + 1),
    (2 * ROWS - 1, 7, 2 * COLUMNS - 1),
    (5, 300, WIDTH),
    (3, 2, WIDTH - 1),
    (130, 65, 100),
    (ROWS, 0, COLUMNS),
    (0, 3, 4),
]


def product(rung: Rung, M: int, K: int, N: int):
    """Return a rung's product, and the exact one. Around c there are zeros, which must remain."""
    rng = np.random.default_rng(M * K + N)
    a, b = rng.standard_normal((M, K), np.float32), rng.standard_normal((K, N), np.float32)
    memory = np.zeros(M * N + 200, np.float32)
    c = memory[100 : 100 + M * N].reshape(M, N)
    c[:] = np.nan
    rung.bind(a, b, c)()
    assert not memory[:100].any()
    assert not memory[100 + M * N :].any()
    return c, a.astype(float) @ b


@pytest.mark.parametrize("name", RUNGS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_it_is_the_product(name, sizes):
    c, exact = product(RUNGS[name], *sizes)
    np.testing.assert_allclose(c, exact, rtol=1e-4, atol=1e-4)


def test_the_limit_multiplies_and_adds():
    """SUMS vectors, each of which adds a product of two numbers so many times."""
    numbers = np.full(limit.SIZE, 2, np.float32)
    limit.multiply_add(numbers, 5)
    assert numbers[0] == limit.SUMS * 5 * 2 * 2
    assert numbers[-1] == 2


@pytest.mark.parametrize("T", [1, 2])
def test_all_cores_do_so_at_once(T):
    numbers = np.full((T, limit.SIZE), 2, np.float32)
    limit.multiply_add_at_once(T, numbers, 5)
    assert (numbers[:, 0] == limit.SUMS * 5 * 2 * 2).all()
