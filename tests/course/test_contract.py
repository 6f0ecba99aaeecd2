"""What every exercise owes is seen in whatever function a check calls."""

import random
import sys
from types import ModuleType

import numpy as np
import pytest

from minae.course.checking import peak_megabytes
from minae.course.contract import Terms, described, under

ROWS = np.arange(1.0, 9.0).reshape(2, 4)
kept = []


def held(function, *args, terms=Terms(), **options):  # noqa: B008 - it cannot be changed
    """Call a function as a check does; return what the check gets."""
    student, got = ModuleType("student"), []
    student.f = function
    under(terms, "f", lambda student: got.append(student.f(*args, **options)))(student)
    return got[0]


def doubled_in_place(x):
    x *= 2
    return x + 0


def through_a_view(x):
    np.multiply(x.T, 2, out=x.T)
    return x.copy()


def written_and_put_back(x):
    x += 1
    y = x * 2
    x -= 1
    return y - 2


def remembers(x):
    kept.append(x)
    return x * len(kept)


def counts_bytes(x):
    return np.lib.stride_tricks.as_strided(x, (x.size,), (x.itemsize,)).sum()


def assumes_float64(x):
    return np.frombuffer(x.tobytes(), np.float64).sum()


def draws_globally(x, rng):
    return x + np.random.normal()


def draws_for_itself(x, rng):
    return x + np.random.default_rng().normal()


def imports_what_draws(x):
    sys.modules[f"new_{len(sys.modules)}"] = ModuleType("new")
    random.random()
    return x + 0


def calls_what_is_not_there(x):
    return x.append(3)


WRONG = [
    (doubled_in_place, (ROWS,), "changed its argument x: the caller still needs it"),
    (through_a_view, (ROWS,), "changed its argument x"),
    (written_and_put_back, (ROWS,), "read-only: ValueError"),
    (lambda x: x.pop() + 0, ([ROWS, ROWS],), "changed its argument x"),
    (lambda x: x.setdefault("k", 1), ({},), "changed its argument x"),
    (lambda x: x, (ROWS,), "returned x itself or a view of it"),
    (lambda x: x[:, ::2], (ROWS,), "returned x itself or a view"),
    (lambda x: (1, [x.T]), (ROWS,), "returned x itself or a view"),
    (remembers, (ROWS,), r"f\(x\) with x of shape \(2, 4\), a second time: it returned"),
    (counts_bytes, (ROWS,), "gaps in memory"),
    (lambda x: x.ravel(order="K") + 0, (ROWS,), "column by column"),
    (assumes_float64, (ROWS,), "float32"),
    (draws_globally, (ROWS, np.random.default_rng(0)), "draws from np.random"),
    (draws_for_itself, (ROWS, np.random.default_rng(0)), "a second time"),
]


@pytest.mark.parametrize(("function", "args", "said"), WRONG)
def test_what_is_owed(function, args, said):
    kept.clear()
    with pytest.raises(AssertionError, match=said):
        held(function, *[a.copy() if isinstance(a, np.ndarray) else a for a in args])


def test_an_error_is_told_the_call():
    with pytest.raises(AttributeError) as raised:
        held(calls_what_is_not_there, ROWS)
    assert raised.value.__notes__ == ["f(x) with x of shape (2, 4)"]


@pytest.mark.parametrize(
    ("function", "args", "terms"),
    [
        (lambda x, rng: x + rng.normal(size=x.shape), (ROWS, np.random.default_rng(0)), Terms()),
        (lambda x: (x.sum(0), [float(x[0, 0]), None]), (ROWS,), Terms()),
        (lambda x: (x > 2).sum(), (ROWS,), Terms()),
        (lambda x: x * np.nan, (ROWS,), Terms()),
        (lambda x: np.matmul(x, x.T), (ROWS,), Terms()),
        (lambda x: x.sum() / 3, (np.random.default_rng(0).random((99, 99), np.float32),), Terms()),
        (lambda x, *more, k=2: x * k + more[0], (ROWS, ROWS), Terms()),
        (doubled_in_place, (ROWS,), Terms(writes=("x",))),
        (lambda x: x[:, ::2], (ROWS,), Terms(shares=True)),
        (assumes_float64, (ROWS,), Terms(float64=True)),
        (remembers, (ROWS,), Terms(kernel=True)),
        (lambda x: 1e-9 * x, (1e-9 * ROWS,), Terms()),
        (lambda x: (x / 3 + x) - x * 4 / 3, (ROWS,), Terms()),
        (lambda x: x.sum(), (np.array(2.0),), Terms()),
        (lambda x: x.sum(), (np.zeros((0, 3)),), Terms()),
        (lambda f, x: f(x), (np.sin, ROWS), Terms()),
        (imports_what_draws, (ROWS,), Terms()),
    ],
)
def test_what_is_not_owed(function, args, terms):
    expected = function(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    got = held(function, *[a.copy() if isinstance(a, np.ndarray) else a for a in args], terms=terms)
    assert type(got) is type(expected)


def test_a_written_argument_is_right_in_any_layout():
    def f(x):
        x.ravel()[:] = 7  # a copy, where x has gaps

    with pytest.raises(AssertionError, match="gaps in memory"):
        held(f, ROWS.copy(), terms=Terms(writes=("x",)))


def test_the_module_of_the_student_is_left_alone():
    student = ModuleType("student")
    student.f, student.g = len, lambda: student.f
    under(Terms(), "f", lambda held: held.f([1]))(student)
    assert student.f is len


def test_a_call_in_words():
    given = {"x": ROWS, "axis": 1, "rng": np.random.default_rng(0), "dy": np.array([[1.0], [2.5]])}
    expected = "f(x, axis=1, rng, dy=[[1. ], [2.5]]) with x of shape (2, 4)"
    assert described("f", given) == expected


def test_wrong_arguments_raise_what_python_says():
    with pytest.raises(TypeError, match="positional argument"):
        held(lambda: 1, ROWS)


def test_a_call_whose_memory_is_measured_is_made_once():
    calls = []
    took = peak_megabytes(lambda: held(lambda x: calls.append(1) or x + 0, ROWS))
    assert len(calls) == 1
    assert took < 1
