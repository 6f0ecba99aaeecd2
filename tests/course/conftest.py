"""A course of two small lessons, which takes the place of the real one."""

from pathlib import Path

import pytest

from minae.course import lessons

EXERCISES = '''\
"""Exercises of lesson 1."""

from functools import cache

FACTOR = 2


def double(x):
    """Return twice x. About 1 lines, 1 minutes."""
    ### BEGIN SOLUTION
    doubled_by_the_factor = FACTOR * x
    return doubled_by_the_factor
    ### END SOLUTION


@cache
def halves(n):
    """Return how often n can be halved. About 4 lines, 5 minutes."""

    def count(n):
        ### BEGIN SOLUTION
        halved_so_far = 0
        while n % 2 == 0:
            n, halved_so_far = n // 2, halved_so_far + 1
        return halved_so_far
        ### END SOLUTION

    return count(n)


WORDS = ("after", "the exercises")
'''
CHECKS = '''\
"""The checks of lesson 1."""

import numpy as np

from minae.course.checking import same


def test_double__is_twice(student):
    """Of numbers and arrays."""
    for x in (3, -0.5):
        same(student.double(x), 2 * x, f"double({x})")


def test_double__takes_arrays(student):
    """Entry by entry."""
    x = np.arange(3.0)
    assert np.allclose(student.double(x), x + x), "double(array([0, 1, 2])) is wrong"


def test_halves__counts(student):
    """Of small numbers."""
    for n, count in ((1, 0), (8, 3), (12, 2)):
        same(student.halves(n), count, f"halves({n})")
'''
MUTANTS = '''\
"""Wrong answers."""


def double__square(x):
    """Squared."""
    return x * x


def double__same(x):
    """Not doubled."""
    return x


def double__list(x):
    """Two copies."""
    return [x, x]


def double__sign(x):
    """Negative."""
    return -2 * x


def halves__once(n):
    """One at most."""
    return int(n % 2 == 0)


def halves__bits(n):
    """The digits."""
    return n.bit_length()


def halves__one_too_many(n):
    """One too many."""
    return (n & -n).bit_length()


def halves__value(n):
    """The power of two itself."""
    return n & -n
'''
DESCRIPTION = """\
title = "Numbers"
minutes = 10

[[exercise]]
id = "1.1"
name = "double"
title = "twice [as] much"
minutes = 1
hints = ["once", "more", "2 * x"]

[[exercise]]
id = "1.2"
name = "halves"
title = "how often"
minutes = 5
hints = ["once", "more", "n // 2"]
"""
LESSON = """\
# %% [markdown]
# # Numbers
# %%
print("a lesson")
"""
FILES = {
    "exercises.py": EXERCISES,
    "test_exercises.py": CHECKS,
    "mutants.py": MUTANTS,
    "exercises.toml": DESCRIPTION,
    "lesson.py": LESSON,
}


def write_lesson(folder: Path, **changed) -> lessons.Lesson:
    """Write the lesson of above, some files of it changed, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        content = changed.get(name.partition(".")[0] if name != "exercises.toml" else "toml", text)
        (folder / name).write_text(content, encoding="utf-8")
    return lessons.read(folder)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Give the lessons 1 and 2, which differ in their numbers alone."""
    root = tmp_path / "lessons"
    write_lesson(root / "01_numbers")
    second = DESCRIPTION.replace('"1.', '"2.').replace("Numbers", "Again")
    write_lesson(root / "02_again", toml=second)
    monkeypatch.setattr(lessons, "files", lambda _: root)
    lessons.all_lessons.cache_clear()
    yield lessons.all_lessons()
    lessons.all_lessons.cache_clear()


@pytest.fixture
def exercise(course):
    """Give exercise 1.1: double."""
    return course[0].exercises[0]
