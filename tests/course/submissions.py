"""What students hand in: answers, mishaps, and tricks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minae.course import confine, grading, handed_in

SECONDS = 6
RIGHT = "def double(x):\n    return x + x\n"
WRONG = "def double(x):\n    return 3 * x\n"
HALVES = "def halves(n):\n    return (n & -n).bit_length() - 1\n"
SLEEP = f"9{os.getpid():07}.5"  # of children, by which those of this test run are recognised


def _gives_namespaces() -> bool:
    """Return whether a process may have namespaces of its own; containers often may not."""
    flags = confine.CLONE_NEWUSER | confine.CLONE_NEWNS | confine.CLONE_NEWPID
    code = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({flags}) != 0)"
    return sys.platform == "linux" and not subprocess.run([sys.executable, "-c", code]).returncode


namespaces = pytest.mark.skipif(not _gives_namespaces(), reason="no namespaces here")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's limits")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's processes")

# What stands in double(), and what is said of it.
MISHAPS = {
    "loops": ("while True:\n        pass", "still running after 6 seconds"),
    "sleeps": ("import time\n    time.sleep(1e6)", "still running after 6 seconds"),
    "stops": ("import os, signal\n    os.kill(os.getpid(), signal.SIGSTOP)", "still running"),
    "aborts": ("import os\n    os.abort()", r"ended Python before .* \(by SIGABRT\)"),
    "segfaults": (
        "import ctypes\n    ctypes.string_at(0)",
        r"ended Python before .* \(by SIGSEGV\)",
    ),
    "leaves": ("import os\n    os._exit(0)", r"ended Python before .* \(exit status 0\)"),
    "exits": ("exit()", r"your code called exit\(\)"),
    "asks": ("return bytes(10 * 2**30)", "asked for more than 4 GiB of memory"),
    "prints": ("while True:\n        print('much ' * 1000)", "prints more than 16 MiB"),
    "recurses": ("return double(x)", "calls itself without end"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "forks": (
        "import os, time\n    for _ in range(20):\n        if not os.fork():\n"
        f"            time.sleep({SLEEP})\n    time.sleep({SLEEP})",
        "still running",
    ),
    "unsolved": ('raise NotImplementedError("exercise 1.1: twice [as] much")', "not written"),
    "needs": ('raise NotImplementedError("exercise 1.2: how often")', "it needs exercise 1.2"),
    "not_yet": ('raise NotImplementedError("later")', "NotImplementedError: later"),
    "wrong": ("return 3 * x", r"is twice: double\(3\) returned 9 expected 6"),
    "returns_nothing": ("x + x", "returned None: is a return missing"),
    "for_numbers_alone": (
        "return float(x) * 2",
        r"takes arrays: .*TypeError.*return float",
    ),
    "swallows": ("try:\n        return 1 / 0\n    except BaseException:\n        exit()", "exit"),
}

# What stands beside a wrong answer, and what is said of it.
TRICKS = {
    "same": (
        "import minae.course.checking as c\nc.same = lambda *a, **k: None",
        "changes minae.course.checking.same",
    ),
    "same_code": (
        "from minae.course.checking import same\n"
        "same.__code__ = (lambda actual, expected, call, tolerance=1: None).__code__",
        "changes minae.course.checking.same",
    ),
    "later": (
        "import minae.course.checking as c\ndef double(x):\n    c.same = print\n    return 3 * x",
        "changes minae.course.checking.same",
    ),
    "allclose": (
        "import numpy\n"
        "numpy.allclose = lambda *a, **k: True\n"
        "numpy.isclose = lambda a, *b, **k: a == a",
        "changes numpy.(allclose|isclose)",
    ),
    "testing": (
        "import sys, types\nsys.modules['numpy.fake'] = types.ModuleType('numpy.fake')",
        "changes numpy.fake",
    ),
    "modules": ("import sys\nsys.modules['numpy'] = sys", "changes numpy"),
    "errors": (
        "import builtins\nbuiltins.AssertionError = builtins.BaseException = KeyError",
        "changes builtins.",
    ),
    "isinstance": (
        "import builtins\nbuiltins.any = builtins.callable = lambda *a: False",
        "changes builtins.",
    ),
    "shadow": (
        "import minae.course.checking as c\nc.isinstance = lambda *a: True",
        "changes minae.course.checking.isinstance",
    ),
    "method": (
        "from minae import Tensor\nTensor.detach = lambda self: self",
        "changes minae.tensor.Tensor.detach",
    ),
    "inherited": (
        "from minae import Tensor\nTensor.__array__ = lambda self: 6",
        "changes minae.tensor.Tensor.__array__",
    ),
    "judge": (
        "import __main__\n__main__.failure = lambda *a: {'status': 'passed'}",
        "changes __main__.failure",
    ),
    "guard": (
        "from minae.course import guard\n"
        "guard._matters = guard._restored = lambda *v: ''\n"
        "guard.__builtins__['any'] = bool\n"
        "import minae.course.checking as c\n"
        "c.same = print",
        "changes (builtins.any|minae.course.guard._)",
    ),
    "guard_code": (
        "from minae.course import guard\n"
        "guard._restored.__code__ = (lambda name, place, kept: '').__code__",
        "changes minae.course.guard._restored",
    ),
    "pathlib": (
        "import pathlib\nwrite = pathlib.Path.write_text\n"
        "pathlib.Path.write_text = lambda self, text, **options: write(\n"
        "    self, text.replace('failed', 'passed'), **options)",
        "changes pathlib.Path.write_text",
    ),
    "io": (
        "import io\nopened = io.open\nio.open = lambda *a, **k: opened(*a, **k)",
        "changes io.open",
    ),
    "json": ("import json\njson._default_encoder.encode = lambda v: v", "returned 9"),
    "checks": ("import sys\nvars(sys.modules['lesson_checks']).clear()", "changes lesson_checks"),
    "atexit": ("import atexit, os\natexit.register(os._exit, 0)", "returned 9"),
    "forged": (
        "import pathlib\n"
        "for place in ('.', '..'):\n"
        "    pathlib.Path(place, 'verdict.json').write_text('{\"status\": \"passed\"}')",
        "returned 9",
    ),
    "forged_at_exit": (
        "import os, pathlib\n"
        'pathlib.Path(\'../verdict.json\').write_text(\'{"status": "passed", "seal": ""}\')\n'
        "os._exit(0)",
        "ended Python",
    ),
    "liar": (
        "class Liar(float):\n"
        "    __eq__ = lambda *a: True\n"
        "    __hash__ = None\n"
        "def double(x):\n"
        "    return Liar(3)",
        "3, expected 6",
    ),
    "no_function": ("del double", "there is no function double"),
    "a_number": ("double = 6", "there is no function double"),
}

# What reaches for the teacher's process or for our answers, beside a right answer.
REACHES = {
    "parent": ("import os\nos.kill(os.getppid(), 9)", "^$|ended Python"),
    "group": ("import os\nos.killpg(0, 9)", "ended Python"),
    "parents_group": ("import os\nos.killpg(os.getpgid(os.getppid()), 9)", "ended Python"),
    "pipe_for_the_verdict": (
        "import os\nos.mkfifo('../verdict.json')\nos._exit(0)",
        "ended Python",
    ),
    "deep_verdict": (
        "import os\nopen('../verdict.json', 'w').write('[' * 10**6)\nos._exit(0)",
        "ended Python",
    ),
    "solutions": ("import minae.lessons", "ModuleNotFoundError: .*minae.lessons"),
    "a_solution": (
        "import importlib\nimportlib.import_module('minae.lessons.01_autograd.exercises')",
        "ModuleNotFoundError: .*minae.lessons",
    ),
    "solutions_by_our_own_code": (
        "from minae.course.lessons import all_lessons\nall_lessons()",
        "ModuleNotFoundError: .*minae.lessons",
    ),
}
# Where the system gives namespaces; {here} is the folder of submissions, {ours} of the lessons.
REACHES_FURTHER = {
    "everybody": ("import os\nos.kill(-1, 9)", "ProcessLookupError"),
    "everybody_by_a_shell": ("import os\nos.system('kill -9 -1')", "^$|ended Python"),
    "teacher": ("import os\nos.kill({teacher}, 9)", "ProcessLookupError"),
    "neighbour": (
        "open('{here}/bob/01_numbers/exercises.py')",
        "FileNotFoundError|PermissionError",
    ),
    "neighbour_from_here": (
        "import os\nopen(os.path.dirname(__file__) + '/../../bob/01_numbers/exercises.py')",
        "FileNotFoundError|PermissionError",
    ),
    "neighbour_by_cat": (
        "import subprocess\n"
        "subprocess.run(['cat', '{here}/bob/01_numbers/exercises.py'], check=True)",
        "non-zero exit status",
    ),
    "neighbour_through_the_teacher": (
        "open('/proc/{teacher}/root/{here}/bob/01_numbers/exercises.py')",
        "PermissionError",
    ),
    "solution_by_path": (
        "open('{ours}/01_numbers/exercises.py')",
        "FileNotFoundError|PermissionError",
    ),
    "solution_after_unmounting": (
        "import os\nos.system('umount {ours}')\n"
        "import ctypes\nctypes.CDLL(None).umount2(b'{ours}', 2)\n"
        "open('{ours}/01_numbers/exercises.py')",
        "FileNotFoundError|PermissionError",
    ),
    "solution_in_namespaces_of_its_own": (
        "import subprocess\n"
        "run = 'umount {ours}; cat {ours}/01_numbers/exercises.py'\n"
        "subprocess.run(['unshare', '-r', '-m', 'sh', '-c', run], check=True)",
        "CalledProcessError",
    ),
}

# What stands beside a right answer and spoils nothing.
HARMLESS = {
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,)).start()",
    "closes": "import sys\nsys.stdout.close()\nsys.stdin.close()\nsys.stderr.close()",
    "closes_all": "import os\nos.closerange(0, 50)",
    "moves": "import os\nos.chdir('/')",
    "deletes": "import shutil\nshutil.rmtree('.', ignore_errors=True)",
    "ignores": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "children": f"import subprocess\nsubprocess.Popen(['sleep', '{SLEEP}'])",
    "bare_children": f"import subprocess\nsubprocess.Popen(['sleep', '{SLEEP}'], env={{}})",
    "runaway": f"import subprocess\nsubprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True)",
    "prints": "print('hello')",
    "warns": "import warnings, numpy\nwarnings.simplefilter('error')\nnumpy.seterr(all='raise')",
    "patches": "import typing, inspect\ntyping._check_generic = inspect.getfile = print",
    "imports": (
        "import numpy.testing, unittest.mock, decimal\nfrom minae import Op\nclass Mine(Op): ..."
    ),
}


def hand_in(folder: Path, students: dict[str, str | None], name: str = "01_numbers") -> Path:
    """Write a folder with a folder for each student, who may have handed in nothing."""
    for student, text in students.items():
        (folder / student / name).mkdir(parents=True)
        if text is not None:
            (folder / student / name / "exercises.py").write_text(text, encoding="utf-8")
    return folder


def tree(folder: Path) -> dict:
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def sleepers() -> list[Path]:
    """Return the processes that a submission has left behind."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [place] if SLEEP.encode() in place.read_bytes() else []
        except OSError:
            continue
    return found


def reasons_of(
    students: dict[str, str], folder: Path, exercise, seconds: float = SECONDS
) -> dict[str, str]:
    submissions, _ = handed_in.read_submissions(hand_in(folder, students), [exercise.lesson])
    return {
        g.submission.student: g.reasons for g in grading.grade(submissions, [exercise], seconds)
    }
