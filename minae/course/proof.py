"""The proof that checks tell the truth: no stub and no wrong answer passes, every solution does.

A mutant is a function named `<exercise>__<mistake>` in a lesson's mutants.py. It takes the place of
the answer in a fresh copy of the solved exercises.py. Most trials take less time than a start of
Python, so all run in the same two processes; when one hangs or crashes, another takes its place.
"""

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from minae.course import notebooks, source
from minae.course.lessons import Exercise, Lesson
from minae.course.trials import Trial
from minae.errors import InputError
from minae.workers import ONE_THREAD, Worker

SECONDS = 20.0  # after which a trial is ended
SIDE_BY_SIDE = 2
SHORT = 20  # characters of an answer that may occur elsewhere by chance


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
    idle = queue.SimpleQueue()
    for _ in range(SIDE_BY_SIDE):
        idle.put(_Tries(seconds))

    def proof(exercise: Exercise) -> Proof:
        tries = idle.get()
        try:
            return Proof(exercise, list(tries.of(exercise)))
        finally:
            idle.put(tries)
            done()

    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(proof, exercises))
    finally:
        for _ in range(SIDE_BY_SIDE):
            idle.get().worker.close()


class _Tries:
    """Tries exercises in a process that is replaced when it hangs or crashes."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.start()

    def start(self) -> None:
        self.worker = Worker("minae.course.trials", environment=ONE_THREAD)

    def of(self, exercise: Exercise) -> Iterator[Trial]:
        """Yield the trials of an exercise as they come."""
        for number in count():
            name = None
            self.worker.send([str(exercise.lesson.folder), exercise.id, number])
            try:
                if (name := self.worker.receive(self.seconds)) is None:
                    return
                yield Trial(**self.worker.receive(self.seconds))
                continue
            except TimeoutError:
                gap = f"it was still running after {self.seconds:g} seconds"
            except EOFError:
                gap = "it ended Python"
            self.worker.close()
            self.start()
            if name is None:
                yield Trial("broken", "the lesson", "its files cannot be loaded")
                return
            yield Trial("broken", name, gap)


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
