"""Which kernel multiplies given matrices, and that it does so correctly, in the simulator."""

import itertools

import numpy as np
import pytest

from minae.kernels.cuda.ladders.pipeline import ADD_SPLITS
from minae.kernels.cuda.ladders.product import clocks, plan, product, rung

LARGE, MEDIUM, SMALL = (128, 128), (128, 64), (64, 64)


@pytest.mark.parametrize(
    ("size", "processors", "tile", "splits"),
    [
        ((4096, 4096, 4096), 132, LARGE, 1),
        ((1024, 1024, 1024), 132, MEDIUM, 1),  # 64 large tiles would leave half of it idle
        ((1024, 1024, 1024), 40, LARGE, 1),
        ((512, 784, 128), 132, SMALL, 1),  # short k: nothing to split
        ((128, 512, 784), 132, MEDIUM, 13),
        ((128, 512, 784), 40, MEDIUM, 5),
        ((128, 20, 400), 132, SMALL, 25),
        ((60000, 30, 784), 132, MEDIUM, 1),  # few columns, many rows
        ((1, 1, 100000), 132, SMALL, 261),
        ((128, 128, 16), 132, SMALL, 1),
        ((3, 5, 0), 132, SMALL, 1),
    ],
    ids=str,
)
def test_the_choice(size, processors, tile, splits):
    chosen = plan(*size, processors)
    assert (chosen.tile, chosen.splits) == (tile, splits)
    assert chosen.length % 16 == 0
    assert (splits - 1) * chosen.length < max(size[2], 1) <= splits * chosen.length


@pytest.mark.parametrize(
    ("tile", "splits", "expected"),
    [
        (LARGE, 1, 126440),
        (MEDIUM, 1, 69992),
        (SMALL, 1, 63720),
        (SMALL, 13, 13371),
        (MEDIUM, 13, 12859),
    ],
    ids=str,
)
def test_the_example_that_is_explained(tile, splits, expected):
    assert clocks(tile, splits, 128, 512, 784, 132) == expected


def test_tensor_cores_want_fewer_splits():
    assert plan(128, 512, 784, 132, tf32=True).splits < plan(128, 512, 784, 132).splits


def operands(M, N, K, seed=0, first=0):
    """Return a (M, K), b (K, N), c (M, N) and bias (N,), matrices as views from `first` on."""
    rng = np.random.default_rng(seed)

    def matrix(rows, columns):
        flat = rng.standard_normal(first + rows * columns, np.float32)
        return flat[first:].reshape(rows, columns)

    return matrix(M, K), matrix(K, N), matrix(M, N), rng.standard_normal(N, np.float32)


def turned(matrix, first=0):
    """Return the transpose, as a view from `first` on of a larger array."""
    flat = np.empty(first + matrix.size, np.float32)
    view = flat[first:].reshape(matrix.shape[::-1])
    view[...] = matrix.T
    return view


def empty(shape):
    return np.full(shape, np.nan, np.float32)


def assert_close(c, expected, a, b, tolerance=1e-5):
    """Relative to the sizes of the terms, not to that of their sum."""
    assert (np.abs(c - expected) <= tolerance * (np.abs(a) @ np.abs(b) + 1)).all()


def run(a, b, c, bias=None, relu=False, add=False, seed=0, **how):
    """Have c computed, and return the steps."""
    steps = product(a, b, c, empty, bias, relu, add, **how)
    for step in steps:
        step.simulate(seed=seed)
    return steps


@pytest.mark.parametrize("tf32", [False, True], ids=["float32", "tf32"])
@pytest.mark.parametrize("size", [(20, 12, 36), (19, 13, 35)], ids=str)
@pytest.mark.parametrize(("turn_a", "turn_b"), list(itertools.product([False, True], repeat=2)))
def test_all_orders(turn_a, turn_b, size, tf32):
    a, b, c, bias = operands(*size)
    expected = np.maximum(a @ b + bias, 0)
    left, right = turned(a) if turn_a else a, turned(b) if turn_b else b
    c[...] = np.nan
    how = {"transposed_a": turn_a, "transposed_b": turn_b, "tf32": tf32, "processors": 1}
    (step,) = run(left, right, c, bias, relu=True, **how)
    at_once = 4 if size[0] % 4 == 0 else 1
    assert step.rung is rung(tf32, *plan(*size, 1, tf32).tile, not turn_a, turn_b, at_once)
    assert_close(c, expected, a, b, 1e-3 if tf32 else 1e-5)


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=3)), ids=str)
@pytest.mark.parametrize(("K", "splits"), [(20, 1), (60, 4)])
def test_what_follows_the_product(K, splits, flags):
    has_bias, relu, add = flags
    a, b, c, bias = operands(20, 12, K)
    expected = a @ b + has_bias * bias + add * c
    if not add:
        c[...] = np.nan
    steps = run(a, b, c, bias if has_bias else None, relu, add)
    assert plan(20, 12, K, 132).splits == splits
    assert [step.rung is ADD_SPLITS for step in steps] == [False, True][: min(splits, 2)]
    assert_close(c, np.maximum(expected, 0) if relu else expected, a, b)


@pytest.mark.parametrize("which", range(3), ids=["a", "b", "c"])
def test_a_view_may_begin_anywhere(which):
    aligned, shifted = operands(8, 8, 16), operands(8, 8, 16, first=1)
    arrays = [*aligned[:which], shifted[which], *aligned[which + 1 :]]
    (step,) = run(*arrays[:3], processors=1)
    assert step.rung is rung(False, *SMALL, True, False, 1)
    assert_close(arrays[2], arrays[0] @ arrays[1], *arrays[:2])


def test_rows_that_begin_at_16_bytes_are_copied_by_16():
    (step,) = run(*operands(8, 8, 16)[:3], processors=1)
    assert step.rung is rung(False, *SMALL, True, False, 4)


@pytest.mark.parametrize("size", [(1, 5, 40), (5, 1, 40), (1, 1, 1), (130, 1, 3)], ids=str)
def test_thin_products(size):
    a, b, c, _ = operands(*size)
    run(a, b, c)
    assert_close(c, a @ b, a, b)


@pytest.mark.parametrize("size", [(0, 3, 4), (3, 0, 4), (0, 0, 0)], ids=str)
def test_nothing_to_compute(size):
    assert run(*operands(*size)[:3]) == []


def test_nothing_along_k():
    a, b, c, bias = operands(3, 5, 0)
    before = c.copy()
    run(a, b, c, bias, relu=True, add=True)
    np.testing.assert_array_equal(c, np.maximum(bias + before, 0))


def test_a_matrix_times_itself():
    a, _, c, _ = operands(12, 12, 20)
    run(a, a, c, transposed_b=True)
    assert_close(c, a @ a.T, a, a.T)


def test_the_same_bits_in_any_order_of_threads():
    a, b, c, _ = operands(8, 8, 60)
    results = [run(a, b, c, seed=seed) and c.copy() for seed in (1, 2)]
    assert len(product(a, b, c, empty)) == 2
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        ([(2, 3), (4, 5), (2, 5)], r"b has shape \(4, 5\), and a \(2, 3\) asks for \(3, 5\): give"),
        ([(2, 3), (3, 5), (5, 2)], r"c has shape \(5, 2\), and a \(2, 3\) asks for \(2, 5\)"),
        ([(2, 3), (3, 5), (2, 5), (1, 5)], r"bias has shape \(1, 5\), and .* asks for \(5,\)"),
        ([(2**16, 2**15), (2**15, 1), (2**16, 1)], r"a has 2\^31 numbers or more: multiply it in"),
    ],
)
def test_what_it_refuses(shapes, sentence):
    a, b, c, *bias = (np.broadcast_to(np.float32(0), shape) for shape in shapes)
    with pytest.raises(ValueError, match=sentence):
        product(a, b, c, empty, *bias)
