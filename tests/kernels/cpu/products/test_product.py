"""The product against NumPy's in a wider type: its values, what it reads, and what it writes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from minae.kernels.cpu.products.product import BLOCK, DEPTH, LINE, PAGE, REUSES

from .calls import FILL, SHAPES, call, dtype_of, place, product

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s.register}-{s.itemsize}")
WIDER = {4: np.float64, 8: np.longdouble}
flags = st.booleans()
DRAW = [Phase.generate]  # looking for the smallest failure takes minutes


def near(*sizes):
    return st.sampled_from(sorted({max(size + d, 0) for size in sizes for d in (-1, 0, 1)}))


def sizes(shape, packs):
    """Return strategies for M, N and K, near sizes at which something changes."""
    rows, columns, width = shape.rows, shape.columns, shape.width
    depths = near(0, 2, width, DEPTH, 2 * DEPTH)
    if packs:
        wide = near(REUSES * columns, REUSES * columns + width, (REUSES + 1) * columns)
        return near(rows, 2 * rows, BLOCK, BLOCK + rows), wide, depths
    narrow = near(0, 2, width, columns, columns + width, 2 * columns)
    return near(0, 2, rows // 2, rows, 3 * rows), narrow, depths


def check(draw, shape, packs):
    """Compare one product; with `packs`, mostly one for which rows of a are packed."""
    M, N, K = map(draw, sizes(shape, packs))
    dtype, wider = dtype_of(shape), WIDER[shape.itemsize]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def matrix(rows, columns, page=False):
        offset = draw(st.sampled_from(range(0, LINE, shape.itemsize)))
        step = (columns + draw(st.sampled_from([0, 1, 3]))) * shape.itemsize
        if page or draw(st.integers(0, 3)) == 0:
            step = -(-step // PAGE) * PAGE
        return place(rng.normal(size=(rows, columns)).astype(dtype), offset, step)

    a = matrix(K, M, packs)[0].T if draw(flags) else matrix(M, K, packs)[0]
    turned, add, relu = draw(flags), draw(flags), draw(flags)
    b = (matrix(N, K) if turned else matrix(K, N))[0]
    bias = matrix(1, N)[0] if draw(flags) else None
    where = matrix(M, N)[0].round() if draw(flags) else None
    c, memory = matrix(M, N)

    left, right = a.astype(wider), (b.T if turned else b).astype(wider)
    exact, scale = left @ right, abs(left) @ abs(right)
    roundings = min(K, DEPTH) + K / DEPTH
    for term in [c] * add + [bias] * (bias is not None):
        exact, scale, roundings = exact + term, scale + abs(term), roundings + 1
    if relu:
        exact = np.maximum(exact, 0)
    if where is not None:
        exact = np.where(where > 0, exact, 0)
    if not add:
        c[...] = np.nan
    call(shape, a, b, c, turned, add, bias, relu, where)

    bound = (roundings + 1) * np.finfo(dtype).eps / 2 + (K + 2) * np.finfo(wider).eps
    assert (abs(c - exact) <= bound * scale).all()
    c.view(np.uint8)[...] = FILL
    assert (memory == FILL).all()


@pytest.mark.parametrize("packs", [False, True])
@every_shape
@settings(max_examples=40, phases=DRAW)
@given(data=st.data())
def test_products(shape, packs, data):
    check(data.draw, shape, packs)


@pytest.mark.slow
@pytest.mark.parametrize("packs", [False, True])
@every_shape
@settings(max_examples=850, phases=DRAW)
@given(data=st.data())
def test_10_000_products(shape, packs, data):
    check(data.draw, shape, packs)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mprotect")
def test_nothing_beside_the_matrices_is_read_or_written():
    script = Path(__file__).with_name("beside_gaps.py")
    done = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@every_shape
def test_nan_and_inf_pass_through(shape):
    M, N, K = shape.rows + 1, shape.columns + 1, DEPTH + 1
    for bad in np.nan, np.inf, -np.inf:
        a, b = np.zeros((M, K), dtype_of(shape)), np.ones((K, N), dtype_of(shape))
        a[M - 2, K - 1] = b[0, N - 2] = bad
        expected = np.zeros((M, N), a.dtype)
        expected[M - 2] = bad
        expected[:, N - 2] = np.nan  # 0 * inf
        for turned in False, True:
            matrix = np.ascontiguousarray(b.T) if turned else b
            np.testing.assert_array_equal(product(shape, a, matrix, turned=turned), expected)
            y = product(shape, a, matrix, turned=turned, relu=True)
            np.testing.assert_array_equal(y, np.maximum(expected, 0))


@every_shape
def test_where_a_nan_or_no_positive_number_stands_c_is_0(shape):
    where = np.array([[np.nan, np.inf, -np.inf, 1, 0, -0.0, -1]], dtype_of(shape))
    a, b = np.ones((1, 1), where.dtype), np.ones(where.shape, where.dtype)
    assert product(shape, a, b, where=where).tolist() == [[0, 1, 0, 1, 0, 0, 0]]
    y = product(shape, a, np.nan * b, where=where)
    np.testing.assert_array_equal(y, [[0, np.nan, 0, np.nan, 0, 0, 0]])


@every_shape
def test_relu_leaves_no_negative_zero(shape):
    a, b = np.ones((1, 1), dtype_of(shape)), np.full((1, 3), -0.0, dtype_of(shape))
    for finish in {}, {"bias": b}, {"add": True}:
        y = product(shape, a, b, **finish)
        assert y.tolist() == [[0, 0, 0]]
        assert not np.signbit(product(shape, a, b, relu=True, **finish)).any()
