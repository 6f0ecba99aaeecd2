"""A whole class is graded in one go: every row is right, whatever was handed in."""

import csv
import json
import os
import re
import signal
from pathlib import Path

import pytest

from minae.course import runner, source
from minae.course.grading import Table
from minae.errors import InputError

from .conftest import EXERCISES
from .submissions import (
    HALVES,
    MISHAPS,
    RIGHT,
    SECONDS,
    WRONG,
    hand_in,
    linux,
    posix,
    reasons_of,
    sleepers,
    tree,
)


def rows_of(path: Path) -> list[dict]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@linux
def test_a_class_is_graded_whatever_was_handed_in(course, minae, tmp_path):
    """In one go, and to the end."""
    students = {name: f"def double(x):\n    {body}\n" for name, (body, _) in MISHAPS.items()}
    expected = {name: (0, 0, rf"1.1: .*{said}") for name, (_, said) in MISHAPS.items()}
    for name, text, row in (
        ('Ada, née "B"', RIGHT + HALVES, (1, 1, "")),
        ("partly", WRONG + HALVES, (0, 1, "1.1: .*returned 9")),
        ("the_other", RIGHT, (1, 0, "1.2: there is no function halves")),
        ("untouched", source.stubs(course[0]), (0, 0, "1.1, 1.2: not written")),
        (
            "syntax",
            "x = 1\ndef double(x:\n",
            (0, 0, "1.1, 1.2: the file does not run: line 2 is no"),
        ),
        ("empty_file", "", (0, 0, "1.1: there is no function double")),
        ("empty", None, (0, 0, "1.1, 1.2: there is no file exercises.py")),
        ("binary", "\0\1", (0, 0, "1.1, 1.2: the file does not run")),
        ("large", "#" * 2**21, (0, 0, "1.1, 1.2: 01_numbers/exercises.py is larger than 1 MiB")),
        ("ends_at_import", "import os\nos._exit(0)", (0, 0, "1.1, 1.2: .*ended Python")),
        ("crlf", (RIGHT + HALVES).replace("\n", "\r\n"), (1, 1, "")),
    ):
        students[name], expected[name] = text, row
    assert len(students) >= 30
    folder = hand_in(tmp_path / "in", students)
    (folder / "zip.zip").write_text("")
    (folder / ".hidden").mkdir()
    before = tree(folder)
    status, out, _ = minae("grade", folder, "--lesson", 1, "--seconds", SECONDS, "--out", "g/a.csv")
    assert status == 0
    assert tree(folder) == before
    assert "no folder: " in out
    assert "zip.zip" in out
    rows = rows_of(tmp_path / "g" / "a.csv")
    assert list(rows[0]) == ["student", "1.1", "1.2", "total", "reasons", "look_at"]
    assert [row["student"] for row in rows] == sorted(students)
    for row in rows:
        double, halves, reason = expected[row["student"]]
        assert (row["1.1"], row["1.2"]) == (str(double), str(halves)), row
        assert int(row["total"]) == double + halves
        assert re.match(reason, row["reasons"]), row
        assert bool(row["reasons"]) == (double + halves < 2)
    assert not sleepers()


def test_a_progress_file_is_not_believed(course, minae, tmp_path, monkeypatch):
    minae("start", "ada")
    claimed = {e.id: "today" for lesson in course for e in lesson.exercises}
    diary = tmp_path / "ada" / ".minae" / "progress.json"
    diary.write_text(json.dumps({"passed": claimed}))
    (tmp_path / "in").mkdir()
    (tmp_path / "ada").rename(tmp_path / "in" / "ada")
    status, _, _ = minae("grade", "in")
    assert status == 0
    (row,) = rows_of(tmp_path / "grades.csv")
    assert row["total"] == "0"
    assert row["reasons"] == "1.1, 1.2, 2.1, 2.2: not written"
    monkeypatch.chdir(tmp_path / "in" / "ada")
    status, out, err = minae("solution", 1.1)
    assert (status, "1.1 has not passed yet" in err) == (2, True)
    assert "FACTOR" not in out


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@posix
def test_when_stopped_the_rows_so_far_are_kept(course, minae, tmp_path, monkeypatch, name):
    """And nothing runs on."""
    number, add = getattr(signal, name), Table.add
    loop = "def double(x):\n    while True: pass\n"
    hand_in(tmp_path / "in", {"ada": RIGHT + HALVES, "bob": loop, "eve": loop})

    def then_stop(table, grade):
        add(table, grade)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Table, "add", then_stop)
    before = signal.getsignal(number)
    status, _, err = minae("grade", "in", "--lesson", 1, "--seconds", 1000)
    assert status == 128 + number
    assert "stopped: grades.csv has the rows of 1 of 3 students" in err
    assert [row["student"] for row in rows_of(tmp_path / "grades.csv")] == ["ada"]
    assert signal.getsignal(number) == before
    assert not runner._running


def test_gradescope_and_a_single_file(course, minae, tmp_path):
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "in" / "ada" / "exercises.py").write_text(WRONG + HALVES)
    before = set(tree(tmp_path / "in"))
    status, _, _ = minae("grade", "in", "--lesson", 2, "--gradescope")
    assert status == 0
    results = json.loads((tmp_path / "in" / "ada" / "results.json").read_text())
    assert set(tree(tmp_path / "in")) - before == {tmp_path / "in" / "ada" / "results.json"}
    assert results["score"] == 1
    first, second = results["tests"]
    assert second == {"name": "2.2 how often", "score": 1, "max_score": 1, "output": "passed"}
    assert (first["name"], first["score"], first["max_score"]) == ("2.1 twice [as] much", 0, 1)
    assert "double(3) returned 9" in first["output"]


@posix
def test_results_that_cannot_be_written_stop_nobody(course, minae, tmp_path):
    folder = hand_in(tmp_path / "in", {"ada": RIGHT, "bob": RIGHT, "eve": RIGHT})
    (folder / "ada" / "results.json" / "mine").mkdir(parents=True)
    (folder / "bobs").symlink_to("bob")
    status, _, err = minae("grade", "in", "--lesson", 1, "--gradescope")
    assert status == 0
    assert re.search("no results.json for ada: .*results.json is a folder", err)
    assert re.search("no results.json for bobs: .*bobs is a link", err)
    assert [row["student"] for row in rows_of(tmp_path / "grades.csv")] == [
        "ada",
        "bob",
        "bobs",
        "eve",
    ]
    assert (folder / "eve" / "results.json").is_file()


def test_what_a_teacher_should_look_at_is_in_the_row(course, minae, tmp_path):
    text = EXERCISES.replace("halved_so_far", "n_so_far")
    hand_in(tmp_path / "in", {"ada": EXERCISES, "bob": text, "eve": text, "tom": WRONG})
    (tmp_path / "in" / "bob" / "01_numbers").rename(tmp_path / "in" / "bob" / "01_Numbers")
    assert minae("grade", "in", "--lesson", 1)[0] == 0
    looked = {row["student"]: row["look_at"] for row in rows_of(tmp_path / "grades.csv")}
    assert looked == {
        "ada": "1.2: the same as our solution",
        "bob": "found in 01_Numbers/exercises.py; 1.2: the same as eve",
        "eve": "1.2: the same as bob",
        "tom": "",
    }


def test_a_check_that_cannot_be_started_stops_nobody(course, tmp_path, monkeypatch):
    def judge(exercise, student, *_):
        if "ada" in str(student):
            raise OSError(28, "No space left on device")
        return runner.Verdict(runner.PASSED)

    monkeypatch.setattr(runner, "judge", judge)
    found = reasons_of({"ada": RIGHT, "bob": RIGHT}, tmp_path / "in", course[0].exercises[0])
    assert found["ada"].endswith("could not be run here, grade it again: No space left on device")
    assert found["bob"] == ""


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
@linux
def test_everybody_gets_a_row(course, minae, tmp_path, count):
    """Though one kills, one loops, one is a link, and one has a folder that cannot be read."""
    students = {f"student_{i:03}": RIGHT + HALVES for i in range(count)}
    kills = "import os\nos.kill(os.getppid(), 9)\nos.killpg(0, 9)\n"
    bad = {
        "student_004": RIGHT + kills,
        "student_008": "while True:\n    pass\n",
        "student_012": None,
    }
    folder = hand_in(tmp_path / "in", students | bad)
    (folder / "student_012" / "01_numbers").rmdir()
    (folder / "student_012" / "01_numbers").symlink_to("01_numbers")
    (folder / "student_016" / "01_numbers").chmod(0)
    status, _, _ = minae("grade", "in", "--lesson", 1, "--seconds", 2)
    (folder / "student_016" / "01_numbers").chmod(0o700)
    assert status == 0
    rows = rows_of(tmp_path / "grades.csv")
    assert [row["student"] for row in rows] == sorted(students)
    lost = {row["student"]: row["reasons"] for row in rows if row["total"] != "2"}
    if os.geteuid() != 0:  # root reads it all the same
        assert "01_numbers cannot be read" in lost.pop("student_016")
    assert "ended Python" in lost.pop("student_004")
    assert "still running after 2 seconds" in lost.pop("student_008")
    assert "01_numbers (a link)" in lost.pop("student_012")
    assert not lost


def test_where_our_own_answers_fail_nothing_is_graded(exercise, tmp_path):
    checks = exercise.lesson.folder / "test_exercises.py"
    checks.write_text(checks.read_text() + "\n\ndef test_double__breaks(student):\n    1 / 0\n")
    with pytest.raises(InputError, match=r"our own answers fail here: 1.1: breaks: ZeroDivision"):
        reasons_of({"ada": RIGHT}, tmp_path / "in", exercise)
