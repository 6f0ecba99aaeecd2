"""The table is safe to open and has every row that was known when the grading stopped."""

import csv
import json

import pytest

from minae.course.grading import Grade, Table, write_gradescope
from minae.course.handed_in import Submission
from minae.course.runner import FAILED, PASSED, Verdict
from minae.errors import InputError

from .submissions import posix


def graded(folder, student: str, exercises, message: str = "wrong", **about) -> Grade:
    verdicts = {e: Verdict(PASSED) for e in exercises} | {
        exercises[0]: Verdict(FAILED, message=message)
    }
    return Grade(Submission(folder, student, {}, **about), verdicts, {})


def rows_of(path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def exercises(course):
    """Give the exercises of lesson 1."""
    return list(course[0].exercises)


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", "\r=", "\x1b=", "\u200b="])
def test_no_cell_is_a_formula(tmp_path, exercises, first):
    grade = graded(tmp_path, f"{first}cmd|'/C calc'!A1", exercises)
    with Table(tmp_path / "a.csv", exercises) as table:
        table.add(grade)
    assert rows_of(tmp_path / "a.csv")[1][0] == f"'{first[-1]}cmd|'/C calc'!A1"


def test_cells_hold_nothing_that_steers_a_terminal(tmp_path, exercises):
    said, place = 'a\x1b[31m,"\n\0\u202e\x9b', {"found": {"01_numbers": "b\x1b]0;c\x07"}}
    with Table(tmp_path / "a.csv", exercises) as table:
        table.add(graded(tmp_path, "ada\udcff", exercises, said, **place))
    text = (tmp_path / "a.csv").read_text(encoding="utf-8")
    assert all(c.isprintable() or c == "\n" for c in text)
    assert rows_of(tmp_path / "a.csv")[1] == [
        *("ada", "0", "1", "1", '1.1: a[31m,"', "found in b]0;c"),
    ]


def test_rows_are_written_as_they_come_and_put_in_order_at_the_end(tmp_path, exercises):
    path = tmp_path / "new" / "a.csv"
    with Table(path, exercises) as table:
        for count, student in enumerate(["b", "c", "a"], 1):
            table.add(graded(tmp_path, student, exercises))
            assert len(rows_of(path)) == 1 + count
        path.unlink()  # as a student's code might
    assert [row[0] for row in rows_of(path)] == ["student", "a", "b", "c"]


@pytest.mark.parametrize("before", [None, "student\nold\n"])
@pytest.mark.parametrize("rows", [0, 1])
def test_after_an_error_the_rows_are_kept(tmp_path, exercises, before, rows):
    path = tmp_path / "a.csv"
    if before:
        path.write_text(before)
    with pytest.raises(KeyboardInterrupt), Table(path, exercises) as table:  # noqa: PT012
        for _ in range(rows):
            table.add(graded(tmp_path, "ada", exercises))
        raise KeyboardInterrupt
    if rows:
        assert [row[0] for row in rows_of(path)] == ["student", "ada"]
    else:
        assert (path.read_text() if path.exists() else None) == before


@posix
def test_a_file_that_cannot_be_written_is_found_at_once(tmp_path, exercises):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "a.csv", "/dev/null", "/proc/a.csv"):
        with pytest.raises(InputError, match=r"is a|cannot be written"):
            Table(tmp_path / path, exercises)


@posix
def test_results_for_gradescope_go_into_no_other_folder(tmp_path, exercises):
    (tmp_path / "ada").mkdir()
    (tmp_path / "other.json").write_text("kept")
    (tmp_path / "ada" / "results.json").symlink_to(tmp_path / "other.json")
    path = write_gradescope(graded(tmp_path / "ada", "ada", exercises))
    assert json.loads(path.read_text())["score"] == 1
    assert (tmp_path / "other.json").read_text() == "kept"
    (tmp_path / "bob").symlink_to("ada")
    with pytest.raises(InputError, match="bob is a link"):
        write_gradescope(graded(tmp_path / "bob", "bob", exercises))
