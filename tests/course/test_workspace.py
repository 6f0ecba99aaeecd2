"""A student's folder: nothing of theirs is lost, and its diary is believed by nobody."""

import json

import pytest

from minae.course import source, workspace
from minae.course.workspace import Progress, Workspace
from minae.errors import InputError


@pytest.fixture
def made(course, tmp_path):
    return workspace.create(tmp_path / "mine")[0]


def test_create_writes_lessons_and_stubs(course, tmp_path):
    made, written, left = workspace.create(tmp_path / "mine", notebooks=True)
    names = {str(path.relative_to(made.folder)) for path in made.folder.rglob("*.*")}
    files = {f"{one.name}/{file}" for one in course for file in ("lesson.py", "exercises.py")}
    files |= {f"{one.name}/lesson.ipynb" for one in course}
    assert names == files | {"README.md", ".minae", ".minae/progress.json"}
    assert (len(written), left) == (8, [])
    text = (made.folder / "01_numbers" / "exercises.py").read_text()
    assert text == source.stubs(course[0])


def test_create_never_overwrites(made, course):
    mine = made.folder / "01_numbers" / "exercises.py"
    mine.write_text("mine")
    made.note("passed", course[0].exercises[0])
    (made.folder / "02_again" / "lesson.py").unlink()
    again, written, left = workspace.create(made.folder)
    assert [path.name for path in written] == ["lesson.py"]
    assert mine in left
    assert mine.read_text() == "mine"
    assert "1.1" in again.progress().passed


def test_the_readme_names_commands_that_there_are(made, minae):
    readme = (made.folder / "README.md").read_text()
    commands = {line.split()[1] for line in readme.splitlines() if line.startswith("    minae ")}
    assert {"check", "watch", "hint", "solution", "reset", "progress", "run"} <= commands
    for command in commands:
        assert minae(command, "--help")[0] == 0


def test_a_workspace_is_found_from_below(made):
    assert Workspace.around(made.folder / "01_numbers").folder == made.folder
    made.diary.unlink()
    assert Workspace.around(made.folder).progress() == Progress()


def test_elsewhere_is_no_workspace(tmp_path):
    with pytest.raises(InputError, match="minae start"):
        Workspace.around(tmp_path)


def test_a_file_is_no_place_for_a_workspace(course, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        workspace.create(tmp_path / "mine")


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        (b"", {}),
        (b"[1, 2]", {}),
        (b'{"passed": ["1.1"]}', {}),
        (b'{"passed": {"1.1": 3, "1.2": "today"}, "hints": null, "more": 1}', {"1.2": "today"}),
        (b'{"passed": {"1.1"', {}),
        (b"\xff\xfe\x00", {}),
    ],
)
def test_of_a_damaged_diary_the_rest_is_read_and_written(made, course, written, passed):
    made.diary.write_bytes(written)
    assert made.progress() == Progress(passed=passed)
    made.note("hints", course[1].exercises[0], 2)
    assert made.progress() == Progress(passed=passed, hints={"2.1": 2})
    assert json.loads(made.diary.read_text())["passed"] == passed


def test_reset_keeps_the_other_exercises_and_a_backup(made, course):
    double, halves = course[0].exercises
    path = made.file(double)
    answers = course[0].text("exercises.py")
    path.write_text(answers)
    for one in (double, halves):
        made.note("passed", one)
    backup = made.reset(double)
    assert backup.read_text() == answers
    assert path.read_text() == source.stub_of(double, answers)
    assert made.next_exercise() == double
    assert list(made.progress().passed) == ["1.2"]
    second = made.reset(double)
    assert second != backup
    assert backup.read_text() == answers


@pytest.mark.parametrize("written", [b"def double(:\n", b"x = 1\n", b"\xff\xfe"])
def test_reset_of_what_cannot_be_read_gives_the_file_anew(made, exercise, written):
    made.file(exercise).write_bytes(written)
    assert made.reset(exercise).read_bytes() == written
    assert made.file(exercise).read_text() == source.stubs(exercise.lesson)


def test_reset_of_a_lost_file(made, exercise):
    made.file(exercise).unlink()
    assert made.reset(exercise) is None
    assert made.file(exercise).read_text() == source.stubs(exercise.lesson)
