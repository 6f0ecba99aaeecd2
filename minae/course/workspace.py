"""A student's folder: lessons to read, exercises to fill in, and what has been done so far.

    README.md
    04_dense_autoencoder/lesson.py       to read and to run
    04_dense_autoencoder/exercises.py    to fill in
    .minae/progress.json                 hints taken, exercises passed
    .minae/backups/                      what `minae reset` replaced

The progress file is a diary and no proof: whether an answer is right is found out by running it.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from minae.checkpoint import write_whole
from minae.course import notebooks as books
from minae.course import source
from minae.course.lessons import Exercise, Lesson, all_exercises, all_lessons
from minae.errors import InputError

README = """\
# Your minae workspace

Each folder is a lesson. Read its `lesson.py`, run it, and fill in `exercises.py` where it says
`raise NotImplementedError`. In this folder:

    minae lessons            the syllabus
    minae run 1              run your copy of lesson 1; its pictures go to runs/
    minae check              check the next exercise; `minae check 1.2` a certain one
    minae watch              the same whenever you save, until Ctrl-C
    minae hint 1.2           a hint; ask again for a stronger one
    minae solution 1.2       compare with ours, once yours passes (or with --give-up)
    minae reset 1.2          begin an exercise anew; what you wrote is kept in .minae/backups
    minae progress           where you are

The first line of a verdict names the file that was checked. Your answers are run alone: put what
they need into the same `exercises.py`. A check that takes longer than 20 seconds has failed;
`minae check 1.2 --seconds 60` waits longer.

The files are Python scripts in cells: VS Code shows them as such, and `minae start . --notebooks`
makes notebooks of the lessons. Run `minae start .` after an update of minae: it adds what is new
and leaves alone what is there.
"""


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
                return cls(place)
        raise InputError(f"{folder} is in no workspace: make one with `minae start`, and go there")

    def file(self, exercise: Exercise) -> Path:
        """Return the student's file with this exercise."""
        return self.folder / exercise.lesson.name / "exercises.py"

    def progress(self) -> Progress:
        """Return what the diary says, without what is damaged in it."""
        try:
            read = json.loads(self.diary.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Progress()
        known = Progress()
        for kind, type_ in (("passed", str), ("hints", int), ("given_up", str)):
            entries = read.get(kind) if isinstance(read, dict) else None
            if isinstance(entries, dict):
                kept = {id_: value for id_, value in entries.items() if type(value) is type_}
                setattr(known, kind, kept)
        return known

    def note(self, kind: str, exercise: Exercise, value=None) -> None:
        """Write into the diary: kind is one of Progress's fields, the value a time if left out."""
        progress = self.progress()
        getattr(progress, kind)[exercise.id] = value or time.strftime("%Y-%m-%d %H:%M")
        write_whole(self.diary, json.dumps(vars(progress), indent=2).encode())

    def next_exercise(self) -> Exercise | None:
        """Return the first exercise that has not passed; None if all have."""
        passed = self.progress().passed
        return next((e for e in all_exercises() if e.id not in passed), None)

    def reset(self, exercise: Exercise) -> Path | None:
        """Put the stub back in place of an answer; return where the file of before is kept.

        None if there was no file.
        """
        path, backup = self.file(exercise), None
        try:
            before = path.read_bytes()
            backup = self._backup(exercise.lesson, before)
            text = source.reset(exercise, before.decode().replace("\r\n", "\n"))
        except (FileNotFoundError, ValueError):  # no Python, or without the function: all of it
            text = source.stubs(exercise.lesson)
        write_whole(path, text.encode())
        progress = self.progress()
        progress.passed.pop(exercise.id, None)
        write_whole(self.diary, json.dumps(vars(progress), indent=2).encode())
        return backup

    def _backup(self, lesson: Lesson, content: bytes) -> Path:
        folder = self.folder / ".minae" / "backups"
        stem = f"{lesson.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        names = (f"{stem}{number}.py" for number in ("", *(f"-{i}" for i in range(1, 1000))))
        path = next(folder / name for name in names if not (folder / name).exists())
        write_whole(path, content)
        return path


def create(folder: Path, notebooks: bool = False) -> tuple[Workspace, list[Path], list[Path]]:
    """Make a workspace, or add to one what is missing.

    Returns:
        The workspace, the files that were written, and those that were there and left alone.

    Raises:
        InputError: the folder is a file, or notebooks need a package that is not installed.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; a workspace needs a folder")
    files = {Path("README.md"): README}
    for lesson in all_lessons():
        here = Path(lesson.name)
        files[here / "lesson.py"] = lesson.text("lesson.py")
        files[here / "exercises.py"] = source.stubs(lesson)
        if notebooks:
            files[here / "lesson.ipynb"] = books.lesson_notebook(lesson)
    files[Path(".minae", "progress.json")] = json.dumps(vars(Progress()))
    written, left = [], []
    for name, content in files.items():
        path = folder / name
        if path.exists():
            left += [path] if name.parts[0] != ".minae" else []
            continue
        write_whole(path, content.encode())
        written.append(path)
    return Workspace(folder), written, left
