"""Parts of arrays are what slices are, and keep the array that they are part of."""

import numpy as np
import pytest
from numba import njit

from minae.kernels.cpu.compile.compiled import columns, compiled, rows

A = np.arange(42.0).reshape(6, 7)
VECTOR, CUBE = np.arange(9, dtype=np.float32), np.arange(60.0).reshape(3, 4, 5)


@njit
def some_rows(a, first, end):
    return rows(a, first, end)


@njit
def some_columns(a, first, end):
    return columns(a, first, end)


@pytest.mark.parametrize("bounds", [(0, 2), (1, 2), (1, 1), (0, 3), (3, 3)])
@pytest.mark.parametrize("a", [A, A[:, 1:6], A[::2], A.T, VECTOR, VECTOR[1::2], CUBE])
def test_they_are_what_slices_are(a, bounds):
    first, end = bounds
    pairs = [(some_rows(a, first, end), a[first:end])]
    if a.ndim > 1:
        pairs.append((some_columns(a, first, end), a[:, first:end]))
    for view, expected in pairs:
        assert view.shape == expected.shape
        assert view.dtype == expected.dtype
        np.testing.assert_array_equal(view, expected)


def test_what_is_written_to_them_is_in_the_array():
    @compiled
    def write(a):
        part = columns(rows(a, 1, 3), 2, 4)
        for i in range(part.shape[0]):
            for j in range(part.shape[1]):
                part[i, j] = -1

    a = A.copy()
    njit(lambda a: write(a))(a)
    assert np.argwhere(a == -1).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]


def test_rows_of_a_contiguous_array_are_contiguous():
    """Or else loops over them would not become vectors."""
    function = njit(lambda a: rows(a, 1, 2))
    function(A)
    assert function.nopython_signatures[0].return_type.layout == "C"


def test_the_array_lives_as_long_as_its_parts():
    @njit
    def last(n):
        return rows(np.full(n, 1.0), n - 2, n)

    parts = [last(1000) for _ in range(100)]  # what was freed would be written to by the next
    assert all((part == 1).all() for part in parts)
    assert len({part.ctypes.data for part in parts}) == 100
