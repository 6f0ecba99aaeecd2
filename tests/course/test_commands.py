"""The commands of the course, one by one; test_terminal.py has them in a row."""

import sys
from io import BytesIO, TextIOWrapper

import pytest

from minae import cli
from minae.course import source

from .conftest import CHECKS, EXERCISES
from .submissions import tree


@pytest.fixture
def started(course, minae, tmp_path, monkeypatch):
    """Give the command in a new workspace."""
    assert minae("start", "mine")[0] == 0
    monkeypatch.chdir(tmp_path / "mine")
    return minae


def test_start_says_what_it_left_alone(started, tmp_path):
    (tmp_path / "mine" / "02_again" / "lesson.py").unlink()
    status, out, _ = started("start", ".")
    assert status == 0
    assert "left alone, since it is there: 01_numbers/exercises.py" in out
    assert "written: 1 files" in out


def test_check_goes_through_the_course(started, tmp_path):
    lessons = tmp_path / "mine"
    status, out, _ = started("check")
    assert (status, "1.1 twice [as] much" in out, "not written yet" in out) == (1, True, True)
    (lessons / "01_numbers" / "exercises.py").write_text(
        EXERCISES.replace("FACTOR =", "FACTOR = 1 +")
    )
    status, out, _ = started("check")
    assert status == 1
    assert "double(3)\n      returned 9\n      expected 6" in out
    (lessons / "01_numbers" / "exercises.py").write_text(EXERCISES)
    for wanted, following in (
        ((), "Next: 1.2"),
        (("halves",), "are all called"),
        (("01.2",), "2.1"),
    ):
        status, out, err = started("check", *wanted)
        assert following in out + err
        assert status == (2 if wanted == ("halves",) else 0)
    (lessons / "02_again" / "exercises.py").write_text(EXERCISES)
    assert "Next: 2.2" in started("check")[1]
    assert "solved them all" in started("check")[1]
    assert "solved them all" in started("check")[1]
    assert "4 of 4 exercises passed" in started("progress")[1]


def test_more_seconds_can_be_asked_for(started, course):
    slow = CHECKS + "\n\ndef test_double__slowly(student):\n    import time\n    time.sleep(1.2)\n"
    (course[0].folder / "test_exercises.py").write_text(slow)
    with open("01_numbers/exercises.py", "w") as file:
        file.write(EXERCISES)
    status, out, _ = started("check", "1.1", "--seconds", 1)
    assert (status, "still running after 1 seconds" in out) == (1, True)
    assert started("check", "1.1", "--seconds", 60)[0] == 0


def test_hint_after_hint(started, exercise):
    for number, text in ((1, "once"), (2, "more"), (3, "2 * x"), (3, "2 * x")):
        _, out, _ = started("hint", "1.1")
        assert out.split() == ["1.1", "hint", str(number), "of", "3", *text.split()]
    assert "1.1 3  1.2 ·" in started("progress")[1]


def test_a_solution_is_for_those_who_have_one_or_give_up(started):
    status, out, err = started("solution", 1.2)
    assert (status, "halved_so_far" in out, "--give-up" in err) == (2, False, True)
    status, out, _ = started("solution", 1.2, "--give-up")
    assert (status, "halved_so_far" in out) == (0, True)
    assert "1.2 o" in started("progress")[1]


def test_reset_says_where_the_backup_is(started, course, tmp_path):
    path = tmp_path / "mine" / "01_numbers" / "exercises.py"
    path.write_text(EXERCISES)
    status, out, _ = started("reset", 1.1)
    assert (status, "what you wrote is kept: " in out) == (0, True)
    (backup,) = (tmp_path / "mine" / ".minae" / "backups").iterdir()
    assert backup.read_text() == EXERCISES
    assert path.read_text() == source.stub_of(course[0].exercises[0], EXERCISES)


def test_a_verdict_stands_where_it_cannot_be_noted(started, tmp_path):
    (tmp_path / "mine" / "01_numbers" / "exercises.py").write_text(EXERCISES)
    (tmp_path / "mine" / ".minae" / "lock").mkdir()  # what a read-only folder is to root, too
    for command, shown in (
        (("check", "1.1"), "passed"),
        (("hint", "1.1"), "hint 1 of 3"),
        (("solution", "1.1", "--give-up"), "def double"),
    ):
        status, out, err = started(*command)
        assert (status, shown in out) == (0, True)
        assert err.startswith("minae: this is not noted in ")
        assert err.count("\n") == 1
    assert "0 of 4 exercises passed" in started("progress")[1]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_terminal_shows_what_it_can(started, monkeypatch, encoding):
    started("hint", "1.1")
    for command, shown in (
        (("progress",), {"utf-8": "1.1 1  1.2 ·"}.get(encoding, "1.1 1  1.2 -")),
        (("hint", "1.1"), "hint 2 of 3"),
        (("lessons",), "Numbers"),
        (("check", "1.2"), "not written yet"),
        (("solution", "1.2", "--give-up"), "halved_so_far"),
        (("start", "σ"), "files in σ" if encoding == "utf-8" else "files in ?"),
    ):
        out = TextIOWrapper(BytesIO(), encoding)
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.argv", ["minae", *command])
        with pytest.raises(SystemExit):
            cli.main()
        out.flush()
        assert shown in out.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("mine", [True, False])
def test_run_runs_the_copy_in_the_workspace(started, course, tmp_path, monkeypatch, mine):
    script = "import sys\nopen('ran', 'w').write(__file__ + str(sys.argv[1:]))\nsys.exit(3)\n"
    copy, ours = tmp_path / "mine" / "02_again" / "lesson.py", course[1].folder / "lesson.py"
    for path in (copy, ours):
        path.write_text(script)
    if not mine:
        monkeypatch.chdir(tmp_path)
    assert started("run", "2", "--full")[0] == 3
    with open("ran") as file:
        assert file.read() == f"{copy if mine else ours}['--full']"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("check",), "make one with `minae start`"),
        (("progress",), "make one with `minae start`"),
        (("hint", "1.1"), "make one with `minae start`"),
        (("run", "7"), "there is no lesson '7'"),
        (("lessons", "verify", "x"), "there is no lesson 'x'"),
        (("start", "file.txt"), "file.txt is a file"),
        (("release", "file.txt"), "file.txt is a file"),
        (("release", "in"), "in is not empty"),
        (("grade", "nothing"), "there is no folder nothing"),
        (("grade", "file.txt"), "file.txt is a file"),
        (("grade", "empty"), "empty holds no folder"),
        (("grade", "in", "--lesson", "9"), "there is no lesson '9'"),
        (("grade", "in", "--out", "empty"), "empty is a folder"),
        (("grade", "in", "--out", "file.txt/grades.csv"), "file.txt is a file: name a folder"),
        (("grade", "in", "--out", "/dev/null"), "/dev/null is a pipe or a device"),
        (("grade", sys.prefix), "put the submissions into a folder of their own"),
    ],
)
def test_bad_input_is_one_sentence(course, minae, tmp_path, arguments, sentence):
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "in" / "ada").mkdir(parents=True)
    before = tree(tmp_path)
    status, _, err = minae(*arguments)
    assert (status, len(err.strip().splitlines())) == (2, 1)
    assert sentence in err
    assert tree(tmp_path) == before


def test_an_unknown_exercise_is_one_sentence(started):
    status, _, err = started("check", "9.9")
    assert (status, "there is no exercise '9.9'" in err) == (2, True)


def test_release_hands_out_no_answers(course, minae, tmp_path):
    pytest.importorskip("jupytext")
    status, out, _ = minae("release", "autumn")
    assert status == 0
    assert "not to hand out" in out
    student = [path for path in (tmp_path / "autumn" / "student").rglob("*") if path.is_file()]
    names = {path.name for path in student}
    assert names == {"README.md", "progress.json", "lesson.py", "lesson.ipynb", "exercises.py"}
    for path in student:
        text = path.read_text(encoding="utf-8")
        for answer in ("halved_so_far", "doubled_by_the_factor", "SOLUTION", "Not doubled"):
            assert answer not in text
    ours = list((tmp_path / "autumn" / "nbgrader").rglob("*.ipynb"))
    assert {path.parent.name for path in ours} == {lesson.name for lesson in course}
    for path in ours:
        assert "halved_so_far" in path.read_text(encoding="utf-8")
    _, again, _ = minae("start", tmp_path / "autumn" / "student", "--notebooks")
    assert "left alone" in again
    assert "written: 0 files" in again


def test_the_syllabus(course, minae):
    status, out, _ = minae("lessons")
    assert status == 0
    for part in ("01", "Numbers", "Again", "16"):
        assert part in out
