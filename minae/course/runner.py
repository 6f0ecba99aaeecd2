"""Has a student's file judged in another process, which may hang, crash or eat memory."""

import json
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from minae import workers
from minae.course.lessons import Exercise

SECONDS = 20.0  # after which a check is ended
OUTPUT = 2000  # characters shown of what a student's code prints
LARGEST = 2**20  # bytes of a student's file
VERDICT = 2**24  # bytes of a verdict
PASSED, FAILED, UNSOLVED = "passed", "failed", "unsolved"
MARK = "MINAE_JUDGED"  # an environment variable, by which what a student has started is found

_running: dict[subprocess.Popen[bytes], str] = {}  # the processes that judge now, and their marks


@dataclass(frozen=True)
class Verdict:
    """What came of the checks of one exercise."""

    status: str  # PASSED, FAILED or UNSOLVED
    check: str = ""  # the first that failed
    message: str = ""  # what it says
    where: str = ""  # the line of the student's file
    trace: str = ""  # Python's traceback
    output: str = ""  # what the student's code printed

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return self.status == PASSED


def failed(message: str, output: str = "") -> Verdict:
    """Return the verdict on what fails before any check does."""
    return Verdict(FAILED, message=message, output=output)


def read(student: Path, name: str = "", largest: int = LARGEST) -> bytes | Verdict:
    """Return a student's file, or the verdict on one that cannot be read, under this name."""
    name = name or str(student)
    try:
        if not student.is_file():
            return failed(f"there is no file {name}")
        if student.stat().st_size > largest:
            return too_large(name, largest)
        return student.read_bytes()
    except OSError as error:
        return failed(f"{name} cannot be read: {error.strerror}")


def too_large(name: str, largest: int = LARGEST) -> Verdict:
    """Return the verdict on a file of more than these bytes."""
    return failed(f"{name} is larger than {largest // 2**20} MiB")


def judge(
    exercise: Exercise,
    student: Path,
    seconds: float = SECONDS,
    text: bytes | Verdict | None = None,
    hidden: tuple[Path, ...] = (),
) -> Verdict:
    """Run the checks of an exercise against a student's file, and nothing but that file.

    After `seconds` it is ended, and has failed. `text` is what `read` returned for the file, if it
    has been read; the student's code must not see the folders in `hidden` (see `confine`).
    """
    text = read(student) if text is None else text
    if isinstance(text, Verdict):
        return text
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place, seal = Path(folder) / "verdict.json", secrets.token_hex()
        wanted = {
            "student": os.path.abspath(student),
            "checks": str(exercise.lesson.folder / "test_exercises.py"),
            "exercise": exercise.name,
            "terms": asdict(exercise.terms),
            "task": exercise.task,
            "verdict": str(place),
            "seal": seal,
            "seconds": seconds,
            "hidden": [os.path.abspath(p) for p in (exercise.lesson.folder.parent, *hidden)],
        }
        code, output = _run(json.dumps(wanted).encode() + b"\n" + text, Path(folder), seconds)
        given = read(place, largest=VERDICT)
    if code is None:
        message = f"your code was still running after {seconds:g} seconds: a loop without end?"
        return failed(message, output)
    verdict = None
    if isinstance(given, bytes):
        # A student's code may have put anything there, which is why it is sealed.
        with suppress(ValueError, RecursionError):
            verdict = json.loads(given)
    if not isinstance(verdict, dict) or verdict.pop("seal", None) != seal:
        message = f"your code ended Python before the checks were through ({_how(code)})"
        return failed(message, output)
    return Verdict(**verdict, output=output)


def _run(given: bytes, folder: Path, seconds: float) -> tuple[int | None, str]:
    """Return the exit status, None for a process that had to be ended, and what was printed."""
    mark = secrets.token_hex()
    (folder / "work").mkdir()  # a student's code may delete what is in its folder
    with (folder / "output.txt").open("w+b") as output:
        process = workers.start(
            "minae.course.judge",
            # UTF-8 whatever the terminal has: what a student prints is no reason to fail.
            options=(*workers.ISOLATED, "-X", "utf8"),
            # One thread: what a check computes is small, and many are judged side by side.
            environment={**workers.ONE_THREAD, "MPLBACKEND": "Agg", MARK: mark},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder / "work",
        )
        _running[process] = mark
        try:
            process.communicate(given, timeout=seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process, mark)
            del _running[process]
        output.seek(0)
        printed = output.read(4 * OUTPUT).decode(errors="replace")
    return code, printed if len(printed) <= OUTPUT else f"{printed[:OUTPUT]}\n..."


def end_all() -> None:
    """End all that is being judged, in whatever thread."""
    for process, mark in list(_running.items()):
        _end(process, mark)


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End a process and all that it has started.

    On Linux, a child that left the session is found by the mark in its environment, as long as it
    kept that.
    """
    workers.end(process)
    for _ in range(10):  # one that is just being forked may be missed once
        left = list(_marked(f"{MARK}={mark}".encode()))
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break


def _marked(mark: bytes) -> Iterator[int]:
    """Yield the processes, except ended ones, with this mark in their environment."""
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in place.read_bytes():
                yield int(place.parent.name)


def _how(code: int) -> str:
    if code < 0 or code > 128:  # as `confine` and shells say it
        with suppress(ValueError):
            return f"by {signal.Signals(-code if code < 0 else code - 128).name}"
    return f"exit status {code}"
