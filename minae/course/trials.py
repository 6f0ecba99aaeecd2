"""Tries exercises for `proof`, in a process of its own: stub, solution, and every mutant."""

import inspect
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from minae.course import judge, source
from minae.course.lessons import Exercise, Lesson, read
from minae.workers import requests

MUTANTS = 4  # that an exercise must have at least


@dataclass(frozen=True)
class Trial:
    """One thing that was tried on an exercise."""

    kind: str  # "form", "stub", "solution", "mutant", or "broken" if it did not end by itself
    name: str
    gap: str = ""  # what is wrong with the exercise, in one line, or ""
    seconds: float = 0.0


def main() -> None:
    """Answer requests for the n-th trial of an exercise: its name, then its result; or None."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where what a trial prints goes, too
    asked, answer = requests()
    from minae.kernels import use_backend

    lesson = cache(lambda folder: read(Path(folder)))
    with use_backend("reference"):
        for folder, id_, number in asked:
            trials = _trials(next(e for e in lesson(folder).exercises if e.id == id_))
            if number == len(trials):
                answer(None)
                continue
            kind, name, trial = trials[number]
            answer(name)
            begin, gap = time.perf_counter(), _gap(trial)
            answer(asdict(Trial(kind, name, gap, time.perf_counter() - begin)))


class GapError(Exception):
    """What is wrong with an exercise."""


def _gap(trial: Callable[[], None]) -> str:
    try:
        trial()
    except BaseException as error:  # whatever an author's code raises
        said = str(error) if isinstance(error, GapError) else f"{type(error).__name__}: {error}"
        return " ".join(said.split())
    return ""


def _trials(exercise: Exercise) -> list[tuple[str, str, Callable[[], None]]]:
    """Return the kind, the name and the function of each trial."""
    found = [
        ("form", "its description", lambda: _form(exercise)),
        ("stub", "the stub", lambda: _stub(exercise)),
        ("solution", "the solution", lambda: _solution(exercise)),
    ]
    with suppress(Exception):  # which the form's trial reports
        for name, mutant in _named(exercise.lesson, "mutants.py", f"{exercise.name}__").items():
            found.append(("mutant", name, lambda mutant=mutant: _mutant(exercise, mutant)))
    return found


def _form(exercise: Exercise) -> None:
    lesson = exercise.lesson
    doc = getattr(_fresh(lesson, lesson.text("exercises.py")), exercise.name).__doc__ or ""
    mutants = _named(lesson, "mutants.py", f"{exercise.name}__")
    known = {e.name for e in lesson.exercises}
    strays = [n for n in _named(lesson, "mutants.py") if "__" in n]
    strays += _named(lesson, "test_exercises.py", "test_")
    strays = [n for n in strays if n.removeprefix("test_").partition("__")[0] not in known]
    for wrong, gap in (
        (not exercise.id.startswith(f"{lesson.number}."), f"its lesson is {lesson.number}"),
        (exercise.minutes <= 0, "no minutes"),
        (not re.search(r"\d+ (lines|minutes)", doc), "its docstring names no lines and minutes"),
        (len(exercise.hints) != 3 or not all(exercise.hints), "it has not three hints"),
        ('"' in exercise.task or "\\" in exercise.task, 'a " or \\ in its title'),
        (len(mutants) < MUTANTS, f"{len(mutants)} mutants, of which {MUTANTS} are asked"),
        (not _checks(exercise), "no checks"),
        (strays, f"{', '.join(strays)}: named after no exercise"),
        ("import pytest" in lesson.text("test_exercises.py"), "the checks need pytest"),
    ):
        if wrong:
            raise GapError(gap)


def _stub(exercise: Exercise) -> None:
    """Each check finds that this one is not written, and what is handed out does not pass."""
    solved = exercise.lesson.text("exercises.py")
    student = _fresh(exercise.lesson, source.stub_of(exercise, solved))
    for title, check in _checks(exercise).items():
        try:
            check(student)
        except NotImplementedError as error:
            if str(error) != exercise.task:
                raise GapError(f"{title!r} says {error}") from error
        else:
            raise GapError(f"{title!r} passes on the stub")
    if _judged(exercise, source.stubs(exercise.lesson))["status"] == "passed":
        raise GapError("what is handed out passes")


def _solution(exercise: Exercise) -> None:
    found = _judged(exercise, exercise.lesson.text("exercises.py"))
    if found["status"] != "passed":
        raise GapError(f"{found['check']}: {found['message']}")


def _mutant(exercise: Exercise, mutant: Callable) -> None:
    if not mutant.__doc__:
        raise GapError("it has no docstring")
    student = _fresh(exercise.lesson, exercise.lesson.text("exercises.py"))
    found, right = (inspect.signature(f) for f in (mutant, getattr(student, exercise.name)))
    if found != right:
        raise GapError(f"it takes {found}, the answer {right}")
    setattr(student, exercise.name, mutant)
    for title, check in _checks(exercise).items():
        try:
            check(student)
        except (NameError, SyntaxError) as error:
            raise GapError(f"a slip in it: {error}") from error
        except BaseException as error:  # whatever a student's code raises
            if not str(error):
                raise GapError(f"{title!r} rejects it without a word") from error
            return
    raise GapError("no check rejects it")


def _judged(exercise: Exercise, text: str) -> dict[str, str]:
    path = exercise.lesson.folder / "exercises.py"
    sys.modules.pop("student_exercises", None)  # that of the trial before
    return judge.judged(path, text.encode(), _checks(exercise), exercise.name, exercise.task)


def _checks(exercise: Exercise) -> dict[str, Callable]:
    checks = _loaded(exercise.lesson.folder / "test_exercises.py")
    return judge.checks_of(checks, exercise.name, exercise.terms)


def _named(lesson: Lesson, file: str, prefix: str = "") -> dict[str, Any]:
    """Return what one of a lesson's files defines under names with this prefix."""
    module = _loaded(lesson.folder / file)
    return {n: f for n, f in vars(module).items() if n.startswith(prefix) and n[:1] != "_"}


@cache
def _loaded(path: Path) -> ModuleType:
    return judge.load(path, f"{path.parent.name}_{path.stem}")


def _fresh(lesson: Lesson, text: str) -> ModuleType:
    module = ModuleType("student_exercises")
    judge.execute(module, lesson.folder / "exercises.py", text.encode())
    return module


if __name__ == "__main__":
    main()
