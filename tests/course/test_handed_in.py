"""Work that is there is found and named, and nothing that lies there can stop the others."""

import dataclasses
import json
import os
import zipfile
from pathlib import Path

import pytest

from minae.course import handed_in, source
from minae.course.runner import Verdict

from .submissions import RIGHT, posix

NAME = "01_numbers"
PLACE = f"{NAME}/exercises.py"


def notebook(*cells: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def zipped(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def written(folder: Path, files: dict) -> Path:
    """Write files; a dict is a zip archive, a Path a link to it, None a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        elif isinstance(content, Path):
            path.symlink_to(content)
        elif isinstance(content, dict):
            zipped(path, **content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(folder: Path, lessons) -> dict:
    """Return what was read of each student, and where it was found."""
    submissions, _ = handed_in.read_submissions(folder, lessons)
    return {s.student: (s.files[NAME], s.found.get(NAME, "")) for s in submissions}


FOUND = {
    "deeper": ({f"my course/{PLACE}": RIGHT}, f"my course/{PLACE}"),
    "four_deeper": ({"a/b/c/d/exercises.py": RIGHT}, "a/b/c/d/exercises.py"),
    "zip": ({"hw.zip": {PLACE: RIGHT}}, f"hw.zip: {PLACE}"),
    "zip_of_a_mac": ({"hw.ZIP": {"__MACOSX/._exercises.py": "", "exercises.py": RIGHT}}, "hw.ZIP:"),
    "zip_of_all_lessons": (
        {"hw.zip": {"02_again/exercises.py": "", PLACE: RIGHT}},
        f"hw.zip: {PLACE}",
    ),
    "absolute_in_zip": ({"hw.zip": {"/etc/exercises.py": RIGHT}}, "hw.zip: /etc/exercises.py"),
    "downloaded_twice": ({"exercises (1).py": RIGHT}, "exercises (1).py"),
    "same_twice": ({"exercises (1).py": RIGHT, "exercises (2).py": RIGHT}, "exercises (1).py"),
    "wrong_case": ({f"{NAME}/Exercises.PY": RIGHT}, f"{NAME}/Exercises.PY"),
    "wrong_case_of_the_folder": ({f"{NAME.upper()}/exercises.py": RIGHT}, "01_NUMBERS/"),
    "with_a_name": ({"ada_exercises.py": RIGHT}, "ada_exercises.py"),
    "link_inside": ({"mine/exercises.py": RIGHT, "exercises.py": Path("mine/exercises.py")}, ""),
    "notebook": ({f"{NAME}/exercises.ipynb": notebook(RIGHT)}, f"{NAME}/exercises.ipynb"),
    "notebook_in_zip": ({"a.zip": {"exercises.ipynb": notebook(RIGHT)}}, "a.zip: exercises.ipynb"),
    "steers_a_terminal": ({"\x1b[2Jexercises\n.py": RIGHT}, "[2Jexercises.py"),
}


@posix
@pytest.mark.parametrize("name", FOUND)
def test_work_elsewhere_is_found_and_named(course, tmp_path, name):
    files, where = FOUND[name]
    written(tmp_path / "in" / "ada", files)
    text, found = read(tmp_path / "in", course[:1])["ada"]
    assert text.decode().strip() == RIGHT.strip()
    assert found.startswith(where)
    assert bool(found) == bool(where)


REFUSED = {
    "nothing": ({}, "there is no file exercises.py$"),
    "two": ({"exercises (1).py": "a", "exercises-2.py": "b"}, r"graded\? .*\(1\).py, exercises-2"),
    "other_names": (
        {"a.py": "", "b.doc": "", "c": "", "d": ""},
        "exercises.py, but a.py, b.doc, c",
    ),
    "other_lesson": ({"02_again/exercises.py": RIGHT}, "but 02_again/exercises.py"),
    "checks": ({"test_exercises.py": RIGHT}, "but test_exercises.py"),
    "too_deep": ({"a/b/c/d/e/exercises.py": RIGHT}, "there is no file"),
    "a_file_for_a_folder": ({NAME: ""}, f"but {NAME}"),
    "a_folder_for_a_file": ({PLACE: None}, f"there is no file {PLACE}"),
    "damaged_zip": ({"hw.zip": b"PK\3\4"}, "but hw.zip"),
    "bomb": (
        {"hw.zip": {"exercises.py": "#" * 2**24}},
        "hw.zip: exercises.py is larger than 1 MiB",
    ),
    "many_in_a_zip": (
        {"hw.zip": {f"exercises{i}.py": f"# {i}\n" for i in range(3000)}},
        "which of these .* hw.zip: exercises0.py, .* hw.zip: exercises19.py$",
    ),
    "leaves_the_zip": ({"hw.zip": {"../../exercises.py": RIGHT}}, "but hw.zip"),
    "no_notebook": ({"exercises.ipynb": "{}"}, "exercises.ipynb is no notebook"),
    "deep_notebook": ({"exercises.ipynb": "[" * 10**5}, "exercises.ipynb is no notebook"),
    "link_to_a_neighbour": ({PLACE: Path("../../bob") / PLACE}, f"{PLACE} is a link to .*bob"),
    "link_to_a_folder": ({NAME: Path("../bob") / NAME}, f"{PLACE} is a link to .*bob"),
    "link_further_down": ({"hw": Path("../bob")}, r"but hw \(a link\)"),
    "link_to_nothing": ({PLACE: Path("nothing")}, "there is no file"),
    "link_to_itself": ({PLACE: Path("exercises.py")}, "there is no file"),
    "folder_linked_to_itself": ({NAME: Path(NAME)}, r"but 01_numbers \(a link\)"),
    "link_to_a_device": ({PLACE: Path("/dev/zero")}, "a link to /dev/zero"),
    "zip_linked": ({"hw.zip": Path("../bob/hw.zip")}, r"but hw.zip \(a link\)"),
}


@pytest.mark.parametrize("name", ["00_old/exercises.py", "work/00_old/my exercises.py"])
def test_work_under_a_lesson_s_former_name_is_found(course, tmp_path, monkeypatch, name):
    written(tmp_path / "class" / "ada", {name: RIGHT})
    lessons = [dataclasses.replace(course[0], formerly="00_old"), course[1]]
    monkeypatch.setattr(handed_in, "all_lessons", lambda: lessons)
    (one,), _ = handed_in.read_submissions(tmp_path / "class", lessons)
    assert one.files[NAME] == RIGHT.encode()


def test_work_beside_what_was_handed_out_is_found(course, tmp_path):
    given = source.stubs(course[0])
    written(tmp_path / "in" / "ada", {PLACE: given, "hw.zip": {PLACE: RIGHT}})
    written(tmp_path / "in" / "bob", {PLACE: given.replace("\n", "\r\n"), "a/exercises.py": RIGHT})
    written(tmp_path / "in" / "eve", {PLACE: given, f"copy/{PLACE}": given})
    written(tmp_path / "in" / "tom", {PLACE: RIGHT, "exercises (1).py": "x"})
    assert read(tmp_path / "in", course[:1]) == {
        "ada": (RIGHT.encode(), f"hw.zip: {PLACE}"),
        "bob": (RIGHT.encode(), "a/exercises.py"),
        "eve": (given.encode(), ""),
        "tom": (RIGHT.encode(), ""),
    }


@posix
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_graded_is_named_and_stops_nobody(course, tmp_path, name):
    files, said = REFUSED[name]
    written(tmp_path / "in" / "ada", files)
    written(tmp_path / "in" / "bob", {PLACE: RIGHT, "hw.zip": {"exercises.py": RIGHT}})
    found = read(tmp_path / "in", course[:1])
    refused = found["ada"][0]
    assert isinstance(refused, Verdict), refused
    assert not refused.passed
    assert found["bob"] == (RIGHT.encode(), "")
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(refused.message)


def test_a_link_to_our_solutions_is_refused(course, tmp_path):
    ours = course[0].folder / "exercises.py"
    written(tmp_path / "in" / "ada", {PLACE: ours})
    refused, _ = read(tmp_path / "in", course[:1])["ada"]
    assert refused.message == f"{PLACE} is a link to {ours}: no link out is followed"


@posix
def test_a_folder_that_is_a_link_is_named(course, tmp_path):
    written(tmp_path / "in" / "bob", {PLACE: RIGHT})
    (tmp_path / "in" / "ada").symlink_to("bob")
    (tmp_path / "in" / "eve").symlink_to("nothing")
    found = read(tmp_path / "in", course[:1])
    for student in ("ada", "eve"):
        assert found[student][0].message.startswith("the folder is a link to ")


@posix
def test_pipes_are_not_waited_for(course, tmp_path):
    for name in ("ada/exercises.py", "bob/Exercises.py", "eve/hw.zip"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        os.mkfifo(tmp_path / "in" / name)
    assert all(
        "there is no file" in v.message for v, _ in read(tmp_path / "in", course[:1]).values()
    )


@pytest.mark.parametrize("closed", ["", NAME, PLACE, "elsewhere"])
def test_what_cannot_be_read_is_named_and_stops_nobody(course, tmp_path, monkeypatch, closed):
    """Root may read everything, so the system is made to refuse it here."""
    folder = written(tmp_path / "in" / "ada", {"elsewhere/a.txt": ""})
    if closed != "elsewhere":
        written(folder, {PLACE: RIGHT})
    written(tmp_path / "in" / "bob", {PLACE: RIGHT})

    def refused(function, itself: bool):
        def call(path, *args, **options):
            above = [Path(path), *Path(path).parents] if itself else Path(path).parents
            if folder / closed in above:
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return function(path, *args, **options)

        return call

    monkeypatch.setattr(os, "scandir", refused(os.scandir, itself=True))
    monkeypatch.setattr(Path, "read_bytes", refused(Path.read_bytes, itself=True))
    monkeypatch.setattr(os, "lstat", refused(os.lstat, itself=False))
    monkeypatch.setattr(Path, "stat", refused(Path.stat, itself=False))
    found = read(tmp_path / "in", course[:1])
    assert found["ada"][0].message.endswith("cannot be read: Permission denied")
    assert found["ada"][0].message.startswith(closed or "the folder")
    assert found["bob"] == (RIGHT.encode(), "")


def test_sections_and_clutter_are_no_students(course, tmp_path):
    folder = tmp_path / "in"
    for name in (f"section_1/ada/{PLACE}", "section_1/bob/exercises.ipynb", f"eve/{PLACE}"):
        written(folder, {name: RIGHT})
    written(
        folder,
        {
            "section_1/names.txt": "",
            "section_1/carol": None,
            "section_1/dan/.DS_Store": "",
            "nobody": None,
        },
    )
    written(
        folder, {"section_1/eve": Path("../eve"), "tom/work/exercises.py": RIGHT, "tom/data": None}
    )
    written(folder, {"__MACOSX/._exercises.py": "", ".git/exercises.py": RIGHT, "a.txt": ""})
    submissions, left = handed_in.read_submissions(folder, course[:1])
    section = [f"section_1/{student}" for student in ("ada", "bob", "carol", "dan", "eve")]
    assert [s.student for s in submissions] == ["eve", "nobody", *section, "tom"]
    assert submissions[-1].found == {NAME: "work/exercises.py"}
    assert left == [folder / "a.txt"]


def test_of_many_files_only_some_are_looked_at(course, tmp_path, monkeypatch):
    monkeypatch.setattr(handed_in, "MOST", 2)
    written(tmp_path / "in" / "ada", {"a": "", "b": "", "exercises(1).py": RIGHT})
    assert "but a, b" in read(tmp_path / "in", course[:1])["ada"][0].message


def test_of_a_notebook_the_code_is_taken(course, tmp_path):
    checks = 'from minae.course.notebooks import check\n\ncheck("1.1", globals())'
    cells = "%matplotlib inline\n!ls\nif 1 != 2:\n    %time\nhalf = (3\n  % 2)", checks, RIGHT
    written(tmp_path / "in" / "ada", {"exercises.ipynb": notebook(*cells)})
    text, _ = read(tmp_path / "in", course[:1])["ada"]
    assert "check" not in text.decode()
    scope = {}
    exec(text, scope)
    assert (scope["double"](2), scope["half"]) == (4, 1)
