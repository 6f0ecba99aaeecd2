"""Finds and reads what students handed in, even if it is not quite where it should be.

Nothing is run, unpacked onto the disk or changed here, and no link is followed out of a student's
folder.
"""

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minae.course import notebooks, runner, source
from minae.course.lessons import Lesson, all_lessons
from minae.course.runner import Verdict, failed
from minae.errors import InputError

MEANT = re.compile(r"(?!test_).*exercise.*\.(py|ipynb)", re.IGNORECASE | re.DOTALL)
# What zipfile raises for archives that are damaged, or have a password.
UNREADABLE = zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError
DEEPEST = 4  # levels of folders that are searched
MOST = 2000  # files that are looked at, of a student and of an archive
ARCHIVE = 32 * 2**20  # bytes of an archive
CHOICE = 20  # files with a fitting name that are read
SHOWN = 3  # files that are named when there is no fitting one


@dataclass(frozen=True)
class Submission:
    """What one student handed in."""

    folder: Path
    student: str
    files: Mapping[str, bytes | Verdict]  # by the lesson's name, as runner.read returns them
    found: dict[str, str] = field(default_factory=dict)  # where, if not where it should be


def printable(text: str) -> str:
    """Return a text from elsewhere without what would steer a terminal."""
    return "".join(c for c in text if c.isprintable())


def read_submissions(folder: Path, lessons: list[Lesson]) -> tuple[list[Submission], list[Path]]:
    """Return what the students handed in, by name, and what lies there but is no folder.

    A student's folder holds NN_name/exercises.py, or exercises.py if one lesson is graded. Raises
    InputError if there is no such folder, or no folder in it.
    """
    if not folder.exists():
        raise InputError(f"there is no folder {folder}: name the one with all students' folders")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: name the folder with all students' folders")
    entries = _entries(folder)
    students = [path for path in entries if path.is_dir() or path.is_symlink()]
    if not students:
        raise InputError(f"{folder} holds no folder: it should have one for each student")
    submissions = [
        _read(path, str(path.relative_to(folder)), lessons)
        for student in students
        for path in _section(student) or [student]
    ]
    return submissions, [path for path in entries if path not in students]


def _section(folder: Path) -> list[Path]:
    """Return the students' folders in a folder of, say, a section; of a student's, none.

    A section holds no work itself, but at least two of the folders in it do.
    """
    try:
        entries = [] if folder.is_symlink() else _entries(folder)
    except OSError:  # which is reported when it is read
        return []
    names = {path.name.lower() for path in entries}
    if names & _lesson_names() or any(map(_is_meant, names)):
        return []
    folders = [path for path in entries if path.is_dir()]
    return folders if sum(map(_has_work, folders)) > 1 else []


def _has_work(folder: Path) -> bool:
    try:
        return any(_is_meant(name) for name, _ in _contents(folder))
    except OSError:
        return False


def _entries(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if not _is_clutter(path.name)]


def _read(folder: Path, student: str, lessons: list[Lesson]) -> Submission:
    """Return a student's files. One that cannot be read becomes a verdict: it stops nobody else."""
    files, found = {}, {}
    for lesson in lessons:
        try:
            files[lesson.name], where = _find(folder, lesson, len(lessons) == 1)
        except OSError as error:
            place = os.path.relpath(error.filename or folder, folder)
            name = "the folder" if place == "." else place
            files[lesson.name], where = failed(f"{name} cannot be read: {error.strerror}"), ""
        if where:
            found[lesson.name] = printable(where)
    return Submission(folder, printable(student), files, found)


def _find(folder: Path, lesson: Lesson, only: bool) -> tuple[bytes | Verdict, str]:
    """Return what a student's file holds, and where it was found if that is another place."""
    if folder.is_symlink():
        path = os.path.realpath(folder)
        return failed(f"the folder is a link to {path}: no link out is followed"), ""
    places = [*(f"{name}/exercises.py" for name in lesson.names), *["exercises.py"] * only]
    placed = next((_file(folder, p) for p in places if os.path.lexists(folder / p)), None)
    if placed is not None and not _is_untouched(placed, lesson):
        return placed, ""
    contents = dict(_contents(folder))
    meant = [name for name in contents if _is_for(lesson, name, only)][:CHOICE]
    texts = {name: contents[name]() for name in meant}
    texts = {name: text for name, text in texts.items() if not _is_untouched(text, lesson)}
    if len(set(texts.values())) == 1:
        where, text = next(iter(texts.items()))
        return text, where
    if texts:
        return failed(f"which of these is to be graded? {', '.join(texts)}"), ""
    if placed is not None:
        return placed, ""
    instead = [*contents][:SHOWN] + ["..."] * (len(contents) > SHOWN)
    said = f", but {', '.join(instead)}" if instead else ""
    return failed(f"there is no file exercises.py{said}"), ""


def _is_untouched(text: bytes | Verdict, lesson: Lesson) -> bool:
    """Return whether this is what students get, so that their work may lie elsewhere."""
    stubs = source.stubs(lesson).encode()
    return not isinstance(text, Verdict) and text.replace(b"\r\n", b"\n") == stubs


def _is_for(lesson: Lesson, name: str, only: bool) -> bool:
    """Return whether a file seems to be meant for this lesson."""
    found, own = {part.lower() for part in _parts(name)[:-1]} & _lesson_names(), _names([lesson])
    return _is_meant(name) and (found <= own if found else only)


def _is_meant(name: str) -> bool:
    return MEANT.fullmatch(_parts(name)[-1]) is not None


def _parts(name: str) -> list[str]:
    return re.split(r"/|: ", name)


def _lesson_names() -> set[str]:
    return _names(all_lessons())


def _names(lessons: Iterable[Lesson]) -> set[str]:
    return {name.lower() for lesson in lessons for name in lesson.names}


def _contents(folder: Path) -> Iterator[tuple[str, Callable[[], bytes | Verdict]]]:
    """Yield the name of each file, and a function that reads it; "a.zip: b" is b in a.zip."""

    def stop(error: OSError) -> None:
        raise error

    count = 0
    for place, folders, files in os.walk(folder, onerror=stop):
        here = Path(place).relative_to(folder)
        deep = len(here.parts) == DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if not _is_clutter(name))
        files += [name for name in folders if (Path(place) / name).is_symlink()]
        for file in sorted(name for name in files if not _is_clutter(name)):
            count += 1
            if count > MOST:
                return
            name = (here / file).as_posix()
            members = _members(folder, name) if name.lower().endswith(".zip") else []
            link = (folder / name).is_symlink() and not _is_meant(name)
            shown = f"{name} (a link)" if link else name
            yield from members or [(shown, lambda name=name: _file(folder, name))]


def _file(folder: Path, name: str) -> bytes | Verdict:
    return _as_python(name, _raw(folder, name, runner.LARGEST))


def _raw(folder: Path, name: str, largest: int) -> bytes | Verdict:
    path = os.path.realpath(folder / name)
    if not Path(path).is_relative_to(os.path.realpath(folder)):
        return failed(f"{name} is a link to {path}: no link out is followed")
    return runner.read(folder / name, name, largest)


def _members(folder: Path, archive: str) -> list[tuple[str, Callable[[], bytes | Verdict]]]:
    """Return the files in an archive, as `_contents` does; [] if it cannot be read."""
    read = _raw(folder, archive, ARCHIVE)
    if isinstance(read, Verdict):
        return []
    try:
        zipped = zipfile.ZipFile(io.BytesIO(read))
    except UNREADABLE:
        return []
    members = {f"{archive}: {member.filename}": member for member in zipped.infolist()[:MOST]}
    return [
        (name, lambda name=name, member=member: _unpacked(zipped, member, name))
        for name, member in members.items()
        if not stat.S_ISLNK(member.external_attr >> 16)
        and not member.is_dir()
        and not any(map(_is_clutter, member.filename.split("/")))
    ]


def _unpacked(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes | Verdict:
    """Return a file of an archive, of which no more is read into memory than is allowed."""
    try:
        with zipped.open(member) as file:
            text = file.read(runner.LARGEST + 1)
    except UNREADABLE:
        return failed(f"{name} cannot be unpacked: it is damaged or has a password")
    return _as_python(name, text if len(text) <= runner.LARGEST else runner.too_large(name))


def _as_python(name: str, text: bytes | Verdict) -> bytes | Verdict:
    if isinstance(text, Verdict) or not name.lower().endswith(".ipynb"):
        return text
    try:
        return notebooks.code_of(text.decode()).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return failed(f"{name} is no notebook that can be read")


def _is_clutter(name: str) -> bool:
    """Return whether this is what a system writes beside people's files."""
    return name.startswith(".") or name == "__MACOSX"
