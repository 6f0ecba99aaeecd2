"""Every lesson runs; of every exercise the solution passes, and stub and wrong answers do not.

What is proved of an exercise stands in minae/course/proof.py; `minae lessons verify` does the same.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minae.course import proof
from minae.course.lessons import read

LESSONS = Path(__file__).parents[2] / "lessons"
FOLDERS = {path.parent.name: path.parent for path in sorted(LESSONS.glob("*/exercises.toml"))}
ENVIRONMENT = {"MINAE_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
SECONDS = 400  # after which a lesson that hangs is stopped

each_lesson = pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)


def test_there_is_something_to_check():
    assert FOLDERS


@each_lesson
def test_the_checks_tell_the_truth(folder):
    lesson = read(folder)
    proofs = proof.prove([lesson])
    assert [gap for one in proofs for gap in one.gaps] == []
    assert len({exercise.name for exercise in lesson.exercises}) == len(proofs) >= 4
    for one in proofs:
        assert len(one.of("stub")) == len(one.of("solution")) == 1
        assert len(one.of("mutant")) >= 4


@each_lesson
def test_no_answer_is_left_in_what_students_get(folder):
    pytest.importorskip("jupytext")
    assert proof.leaks(read(folder)) == []


def run_lesson(folder, out, *options, seconds):
    """Run a lesson in the folder `out`; return what it printed. Its asserts are its claims.

    In one thread: the tests beside it need cores too.
    """
    finished = subprocess.run(
        [sys.executable, "-W", "error", folder / "lesson.py", *options],
        cwd=out,
        env=os.environ | ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=seconds,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@each_lesson
@pytest.mark.timeout(2 * SECONDS)
def test_a_lesson_runs(folder, tmp_path):
    printed = run_lesson(folder, tmp_path, seconds=SECONDS)
    pictures = list((tmp_path / "runs" / folder.name).glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.name in printed
    assert printed.count(".png") == len(pictures)


RECORDED = {name: path for name, path in FOLDERS.items() if (path / "results.json").exists()}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("folder", RECORDED.values(), ids=RECORDED)
def test_a_lesson_runs_at_full_size(folder, tmp_path):
    run_lesson(folder, tmp_path, "--full", seconds=7000)


@pytest.mark.parametrize("folder", RECORDED.values(), ids=RECORDED)
def test_recorded_numbers_say_where_they_come_from(folder):
    recorded = json.loads((folder / "results.json").read_text())
    assert recorded["seconds"] > 0
    assert "--full" in recorded["command"] or recorded["command"].startswith("minae ")
