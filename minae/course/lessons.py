"""The lessons that come with minae, and their exercises, as their files describe them."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from minae.course.contract import Terms
from minae.errors import InputError


@dataclass(frozen=True)
class Exercise:
    """One exercise: a function in its lesson's exercises.py."""

    lesson: "Lesson" = field(repr=False, compare=False)
    id: str  # such as "4.2"
    name: str  # of the function
    title: str
    minutes: int
    hints: list[str] = field(compare=False)  # each stronger than the one before
    terms: Terms = field(compare=False)  # what its answer need not do

    @property
    def task(self) -> str:
        """What stands in place of the answer until there is one."""
        return f"exercise {self.id}: {self.title}"


@dataclass(frozen=True)
class Lesson:
    """A folder with lesson.py, exercises.py, test_exercises.py, exercises.toml and mutants.py."""

    folder: Path
    title: str
    minutes: int
    formerly: str = ""  # its folder's name in earlier versions, if it had another
    exercises: tuple[Exercise, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name, such as "04_dense_autoencoder"."""
        return self.folder.name

    @property
    def names(self) -> list[str]:
        """The names under which students may have the lesson, its present one first."""
        return [self.name, *filter(None, [self.formerly])]

    @property
    def number(self) -> int:
        """The number that the name begins with."""
        return int(self.name.partition("_")[0])

    def text(self, file: str) -> str:
        """Return what one of the lesson's files holds."""
        return (self.folder / file).read_text(encoding="utf-8")


@cache
def all_lessons() -> tuple[Lesson, ...]:
    """Return the lessons in the order of their numbers."""
    root = Path(str(files("minae.lessons")))
    return tuple(read(path.parent) for path in sorted(root.glob("*/exercises.toml")))


def read(folder: Path) -> Lesson:
    """Return the lesson in a folder."""
    described = tomllib.loads((folder / "exercises.toml").read_text(encoding="utf-8"))
    named = {key: described[key] for key in ("title", "minutes", "formerly") if key in described}
    lesson, exercises = Lesson(folder, **named), []
    for entry in described["exercise"]:
        terms = Terms(**entry.pop("terms", {}))
        exercises.append(Exercise(lesson, terms=terms, **entry))
    object.__setattr__(lesson, "exercises", tuple(exercises))  # each refers to its lesson
    return lesson


def all_exercises() -> list[Exercise]:
    """Return the exercises of all lessons, in order."""
    return [exercise for lesson in all_lessons() for exercise in lesson.exercises]


def find_lesson(wanted: str) -> Lesson:
    """Return the lesson called "4", "04" or "04_dense_autoencoder". Raises InputError."""
    for lesson in all_lessons():
        if wanted in lesson.names or (wanted.isdecimal() and int(wanted) == lesson.number):
            return lesson
    numbers = ", ".join(str(lesson.number) for lesson in all_lessons())
    raise InputError(f"there is no lesson {wanted!r}; there are {numbers}: see `minae lessons`")


def find_lessons(wanted: list[str] | None) -> list[Lesson]:
    """Return the lessons that are wanted, all if none are named. Raises InputError."""
    return [find_lesson(name) for name in wanted] if wanted else list(all_lessons())


def find_exercise(wanted: str) -> Exercise:
    """Return the exercise called "4.2" or "04.2", or by its function if only one has that name.

    Raises InputError if there is none.
    """
    stripped = wanted.lstrip("0")
    found = [e for e in all_exercises() if stripped == e.id.lstrip("0") or wanted == e.name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(exercise.id for exercise in found)
        raise InputError(f"exercises {ids} are all called {wanted}: give the number")
    raise InputError(f"there is no exercise {wanted!r}; `minae progress` lists them")
