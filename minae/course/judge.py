"""Runs the checks of one exercise on one student's file, in a process of its own.

It is started by `runner`, with Python's isolated mode: nothing beside the student's file is looked
at, no environment variable, and no folder but those where packages are installed. So a module named
minae, a conftest.py or a sitecustomize.py in a submission is never found. What a student's code
changes in other modules is put back, and refused: see `guard`. On stdin comes what to judge: a line
of JSON, then the student's file. The verdict goes to a file, with a seal that only `runner` knows.

The student's code runs apart from other processes and from the solutions, as far as the system
allows: see `confine`. It runs in one process with the checks, though, so code that is written
against this very file gets through: it finds the seal or an expected result in the frames of its
callers, replaces a function for the time of one call only, or writes to memory through ctypes. That
can be read in a submission, and is not found here.
"""

import builtins
import errno
import importlib.util
import json
import linecache
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from minae.course.confine import confine
from minae.course.contract import Terms, under
from minae.course.guard import watched

# As in `guard`: what is defined below is not reached by a student who replaces builtins.len.
__builtins__ = dict(vars(builtins))

MEMORY = 4 * 2**30  # bytes that a student's code may have beyond what is taken before
PROCESSES = 100  # and processes and threads beyond those that the user has
WRITTEN = 16 * 2**20  # bytes that it may print, or write to one file


def main() -> None:
    """Judge what stdin says, and leave the verdict where it says."""
    head, text = sys.stdin.buffer.readline(), sys.stdin.buffer.read()
    wanted = json.loads(head)
    from minae.kernels import use_backend

    terms, place = Terms(**wanted["terms"]), Path(wanted["checks"])
    checks = checks_of(load(place), wanted["exercise"], terms)
    linecache.cache[str(place)] = 0, None, linecache.getlines(str(place)), str(place)
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


def judged(path: Path, text: bytes, checks: dict, name: str, task: str) -> dict:
    """Return {"status", "check", "message", "where", "trace"} of a student's file.

    The status is "passed", "failed", or "unsolved" where there is no answer yet.
    """
    changed = watched()  # in no place that a student's code knows of
    student = ModuleType("student_exercises")
    steps = [("the file does not run", lambda _: execute(student, path, text))]
    steps += [("", lambda _: _demand(student, name)), *checks.items()]
    for title, step in steps:
        try:
            step(student)
            error = None
        except BaseException as caught:  # also exit()
            error = caught
        if change := changed():
            message = f"your code changes {change}, which the checks rely on: leave it as it is"
            return _verdict("failed", message=message)
        if error is not None:
            return failure(error, path, title, task)
    return _verdict("passed")


def execute(module: ModuleType, path: Path, text: bytes) -> None:
    """Run a student's file, which is read already, in a module of a name that nothing else has."""
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    code = compile(text, str(path), "exec", dont_inherit=True)
    lines = importlib.util.decode_source(text).splitlines(keepends=True)
    linecache.cache[str(path)] = len(text), None, lines, str(path)
    exec(code, vars(module))


def load(path: Path, name: str = "checks") -> ModuleType:
    """Run a file of a lesson, and return it as a module."""
    spec = importlib.util.spec_from_file_location(f"lesson_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def checks_of(module: ModuleType, name: str, terms: Terms) -> dict:
    """Return the checks of one exercise by what they check, and hold each call to its terms."""
    prefix = f"test_{name}__"
    found = {n: check for n, check in vars(module).items() if n.startswith(prefix)}
    return {
        n.removeprefix(prefix).replace("_", " "): under(terms, name, check)
        for n, check in found.items()
    }


def _demand(student: ModuleType, name: str) -> None:
    assert callable(getattr(student, name, None)), f"there is no function {name} in the file"


def failure(error: BaseException, path: Path, check: str, task: str) -> dict:
    """Return the verdict on a file for which a check raised this error."""
    where, trace = _where(error, path), "".join(traceback.format_exception(error))
    if isinstance(error, NotImplementedError) and str(error).startswith("exercise "):
        if str(error) == task:
            return _verdict("unsolved", check, "there is no answer yet", where)
        return _verdict("failed", check, f"it needs {error}, which is not written yet", where)
    if isinstance(error, SyntaxError):
        line = (error.text or "").rstrip()
        message = f"line {error.lineno} is no Python, {error.msg}:\n    {line.strip()}"
        return _verdict("failed", check, message, "", str(error))
    if isinstance(error, AssertionError) and str(error):
        return _verdict("failed", check, str(error), where, trace)
    call = getattr(error, "__notes__", [""])[-1]  # that raised it; see `contract`
    return _verdict("failed", check, ": ".join(filter(None, [call, _said(error)])), where, trace)


def _said(error: BaseException) -> str:
    """Return what an error that a student's code raised means."""
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
    """Return the last line of the student's own that the error came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    if not frames:
        return ""
    line = linecache.getline(str(path), frames[-1].lineno).strip()
    return f"{path.name}, line {frames[-1].lineno}: {line}"


def _verdict(status: str, check: str = "", message: str = "", where: str = "", trace: str = ""):
    return {"status": status, "check": check, "message": message, "where": where, "trace": trace}


def _limit(seconds: float) -> None:
    """Let the system refuse what is too much: memory and processes on Linux alone.

    `runner` ends what takes too many seconds. The limit is for what has got out of its reach.
    """
    if os.name != "posix":
        return
    import resource

    def at_most(kind: int, most: int) -> None:
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))

    at_most(resource.RLIMIT_CORE, 0)
    at_most(resource.RLIMIT_FSIZE, WRITTEN)
    at_most(resource.RLIMIT_CPU, int(seconds + 2) * (os.cpu_count() or 1))
    if not sys.platform.startswith("linux"):
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    at_most(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY)
    tasks = len(list(Path("/proc").glob("[0-9]*/task/*")))
    at_most(resource.RLIMIT_NPROC, tasks + PROCESSES)  # root is not held to it


if __name__ == "__main__":
    main()
