"""Tricks gain nothing, and what a student's code starts, prints or breaks stays with it."""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile

import pytest

from minae.course import runner

from .submissions import (
    HARMLESS,
    REACHES,
    REACHES_FURTHER,
    RIGHT,
    TRICKS,
    WRONG,
    hand_in,
    linux,
    namespaces,
    posix,
    reasons_of,
    sleepers,
)


@linux
def test_tricks_gain_nothing(exercise, tmp_path):
    students = {name: f"{WRONG}\n{text}\n" for name, (text, _) in TRICKS.items()}
    found = reasons_of(students, tmp_path / "in", exercise)
    for name, reason in found.items():
        assert re.search(TRICKS[name][1], reason), (name, reason)


@posix
def test_what_spoils_nothing_passes_and_leaves_nothing(exercise, tmp_path):
    students = {name: f"{RIGHT}\n{text}\n" for name, text in HARMLESS.items()}
    found = reasons_of(students, tmp_path / "in", exercise)
    assert found == dict.fromkeys(students, "")
    assert not sleepers()


def assert_out_of_reach(reaches: dict, place, exercise) -> None:
    words = {
        "{here}": str(place),
        "{teacher}": str(os.getpid()),
        "{ours}": str(exercise.lesson.folder.parent),
    }
    students = {"bob": RIGHT}
    for name, (text, _) in reaches.items():
        for word, value in words.items():
            text = text.replace(word, value)
        students[name] = f"{RIGHT}\n{text}\n"
    found = reasons_of(students, place, exercise)
    assert found.pop("bob") == ""
    for name, reason in found.items():
        assert re.search(reaches[name][1], reason), (name, reason)


@linux
def test_neither_the_teacher_nor_our_answers_are_in_reach(exercise, tmp_path):
    assert_out_of_reach(REACHES, tmp_path / "in", exercise)


@namespaces
def test_neither_other_processes_nor_others_files_are_in_sight(exercise, tmp_path):
    assert_out_of_reach(REACHES_FURTHER, tmp_path / "in", exercise)


@linux
def test_when_the_teachers_process_is_killed_no_code_runs_on(exercise, tmp_path):
    """The student's code holds a pipe open, whose end is seen when it ends."""
    with tempfile.TemporaryDirectory() as folder:  # one that a user without rights may enter
        os.chmod(folder, 0o755)
        os.mkfifo(f"{folder}/pipe")
        os.chmod(f"{folder}/pipe", 0o666)
        text = f"pipe = open({folder + '/pipe'!r}, 'w')\nprint('here', file=pipe, flush=True)\n"
        judge = (
            "import pathlib, sys\n"
            "from minae.course import lessons, runner\n"
            "(exercise, _) = lessons.read(pathlib.Path(sys.argv[1])).exercises\n"
            "runner.judge(exercise, pathlib.Path('x.py'), 600, sys.stdin.buffer.read())"
        )
        teacher = subprocess.Popen(
            [sys.executable, "-c", judge, exercise.lesson.folder], stdin=subprocess.PIPE
        )
        with teacher:
            teacher.stdin.write(f"{text}while True:\n    pass".encode())
            teacher.stdin.close()
            with open(f"{folder}/pipe") as pipe:
                assert pipe.readline() == "here\n"
                teacher.kill()
                assert pipe.read() == ""


@pytest.mark.parametrize(
    "package",
    [
        "torch",
        "pydantic",
        "hypothesis",
        "jupytext",
        "sklearn",
        "scipy.stats",
        "pandas",
        "matplotlib.pyplot",
    ],
)
def test_what_an_import_changes_in_python_is_no_deceit(exercise, tmp_path, package):
    """All of them change typing, inspect or other modules of Python."""
    if not importlib.util.find_spec(package.partition(".")[0]):
        pytest.skip(f"{package} is not installed")
    students = {"ada": f"import {package}\n{RIGHT}"}
    a_minute = 60.0  # some of them take seconds to import
    assert reasons_of(students, tmp_path / "in", exercise, a_minute) == {"ada": ""}


FAKES = (
    "minae/__init__.py",
    "minae/course/__init__.py",
    "minae/course/judge.py",
    "minae/course/checking.py",
    "conftest.py",
    "sitecustomize.py",
    "usercustomize.py",
    "numpy.py",
    "numpy/__init__.py",
    "json.py",
    "encodings.py",
)


@pytest.mark.parametrize("place", ["beside", "above", "path"])
def test_fakes_are_never_found(exercise, tmp_path, monkeypatch, place):
    """Neither beside the file, nor where Python is told to look."""
    text = WRONG + "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nimport numpy"
    folder = hand_in(tmp_path / "in", {"ada": text})
    mark = tmp_path / "mark"
    beside = folder / "ada" / "01_numbers"
    where = {"beside": beside, "above": folder / "ada", "path": tmp_path / "fakes"}[place]
    for name in FAKES:
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(f"open({str(mark)!r}, 'a').write({name!r})\n")
    if place == "path":
        monkeypatch.setenv("PYTHONPATH", str(where))
        monkeypatch.setenv("PYTHONSTARTUP", str(where / "conftest.py"))
        monkeypatch.setenv("PYTHONUSERBASE", str(where))
    monkeypatch.chdir(where)
    assert "returned 9" in runner.judge(exercise, beside / "exercises.py").message
    assert not mark.exists()


def test_code_that_writes_into_other_submissions_changes_no_grade(course, tmp_path):
    (exercise, _) = course[0].exercises
    vandal = (
        f"import pathlib\ntry:\n"
        f"    for place in pathlib.Path({str(tmp_path)!r}).rglob('*/exercises.py'):\n"
        "        place.write_text('')\nexcept OSError:\n    pass\n"
    )
    students = {"a": RIGHT + vandal, "b": RIGHT, "c": RIGHT}
    assert reasons_of(students, tmp_path / "in", exercise) == dict.fromkeys("abc", "")
