"""The proof that checks tell the truth: no stub and no wrong answer passes, every solution does.

A mutant is a function named `<exercise>__<mistake>` in a lesson's mutants.py. It takes the place of
the answer in a fresh copy of the solved exercises.py. Most trials take less time than a start of
Python, so all run in the same two processes; when one hangs or crashes, another takes its place.
"""

import inspect
import os
import queue
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from minae.course import judge, notebooks, source
from minae.course.lessons import Exercise, Lesson, read
from minae.errors import InputError
from minae.workers import ONE_THREAD, Worker, requests

SECONDS = 20.0  # after which a trial is ended
SIDE_BY_SIDE = 2
WHOLE = "the lesson"  # what a trial is called if no trial could begin
SHORT = 20  # characters of an answer that may occur elsewhere by chance
MUTANTS = 4  # that an exercise must have at least


@dataclass(frozen=True)
class Trial:
    """One thing that was tried on an exercise."""

    kind: str  # "form", "stub", "solution", "mutant", or "broken" if it did not end by itself
    name: str
    gap: str = ""  # what is wrong with the exercise, in one line, or ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Proof:
    """What was tried on an exercise."""

    exercise: Exercise
    trials: list[Trial]

    @property
    def gaps(self) -> list[str]:
        """What is wrong with the exercise, a line each."""
        return [f"{self.exercise.id} {t.name}: {t.gap}" for t in self.trials if t.gap]

    def of(self, kind: str) -> list[Trial]:
        """Return the trials of a kind."""
        return [trial for trial in self.trials if trial.kind == kind]


def prove(
    lessons: list[Lesson], seconds: float = SECONDS, done: Callable[[], None] = lambda: None
) -> list[Proof]:
    """Try all exercises of these lessons, and call `done` after each."""
    exercises = [exercise for lesson in lessons for exercise in lesson.exercises]
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    for _ in range(SIDE_BY_SIDE):
        idle.put(_start())

    def proof(exercise: Exercise) -> Proof:
        trials, worker = [], idle.get()
        try:
            while (trial := _try(worker, exercise, len(trials), seconds)) is not None:
                trials.append(trial)
                if trial.kind == "broken":
                    worker.close()
                    worker = _start()
                    if trial.name == WHOLE:
                        break
            return Proof(exercise, trials)
        finally:
            idle.put(worker)
            done()

    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(proof, exercises))
    finally:
        for _ in range(SIDE_BY_SIDE):
            idle.get().close()


def _start() -> Worker:
    return Worker("minae.course.proof", environment=ONE_THREAD)


def _try(worker: Worker, exercise: Exercise, number: int, seconds: float) -> Trial | None:
    """Return one trial of an exercise, None after the last; a "broken" one has ended the worker."""
    worker.send([str(exercise.lesson.folder), exercise.id, number])
    name = None
    try:
        name = worker.receive(seconds)
        return name and Trial(**worker.receive(seconds))
    except TimeoutError:
        gap = f"it was still running after {seconds:g} seconds"
    except EOFError:
        gap = "it ended Python"
    return Trial("broken", name or WHOLE, gap if name else "its files cannot be loaded")


def leaks(lesson: Lesson) -> list[str]:
    """Return which of the files that students get give an answer away, a line each."""
    given = {"exercises.py": source.stubs(lesson), "lesson.py": lesson.text("lesson.py")}
    with suppress(InputError):  # without Jupytext students get no notebooks
        given["lesson.ipynb"] = "\n".join(notebooks.cells_of(notebooks.lesson_notebook(lesson)))
    found, answers = [], lesson.text("exercises.py").count(source.BEGIN)
    if answers != len(lesson.exercises):
        found.append(f"{lesson.name}: {len(lesson.exercises)} exercises and {answers} answers")
    for name, text in given.items():
        if "SOLUTION" in text:
            found.append(f"{lesson.name}/{name}: a marker is left")
        for exercise in lesson.exercises:
            answer = _bare(source.answer(exercise))
            if len(answer) > SHORT and f"\n{answer}\n" in f"\n{_bare(text)}\n":
                found.append(f"{exercise.id} its answer stands in {lesson.name}/{name}")
    return found


def _bare(text: str) -> str:
    """Return the text without indentation, comments and empty lines."""
    lines = (line.partition("  #")[0].strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


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


def _gap(trial: Callable[[], str]) -> str:
    try:
        said = trial()
    except BaseException as error:  # whatever an author's code raises
        said = f"{type(error).__name__}: {error}"
    return " ".join(said.split())


def _trials(exercise: Exercise) -> list[tuple[str, str, Callable[[], str]]]:
    """Return the kind and the name of each trial, and a function that returns the gap it found."""
    found = [
        ("form", "its description", lambda: _form(exercise)),
        ("stub", "the stub", lambda: _stub(exercise)),
        ("solution", "the solution", lambda: _solution(exercise)),
    ]
    with suppress(Exception):  # which the form's trial reports
        for name, mutant in _named(exercise.lesson, "mutants.py", f"{exercise.name}__").items():
            found.append(("mutant", name, lambda mutant=mutant: _mutant(exercise, mutant)))
    return found


def _form(exercise: Exercise) -> str:
    lesson = exercise.lesson
    doc = getattr(_fresh(lesson, lesson.text("exercises.py")), exercise.name).__doc__ or ""
    mutants = _named(lesson, "mutants.py", f"{exercise.name}__")
    known = {e.name for e in lesson.exercises}
    strays = [n for n in _named(lesson, "mutants.py") if "__" in n]
    strays += _named(lesson, "test_exercises.py", "test_")
    strays = [n for n in strays if n.removeprefix("test_").partition("__")[0] not in known]
    possible = (
        (not exercise.id.startswith(f"{lesson.number}."), f"its lesson is {lesson.number}"),
        (exercise.minutes <= 0, "no minutes"),
        (not re.search(r"\d+ (lines|minutes)", doc), "its docstring names no lines and minutes"),
        (len(exercise.hints) != 3 or not all(exercise.hints), "it has not three hints"),
        ('"' in exercise.task or "\\" in exercise.task, 'a " or \\ in its title'),
        (len(mutants) < MUTANTS, f"{len(mutants)} mutants, of which {MUTANTS} are asked"),
        (not _checks(exercise), "no checks"),
        (strays, f"{', '.join(strays)}: named after no exercise"),
        ("import pytest" in lesson.text("test_exercises.py"), "the checks need pytest"),
    )
    return next((gap for wrong, gap in possible if wrong), "")


def _stub(exercise: Exercise) -> str:
    """Each check finds that this one is not written, and what is handed out does not pass."""
    solved = exercise.lesson.text("exercises.py")
    student = _fresh(exercise.lesson, source.stub_of(exercise, solved))
    for title, check in _checks(exercise).items():
        try:
            check(student)
        except NotImplementedError as error:
            if str(error) != exercise.task:
                return f"{title!r} says {error}"
        else:
            return f"{title!r} passes on the stub"
    passes = _judged(exercise, source.stubs(exercise.lesson))["status"] == "passed"
    return "what is handed out passes" if passes else ""


def _solution(exercise: Exercise) -> str:
    found = _judged(exercise, exercise.lesson.text("exercises.py"))
    return "" if found["status"] == "passed" else f"{found['check']}: {found['message']}"


def _mutant(exercise: Exercise, mutant: Callable) -> str:
    if not mutant.__doc__:
        return "it has no docstring"
    student = _fresh(exercise.lesson, exercise.lesson.text("exercises.py"))
    found, right = (inspect.signature(f) for f in (mutant, getattr(student, exercise.name)))
    if found != right:
        return f"it takes {found}, the answer {right}"
    setattr(student, exercise.name, mutant)
    for title, check in _checks(exercise).items():
        try:
            check(student)
        except (NameError, SyntaxError) as error:
            return f"a slip in it: {error}"
        except BaseException as error:  # whatever a student's code raises
            return "" if str(error) else f"{title!r} rejects it without a word"
    return "no check rejects it"


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
