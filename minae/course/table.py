"""The table of grades, with each row on disk as soon as it is known, and Gradescope's format."""

import csv
import io
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path

from minae.course.grading import Grade, reason
from minae.course.handed_in import printable
from minae.course.lessons import Exercise
from minae.errors import InputError
from minae.files import check_place, write_whole

FORMULAS = ("=", "+", "-", "@")  # spreadsheets run cells that begin so


class Table(AbstractContextManager):
    """A CSV file with a row for each student and a column for each exercise; use it with `with`.

    Rows are written as they come, and put in order at the end. The first one replaces what the file
    held before.
    """

    def __init__(self, path: Path, exercises: list[Exercise]):
        """Raises InputError if the file cannot be written."""
        check_place(path)
        self.path = Path(os.path.realpath(path))
        self.exercises, self.is_new = exercises, not path.exists()
        self.grades: list[Grade] = []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("ab")
        except OSError as error:
            why = f"{path} cannot be written ({error.strerror})"
            raise InputError(f"{why}: give --out another file") from error

    def __exit__(self, error: object, *_: object) -> None:
        self.file.close()
        if error is None:
            self.grades.sort(key=lambda grade: grade.submission.student)
            write_whole(self.path, self._rows(self.grades, header=True))
        elif self.is_new and not self.grades:
            self.path.unlink(missing_ok=True)

    def add(self, grade: Grade) -> None:
        """Write a student's row, so that it is kept whatever comes after."""
        is_first = not self.grades
        if is_first:
            self.file.truncate(0)
        self.grades.append(grade)
        self.file.write(self._rows([grade], header=is_first))
        self.file.flush()

    def _rows(self, grades: list[Grade], header: bool) -> bytes:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if header:
            ids = [exercise.id for exercise in self.exercises]
            table.writerow(["student", *ids, "total", "reasons", "look_at"])
        for g in grades:
            points = [int(g.verdicts[exercise].passed) for exercise in self.exercises]
            texts = map(printable, (g.submission.student, g.reasons, g.look_at))
            student, *said = (f"'{t}" if t.startswith(FORMULAS) else t for t in texts)
            table.writerow([student, *points, g.total, *said])
        return text.getvalue().encode(errors="replace")


def write_gradescope(grade: Grade) -> Path:
    """Write results.json, as Gradescope's autograder reads it, into the student's folder.

    Raises InputError or OSError where that cannot be written.
    """
    folder, tests = grade.submission.folder, []
    if folder.is_symlink():
        raise InputError(f"{folder} is a link: nothing is written through it")
    for exercise, verdict in grade.verdicts.items():
        output = "passed" if verdict.passed else reason(verdict)
        points = {"score": int(verdict.passed), "max_score": 1}
        tests.append({"name": f"{exercise.id} {exercise.title}", **points, "output": output})
    results = {"score": grade.total, "tests": tests}
    write_whole(folder / "results.json", json.dumps(results, indent=2).encode())
    return folder / "results.json"
