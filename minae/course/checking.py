"""What a check says of a wrong answer: the call, what came of it, and what was expected."""

import tracemalloc
from collections.abc import Callable

import numpy as np

from minae.course.contract import once
from minae.diagnosis import diagnose
from minae.gradcheck import GradcheckError, check_pair
from minae.tensor import Tensor

SHOWN = 200  # characters of a value


def same(actual, expected, call: str, tolerance: float = 1e-6) -> None:
    """Raise AssertionError unless a student's result is what was expected.

    Args:
        actual: what the student's function returned: an array, a tensor, a number, or a tuple or
            list of these.
        expected: the same kind of thing.
        call: how it was called, as a student would write it: "softmax([[1, 2], [3, 5]])".
        tolerance: of the difference, relative to the largest entry that was expected. Of a tuple
            each value is compared by itself, also where all are numbers.
    """
    assert actual is not None, f"{call} returned None: is a return missing?"
    if isinstance(expected, tuple) or (
        isinstance(expected, list) and not _is_row_of_numbers(expected)
    ):
        values = values_of(actual, len(expected), call)
        for i, (a, e) in enumerate(zip(values, expected, strict=True)):
            same(a, e, f"result {i} of {call}", tolerance)
        return
    a, e = _array(actual, call), _array(expected, call)
    assert a.shape == e.shape, (
        f"{call} returned an array of shape {a.shape}, expected {e.shape}:\n{_shown(a)}"
    )
    if not a.size:
        return
    scale = _scale(e)
    close = np.isclose(a, e, rtol=0, atol=tolerance * scale, equal_nan=True)
    if close.all():
        return
    index = tuple(int(i) for i in np.argwhere(~close)[0])
    where = f" at {list(index)}" if index else ""
    count = f"{(~close).sum()} of {close.size} entries differ. " if close.size > 1 else ""
    raise AssertionError(
        f"{call}\n"
        f"  returned {_shown(a)}\n"
        f"  expected {_shown(e)}\n"
        f"{count}The first{where}: {_apart(a[index], e[index])}"
    )


def same_gradient(actual, expected: np.ndarray, call: str, tolerance: float = 1e-6) -> None:
    """Raise AssertionError as `same` does, in three lines: of what, one entry, a guess why."""
    shape = shape_of(actual, call)
    assert shape == expected.shape, f"{call} has shape {shape}, expected {expected.shape}"
    found = _array(actual, call)
    scale = _scale(expected)
    off = np.abs(found - expected)
    wrong = ~(off <= tolerance * scale)  # so also where it is nan
    if wrong.any():
        index = np.unravel_index(np.where(np.isnan(off), np.inf, off).argmax(), off.shape)
        place = f"at {[int(i) for i in index]}" if index else "its only entry"
        raise AssertionError(
            f"{call} is wrong at {wrong.sum()} of {wrong.size} entries\n"
            f"worst {place}: yours {found[index]:.9g}, expected {expected[index]:.9g}\n"
            f"guess: {diagnose(found, expected, wrong)}"
        )


def values_of(answer, count: int, call: str) -> list:
    """Return the values of an answer, in a tuple, a list or along the first dimension of an array.

    Raises AssertionError if they are not so many.
    """
    is_array = isinstance(answer, np.ndarray) and answer.ndim
    assert is_array or isinstance(answer, tuple | list), (
        f"{call} returned {_shown(answer)}, not {count} values"
    )
    assert len(answer) == count, f"{call} returned {len(answer)} values, not {count}"
    return list(answer)


def shape_of(value, call: str) -> tuple[int, ...]:
    """Return the shape of a result. Raises AssertionError if it is no array of numbers."""
    return _array(value, call).shape


def unchanged(arrays, copies, call: str) -> None:
    """Raise AssertionError if the call has written into one of its arrays, given their copies."""
    for array, copy in zip(arrays, copies, strict=True):
        assert np.array_equal(array, copy), f"{call} changed one of its inputs"


def peak_megabytes(f: Callable) -> float:
    """Return how much memory a call took at most, beyond what there was before."""
    with once():
        tracemalloc.start()
        try:
            f()
            return tracemalloc.get_traced_memory()[1] / 1e6
        finally:
            tracemalloc.stop()


def gradients(call: str, forward, backward, *arrays) -> None:
    """Raise AssertionError unless backward(dy, *arrays) is the derivative of forward(*arrays).

    Args:
        call: how backward is called, as a student would write it.
        forward: arrays to an array.
        backward: returns the gradient of each array, in their order; of one, it alone.
        arrays: in float64.
    """

    def listed(dy, *inputs):
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
    unchanged((dy, *arrays), copies, call)
    try:
        check_pair(forward, listed, *arrays)
    except GradcheckError as error:
        raise AssertionError(f"{call}: {error}") from None


def _scale(expected: np.ndarray) -> float:
    """Return what an error is relative to. Where all should be 0, rounding may leave something."""
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    return max(largest, 1e-12) if largest else 1e-6


def _apart(found: float, expected: float) -> str:
    """Return two numbers that differ, with as many digits as it takes to see that."""
    digits = 7 if f"{found:.7g}" != f"{expected:.7g}" else 17
    return f"{found:.{digits}g}, expected {expected:.{digits}g}"


def _is_row_of_numbers(value) -> bool:
    return all(isinstance(v, int | float | np.number) for v in value)


def _array(value, call: str) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().data
    try:
        if np.asarray(value).dtype.kind in "SU":  # which NumPy would read as numbers
            raise TypeError
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise AssertionError(
            f"{call} returned {_shown(value)}, which is no array of numbers"
        ) from None


def _shown(value) -> str:
    """Return a value in few characters, on lines that go below each other."""
    if isinstance(value, np.ndarray) and not value.ndim:
        text = f"{value:.7g}"
    elif isinstance(value, np.ndarray):
        text = np.array2string(value, precision=4, threshold=20, edgeitems=2, separator=", ")
    else:
        text = repr(value)
    text = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return text.replace("\n", "\n           ")
