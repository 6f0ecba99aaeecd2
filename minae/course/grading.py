"""Grades a class: each exercise of each student, in a process of its own.

Grades come from running the checks, never from a student's progress file. All files are read before
the first of them runs, so code that writes into another's submission changes no grade. Whatever one
submission does, the others get their rows.
"""

import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from minae.course import runner
from minae.course.copies import copies
from minae.course.handed_in import Submission, printable
from minae.course.lessons import Exercise
from minae.course.runner import UNSOLVED, Verdict, failed
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
    judged.

    Raises:
        InputError: one of our own answers does not pass here, so that grades would be wrong; or
            the folder of submissions, which students' code does not see, holds Python itself.
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
