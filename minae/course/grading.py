"""Grades a class: each exercise of each student, in a process of its own.

Grades never come from what a student's progress file says, but from running the checks. All files
are read before the first of them runs, and are judged as they were then: code that writes into
another's submission changes no grade. Whatever one submission does, the others get their rows.
"""

import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from minae.course import runner
from minae.course.copies import copies
from minae.course.handed_in import Submission, printable
from minae.course.lessons import Exercise
from minae.course.runner import FAILED, UNSOLVED, Verdict
from minae.errors import InputError

REASON = 300  # characters of why an exercise got no point
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
        shown = {
            e: names[:OTHERS] + ["..."] * (len(names) > OTHERS) for e, names in self.same.items()
        }
        passed = [e for e in shown if self.verdicts[e].passed]
        answers = _grouped((e.id, f"the same as {', '.join(shown[e])}") for e in passed)
        return "; ".join([*places, *([answers] if answers else [])])


def _grouped(said: Iterable[tuple[str, str]]) -> str:
    """Return what is said of exercises, those with the same words in a row together."""
    groups = [(words, [id_ for id_, _ in same]) for words, same in groupby(said, lambda x: x[1])]
    return "; ".join(f"{', '.join(ids)}: {words}" for words, ids in groups)


def grade(
    submissions: list[Submission],
    exercises: list[Exercise],
    seconds: float = runner.SECONDS,
    done: Callable[[], None] = lambda: None,
) -> Iterator[Grade]:
    """Judge all exercises of all students, and yield what each gets as soon as it is known.

    As many are judged side by side as there are cores. `done` is called after each exercise. At
    first our own answers are judged in the same way. Where the caller stops, whatever is still
    being judged is ended: close the iterator.

    Raises:
        InputError: one of our own answers does not pass here, so that grades would be wrong; or
            the folder of submissions, which students' code does not see, holds Python itself.
    """
    lessons = {e.lesson.name: e.lesson for e in exercises}
    ours = {name: lesson.text("exercises.py").encode() for name, lesson in lessons.items()}
    everybody = Path(os.path.commonpath([submission.folder.parent for submission in submissions]))
    _need_nothing_from(everybody)
    same = copies(submissions, exercises)

    def verdict(submission: Submission, exercise: Exercise) -> Verdict:
        path = submission.folder / exercise.lesson.name / "exercises.py"
        text = submission.files[exercise.lesson.name]
        try:
            return runner.judge(exercise, path, seconds, text, (everybody,))
        except OSError as error:  # such as a full disk
            message = f"the checks could not be run here, grade it again: {error.strerror}"
            return Verdict(FAILED, message=message)
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
                ordered = {e: known[e] for e in exercises}
                copied = {
                    e: same[submission.student, e]
                    for e in exercises
                    if (submission.student, e) in same
                }
                yield Grade(submission, ordered, copied)

    pool, futures = ThreadPoolExecutor(_cores()), []
    try:
        (control,) = grades([Submission(everybody / "minae", "minae", ours)])
        if control.reasons:
            raise InputError(f"nothing is graded, for our own answers fail here: {control.reasons}")
        yield from grades(submissions)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        _end(futures)


def _need_nothing_from(folder: Path) -> None:
    for place in (sys.prefix, sys.base_prefix, __file__, tempfile.gettempdir()):
        if Path(place).resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"{folder} holds {place}, which is needed where students cannot see what it holds:"
                " put the submissions into a folder of their own"
            )


def _end(futures: list[Future]) -> None:
    while not all(future.done() for future in futures):  # one may just be starting
        runner.end_all()
        wait(futures, timeout=0.1)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Make signals that ask to stop raise SystemExit, so that what is to be done at the end is."""

    def stop(number: int, _) -> None:
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


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)  # to this process: on Linux
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def reason(verdict: Verdict) -> str:
    """Return why there is no point, in one line."""
    if verdict.status == UNSOLVED:
        return "not written"
    said = ": ".join(filter(None, [verdict.check, verdict.message]))
    words = f"{said} ({verdict.where})" if verdict.where else said
    line = " ".join(filter(None, map(printable, words.split())))
    return line if len(line) <= REASON else f"{line[:REASON]}..."
