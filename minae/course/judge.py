"""Runs the checks of one exercise on one student's file, in a process of its own.

It is started by `runner`, with Python's isolated mode: nothing beside the student's file is looked
at, no environment variable, and no folder but those where packages are installed. So a module named
minae, a conftest.py or a sitecustomize.py in a submission is never found.

On stdin it gets what to judge, on the last line of a file it leaves the verdict.
"""

import importlib.util
import json
import linecache
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

MEMORY = 4 * 2**30  # bytes that a student's code may have beyond what is taken before
PROCESSES = 100  # and processes and threads beyond those that the user has


def main() -> None:
    """Judge what stdin says, and leave the verdict where it says."""
    wanted = json.loads(sys.stdin.read())
    path, place, seal = Path(wanted["student"]), Path(wanted["verdict"]), wanted["seal"]
    from minae.kernels import use_backend

    checks = _checks(Path(wanted["checks"]), wanted["exercise"])
    _limit()
    with use_backend("reference"):  # which needs no compiling
        verdict = judged(path, checks, wanted["exercise"])
    place.write_text(json.dumps(verdict | {"seal": seal}), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # whatever threads a student has started


def judged(path: Path, checks: dict, name: str) -> dict:
    """Return {"status", "check", "message", "where", "trace"} of a student's file.

    The status is "passed", "failed", or "unsolved" where there is no answer yet.
    """
    try:
        student = load(path)
    except BaseException as error:  # also exit()
        return _failure(error, path, "the file does not run")
    if not callable(getattr(student, name, None)):
        return _verdict("failed", message=f"there is no function {name} in the file")
    for title, check in checks.items():
        try:
            check(student)
        except NotImplementedError as error:
            if not str(error).startswith("exercise "):
                return _failure(error, path, title)
            return _verdict("unsolved", title, "there is no answer yet", _where(error, path))
        except BaseException as error:
            return _failure(error, path, title)
    return _verdict("passed")


def load(path: Path) -> ModuleType:
    """Run a student's file, and return it as a module of a name that nothing else has."""
    spec = importlib.util.spec_from_file_location("student_exercises", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _checks(path: Path, name: str) -> dict:
    module = load(path)
    del sys.modules["student_exercises"]
    prefix = f"test_{name}__"
    found = {n: check for n, check in vars(module).items() if n.startswith(prefix)}
    return {n.removeprefix(prefix).replace("_", " "): check for n, check in found.items()}


def _failure(error: BaseException, path: Path, check: str) -> dict:
    if isinstance(error, SyntaxError):
        line = (error.text or "").rstrip()
        message = f"line {error.lineno} is no Python, {error.msg}:\n    {line.strip()}"
        return _verdict("failed", check, message, "", str(error))
    if isinstance(error, SystemExit):
        message = "your code called exit(): an exercise returns its result"
    elif isinstance(error, AssertionError) and str(error):
        message = str(error)
    elif isinstance(error, MemoryError):
        message = f"your code asked for more than {MEMORY // 2**30} GiB of memory"
    elif isinstance(error, RecursionError):
        message = "your code calls itself without end"
    else:
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return _verdict("failed", check, message, _where(error, path), trace)


def _where(error: BaseException, path: Path) -> str:
    """Return the last line of the student's own that the error came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    if not frames:
        return ""
    line = linecache.getline(str(path), frames[-1].lineno).strip()
    return f"{path.name}, line {frames[-1].lineno}: {line}"


def _verdict(status: str, check: str = "", message: str = "", where: str = "", trace: str = ""):
    return {
        "status": status,
        "check": check,
        "message": message,
        "where": where,
        "trace": trace,
    }


def _limit() -> None:
    """Let the system refuse what is too much, where it can: on Linux."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    most = len(list(Path("/proc").glob("[0-9]*/task/*"))) + PROCESSES  # root is not held to it
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


if __name__ == "__main__":
    main()
