"""A student's folder: lessons to read, exercises to fill in, and what has been done so far.

    README.md
    04_dense_autoencoder/lesson.py       to read and to run
    04_dense_autoencoder/exercises.py    to fill in
    .minae/progress.json                 hints taken, exercises passed
    .minae/backups/                      what `minae reset` replaced, and a damaged progress file

The progress file is a diary, not a proof: only running an answer shows whether it is right.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from minae.course import notebooks as books
from minae.course import runner, source
from minae.course.lessons import Exercise, Lesson, all_exercises, all_lessons
from minae.errors import InputError, complain
from minae.files import write_whole

README = Path(__file__).with_name("workspace.md").read_text(encoding="utf-8")


@dataclass
class Progress:
    """What a student has done: exercises by their ids."""

    passed: dict[str, str] = field(default_factory=dict)  # when
    hints: dict[str, int] = field(default_factory=dict)  # how many were taken
    given_up: dict[str, str] = field(default_factory=dict)  # when the solution was looked at


class Workspace:
    """A folder that `create` made, or one below it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.diary = folder / ".minae" / "progress.json"

    @classmethod
    def around(cls, folder: Path) -> "Workspace":
        """Return the workspace that a folder is in. Raises InputError if it is in none."""
        for place in (folder, *folder.parents):
            if (place / ".minae").is_dir():
                workspace = cls(place)
                workspace._follow()
                return workspace
        raise InputError(f"{folder} is in no workspace: make one with `minae start`, and go there")

    def file(self, exercise: Exercise) -> Path:
        """Return the student's file with this exercise."""
        return self.folder / exercise.lesson.name / "exercises.py"

    def _follow(self) -> None:
        """Rename what belongs to lessons that have another number since this folder was made."""
        for lesson in reversed(all_lessons()):  # 16 to 17 before 15 to 16
            before, now = self.folder / lesson.formerly, self.folder / lesson.name
            if lesson.formerly and before.is_dir() and not now.exists():
                with self._locked():
                    self._renumber(lesson, int(lesson.formerly.partition("_")[0]))
                    before.rename(now)

    def _renumber(self, lesson: Lesson, number: int) -> None:
        """Change a lesson's number in the diary, and in what stands in place of answers."""
        progress, mine = self.progress(), self.folder / lesson.formerly / "exercises.py"
        for entries in vars(progress).values():
            for id_ in [id_ for id_ in entries if id_.startswith(f"{number}.")]:
                entries[f"{lesson.number}.{id_.partition('.')[2]}"] = entries.pop(id_)
        self._write(progress)
        if mine.is_file():
            before, now = (f'Error("exercise {n}.'.encode() for n in (number, lesson.number))
            write_whole(mine, mine.read_bytes().replace(before, now))

    def progress(self) -> Progress:
        """Return what the diary says; if it is damaged, what can still be read.

        The rest then takes the diary's place, the damaged one is kept as a backup, and stderr says
        so. Raises InputError if what is there is no file, OSError if it cannot be read.
        """
        _check_file(self.diary)
        try:
            known, damaged = _parse(self.diary.read_bytes())
        except FileNotFoundError:
            return Progress()
        if damaged:
            try:
                return self._repair()
            except (OSError, InputError) as error:
                complain(f"{self.diary} is damaged ({error})")
        return known

    def _repair(self) -> Progress:
        with self._locked():
            content = self.diary.read_bytes()
            known, damaged = _parse(content)
            if damaged:  # another command may have been faster
                kept = self._keep("progress", ".json", content)
                self._write(known)
                complain(
                    f"{self.diary} was damaged and is kept as {kept}; what can be read of "
                    f"it, {len(known.passed)} passed exercises, is in its place"
                )
        return known

    def note(self, kind: str, exercise: Exercise, value: int | None = None) -> None:
        """Write a value, or else the time, into the diary; kind is one of Progress's fields.

        If that fails, stderr says so: what a command has found out stands.
        """
        try:
            with self._locked():
                progress = self.progress()
                getattr(progress, kind)[exercise.id] = value or time.strftime("%Y-%m-%d %H:%M")
                self._write(progress)
        except (OSError, InputError) as error:
            complain(f"this is not noted in {self.diary} ({error})")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other commands from changing anything. Raises InputError if nothing can be."""
        from filelock import FileLock

        lock = FileLock(self.diary.with_name("lock"), timeout=10, is_singleton=True)
        try:
            held = lock.acquire()
        except OSError as error:
            why = error.strerror or "another command is at work"
            raise InputError(f"{self.diary.parent} cannot be written to: {why}") from error
        with held:
            yield

    def _write(self, progress: Progress) -> None:
        write_whole(self.diary, json.dumps(vars(progress), indent=2).encode())

    def next_exercise(self) -> Exercise | None:
        """Return the first exercise that has not passed; None if all have."""
        passed = self.progress().passed
        return next((e for e in all_exercises() if e.id not in passed), None)

    def reset(self, exercise: Exercise) -> Path | None:
        """Put the stub back in place of an answer; return the backup, or None if there was no file.

        Raises InputError if what is there is no file or too large, OSError if it cannot be changed.
        """
        path, backup, text = self.file(exercise), None, source.stubs(exercise.lesson)
        _check_file(path)
        with self._locked():
            if path.exists():
                before = runner.read(path)
                if isinstance(before, runner.Verdict):
                    raise InputError(f"{before.message}: move it away")
                backup = self._keep(exercise.lesson.name, ".py", before)
                with suppress(ValueError):  # no Python, or without the function: all of it anew
                    text = source.reset(exercise, before.decode().replace("\r\n", "\n"))
            write_whole(path, text.encode())
            progress = self.progress()
            progress.passed.pop(exercise.id, None)
            self._write(progress)
        return backup

    def _keep(self, name: str, suffix: str, content: bytes) -> Path:
        """Write what is to be replaced to a backup; return its path."""
        stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        names = (f"{stem}{number}{suffix}" for number in ("", *(f"-{i}" for i in range(1, 1000))))
        paths = (self.folder / ".minae" / "backups" / name for name in names)
        path = next(path for path in paths if not path.exists())
        write_whole(path, content)
        return path


def _parse(content: bytes) -> tuple[Progress, bool]:
    """Return what a diary says as far as it can be read, and whether it is damaged."""
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        read = None
    said = read if isinstance(read, dict) else {}
    known, damaged = Progress(), said is not read
    for kind, type_ in (("passed", str), ("hints", int), ("given_up", str)):
        entries = said.get(kind, {})
        items = entries.items() if isinstance(entries, dict) else ()
        kept = {id_: value for id_, value in items if type(value) is type_}
        setattr(known, kind, kept)
        damaged |= kept != entries
    return known, damaged


def _check_file(path: Path) -> None:
    """Raise InputError if there is something other than a file: a pipe would be read for ever."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a file: move it away")


def create(folder: Path, notebooks: bool = False) -> tuple[Workspace, list[Path], list[Path]]:
    """Make a workspace, or add what is missing; return it, what was written, and what left alone.

    Raises InputError if the folder is a file, or notebooks need a package that is not installed.
    """
    workspace, files = Workspace(folder), {folder / "README.md": README}
    if workspace.diary.parent.is_dir():
        workspace._follow()
    for lesson in all_lessons():
        here = folder / lesson.name
        files[here / "lesson.py"] = lesson.text("lesson.py")
        files[here / "exercises.py"] = source.stubs(lesson)
        if notebooks:
            files[here / "lesson.ipynb"] = books.lesson_notebook(lesson)
    left = [path for path in files if path.exists()]
    files[workspace.diary] = json.dumps(vars(Progress()))
    written = [path for path in files if not path.exists()]
    for path in written:
        write_whole(path, files[path].encode())
    return workspace, written, left


def release(folder: Path) -> tuple[Path, Path]:
    """Write what a teacher hands out, and what they keep for nbgrader; return both folders.

        student/                                  a workspace with notebooks, no answers
        nbgrader/source/NN_name/exercises.ipynb   solved, with nbgrader's markers

    Raises InputError if something is there already, or notebooks need what is not installed.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: name a folder that is new or empty")
    ours = folder / "nbgrader"
    made, _, _ = create(folder / "student", notebooks=True)
    for lesson in all_lessons():
        text = books.exercises_notebook(lesson)
        write_whole(ours / "source" / lesson.name / "exercises.ipynb", text.encode())
    return made.folder, ours
