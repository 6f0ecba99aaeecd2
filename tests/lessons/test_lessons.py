"""Every lesson runs; of every exercise the solution passes, and stub and wrong answers do not.

Lessons are loaded by their paths, as a student's own file is.
"""

import importlib.util
import inspect
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

LESSONS = Path(__file__).parents[2] / "lessons"
FOLDERS = {path.parent.name: path.parent for path in sorted(LESSONS.glob("*/exercises.toml"))}
ANSWER = re.compile(r"( *)### BEGIN SOLUTION\n(.*?)### END SOLUTION\n", re.DOTALL)
SECONDS = 120  # after which a lesson that hangs is stopped


@dataclass(frozen=True)
class Exercise:
    """One exercise, and where its lesson lies."""

    folder: Path
    id: str
    name: str
    title: str
    minutes: int
    hints: list[str]

    @property
    def task(self) -> str:
        return f"exercise {self.id}: {self.title}"

    def belonging(self, file: str, prefix: str = "") -> dict:
        """Return the functions of a file that are named after this exercise."""
        return named(load(self.folder / file), f"{prefix}{self.name}__")

    def reject(self, student: ModuleType) -> list[Exception | None]:
        """Return what each check of this exercise raises."""
        found = []
        for check in self.belonging("test_exercises.py", "test_").values():
            try:
                check(student)
            except Exception as error:  # whatever a student's code raises
                found.append(error)
            else:
                found.append(None)
        return found


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fresh(path: Path) -> ModuleType:
    """Load a module from its file, apart from all that was loaded before."""
    spec = importlib.util.spec_from_file_location(f"lesson_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


load = cache(fresh)


def named(module: ModuleType, prefix: str) -> dict:
    return {name: f for name, f in vars(module).items() if name.startswith(prefix)}


def exercises_of(folder: Path) -> list[Exercise]:
    listed = tomllib.loads(read(folder / "exercises.toml"))["exercise"]
    return [Exercise(folder, **entry) for entry in listed]


def stub(exercise: Exercise, text: str) -> str:
    """Return the file with this exercise's answer cut out, and all others as they are."""
    start = text.index(f"def {exercise.name}(")
    head, rest = text[:start], text[start:]
    refusal = rf'\1raise NotImplementedError("{exercise.task}")\n'
    return head + ANSWER.sub(refusal, rest, count=1)


EXERCISES = [exercise for folder in FOLDERS.values() for exercise in exercises_of(folder)]
each_lesson = pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
each_exercise = pytest.mark.parametrize(
    "exercise", EXERCISES, ids=[f"{e.folder.name}-{e.name}" for e in EXERCISES]
)
each_mutant = pytest.mark.parametrize(
    ("exercise", "mutant"),
    [
        pytest.param(exercise, mutant, id=f"{exercise.folder.name}-{name}")
        for exercise in EXERCISES
        for name, mutant in exercise.belonging("mutants.py").items()
    ],
)


def test_there_is_something_to_check():
    assert FOLDERS


@each_exercise
def test_an_exercise_is_complete(exercise):
    function = vars(load(exercise.folder / "exercises.py"))[exercise.name]
    number = int(exercise.folder.name.partition("_")[0])
    assert exercise.id.startswith(f"{number}.")
    assert '"' not in exercise.task
    assert exercise.minutes > 0
    assert re.search(r"\d+ (lines|minutes)", function.__doc__)
    assert len(exercise.hints) == 3
    assert all(exercise.hints)
    assert len(exercise.belonging("mutants.py")) >= 4
    assert exercise.belonging("test_exercises.py", "test_")


@each_exercise
def test_the_solution_passes(exercise):
    for error in exercise.reject(load(exercise.folder / "exercises.py")):
        if error is not None:
            raise error


@each_exercise
def test_the_stub_says_what_is_to_be_done(exercise, tmp_path):
    text = read(exercise.folder / "exercises.py")
    path = tmp_path / "exercises.py"
    path.write_text(stub(exercise, text), encoding="utf-8")
    for error in exercise.reject(fresh(path)):
        assert isinstance(error, NotImplementedError)
        assert str(error) == exercise.task


@each_mutant
def test_a_wrong_answer_is_rejected(exercise, mutant):
    student = fresh(exercise.folder / "exercises.py")
    right = getattr(student, exercise.name)
    assert mutant.__doc__
    assert inspect.signature(mutant) == inspect.signature(right)
    setattr(student, exercise.name, mutant)
    errors = [error for error in exercise.reject(student) if error is not None]
    assert errors
    for error in errors:
        assert str(error), "a check fails without a word"
        assert not isinstance(error, NameError | SyntaxError), f"a slip in the mutant: {error}"


@each_lesson
def test_no_answer_is_left_in_the_stub(folder):
    text, listed = read(folder / "exercises.py"), exercises_of(folder)
    answers = [answer.strip() for _, answer in ANSWER.findall(text)]
    assert len(answers) == len(listed) == text.count("SOLUTION") / 2
    for exercise in listed:
        text = stub(exercise, text)
    assert "SOLUTION" not in text
    assert text.count("raise NotImplementedError(") == len(listed)
    for answer in answers:
        assert answer
        assert answer not in text


@each_lesson
def test_all_names_are_of_exercises(folder):
    """A check or a mutant with a misspelt name would never be run."""
    known = {exercise.name for exercise in exercises_of(folder)}
    assert len(known) == len(exercises_of(folder)) >= 4
    checks = named(load(folder / "test_exercises.py"), "test_")
    mutants = {name: f for name, f in vars(load(folder / "mutants.py")).items() if "__" in name[2:]}
    assert {name.removeprefix("test_").partition("__")[0] for name in checks} == known
    assert {name.partition("__")[0] for name in mutants if not name.startswith("__")} == known


@each_lesson
def test_a_student_needs_no_pytest(folder):
    assert not re.search(r"^(import|from) pytest", read(folder / "test_exercises.py"), re.MULTILINE)


@each_lesson
@pytest.mark.timeout(2 * SECONDS)
def test_a_lesson_runs(folder, tmp_path):
    finished = subprocess.run(
        [sys.executable, "-W", "error", folder / "lesson.py"],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"},
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    pictures = list((tmp_path / "runs" / folder.name).glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.name in finished.stdout
    assert finished.stdout.count(".png") == len(pictures)
