"""What a teacher hands out, and what they keep for nbgrader.

student/                                  to hand out: a workspace with notebooks, no answers
nbgrader/source/NN_name/exercises.ipynb   not to hand out: solved, with nbgrader's markers
"""

from pathlib import Path

from minae.course import notebooks, workspace
from minae.course.lessons import all_lessons
from minae.errors import InputError
from minae.files import write_whole


def release(folder: Path) -> tuple[Path, Path]:
    """Write both, and return their folders.

    Raises InputError if there is something already, or notebooks need what is not installed.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder that is new or empty")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: name a folder that is new or empty")
    ours = folder / "nbgrader"
    made, _, _ = workspace.create(folder / "student", notebooks=True)
    for lesson in all_lessons():
        text = notebooks.exercises_notebook(lesson)
        write_whole(ours / "source" / lesson.name / "exercises.ipynb", text.encode())
    return made.folder, ours
