"""Grades a folder of submissions: a folder a student, in it what a workspace holds.

Grades never come from what a student's progress file says, but from running the checks, each
exercise in a process of its own. All files are read before the first of them runs, and are judged
as they were then: code that writes into another's submission changes no grade.
"""

import csv
import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from minae.checkpoint import write_whole
from minae.course import runner
from minae.course.lessons import Exercise, Lesson
from minae.course.runner import UNSOLVED, Verdict
from minae.errors import InputError

REASON = 300  # characters of why an exercise got no point


@dataclass(frozen=True)
class Submission:
    """What one student handed in."""

    folder: Path
    files: dict[str, bytes | Verdict]  # by the lesson's name, as runner.read returns them

    @property
    def student(self) -> str:
        """The folder's name."""
        return self.folder.name


@dataclass(frozen=True)
class Grade:
    """What one student gets."""

    submission: Submission
    verdicts: dict[Exercise, Verdict]

    @property
    def total(self) -> int:
        """The number of exercises that passed."""
        return sum(verdict.passed for verdict in self.verdicts.values())

    @property
    def reasons(self) -> str:
        """Why each point was lost, in one line."""
        lost = [(e.id, reason(v)) for e, v in self.verdicts.items() if not v.passed]
        groups = [(why, [id_ for id_, _ in same]) for why, same in groupby(lost, lambda x: x[1])]
        return "; ".join(f"{', '.join(ids)}: {why}" for why, ids in groups)


def read_submissions(folder: Path, lessons: list[Lesson]) -> tuple[list[Submission], list[Path]]:
    """Return what the students handed in, by name, and what lies there and is no folder.

    A student's folder holds NN_name/exercises.py, or where one lesson is graded, exercises.py.

    Raises:
        InputError: there is no such folder, or no folder in it.
    """
    if not folder.exists():
        raise InputError(f"there is no folder {folder}: name the one with all students' folders")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: name the folder with all students' folders")
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    students = [path for path in entries if path.is_dir()]
    if not students:
        raise InputError(f"{folder} holds no folder: it should have one for each student")
    submissions = []
    for student in students:
        files = {lesson.name: _file(student, lesson, len(lessons) == 1) for lesson in lessons}
        submissions.append(Submission(student, files))
    return submissions, [path for path in entries if not path.is_dir()]


def _file(student: Path, lesson: Lesson, only: bool) -> bytes | Verdict:
    path = student / lesson.name / "exercises.py"
    if only and not path.exists():
        path = student / "exercises.py"
    return runner.read(path, str(path.relative_to(student)))


def grade(
    submissions: list[Submission],
    exercises: list[Exercise],
    seconds: float = runner.SECONDS,
    done: Callable[[], None] = lambda: None,
) -> list[Grade]:
    """Judge all exercises of all students, as many side by side as there are cores.

    `done` is called after each. At first our own answers are judged in the same way.

    Raises:
        InputError: one of our own answers does not pass here, so that grades would be wrong.
    """
    lessons = {e.lesson.name: e.lesson for e in exercises}
    ours = {name: lesson.text("exercises.py").encode() for name, lesson in lessons.items()}

    def verdict(job: tuple[Submission, Exercise]) -> Verdict:
        submission, exercise = job
        path = submission.folder / exercise.lesson.name / "exercises.py"
        text = submission.files[exercise.lesson.name]
        try:
            return runner.judge(exercise, path, seconds, text)
        finally:
            done()

    def verdicts(some: list[Submission]) -> list[Grade]:
        jobs = [(submission, exercise) for submission in some for exercise in exercises]
        found = iter(pool.map(verdict, jobs))
        return [Grade(s, {e: next(found) for e in exercises}) for s in some]

    pool = ThreadPoolExecutor(_cores())
    try:
        (control,) = verdicts([Submission(Path("minae"), ours)])
        if control.reasons:
            raise InputError(f"nothing is graded, for our own answers fail here: {control.reasons}")
        return verdicts(submissions)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, too


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)  # to this process: on Linux
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def reason(verdict: Verdict) -> str:
    """Return why there is no point, in one line."""
    if verdict.status == UNSOLVED:
        return "not written"
    parts = [verdict.check, verdict.message, f"({verdict.where})" if verdict.where else ""]
    line = " ".join(": ".join(filter(None, parts[:2])).split() + parts[2].split())
    return line if len(line) <= REASON else f"{line[:REASON]}..."


def table(grades: list[Grade], exercises: list[Exercise]) -> str:
    """Return the grades as CSV: a row a student, a column an exercise."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["student", *(e.id for e in exercises), "total", "reasons"])
    for grade in grades:
        points = [int(verdict.passed) for verdict in grade.verdicts.values()]
        rows.writerow([grade.submission.student, *points, grade.total, grade.reasons])
    return text.getvalue()


def write_gradescope(grade: Grade) -> Path:
    """Write results.json, as Gradescope's autograder reads it, into the student's folder."""
    tests = [
        {
            "name": f"{exercise.id} {exercise.title}",
            "score": int(verdict.passed),
            "max_score": 1,
            "output": "passed" if verdict.passed else reason(verdict),
        }
        for exercise, verdict in grade.verdicts.items()
    ]
    path = grade.submission.folder / "results.json"
    results = {"score": grade.total, "tests": tests}
    write_whole(path, json.dumps(results, indent=2).encode())
    return path
