"""Runs the checks of one exercise on one student's file, in a process of its own.

It is started by `runner` in Python's isolated mode, which looks at no environment variables and at
no folder but those of installed packages. So a module named minae, a conftest.py or a
sitecustomize.py in a submission is never found. What a student's code changes in other modules is
put back, and refused: see `guard`. What to judge comes on stdin: a line of JSON, then the student's
file. The verdict goes to a file, with a seal that only `runner` knows.

The student's code runs apart from other processes and from the solutions, as far as the system
allows: see `confine`. But it shares a process with the checks, so code that is written against this
very file gets through: it finds the seal or an expected result in the frames of its callers,
replaces a function for the time of one call, or writes to memory through ctypes. Whoever reads the
submission sees that; it is not detected here.
"""

import builtins
import errno
import importlib.util
import json
import linecache
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from minae.course.confine import confine
from minae.course.contract import Terms, under
from minae.course.guard import watched

# As in `guard`: a student who replaces builtins.len does not reach what is defined below.
__builtins__ = dict(vars(builtins))

MEMORY = 4 * 2**30  # bytes that a student's code may take beyond what is in use before
PROCESSES = 100  # processes and threads that it may have beyond those of the user
WRITTEN = 16 * 2**20  # bytes that it may print, or write to one file


def main() -> None:
    """Judge what stdin says, and leave the verdict where it says."""
    head, text = sys.stdin.buffer.readline(), sys.stdin.buffer.read()
    wanted = json.loads(head)
    from minae.kernels import use_backend

    checks = load(Path(wanted["checks"]))
    checks = checks_of(checks, wanted["exercise"], Terms(**wanted["terms"]))
    _limit(wanted["seconds"])
    confine(wanted["hidden"])
    with use_backend("reference"):  # which needs no compiling
        path = Path(wanted["student"])
        verdict = judged(path, text, checks, wanted["exercise"], wanted["task"])
    sealed = json.JSONEncoder().encode(verdict | {"seal": wanted["seal"]})
    Path(wanted["verdict"]).write_text(sealed, encoding="utf-8")
    with suppress(OSError, ValueError, AttributeError):  # closed, or full
        sys.stdout.flush()
    os._exit(0)  # whatever threads and hooks a student has left behind


def judged(path: Path, text: bytes, checks: dict, name: str, task: str) -> dict[str, str]:
    """Return the fields of a `runner.Verdict` on a student's file; those left out are empty.

    The status is "passed", "failed", or "unsolved" where there is no answer yet.
    """
    changed = watched()  # in no place that a student's code knows of
    student = ModuleType("student_exercises")

    def demand(student: ModuleType) -> None:
        assert callable(getattr(student, name, None)), f"there is no function {name} in the file"

    run = ("the file does not run", lambda _: execute(student, path, text))
    for title, step in (run, ("", demand), *checks.items()):
        try:
            step(student)
            error = None
        except BaseException as caught:  # also exit()
            error = caught
        if change := changed():
            message = f"your code changes {change}, which the checks rely on: leave it as it is"
            return {"status": "failed", "check": "", "message": message}
        if error is not None:
            return failure(error, path, title, task)
    return {"status": "passed"}


def execute(module: ModuleType, path: Path, text: bytes) -> None:
    """Run the text of a file in a module, whose name nothing else has."""
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    code = compile(text, str(path), "exec", dont_inherit=True)
    lines = importlib.util.decode_source(text).splitlines(keepends=True)
    linecache.cache[str(path)] = len(text), None, lines, str(path)
    exec(code, vars(module))


def load(path: Path, name: str = "checks") -> ModuleType:
    """Run a file of a lesson, and return it as a module."""
    module = ModuleType(f"lesson_{name}")
    execute(module, path, path.read_bytes())
    return module


def checks_of(module: ModuleType, name: str, terms: Terms) -> dict[str, Callable]:
    """Return the checks of one exercise by their titles; each holds all calls to the terms."""
    prefix = f"test_{name}__"
    return {
        n.removeprefix(prefix).replace("_", " "): under(terms, name, check)
        for n, check in vars(module).items()
        if n.startswith(prefix)
    }


def failure(error: BaseException, path: Path, check: str, task: str) -> dict[str, str]:
    """Return the verdict on a file for which a check raised this error."""
    status, where, trace = "failed", _where(error, path), "".join(traceback.format_exception(error))
    if isinstance(error, NotImplementedError) and str(error).startswith("exercise "):
        message, trace = f"it needs {error}, which is not written yet", ""
        if str(error) == task:
            status, message = "unsolved", "there is no answer yet"
    elif isinstance(error, SyntaxError):
        where, trace, line = "", str(error), (error.text or "").strip()
        message = f"line {error.lineno} is no Python, {error.msg}:\n    {line}"
    elif isinstance(error, AssertionError) and str(error):
        message = str(error)
    else:
        call = getattr(error, "__notes__", [""])[-1]  # that raised it; see `contract`
        message = ": ".join(filter(None, [call, _said(error)]))
    return {"status": status, "check": check, "message": message, "where": where, "trace": trace}


def _said(error: BaseException) -> str:
    """Return in words what a student's code raised."""
    if isinstance(error, SystemExit):
        return "your code called exit(): an exercise returns its result"
    if isinstance(error, MemoryError):
        return f"your code asked for more than {MEMORY // 2**30} GiB of memory"
    if isinstance(error, RecursionError):
        return "your code calls itself without end"
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return f"your code prints more than {WRITTEN // 2**20} MiB"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _where(error: BaseException, path: Path) -> str:
    """Return the last line of the student's file that the error came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    if not frames:
        return ""
    number = frames[-1].lineno or 0
    return f"{path.name}, line {number}: {linecache.getline(str(path), number).strip()}"


def _limit(seconds: float) -> None:
    """Let the system refuse what is too much; memory and processes on Linux only.

    `runner` ends what takes too long: the limit on seconds is for what has escaped it.
    """
    if os.name != "posix":
        return
    import resource

    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: WRITTEN,
        resource.RLIMIT_CPU: int(seconds + 2) * (os.cpu_count() or 1),
    }
    if sys.platform.startswith("linux"):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY
        tasks = len(list(Path("/proc").glob("[0-9]*/task/*")))
        limits[resource.RLIMIT_NPROC] = tasks + PROCESSES  # root is not held to it
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
