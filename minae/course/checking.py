"""What a check says about a wrong answer: the call, its result, and what was expected."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from minae.course.contract import once
from minae.diagnosis import diagnose
from minae.gradcheck import GradcheckError, check_pair
from minae.tensor import Tensor

SHOWN = 200  # characters of a value


def same(actual: Any, expected: Any, call: str, tolerance: float = 1e-6) -> None:
    """Raise AssertionError unless a student's result is what was expected.

    Both are arrays, tensors, numbers, or tuples or lists of these. The values of a tuple, or of a
    list that holds more than numbers, are compared one by one. `tolerance` is the largest
    difference allowed, relative to the largest expected entry. `call` is how the function was
    called, as a student would write it: "softmax([[1, 2], [3, 5]])".
    """
    assert actual is not None, f"{call} returned None: is a return missing?"
    is_row = isinstance(expected, list) and all(map(np.isscalar, expected))
    if isinstance(expected, tuple | list) and not is_row:
        values = values_of(actual, len(expected), call)
        for i, (a, e) in enumerate(zip(values, expected, strict=True)):
            same(a, e, f"result {i} of {call}", tolerance)
        return
    a, e = _array(actual, call), _array(expected, call)
    assert a.shape == e.shape, (
        f"{call} returned an array of shape {a.shape}, expected {e.shape}:\n{_shown(a)}"
    )
    close = np.isclose(a, e, rtol=0, atol=tolerance * _scale(e), equal_nan=True)
    if close.all():
        return
    index = tuple(int(i) for i in np.argwhere(~close)[0])
    where = f" at {list(index)}" if index else ""
    count = f"{(~close).sum()} of {close.size} entries differ. " if close.size > 1 else ""
    digits = 7 if f"{a[index]:.7g}" != f"{e[index]:.7g}" else 17  # enough to see the difference
    raise AssertionError(
        f"{call}\n"
        f"  returned {_shown(a)}\n"
        f"  expected {_shown(e)}\n"
        f"{count}The first{where}: {a[index]:.{digits}g}, expected {e[index]:.{digits}g}"
    )


def same_gradient(actual: Any, expected: np.ndarray, call: str, tolerance: float = 1e-6) -> None:
    """Raise AssertionError as `same` does, in three lines: what, the worst entry, a guess why."""
    found = _array(actual, call)
    assert found.shape == expected.shape, (
        f"{call} has shape {found.shape}, expected {expected.shape}"
    )
    off = np.abs(found - expected)
    wrong = ~(off <= tolerance * _scale(expected))  # true where it is nan, too
    if wrong.any():
        index = np.unravel_index(np.where(np.isnan(off), np.inf, off).argmax(), off.shape)
        place = f"at {[int(i) for i in index]}" if index else "its only entry"
        raise AssertionError(
            f"{call} is wrong at {wrong.sum()} of {wrong.size} entries\n"
            f"worst {place}: yours {found[index]:.9g}, expected {expected[index]:.9g}\n"
            f"guess: {diagnose(found, expected, wrong)}"
        )


def values_of(answer: Any, count: int, call: str) -> list:
    """Return a tuple's, list's or array's `count` values; raise AssertionError if it has others."""
    is_array = isinstance(answer, np.ndarray) and answer.ndim
    assert is_array or isinstance(answer, tuple | list), (
        f"{call} returned {_shown(answer)}, not {count} values"
    )
    assert len(answer) == count, f"{call} returned {len(answer)} values, not {count}"
    return list(answer)


def shape_of(value: Any, call: str) -> tuple[int, ...]:
    """Return the shape of a result. Raises AssertionError if it is no array of numbers."""
    return _array(value, call).shape


def peak_megabytes(f: Callable[[], object]) -> float:
    """Return the most memory that a call took at a time, beyond what was in use before."""
    with once():
        tracemalloc.start()
        try:
            f()
            return tracemalloc.get_traced_memory()[1] / 1e6
        finally:
            tracemalloc.stop()


def gradients(call: str, forward: Callable, backward: Callable, *arrays: np.ndarray) -> None:
    """Raise AssertionError unless backward(dy, *arrays) is the derivative of forward(*arrays).

    The arrays are in float64. backward returns the gradients with respect to them, in their order;
    of a single array, just its gradient. `call` is how a student would write its call.
    """

    def listed(dy: np.ndarray, *inputs: np.ndarray) -> tuple:
        found = backward(dy, *inputs)
        several = isinstance(found, tuple) or (isinstance(found, list) and len(arrays) > 1)
        found = tuple(found) if several else (found,)
        shapes, expected = [shape_of(g, call) for g in found], [a.shape for a in arrays]
        assert shapes == expected, (
            f"{call} returned gradients of shapes {shapes}, expected {expected}"
        )
        return found

    dy = np.random.default_rng(9).normal(size=np.shape(forward(*arrays)))
    copies = [a.copy() for a in (dy, *arrays)]
    listed(dy, *arrays)
    for array, copy in zip((dy, *arrays), copies, strict=True):
        assert np.array_equal(array, copy), f"{call} changed one of its inputs"
    try:
        check_pair(forward, listed, *arrays)
    except GradcheckError as error:
        raise AssertionError(f"{call}: {error}") from None


def slope(f: Callable[[np.ndarray], float], array: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Return the gradient of the number f(array) by central differences, in the array's shape."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (f(up) - f(down)) / (2 * step)
    return gradient


def _scale(expected: np.ndarray) -> float:
    """Return what an error is relative to. Where all should be 0, rounding may leave something."""
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    return max(largest, 1e-12) if largest else 1e-6


def _array(value: Any, call: str) -> np.ndarray:
    array = value.detach().data if isinstance(value, Tensor) else value
    try:
        if np.asarray(array).dtype.kind in "SU":  # strings, which NumPy would read as numbers
            raise TypeError
        return np.asarray(array, dtype=float)
    except (TypeError, ValueError):
        raise AssertionError(
            f"{call} returned {_shown(array)}, which is no array of numbers"
        ) from None


def _shown(value: Any) -> str:
    """Return a short text for a value, its lines indented to stand below each other."""
    if isinstance(value, np.ndarray) and not value.ndim:
        text = f"{value:.7g}"
    elif isinstance(value, np.ndarray):
        text = np.array2string(value, precision=4, threshold=20, edgeitems=2, separator=", ")
    else:
        text = repr(value)
    text = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return text.replace("\n", "\n           ")
