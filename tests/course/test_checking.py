"""What a check says of a wrong answer."""

import numpy as np
import pytest

from minae import tensor
from minae.course.checking import gradients, same, slope
from minae.tools.gradchecks import minae_ops

ROWS = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (2, 2.0),
        (np.float32(0.1), 0.1),
        ([1, 2], (1.0, 2.0)),
        (ROWS.astype(np.float32), ROWS),
        (tensor(ROWS, requires_grad=True), ROWS),
        ((ROWS, 3), (ROWS, 3.0)),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf])),
        (np.array([1e-16, 0.0]), np.zeros(2)),
        (np.array([1e6, 1e-3]), np.array([1e6, 0.0])),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (True, True),
    ],
)
def test_same(actual, expected):
    same(actual, expected, "f()")


class Liar(float):
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class Agreeable(np.ndarray):
    """Close to everything."""

    def __array_ufunc__(self, *_, **__):
        return np.ones(3, bool)

    def __array_function__(self, *_):
        return np.ones(3, bool)


@pytest.mark.parametrize(
    ("actual", "expected", "said"),
    [
        (None, 2, ["f() returned None: is a return missing?"]),
        (3, 2, ["returned 3", "expected 2"]),
        ("two", 2, ["'two'", "no array of numbers"]),
        (["1", "2"], np.array([1, 2]), ["['1', '2']", "no array of numbers"]),
        (object, 2, ["no array of numbers"]),
        ([[1], [2, 3]], ROWS, ["no array of numbers"]),
        (ROWS.T, ROWS, ["shape (3, 2), expected (2, 3)"]),
        (ROWS + (ROWS == 4), ROWS, ["1 of 6 entries differ", "first at [1, 1]: 5, expected 4"]),
        (ROWS * np.nan, ROWS, ["6 of 6", "[0, 0]: nan, expected 0"]),
        (ROWS, (ROWS, 3), ["result 0 of f()", "shape (3,), expected (2, 3)"]),
        (3, (ROWS, 3), ["returned 3, not 2 values"]),
        ((1e6, 1.5), (1e6, 1.0), ["result 1 of f()", "1.5, expected 1"]),
        (np.array([1e6, 1.5]), (1e6, 1.0), ["result 1 of f()", "1.5, expected 1"]),
        (1 + 2e-9, 1.0, ["The first: 1.00000000199999"]),
        ((ROWS, 3, 4), (ROWS, 3), ["3 values, not 2"]),
        ((ROWS, 4), (ROWS, 3), ["result 1 of f()", "returned 4"]),
        (np.inf, 1.0, ["inf, expected 1"]),
        (1.0, np.inf, ["1, expected inf"]),
        (1.00001, 1.0, ["1.00001, expected 1"]),
        (Liar(3), 2, ["3, expected 2"]),
        (np.ones(3).view(Agreeable), np.zeros(3), ["3 of 3"]),
        (1j, 1.0, ["no array of numbers"]),
    ],
)
def test_different(actual, expected, said):
    with pytest.raises(AssertionError) as raised:
        same(actual, expected, "f()", 1e-9)
    for part in said:
        assert part in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 12


def test_a_large_result_is_shown_in_part():
    with pytest.raises(AssertionError) as raised:
        same(np.zeros((100, 100)), np.ones((100, 100)), "f()")
    assert "10000 of 10000 entries differ. The first at [0, 0]: 0, expected 1" in str(raised.value)
    assert len(str(raised.value)) < 1000


def scaled(x, factor):
    return x * factor


ROW = np.array([2.0, 3.0])


@pytest.mark.parametrize(
    ("backward", "said"),
    [
        (lambda dy, x, factor: (dy * factor, (dy * x).sum(axis=0)), None),
        (lambda dy, x, factor: [dy * factor, (dy * x).sum(axis=0)], None),
        (lambda dy, x, factor: [[[1, 2], [3]], 4], "no array of numbers"),
        (lambda dy, x, factor: (dy * factor, dy * x), r"shapes \[\(4, 2\), \(4, 2\)\], expected"),
        (lambda dy, x, factor: (dy / factor, (dy * x).sum(axis=0)), r"f\(\): .*x"),
        (lambda dy, x, factor: (np.multiply(dy, factor, out=dy), (dy * x).sum(axis=0)), "changed"),
    ],
    ids=["right", "a list", "ragged", "a shape", "a value", "writes"],
)
def test_gradients(backward, said):
    x = np.random.default_rng(0).normal(size=(4, 2))
    if said is None:
        gradients("f()", scaled, backward, x, ROW)
    else:
        with pytest.raises(AssertionError, match=said):
            gradients("f()", scaled, backward, x, ROW)
    assert "_ByHand" not in {op.__name__ for op in minae_ops()}


def test_the_slope_of_a_function_of_an_array():
    x = np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_allclose(slope(lambda a: (a**3).sum(), x), 3 * x**2, rtol=1e-8)
    np.testing.assert_array_equal(x, [[1.0, -2.0, 0.5]])
