"""A student's folder: nothing of theirs is lost, and its diary is believed by nobody."""

import json
import os
import shutil
import threading

import pytest

from minae.course import lessons, show, source, workspace
from minae.course.workspace import Progress, Workspace
from minae.errors import InputError
from minae.files import write_whole

from .conftest import DESCRIPTION, write_lesson


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


@pytest.mark.parametrize("again", [workspace.create, lambda folder: [Workspace.around(folder)]])
def test_a_lesson_with_a_new_number_keeps_answers_and_progress(made, tmp_path, again):
    mine = made.folder / "02_again" / "exercises.py"
    mine.write_text(mine.read_text() + "MINE = 1\n")
    (made.folder / "01_numbers" / "exercises.py").write_text("ONE = 1\n")
    made.diary.write_text('{"passed": {"1.1": "today", "2.2": "later"}, "hints": {"2.1": 3}}')
    for now, before in ((2, "01_numbers"), (3, "02_again")):
        shutil.rmtree(tmp_path / "lessons" / before)
        toml = f'formerly = "{before}"\n' + DESCRIPTION.replace('"1.', f'"{now}.')
        write_lesson(tmp_path / "lessons" / f"0{now}_{before[3:]}", toml=toml)
    write_lesson(tmp_path / "lessons" / "01_new")
    lessons.all_lessons.cache_clear()
    moved = again(made.folder)[0]
    assert moved.progress() == Progress({"2.1": "today", "3.2": "later"}, {"3.1": 3})
    assert (made.folder / "02_numbers" / "exercises.py").read_text() == "ONE = 1\n"
    text = (made.folder / "03_again" / "exercises.py").read_text()
    assert text == source.stubs(lessons.find_lesson("3")) + "MINE = 1\n"
    assert not (made.folder / "01_numbers").exists()
    assert Workspace.around(made.folder).progress() == moved.progress()


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
        (b"[" * 100_000, {}),
    ],
)
def test_a_damaged_diary_is_kept_and_the_rest_read(made, course, capsys, written, passed):
    made.diary.write_bytes(written)
    assert made.progress() == Progress(passed=passed)
    (kept,) = (made.folder / ".minae" / "backups").iterdir()
    assert kept.read_bytes() == written
    said = capsys.readouterr().err
    assert f"{made.diary} was damaged and is kept as {kept}" in said
    assert f"{len(passed)} passed exercises" in said
    made.note("hints", course[1].exercises[0], 2)
    assert made.progress() == Progress(passed=passed, hints={"2.1": 2})
    assert json.loads(made.diary.read_text())["passed"] == passed
    assert capsys.readouterr().err == ""


def test_of_two_commands_at_once_neither_loses_an_entry(made, course, monkeypatch):
    first, second = course[0].exercises
    other = threading.Thread(target=made.note, args=("passed", second))

    def write(path, content):
        monkeypatch.setattr(workspace, "write_whole", write_whole)
        other.start()
        other.join(0.1)  # it would be through long since if it had not to wait
        write_whole(path, content)

    monkeypatch.setattr(workspace, "write_whole", write)
    made.note("passed", first)
    other.join()
    assert made.progress().passed.keys() == {"1.1", "1.2"}


@pytest.mark.parametrize("damaged", [False, True])
def test_a_workspace_that_cannot_be_written_to_is_read(made, exercise, capsys, damaged):
    made.note("passed", exercise)
    before = b"{" if damaged else made.diary.read_bytes()
    made.diary.write_bytes(before)
    (made.folder / ".minae" / "lock").unlink()
    (made.folder / ".minae" / "lock").mkdir()
    assert list(made.progress().passed) == ([] if damaged else ["1.1"])
    assert ("is damaged" in capsys.readouterr().err) == damaged
    made.note("hints", exercise, 1)
    assert f"this is not noted in {made.diary}" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"\.minae cannot be written to: "):
        made.reset(exercise)
    assert made.diary.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_what_is_no_file_is_not_waited_for(made, exercise):
    made.file(exercise).unlink()
    os.mkfifo(made.file(exercise))
    with pytest.raises(InputError, match=r"exercises\.py is not a file: move it away"):
        made.reset(exercise)
    show.solution(exercise, made.file(exercise))
    made.diary.unlink()
    os.mkfifo(made.diary)
    with pytest.raises(InputError, match=r"progress\.json is not a file: move it away"):
        made.progress()


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


@pytest.mark.parametrize("written", [b"def double(:\n", b"x = 1\n", b"\xff\xfe", b"-" * 10**6])
def test_reset_of_what_cannot_be_read_gives_the_file_anew(made, exercise, written):
    made.file(exercise).write_bytes(written)
    assert made.reset(exercise).read_bytes() == written
    assert made.file(exercise).read_text() == source.stubs(exercise.lesson)


def test_reset_of_a_large_file_leaves_it_alone(made, exercise):
    made.file(exercise).write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(InputError, match="larger than 1 MiB: move it away"):
        made.reset(exercise)
    assert made.file(exercise).stat().st_size == 2**20 + 1


def test_reset_of_a_lost_file(made, exercise):
    made.file(exercise).unlink()
    assert made.reset(exercise) is None
    assert made.file(exercise).read_text() == source.stubs(exercise.lesson)
