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
from minae.course import source
from minae.course.lessons import Exercise, Lesson, all_exercises, all_lessons
from minae.errors import InputError

README = """\
# Your minae workspace

Each folder is a lesson. Read its `lesson.py`, run it (`minae run 01`), and fill in `exercises.py`
where it says `raise NotImplementedError`. In this folder:

    minae lessons            the syllabus
    minae check              check the next exercise; `minae check 1.2` a certain one
    minae watch              the same whenever you save
    minae hint 1.2           a hint; ask again for a stronger one
    minae solution 1.2       compare with ours, once yours passes (or with --give-up)
    minae reset 1.2          begin an exercise anew; what you wrote is kept as a backup
    minae progress           where you are

The files are Python scripts in cells: VS Code shows them as such, and `minae start --notebooks`
makes notebooks of the lessons.
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
            if (place / ".minae" / "progress.json").is_file():
                return cls(place)
        raise InputError(f"{folder} is in no workspace: make one with `minae start`, and go there")

    def file(self, exercise: Exercise) -> Path:
        """Return the student's file with this exercise."""
        return self.folder / exercise.lesson.name / "exercises.py"

    def progress(self) -> Progress:
        """Return what the diary says; nothing, if it was damaged."""
        try:
            return Progress(**json.loads(self.diary.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Progress()

    def note(self, kind: str, exercise: Exercise, value=None) -> None:
        """Write into the diary: kind is one of Progress's fields, the value a time if left out."""
        progress = self.progress()
        getattr(progress, kind)[exercise.id] = value or time.strftime("%Y-%m-%d %H:%M")
        write_whole(self.diary, json.dumps(vars(progress), indent=2).encode())

    def next_exercise(self) -> Exercise | None:
        """Return the first exercise that has not passed; None if all have."""
        passed = self.progress().passed
        return next((e for e in all_exercises() if e.id not in passed), None)

    def reset(self, exercise: Exercise) -> Path:
        """Put the stub back in place of an answer; return where the file of before is kept."""
        path = self.file(exercise)
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        backup = self._backup(exercise.lesson, text)
        try:
            text = source.reset(exercise, text)
        except ValueError:  # no Python, or the function is gone: the file as a whole
            text = source.stubs(exercise.lesson)
        write_whole(path, text.encode())
        progress = self.progress()
        progress.passed.pop(exercise.id, None)
        write_whole(self.diary, json.dumps(vars(progress), indent=2).encode())
        return backup

    def _backup(self, lesson: Lesson, text: str) -> Path:
        folder = self.folder / ".minae" / "backups"
        stem = f"{lesson.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        number = len(list(folder.glob(f"{stem}*")))
        path = folder / (f"{stem}-{number}.py" if number else f"{stem}.py")
        write_whole(path, text.encode())
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
            files[here / "lesson.ipynb"] = source.notebook(lesson)
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
