"""The table of grades, in which a row is on the disk as soon as it is known; Gradescope's form."""

import csv
import io
import json
import os
from pathlib import Path

from minae.course.grading import Grade, reason
from minae.course.handed_in import printable
from minae.course.lessons import Exercise
from minae.errors import InputError
from minae.files import check_place, write_whole

FORMULAS = ("=", "+", "-", "@")  # cells that begin so are run by spreadsheets


class Table:
    """A CSV file with a row a student and a column an exercise, to be used in a `with` statement.

    Rows are written as they come, and put in order at the end. What the file held before is gone
    with the first row.
    """

    def __init__(self, path: Path, exercises: list[Exercise]):
        """Raises InputError if the file cannot be written."""
        check_place(path)
        self.path = Path(os.path.realpath(path))
        self.exercises, self.grades, self.is_new = exercises, [], not path.exists()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("ab")
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror}): give --out another file"
            ) from error

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, error, *_) -> None:
        self.file.close()
        if error is None:
            self.grades.sort(key=lambda grade: grade.submission.student)
            write_whole(self.path, self._header() + b"".join(map(self._row, self.grades)))
        elif self.is_new and not self.grades:
            self.path.unlink(missing_ok=True)

    def add(self, grade: Grade) -> None:
        """Write a student's row, so that it is kept whatever comes after."""
        if not self.grades:
            self.file.truncate(0)
            self.file.write(self._header())
        self.grades.append(grade)
        self.file.write(self._row(grade))
        self.file.flush()

    def _header(self) -> bytes:
        return _line(["student", *(e.id for e in self.exercises), "total", "reasons", "look_at"])

    def _row(self, grade: Grade) -> bytes:
        points = [int(grade.verdicts[exercise].passed) for exercise in self.exercises]
        texts = (grade.submission.student, grade.reasons, grade.look_at)
        student, reasons, look_at = map(_cell, texts)
        return _line([student, *points, grade.total, reasons, look_at])


def _cell(text: str) -> str:
    text = printable(text)
    return f"'{text}" if text.startswith(FORMULAS) else text


def _line(cells: list) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode(errors="replace")


def write_gradescope(grade: Grade) -> Path:
    """Write results.json, as Gradescope's autograder reads it, into the student's folder.

    Raises InputError or OSError where that cannot be written.
    """
    tests = [
        {
            "name": f"{exercise.id} {exercise.title}",
            "score": int(verdict.passed),
            "max_score": 1,
            "output": "passed" if verdict.passed else reason(verdict),
        }
        for exercise, verdict in grade.verdicts.items()
    ]
    folder = grade.submission.folder
    if folder.is_symlink():
        raise InputError(f"{folder} is a link: nothing is written through it")
    results = {"score": grade.total, "tests": tests}
    write_whole(folder / "results.json", json.dumps(results, indent=2).encode())
    return folder / "results.json"
