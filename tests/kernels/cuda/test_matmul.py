"""Every rung of the ladder in the simulator: the right numbers, and no errors."""

import numpy as np
import pytest

from minae.kernels.cuda.ladders import gemm, matmul
from minae.kernels.cuda.ladders.pipeline import ADD_SPLITS
from minae.kernels.cuda.launch.intrinsics import to_tf32

# Which run along k.
ORDERS = {"nn": (True, False), "tn": (False, False), "nt": (True, True), "tt": (False, True)}
TOLERANCE = {"simple": 1e-5, "tensor": 1e-3}


def matrices(M, N, K, seed=0):
    normal = np.random.default_rng(seed).standard_normal
    return normal((M, K), np.float32), normal((K, N), np.float32), normal(N, np.float32)


def assert_product(c, expected, a, b, tolerance):
    """Relative to the sizes of the terms, not to that of their sum."""
    assert np.isfinite(c).all()
    assert (np.abs(c - expected) <= tolerance * (np.abs(a) @ np.abs(b) + 1)).all()


@pytest.mark.parametrize("size", [(35, 33, 20), (1, 1, 1), (16, 64, 16), (3, 70, 5)])
@pytest.mark.parametrize("name", ["naive", "coalesced", "tiled", "registers"])
def test_rungs_that_take_any_size(name, size):
    M, N, K = size
    a, b, _ = matrices(M, N, K)
    c = np.full((M, N), np.nan, np.float32)
    matmul.RUNGS[name].simulate((M, N), a, b, c, seed=1)
    assert_product(c, a @ b, a, b, 1e-5)


@pytest.mark.parametrize("name", ["vectors", "double_buffered"])
def test_rungs_that_take_whole_tiles(name):
    M, N, K = 128, 128, 24
    a, b, _ = matrices(M, N, K)
    c = np.full((M, N), np.nan, np.float32)
    matmul.RUNGS[name].simulate((M, N), a.ravel(), b.ravel(), c.reshape(-1), K, N, seed=1)
    assert_product(c, a @ b, a, b, 1e-5)


def launch(make, tile, order, at_once, a, b, bias, c, length, *flags, seed=0, count=False):
    """c = a b, in splits of this length along k."""
    (M, K), N = a.shape, b.shape[1]
    a_along_k, b_along_k = ORDERS[order]
    a = a if a_along_k else np.ascontiguousarray(a.T)
    b = np.ascontiguousarray(b.T) if b_along_k else b
    rung = getattr(gemm, make)(*tile, a_along_k, b_along_k, at_once)
    sizes = M, N, max(1, -(-K // length))
    arrays = a.ravel(), b.ravel(), c.reshape(-1), bias
    return rung.simulate(sizes, *arrays, M, N, K, length, *flags, seed=seed, count=count)


@pytest.mark.parametrize("at_once", [4, 1])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("make", TOLERANCE)
def test_products_of_any_size(make, order, at_once):
    M, N, K = (
        (20, 72, 36) if at_once == 4 else (65, 19, 35)
    )  # each is larger than a tile in one direction
    a, b, bias = matrices(M, N, K)
    c = np.full((M, N), np.nan, np.float32)
    launch(make, (64, 64), order, at_once, a, b, bias, c, 10**6, True, True, False)
    assert_product(c, np.maximum(a @ b + bias, 0), a, b, TOLERANCE[make])


@pytest.mark.parametrize("tile", [(128, 128), (128, 64)])
@pytest.mark.parametrize("make", TOLERANCE)
def test_larger_tiles(make, tile):
    a, b, bias = matrices(*tile, 20)
    before = np.random.default_rng(1).standard_normal(tile, np.float32)
    c = before.copy()
    launch(make, tile, "nn", 4, a, b, bias, c, 10**6, False, False, True)
    assert_product(c, before + a @ b, a, b, TOLERANCE[make])


@pytest.mark.parametrize(("make", "order"), [("simple", "nt"), ("tensor", "nn")])
def test_c_is_stored_in_whole_sectors(make, order):
    a, b, bias = matrices(64, 64, 16)
    c = np.full((64, 64), np.nan, np.float32)
    traffic = launch(make, (64, 64), order, 4, a, b, bias, c, 16, False, False, False, count=True)
    assert 32 * traffic.total("global", "store").sectors == c.nbytes


def test_nothing_along_k():
    a, b, bias = matrices(3, 5, 0)
    c = np.full((3, 5), np.nan, np.float32)
    launch("simple", (64, 64), "nn", 1, a, b, bias, c, 16, True, False, False)
    np.testing.assert_array_equal(c, np.tile(bias, (3, 1)))


def test_splits_along_k():
    M, N, K, splits, length = 20, 12, 100, 3, 48
    a, b, bias = matrices(M, N, K)
    parts = np.full((splits, M, N), np.nan, np.float32)
    launch("simple", (64, 64), "nn", 4, a, b, bias, parts, length, False, False, False)
    c, before = np.ones((M, N), np.float32), np.ones((M, N), np.float32)
    arrays = parts.reshape(-1), c.reshape(-1), bias
    ADD_SPLITS.simulate((M * N,), *arrays, N, M * N, splits, True, True, True)
    assert_product(c, np.maximum(a @ b + bias + before, 0), a, b, 1e-5)


def test_relu_keeps_nan():
    a, b = np.full((1, 1), np.nan, np.float32), np.ones((1, 1), np.float32)
    c = np.zeros((1, 1), np.float32)
    launch("simple", (64, 64), "nn", 1, a, b, np.zeros(1, np.float32), c, 16, False, True, False)
    assert np.isnan(c).all()


@pytest.mark.parametrize("make", TOLERANCE)
@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_threads(make, seed):
    a, b, bias = matrices(64, 64, 40)
    c = np.full((64, 64), np.nan, np.float32)
    launch(make, (64, 64), "nn", 4, a, b, bias, c, 10**6, True, False, False, seed=seed)
    assert_product(c, a @ b + bias, a, b, TOLERANCE[make])


def test_tf32_is_right_on_average_and_keeps_what_is_special():
    def kept(x):
        return np.array([to_tf32(number) for number in x], np.uint32).view(np.float32)

    x = np.random.default_rng(0).uniform(1, 2, 4096).astype(np.float32)
    error = (kept(x).astype(float) - x) * 2**10  # in units of the last bit that is kept
    assert -2 / 3 - 1e-3 <= error.min() < -0.6
    assert 0.6 < error.max() <= 2 / 3 + 1e-3
    assert abs(error.mean()) < 0.02
    exact = np.array([0, -0.0, 1, -1.5, 2 - 2**-10, np.inf, -np.inf], np.float32)
    np.testing.assert_array_equal(kept(exact).view(np.uint32), exact.view(np.uint32))
    nans = np.array([0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000], np.uint32).view(np.float32)
    assert np.isnan(kept(nans)).all()
