"""What every exercise owes, whatever it is about, checked at each call that its checks make.

- Arguments are only read, except those that the exercise is to change.
- The result has memory of its own, unless the exercise may return an argument or a view of one.
- Random numbers come from the given generator, never from those that NumPy and Python share.
- The same call gives the same result: when repeated, with read-only arrays that have gaps in
  memory or run column by column, and in float32.

An exercise that owes less says so in exercises.toml, in the words of `Terms`.
"""

import copy
import inspect
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from minae.tensor import Tensor

REPEATED = 4  # calls of each check are repeated in all these ways
ROUNDING = 1e-6  # how far sums in another order may differ, relative to the largest entry
SINGLE = 1e-3  # the same for float32
RANGE = 1e-6, 1e4  # absolute values that are tried in float32
SHORT = 6  # entries of an array that are shown


@dataclass(frozen=True)
class Terms:
    """What an exercise does not owe, as its docstring says."""

    writes: Sequence[str] = ()  # arguments that it changes in place
    shares: bool = False  # the result may be an argument, or a view of one
    float64: bool = False  # it gets float64 arrays only
    kernel: bool = False  # it is a kernel, and runs in the simulator only


_repeats = ContextVar("repeats", default=True)


@contextmanager
def once() -> Iterator[None]:
    """Repeat no calls meanwhile: for a check that measures what one call takes."""
    token = _repeats.set(False)
    try:
        yield
    finally:
        _repeats.reset(token)


def under(terms: Terms, name: str, check: Callable) -> Callable:
    """Return the check, with each call of the student's function `name` held to these terms."""
    if terms.kernel:
        return check

    def run(student: ModuleType) -> None:
        held = ModuleType(student.__name__)  # the student's module itself stays as it is
        vars(held).update(vars(student))
        setattr(held, name, _held(getattr(student, name), name, terms))
        check(held)

    return run


def _held(function: Callable, name: str, terms: Terms) -> Callable:
    calls = 0

    def call(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        try:
            bound = inspect.signature(function).bind(*args, **options)
        except (TypeError, ValueError):  # which the call itself will explain
            return function(*args, **options)
        given = bound.arguments
        shown, again = described(name, given), None
        before = {n: _state(value) for n, value in given.items()}
        if calls <= REPEATED and _repeats.get():
            with suppress(TypeError):
                again = inspect.BoundArguments(bound.signature, _copied(given, np.copy))
        result = _called(function, bound, shown)
        _check_arguments(given, before, result, terms, shown)
        if again is not None:
            expected = result, [given[n] for n in terms.writes]
            _check_repeated(function, again, expected, terms, shown)
        return result

    return call


def described(name: str, given: dict[str, Any]) -> str:
    """Return a call as a student would write it, and the shapes of arrays too long to show."""
    words, shapes = [], []
    for argument, value in given.items():
        if isinstance(value, np.ndarray | Tensor) and math.prod(value.shape) > SHORT:
            words.append(str(argument))
            shapes.append(f"{argument} of shape {value.shape}")
        elif isinstance(value, np.ndarray):
            text = np.array2string(value, separator=", ", precision=4)
            words.append(f"{argument}={' '.join(text.split())}")
        else:
            text = repr(value)
            plain = isinstance(value, int | float | str | tuple | list) and len(text) <= 40
            words.append(f"{argument}={text}" if plain else str(argument))
    where = f" with {', '.join(shapes)}" if shapes else ""
    return f"{name}({', '.join(words)}){where}"


def _called(function: Callable, bound: inspect.BoundArguments, shown: str) -> Any:
    """Call the student's function. An error that it raises carries the call as a note."""
    drawn, loaded = _global_draws(), len(sys.modules)
    try:
        result = function(*bound.args, **bound.kwargs)
    except BaseException as error:  # also exit()
        error.add_note(shown)
        raise
    imports = len(sys.modules) > loaded  # which may draw: scikit-learn's does
    assert imports or _global_draws() == drawn, (
        f"{shown} draws from np.random or random, which everybody shares: use the generator that"
        " was given, or make one of your own with np.random.default_rng"
    )
    return result


def _global_draws() -> tuple:
    return _state(np.random.get_state(legacy=False)), random.getstate()


def _leaves(value: Any) -> Iterator[Any]:
    """Yield what is in an argument or a result, however nested; for a tensor its array."""
    if isinstance(value, tuple | list | dict):
        for item in value.items() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value.data if isinstance(value, Tensor) else value


def _arrays(value: Any) -> list[np.ndarray]:
    return [leaf for leaf in _leaves(value) if isinstance(leaf, np.ndarray)]


def _state(value: Any) -> Any:
    """Return what an argument holds, as something that later writes into it do not change."""
    if isinstance(value, np.ndarray | Tensor):
        (array,) = _arrays(value)
        return array.shape, array.tobytes()
    if isinstance(value, dict):
        return [(key, _state(item)) for key, item in value.items()]
    if isinstance(value, tuple | list):
        return [_state(item) for item in value]
    return value if isinstance(value, int | float | str) else id(value)


def _check_arguments(given: dict, before: dict, result: Any, terms: Terms, shown: str) -> None:
    """Raise AssertionError if an argument was changed, or shares its memory with the result."""
    for name, value in given.items():
        if name not in terms.writes:
            assert _state(value) == before[name], (
                f"{shown} changed its argument {name}: the caller still needs it"
            )
            pairs = ((a, b) for a in _arrays(result) for b in _arrays(value))
            assert terms.shares or not any(np.may_share_memory(*pair) for pair in pairs), (
                f"{shown} returned {name} itself or a view of it: whoever writes into the"
                " result changes the argument. Return a new array"
            )


def _copied(value: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return arguments copied, with each array changed. Raises TypeError for other objects."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, dict):  # bound arguments, or one of them
        return {key: _copied(item, change) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)([_copied(item, change) for item in value])
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value)
    if value is None or isinstance(value, int | float | str | np.generic):
        return value
    raise TypeError


def _with_gaps(x: np.ndarray) -> np.ndarray:
    """Return x as every second number of a longer array, with nan or 0 in between."""
    longer = np.full((*x.shape, 2), np.nan if x.dtype.kind == "f" else 0, x.dtype)
    longer[..., 0] = x
    return longer[..., 0]


WAYS = {  # how a call is repeated: what is done to each array, and how far results may differ
    "a second time": (np.copy, ROUNDING),
    "with arrays that have gaps in memory": (_with_gaps, ROUNDING),
    "with arrays that run column by column": (lambda x: x.copy(order="F"), ROUNDING),
    "with float32 arrays": (lambda x: x.astype("f4" if x.dtype.kind == "f" else x.dtype), SINGLE),
}


def _check_repeated(
    function: Callable, given: inspect.BoundArguments, expected: tuple, terms: Terms, shown: str
) -> None:
    """Raise AssertionError if the call does not give the same in all WAYS."""
    single = any(a.dtype == np.float32 for a in _arrays(given.arguments))
    for way, (change, tolerance) in WAYS.items():
        if tolerance == SINGLE and (terms.float64 or not _fits_single(given.arguments)):
            continue
        bound = inspect.BoundArguments(given.signature, _copied(given.arguments, change))
        words = f"{shown}, {way}"
        if change is not np.copy:
            words += ", which are read-only"
            for name, value in bound.arguments.items():
                for array in _arrays(value):
                    array.flags.writeable = name in terms.writes
        try:
            result = _called(function, bound, words)
        except Exception as error:
            raise AssertionError(f"{words}: {type(error).__name__}: {error}") from error
        found = result, [bound.arguments[name] for name in terms.writes]
        tolerance, size = SINGLE if single else tolerance, _largest(given.arguments)
        assert _alike(found, expected, tolerance, size), (
            f"{words}: it returned {_short(found[0])}, before that {_short(expected[0])}"
        )


def _fits_single(given: Any) -> bool:
    """Return whether float32 holds all these numbers with room to spare, and one is float64."""
    floats = [a for a in _arrays(given) if a.dtype.kind == "f"]
    sizes = np.abs(np.concatenate([np.zeros(0), *(a.ravel() for a in floats)]))
    sizes = sizes[sizes > 0]
    fits = sizes.min(initial=1) >= RANGE[0] and sizes.max(initial=1) <= RANGE[1]
    return bool(fits) and any(a.dtype == np.float64 for a in floats)


def _alike(found: Any, expected: Any, tolerance: float, given: float) -> bool:
    """Return whether two results are the same but for rounding.

    An error is relative to the array's largest entry, or to a thousandth of the largest of all
    results and of `given`, since what should be 0 seldom is exactly. Where float32 is compared with
    float64, numbers that are counted or chosen may come out differently: only their shape counts.
    """
    found, expected = ([np.asarray(leaf) for leaf in _leaves(v)] for v in (found, expected))
    if [a.shape for a in found] != [b.shape for b in expected]:
        return False
    least = 1e-3 * max(given, _largest(expected)) + np.finfo(float).tiny
    for a, b in zip(found, expected, strict=True):
        if a.dtype.kind == b.dtype.kind == "f":
            most = tolerance * max(_largest(b), least)
            if not np.isclose(a, b, rtol=0, atol=most, equal_nan=True).all():
                return False
        elif tolerance != SINGLE and not np.array_equal(a, b):
            return False
    return True


def _largest(value: Any) -> float:
    """Return the largest absolute value of the finite floats in a value; 0 if there is none."""
    floats = [a for a in map(np.asarray, _leaves(value)) if a.dtype.kind == "f"]
    return max((float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in floats), default=0.0)


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else f"{text[:120]}..."
