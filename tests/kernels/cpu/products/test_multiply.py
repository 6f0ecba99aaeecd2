"""Products as kernels call them: of parts of arrays, and cut among threads."""

import math

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from minae.kernels import cpu
from minae.kernels.cpu.products.multiply import (
    REGISTER,
    ROWS,
    _call,
    affine,
    cut,
    multiply,
    product_for,
)
from minae.kernels.cpu.products.product import LINE, room_bytes
from minae.kernels.cpu.products.tile import Shape

from ...cases import cut_into, normal
from .calls import FILL, filled


@njit
def shares(T, M, N, K, itemsize):
    return [cut(t, T, M, N, K, itemsize) for t in range(T)]


def best_of_whole_tiles(T, M, N, width):
    """Return the least work that the largest of T shares can be, by trying every grid of shares."""

    def largest(size, parts, unit):
        return math.ceil(math.ceil(size / unit) / parts) * unit

    grids = [(T // across, across) for across in range(1, T + 1) if T % across == 0]
    return min((largest(M, down, ROWS) + 8) * largest(N, across, width) for down, across in grids)


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize(("K", "more"), [(0, 1.1), (1000, 1)])  # with few terms, rows are preferred
def test_shares_are_everything_once_and_none_is_too_large(itemsize, K, more):
    width = REGISTER // itemsize
    sizes = [0, 1, 7, 8, 9, 15, 16, 17, 40, 64, 100, 1000]
    for T in [1, 2, 3, 4, 5, 6, 7, 8, 12, 16]:
        for M in sizes:
            for N in sizes:
                times, most = np.zeros((M, N), int), 0
                for i, k, j, l in shares(T, M, N, K, itemsize):  # noqa: E741
                    assert 0 <= i <= k <= M
                    assert 0 <= j <= l <= N
                    assert i % ROWS == 0 or i == M
                    assert j % width == 0 or j == N
                    times[i:k, j:l] += 1
                    most = max(most, (k - i + 8) * (l - j))
                assert (times == 1).all(), (T, M, N)
                assert most <= more * best_of_whole_tiles(T, M, N, width), (T, M, N)


def test_a_result_larger_than_b_is_cut_by_rows():
    assert shares(2, 128, 1568, 32, 4) == [(0, 64, 0, 1568), (64, 128, 0, 1568)]
    assert shares(2, 128, 1568, 1000, 4) == [(0, 128, 0, 784), (0, 128, 784, 1568)]


def test_the_same_bits_with_any_number_of_threads():
    sizes = (37, 450), (150, 450), (150,), (37, 150)
    x, weight, bias, dy = (normal(seed, *s, dtype=np.float32) for seed, s in enumerate(sizes))

    def compute(T):
        with cut_into(T):
            y = cpu.linear(x, weight, bias, "relu")
            return y, cpu.matmul(x, weight.T), *cpu.linear_backward(dy, x, weight, y, "relu")

    once = compute(1)
    for T in range(2, 6):
        for result, expected in zip(compute(T), once, strict=True):
            np.testing.assert_array_equal(result, expected)


@njit
def add_parts(product, t, a, transpose_a, b, transpose_b, c):
    """c = op(a) op(b), half of the terms at a time, and half of the columns."""
    half, middle = (len(a) if transpose_a else a.shape[1]) // 2, c.shape[1] // 2
    for add in range(2):
        low, high = (half, half + half) if add else (0, half)
        left = a[low:high] if transpose_a else a[:, low:high]
        for j, l in (0, middle), (middle, c.shape[1]):  # noqa: E741
            right = b[j:l, low:high] if transpose_b else b[low:high, j:l]
            multiply(product, t, left, transpose_a, right, transpose_b, c[:, j:l], add == 1)


@njit
def add_bias(product, a, b, c, bias, relu):
    affine(product, 0, a, b[:, 1:], False, c[:, 1:], bias[1:], relu)


def test_an_address_in_float64_is_refused():
    with pytest.raises(TypingError):
        njit(lambda address: _call(address, (1, 1.0)))(0)


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_products_of_parts(transpose_a, transpose_b):
    for M in 1, 2, 9:
        for N in 2, 50, 99:
            a, b = normal(0, M, 60, dtype=np.float32), normal(1, 60, N, dtype=np.float32)
            left, right = (
                a.T.copy() if transpose_a else a.copy(),
                b.T.copy() if transpose_b else b.copy(),
            )
            c = np.full((M, N), np.nan, np.float32)
            add_parts(product_for(4, 1), 0, left, transpose_a, right, transpose_b, c)
            np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("relu", [False, True])
def test_bias_and_relu_of_parts(relu):
    a, b, bias = normal(0, 9, 60).copy(), normal(1, 60, 50).copy(), normal(2, 50).copy()
    c = np.full((9, 50), np.nan)
    add_bias(product_for(8, 1), a, b, c, bias, relu)
    expected = np.maximum(a @ b + bias, 0) if relu else a @ b + bias
    assert np.isnan(c[:, 0]).all()
    np.testing.assert_allclose(c[:, 1:], expected[:, 1:], rtol=1e-12, atol=1e-12)


def test_each_thread_has_a_room_of_its_own():
    T, size = 3, room_bytes(Shape(REGISTER, 4))
    address, room, step, itemsize = product_for(4, T)
    assert room % LINE == step % LINE == 0
    assert step >= size

    memory = filled(T * step).reshape(T, step)
    a, b, c = (np.ones((60, 60), np.float32) for _ in range(3))
    add_parts(np.array([address, memory.ctypes.data, step, itemsize]), 1, a, False, b, True, c)
    assert (c == 60).all()
    assert (memory[1] != FILL).any()
    assert (memory[[0, 2]] == FILL).all()
