"""Grades a class, each exercise of each student in a process of its own, and writes the table.

Grades come from running the checks, never from a student's progress file. All files are read before
the first of them runs, so code that writes into another's submission changes no grade. Whatever one
submission does, the others get their rows.
"""

import csv
import io
import json
import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from minae.course import runner, source
from minae.course.handed_in import Submission, printable
from minae.course.lessons import Exercise
from minae.course.runner import UNSOLVED, Verdict, failed
from minae.errors import InputError
from minae.files import check_place, write_whole

FORMULAS = ("=", "+", "-", "@")  # spreadsheets run cells that begin so
REASON = 300  # characters of why an exercise got no point
SHORT = 30  # tokens: names, numbers, signs. Shorter answers agree by chance.
OURS = "our solution"
OTHERS = 3  # students with the same answer who are named


@dataclass(frozen=True)
class Grade:
    """What one student gets."""

    submission: Submission
    verdicts: dict[Exercise, Verdict]
    same: dict[Exercise, list[str]]  # who else has the same answer

    @property
    def total(self) -> int:
        """The number of exercises that passed."""
        return sum(verdict.passed for verdict in self.verdicts.values())

    @property
    def reasons(self) -> str:
        """Why each point was lost, in one line."""
        return _grouped((e.id, reason(v)) for e, v in self.verdicts.items() if not v.passed)

    @property
    def look_at(self) -> str:
        """What a teacher should look at, in one line: odd places, and answers that others have."""
        places = [f"found in {place}" for place in dict.fromkeys(self.submission.found.values())]
        copied = [(e.id, others) for e, others in self.same.items() if self.verdicts[e].passed]
        shown = ((i, others[:OTHERS] + ["..."] * (len(others) > OTHERS)) for i, others in copied)
        answers = _grouped((i, f"the same as {', '.join(others)}") for i, others in shown)
        return "; ".join(filter(None, [*places, answers]))


def _grouped(said: Iterable[tuple[str, str]]) -> str:
    """Return what is said of exercises by id, with neighbours of the same words in one group."""
    groups = [(words, [id_ for id_, _ in same]) for words, same in groupby(said, lambda x: x[1])]
    return "; ".join(f"{', '.join(ids)}: {words}" for words, ids in groups)


def grade(
    submissions: list[Submission],
    exercises: list[Exercise],
    seconds: float = runner.SECONDS,
    done: Callable[[], None] = lambda: None,
) -> Generator[Grade, None, None]:
    """Judge all exercises of all students, and yield what each gets as soon as it is known.

    Our own answers are judged first, in the same way. As many exercises are judged at a time as
    there are cores, and `done` is called after each. Close the iterator to end what is still being
    judged. Raises InputError if one of our own answers does not pass here, so that grades would be
    wrong, or if the folder of submissions, which students' code does not see, holds Python itself.
    """
    ours = {e.lesson.name: e.lesson.text("exercises.py").encode() for e in exercises}
    everybody = Path(os.path.commonpath([submission.folder.parent for submission in submissions]))
    for place in (sys.prefix, sys.base_prefix, __file__, tempfile.gettempdir()):
        if Path(place).resolve().is_relative_to(everybody.resolve()):
            raise InputError(
                f"{everybody} holds {place}, which is needed where students cannot see what it"
                " holds: put the submissions into a folder of their own"
            )
    same = copies(submissions, exercises)

    def verdict(submission: Submission, exercise: Exercise) -> Verdict:
        path = submission.folder / exercise.lesson.name / "exercises.py"
        text = submission.files[exercise.lesson.name]
        try:
            return runner.judge(exercise, path, seconds, text, (everybody,))
        except OSError as error:  # such as a full disk
            return failed(f"the checks could not be run here, grade it again: {error.strerror}")
        finally:
            done()

    def grades(some: list[Submission]) -> Iterator[Grade]:
        jobs = {pool.submit(verdict, s, e): (s, e) for s in some for e in exercises}
        futures.extend(jobs)
        verdicts = defaultdict(dict)
        for future in as_completed(jobs):
            submission, exercise = jobs[future]
            known = verdicts[submission.folder]
            known[exercise] = future.result()
            if len(known) == len(exercises):
                others = {e: same.get((submission.student, e)) for e in exercises}
                copied = {e: names for e, names in others.items() if names}
                yield Grade(submission, {e: known[e] for e in exercises}, copied)

    allowed = getattr(os, "sched_getaffinity", None)  # on Linux, the cores for this process
    pool = ThreadPoolExecutor(len(allowed(0)) if allowed else os.cpu_count())
    futures: list[Future] = []
    try:
        (control,) = grades([Submission(everybody / "minae", "minae", ours)])
        if control.reasons:
            raise InputError(f"nothing is graded, for our own answers fail here: {control.reasons}")
        yield from grades(submissions)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        while not all(future.done() for future in futures):  # one may just be starting
            runner.end_all()
            wait(futures, timeout=0.1)


def copies(
    submissions: list[Submission], exercises: list[Exercise]
) -> dict[tuple[str, Exercise], list[str]]:
    """Return, by student and exercise, who else has the same answer."""
    owners = defaultdict(list)
    ours = {e.lesson.name: e.lesson.text("exercises.py").encode() for e in exercises}
    for student, files in [*((s.student, s.files) for s in submissions), (OURS, ours)]:
        functions = {n: source.functions_of(t) for n, t in files.items() if isinstance(t, bytes)}
        for exercise in exercises:
            tokens = functions.get(exercise.lesson.name, {}).get(exercise.name, [])
            if len(tokens) >= SHORT:
                owners[exercise, " ".join(tokens)].append(student)
    return {
        (one, exercise): [other for other in same if other != one]
        for (exercise, _), same in owners.items()
        for one in same
        if len(same) > 1
    }


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Turn signals that ask to stop into SystemExit, so that `with` and `finally` do their work."""

    def stop(number: int, _: object) -> None:
        sys.exit(128 + number)

    kept = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks
            kept[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def reason(verdict: Verdict) -> str:
    """Return why there is no point, in one line."""
    if verdict.status == UNSOLVED:
        return "not written"
    said = ": ".join(filter(None, [verdict.check, verdict.message]))
    words = f"{said} ({verdict.where})" if verdict.where else said
    line = " ".join(filter(None, map(printable, words.split())))
    return line if len(line) <= REASON else f"{line[:REASON]}..."


class Table(AbstractContextManager):
    """A CSV file with a row for each student and a column for each exercise; use it with `with`.

    Rows are written as they come, and put in order at the end. The first one replaces what the file
    held before.
    """

    def __init__(self, path: Path, exercises: list[Exercise]):
        """Raises InputError if the file cannot be written."""
        check_place(path)
        self.path = Path(os.path.realpath(path))
        self.exercises, self.is_new = exercises, not path.exists()
        self.grades: list[Grade] = []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("ab")
        except OSError as error:
            why = f"{path} cannot be written ({error.strerror})"
            raise InputError(f"{why}: give --out another file") from error

    def __exit__(self, error: object, *_: object) -> None:
        self.file.close()
        if error is None:
            self.grades.sort(key=lambda grade: grade.submission.student)
            write_whole(self.path, self._rows(self.grades, header=True))
        elif self.is_new and not self.grades:
            self.path.unlink(missing_ok=True)

    def add(self, grade: Grade) -> None:
        """Write a student's row, so that it is kept whatever comes after."""
        is_first = not self.grades
        if is_first:
            self.file.truncate(0)
        self.grades.append(grade)
        self.file.write(self._rows([grade], header=is_first))
        self.file.flush()

    def _rows(self, grades: list[Grade], header: bool) -> bytes:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if header:
            ids = [exercise.id for exercise in self.exercises]
            table.writerow(["student", *ids, "total", "reasons", "look_at"])
        for g in grades:
            points = [int(g.verdicts[exercise].passed) for exercise in self.exercises]
            texts = map(printable, (g.submission.student, g.reasons, g.look_at))
            student, *said = (f"'{t}" if t.startswith(FORMULAS) else t for t in texts)
            table.writerow([student, *points, g.total, *said])
        return text.getvalue().encode(errors="replace")


def write_gradescope(grade: Grade) -> Path:
    """Write results.json for Gradescope into the student's folder. Raises InputError or OSError."""
    folder, tests = grade.submission.folder, []
    if folder.is_symlink():
        raise InputError(f"{folder} is a link: nothing is written through it")
    for exercise, verdict in grade.verdicts.items():
        output = "passed" if verdict.passed else reason(verdict)
        points = {"score": int(verdict.passed), "max_score": 1}
        tests.append({"name": f"{exercise.id} {exercise.title}", **points, "output": output})
    results = {"score": grade.total, "tests": tests}
    write_whole(folder / "results.json", json.dumps(results, indent=2).encode())
    return folder / "results.json"
