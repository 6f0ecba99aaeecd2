"""A row of a product has the same bits wherever and with whatever it is computed."""

import numpy as np
import pytest

from minae.kernels.cpu.products.product import BLOCK, DEPTH, PAGE, REUSES
from minae.kernels.cpu.products.vectors import LINE

from ...cases import normal
from .calls import SHAPES, call, dtype_of, place, product

pytestmark = pytest.mark.parametrize(
    "shape", SHAPES, ids=[f"{s.register}-{s.itemsize}" for s in SHAPES]
)
INPUTS = 2 * DEPTH + 7
every_way = pytest.mark.parametrize("turned", [False, True], ids=["plain", "turned"])


def factors(shape, rows, turned):
    """Return a, each row of which is a page away from the next, and b."""
    N, dtype = REUSES * shape.columns + 3, dtype_of(shape)
    a, _ = place(normal(0, rows, INPUTS, dtype=dtype), step=PAGE)
    return a, normal(1, *((N, INPUTS) if turned else (INPUTS, N)), dtype=dtype)


@every_way
def test_any_number_of_rows(shape, turned):
    """Few are read where they lie, many are packed, and each height of tile has its own code."""
    a, b = factors(shape, BLOCK + 41, turned)
    y = product(shape, a, b, turned=turned)
    for rows in [*range(1, 41), BLOCK, BLOCK + 1]:
        for first in 0, 1, 41:
            part = product(shape, a[first : first + rows], b, turned=turned)
            np.testing.assert_array_equal(part, y[first : first + rows])


@every_way
def test_any_place_in_memory(shape, turned):
    a, b = factors(shape, shape.rows + 1, turned)
    y = product(shape, a, b, turned=turned)
    for offset in range(0, LINE, shape.itemsize):
        for shifts in (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1):
            (left, _), (right, _), (c, _) = (
                place(matrix, offset * shift)
                for matrix, shift in zip((a, b, y), shifts, strict=True)
            )
            c[...] = 0
            call(shape, left, right, c, turned)
            np.testing.assert_array_equal(c, y)


@every_way
def test_every_time(shape, turned):
    a, b = factors(shape, shape.rows + 1, turned)
    y = product(shape, a, b, turned=turned)
    for _ in range(20):
        np.testing.assert_array_equal(product(shape, a, b, turned=turned), y)
