"""What every exercise owes, whatever it is about, checked at each call that its checks make.

- Arguments are only read, except those that the exercise is told to change.
- The result has memory of its own, unless the exercise may return (a view of) an argument.
- Random numbers come from the generator that was given; NumPy's and Python's own are left alone.
- The same call gives the same result: a second time, with arrays that are read-only and have gaps
  in memory or run column by column, and in float32.

An exercise that owes less says so in exercises.toml, in the words of `Terms`.
"""

import copy
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from minae.tensor import Tensor

REPEATED = 4  # calls of each check are made again in all the ways above
ROUNDING = 1e-6  # by which sums in another order may differ, relative to the largest entry
SINGLE = 1e-3  # the same for float32
RANGE = 1e-6, 1e4  # of the sizes of numbers that are tried in float32
SHORT = 6  # entries of an array that are shown


@dataclass(frozen=True)
class Terms:
    """What an exercise does not owe, as its docstring says."""

    writes: tuple[str, ...] = ()  # arguments that it changes in place
    shares: bool = False  # the result may be an argument, or a view of one
    float64: bool = False  # it is promised float64 arrays
    kernel: bool = False  # it is a kernel: it runs in the simulator only


class _NotPlainError(Exception):
    """A call with other things than arrays, numbers, and generators of random numbers."""


_repeats = ContextVar("repeats", default=True)


@contextmanager
def once() -> Iterator[None]:
    """Make no call again meanwhile: for a check that measures what one call takes."""
    token = _repeats.set(False)
    try:
        yield
    finally:
        _repeats.reset(token)


def under(terms: Terms, name: str, check: Callable) -> Callable:
    """Return the check, made to hold each call of the student's function `name` to these terms."""
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

    def call(*args, **options):
        nonlocal calls
        calls += 1
        try:
            bound = inspect.signature(function).bind(*args, **options)
        except (TypeError, ValueError):  # which the call itself will say
            return function(*args, **options)
        given = bound.arguments
        shown = described(name, given)
        before = {n: _state(value) for n, value in given.items()}
        try:
            repeated = calls <= REPEATED and _repeats.get()
            again = _copied(given, np.copy) if repeated else None
        except _NotPlainError:
            again = None
        result = _called(function, bound, shown)
        _only_read(given, before, terms.writes, shown)
        if not terms.shares:
            _own_memory(result, given, terms.writes, shown)
        if again is not None:
            expected = result, [given[n] for n in terms.writes]
            _repeatable(function, bound.signature, again, expected, terms, shown)
        return result

    return call


def described(name: str, given: dict) -> str:
    """Return a call as a student would write it, and the shapes of arrays too long to show."""
    words, shapes = [], []
    for argument, value in given.items():
        if isinstance(value, np.ndarray | Tensor) and value.shape != () and _size(value) > SHORT:
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


def _size(value) -> int:
    return value.size if isinstance(value, np.ndarray) else value.numel()


def _called(function: Callable, bound: inspect.BoundArguments, shown: str):
    """Call the student's function. What it raises is told the call, for the message."""
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
    kind, keys, *rest = np.random.get_state()
    return kind, keys.tobytes(), *rest, random.getstate()


def _arrays(value):
    """Yield the arrays in an argument or a result."""
    if isinstance(value, np.ndarray | Tensor):
        yield value.data if isinstance(value, Tensor) else value
    elif isinstance(value, tuple | list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _arrays(item)


def _state(value):
    """Return what an argument holds, in a form that stays when it is written into."""
    if isinstance(value, np.ndarray | Tensor):
        array = value.data if isinstance(value, Tensor) else value
        return array.shape, array.tobytes()
    if isinstance(value, dict):
        return [(key, _state(item)) for key, item in value.items()]
    if isinstance(value, tuple | list):
        return [_state(item) for item in value]
    return value if isinstance(value, int | float | str) else id(value)


def _only_read(given: dict, before: dict, writes, shown: str) -> None:
    for name, value in given.items():
        assert name in writes or _state(value) == before[name], (
            f"{shown} changed its argument {name}: the caller still needs it"
        )


def _own_memory(result, given: dict, writes, shown: str) -> None:
    for array in _arrays(result):
        for name, value in given.items():
            if name not in writes:
                shared = any(np.may_share_memory(array, other) for other in _arrays(value))
                assert not shared, (
                    f"{shown} returned {name} itself or a view of it: whoever writes into the"
                    " result changes the argument. Return a new array"
                )


def _copied(value, change: Callable):
    """Return a call's arguments anew, with each array changed so."""
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
    raise _NotPlainError


def _with_gaps(x: np.ndarray) -> np.ndarray:
    """Return x as every second number of a longer array; between them there is nan, or zero."""
    longer = np.full((*x.shape, 2), np.nan if x.dtype.kind == "f" else 0, x.dtype)
    longer[..., 0] = x
    return longer[..., 0]


def _as_single(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32 if x.dtype.kind == "f" else x.dtype)


AGAIN = "a second time"
WAYS = {  # what is done to each array, and how far results may differ then
    AGAIN: (np.copy, ROUNDING),
    "with arrays that have gaps in memory": (_with_gaps, ROUNDING),
    "with arrays that run column by column": (lambda x: x.copy(order="F"), ROUNDING),
    "with float32 arrays": (_as_single, SINGLE),
}


def _repeatable(function: Callable, signature, given, expected, terms: Terms, shown: str) -> None:
    single = any(a.dtype == np.float32 for value in given.values() for a in _arrays(value))
    for way, (change, tolerance) in WAYS.items():
        if tolerance == SINGLE and (terms.float64 or not _fits_single(given)):
            continue
        tolerance = SINGLE if single else tolerance
        bound = inspect.BoundArguments(signature, _copied(given, change))
        words = f"{shown}, {way}"
        if way != AGAIN:
            words += ", which are read-only"
            for name, value in bound.arguments.items():
                for array in _arrays(value):
                    array.flags.writeable = name in terms.writes
        try:
            result = _called(function, bound, words)
        except Exception as error:
            raise AssertionError(f"{words}: {type(error).__name__}: {error}") from error
        found = result, [bound.arguments[name] for name in terms.writes]
        assert _alike(found, expected, tolerance, _largest(given.values())), (
            f"{words}: it returned {_short(found[0])}, before that {_short(expected[0])}"
        )


def _fits_single(given: dict) -> bool:
    """Return whether float32 holds all these numbers with room to spare, and one is float64."""
    floats = [a for value in given.values() for a in _arrays(value) if a.dtype.kind == "f"]
    sizes = np.abs(np.concatenate([a.ravel() for a in floats])) if floats else np.zeros(0)
    sizes = sizes[sizes > 0]
    fits = not sizes.size or bool(sizes.min() >= RANGE[0] and sizes.max() <= RANGE[1])
    return fits and any(a.dtype == np.float64 for a in floats)


def _alike(found, expected, tolerance: float, given: float) -> bool:
    """Return whether two results are the same but for rounding.

    An error is relative to the largest entry of an array, or to a thousandth of the largest of all,
    results and `given`: what should be 0 is seldom exactly that. Where float32 is compared with
    float64, numbers that are counted or chosen may come out otherwise, and only their shape counts.
    """
    found, expected = list(_leaves(found)), list(_leaves(expected))
    if [a.shape for a in found] != [b.shape for b in expected]:
        return False
    least = 1e-3 * max(given, _largest(expected)) + np.finfo(float).tiny
    for a, b in zip(found, expected, strict=True):
        if a.dtype.kind == b.dtype.kind == "f":
            most = tolerance * max(_largest([b]), least)
            if not np.isclose(a, b, rtol=0, atol=most, equal_nan=True).all():
                return False
        elif tolerance != SINGLE and not np.array_equal(a, b):
            return False
    return True


def _largest(values) -> float:
    """Return the size of the largest finite float among arrays and numbers; 0 if there is none."""
    floats = [a for value in values for a in _leaves(value) if a.dtype.kind == "f"]
    return max((float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in floats), default=0.0)


def _leaves(value):
    """Yield the arrays and numbers of a result as arrays."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    else:
        yield np.asarray(value.data if isinstance(value, Tensor) else value)


def _short(value) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else f"{text[:120]}..."
