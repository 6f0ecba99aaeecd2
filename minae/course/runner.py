"""Has a student's file judged in another process, which may hang, crash or eat memory."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minae.course.lessons import Exercise

SECONDS = 20.0  # after which a check is ended
OUTPUT = 2000  # characters of what a student's code prints that are shown
PASSED, FAILED, UNSOLVED = "passed", "failed", "unsolved"


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


def judge(exercise: Exercise, student: Path, seconds: float = SECONDS) -> Verdict:
    """Run the checks of an exercise against a student's file, and nothing but that file."""
    if not student.is_file():
        return Verdict(FAILED, message=f"there is no file {student}")
    with tempfile.TemporaryDirectory() as folder:
        place, seal = Path(folder) / "verdict.json", secrets.token_hex()
        wanted = {
            "student": str(student.resolve()),
            "checks": str(exercise.lesson.folder / "test_exercises.py"),
            "exercise": exercise.name,
            "verdict": str(place),
            "seal": seal,
        }
        code, output = _run(wanted, Path(folder), seconds)
        if code is None:
            message = f"your code was still running after {seconds:g} seconds: a loop without end?"
            return Verdict(FAILED, message=message, output=output)
        try:
            verdict = json.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            verdict = {}
        if verdict.pop("seal", None) != seal:
            message = f"your code ended Python before the checks were through (status {code})"
            return Verdict(FAILED, message=message, output=output)
        return Verdict(**verdict, output=output)


def _run(wanted: dict, folder: Path, seconds: float) -> tuple[int | None, str]:
    """Return the exit status, None for one that had to be ended, and what was printed."""
    # One thread each: what a check computes is small, and many are judged side by side.
    few = {"MINAE_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    command = [sys.executable, "-I", "-B", "-m", "minae.course.judge"]
    with (folder / "output.txt").open("w+b") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | few,
            start_new_session=os.name == "posix",  # so that all that it starts can be ended
        )
        try:
            process.communicate(json.dumps(wanted).encode(), timeout=seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            code = None
        _end(process)
        output.seek(0)
        printed = output.read(4 * OUTPUT).decode(errors="replace")
    return code, printed if len(printed) <= OUTPUT else f"{printed[:OUTPUT]}\n..."


def _end(process: subprocess.Popen) -> None:
    """End a process and all that it has started."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
