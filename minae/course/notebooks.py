"""A lesson as notebooks: lesson.ipynb to read, exercises.ipynb for courses that use nbgrader."""

import ast
import json
import re
from types import ModuleType

from minae.course import source
from minae.course.judge import checks_of, load
from minae.course.lessons import Lesson, find_exercise
from minae.errors import InputError

PYTHON = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def lesson_notebook(lesson: Lesson) -> str:
    """Return the lesson's script as a notebook. Raises InputError without Jupytext."""
    try:
        import jupytext
    except ImportError:
        raise InputError('notebooks need Jupytext: pip install "minae[notebook]"') from None
    return jupytext.writes(jupytext.reads(lesson.text("lesson.py"), "py:percent"), "ipynb")


def exercises_notebook(lesson: Lesson) -> str:
    """Return the solved exercises as a notebook from which nbgrader makes the student version.

    Each exercise is a cell with the answer between nbgrader's markers, and a locked cell with the
    checks, which is worth a point.
    """
    text = lesson.text("exercises.py")
    parsed = ast.parse(text)
    cells = [_markdown(f"# {lesson.title}: exercises\n\n{ast.get_docstring(parsed)}")]
    rest = "\n".join(text.split("\n")[parsed.body[0].end_lineno :])
    for exercise in lesson.exercises:
        task = source.function(rest, exercise.name)
        before, _, rest = rest.partition(task)
        place = exercise.id.replace(".", "-")
        run = f'from minae.course.notebooks import check\n\ncheck("{exercise.id}", globals())'
        cells += [
            *_given(before, f"given-{place}"),
            _markdown(f"## {exercise.id} {exercise.title}, about {exercise.minutes} minutes"),
            _code(task, f"exercise-{place}", locked=False, solution=True),
            _code(run, f"checks-{place}", grade=True, points=1),
        ]
    cells += _given(rest, "given-last")
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = {"cells": cells, "metadata": PYTHON, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1)


def check(exercise: str, answers: dict[str, object]) -> None:
    """Run the checks of an exercise on the functions in a notebook's globals().

    Raises what the first failing check raises. It runs in the notebook's own process, so a student
    can deceive it, as they cannot `minae grade`.
    """
    wanted = find_exercise(exercise)
    student = ModuleType("student_exercises")
    vars(student).update(answers)
    checks = load(wanted.lesson.folder / "test_exercises.py")
    for run in checks_of(checks, wanted.name, wanted.terms).values():
        run(student)
    print(f"{wanted.id} {wanted.title}: passed")


def cells_of(notebook: str) -> list[str]:
    """Return the text of each cell."""
    return ["".join(cell["source"]) for cell in json.loads(notebook)["cells"]]


def code_of(notebook: str) -> str:
    """Return a notebook's code as a Python file, without cells that run checks.

    Lines that only IPython understands, such as %matplotlib, become comments. Raises ValueError,
    KeyError, TypeError or AttributeError if it is no notebook.
    """
    cells = json.loads(notebook)["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    code = "\n\n".join(text for text in texts if "minae.course.notebooks" not in text) + "\n"
    return re.sub(r"(?m)^([ \t]*)(%%?[a-z]|!(?!=))", r"\1pass  # \2", code)


def _markdown(text: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _given(text: str, name: str) -> list[dict]:
    return [_code(text, name)] if text.strip() else []


def _code(text: str, name: str, **nbgrader: object) -> dict:
    kind = {"grade": False, "locked": True, "solution": False, "task": False}
    metadata = {"nbgrader": kind | {"grade_id": name, "schema_version": 3} | nbgrader}
    cell = {"cell_type": "code", "metadata": metadata, "source": text.strip("\n")}
    return cell | {"execution_count": None, "outputs": []}
