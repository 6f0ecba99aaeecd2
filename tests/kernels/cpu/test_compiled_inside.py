"""Functions that are compiled as parts of their callers."""

import numpy as np
import pytest
from numba import njit

from minae.kernels.cpu.compile.compiled import compiled_if, compiled_inside, parallel


@compiled_inside
def add(a, number):
    """Add a number, but no negative one, to a vector."""
    if number < 0:
        raise ValueError("a negative number")
    for i in range(a.size):
        a[i] += number


@compiled_inside
def add_twice(a, number):
    add(a, number)
    add(a, number)


@njit
def caller(a, b, number):
    add_twice(a, number)
    add_twice(b, 0.25)
    add(a, 1)


def test_one_caller_may_have_several_and_of_several_types():
    a, b = np.zeros(3, np.float32), np.zeros(2)
    caller(a, b, 3)
    assert a.tolist() == [7, 7, 7]
    assert b.tolist() == [0.5, 0.5]


def test_exceptions_reach_the_caller():
    with pytest.raises(ValueError, match="negative"):
        caller(np.zeros(3, np.float32), np.zeros(2), -1)


@parallel
def fill(t, T, a, number):
    a[t] = number


all_shares, share = fill.all_shares, fill.share


@compiled_if(lambda *arguments: True)
def fill_two(T, a, b):
    all_shares(T, a, 1)
    all_shares(T, b, 2)
    share(0, T, a, 3)


def test_compiled_code_runs_shares():
    a, b = np.zeros(2), np.zeros(2, np.float32)
    fill_two(2, a, b)
    assert a.tolist() == [3, 1]
    assert b.tolist() == [2, 2]
