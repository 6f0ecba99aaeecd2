"""Answers that are the same but for comments and layout are found, short ones left alone."""

import pytest

from minae.course.grading import OURS, copies
from minae.course.handed_in import Submission
from minae.course.source import functions_of

from .conftest import EXERCISES

HALVES = '''
def halves(n):
    """Return how often n can be halved."""
    found = 0
    while n % 2 == 0 and n:
        n, found = n // 2, found + 1
    return found if n else float("nan")
'''
OTHERWISE = """
def halves(
    n,  # any number
):
  # mine
  found = 0
  while n % 2 == 0 and n:

        n, found = (
            n // 2, found + 1)
  return found if n else float("nan")
""".replace("(\n            n // 2, found + 1)", "n // 2, \\\n found + 1")
DOUBLE = "def double(x):\n    return 2 * x\n"


def found(course, **students) -> dict:
    name = course[0].name
    handed_in = [
        Submission(course[0].folder / student, student, {name: text.encode()})
        for student, text in students.items()
    ]
    return {(s, e.id): same for (s, e), same in copies(handed_in, course[0].exercises).items()}


def test_the_same_answer_is_found(course):
    said = found(course, ada=DOUBLE + HALVES, bob=DOUBLE + OTHERWISE, eve="x = 1\n" + HALVES)
    assert said == {
        ("ada", "1.2"): ["bob", "eve"],
        ("bob", "1.2"): ["ada", "eve"],
        ("eve", "1.2"): ["ada", "bob"],
    }


def test_our_own_answer_is_found(course):
    assert found(course, ada=EXERCISES)["ada", "1.2"] == [OURS]


def test_another_answer_is_another(course):
    other = HALVES.replace("n // 2", "n >> 1")
    assert found(course, ada=HALVES, bob=other, eve="def double(x:", dan="\0") == {}


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("def f(x): return x\ndef g(): pass", {"f": "( x ) : return x", "g": "( ) : pass"}),
        ("def f(x,\n y={1: 2}) -> dict:\n  r'''def g(): pass'''\n  return (\nx)\nf(1)", {"f": 5}),
        ("@cache\ndef f():\n  1\nif 1:\n  def g(): pass\n", {"f": "1"}),
        ("(" * 10**4, {}),
        ("f'{" * 100, {}),
        ("if 1:\n  a\n b", {}),
        ("a" + "+a" * 10**4, {}),
        ("\xff", {}),
    ],
)
def test_functions_are_cut_into_tokens(text, functions):
    read = {name: " ".join(body) for name, body in functions_of(text.encode("latin-1")).items()}
    assert read.keys() == functions.keys()
    for name, expected in functions.items():
        assert read[name] == ("return ( x )" if expected == 5 else expected)
