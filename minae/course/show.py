"""What the course's commands print."""

import difflib
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from minae.course import source
from minae.course.lessons import Exercise, all_exercises, all_lessons
from minae.course.runner import UNSOLVED, Verdict
from minae.course.workspace import Progress, Workspace

console = Console(soft_wrap=True, highlight=False)


def verdict(exercise: Exercise, path: Path, found: Verdict, verbose: bool = False) -> None:
    """Print what came of a check, on one screen, and which file was looked at."""
    console.print(f"[bold]{exercise.id} {exercise.title}[/] ([cyan]{exercise.name}[/] in {path})")
    if found.passed:
        console.print("  [bold green]passed[/]")
    elif found.status == UNSOLVED:
        console.print(f"  [yellow]not written yet[/]: {found.where}")
    else:
        console.print(f"  [bold red]not right yet[/]{': ' if found.check else ''}{found.check}")
        _indented(found.message)
        if found.where:
            _indented(found.where)
    if found.output.strip():
        console.print("  your code printed:")
        _indented(found.output.rstrip())
    if verbose and found.trace:
        console.print(found.trace, markup=False)


def _indented(text: str) -> None:
    console.print("\n".join(f"    {line}" for line in text.splitlines()), markup=False)


def what_next(exercise: Exercise | None) -> None:
    """Say which exercise comes next, or that there is none."""
    if exercise is None:
        console.print("That was the last exercise: you have solved them all.")
    else:
        console.print(f"Next: {exercise.id} {exercise.title}, about {exercise.minutes} minutes.")


def syllabus() -> None:
    """Print the lessons."""
    table = Table("", "lesson", "exercises", "minutes")
    for lesson in all_lessons():
        minutes = lesson.minutes + sum(e.minutes for e in lesson.exercises)
        table.add_row(f"{lesson.number:02}", lesson.title, str(len(lesson.exercises)), str(minutes))
    console.print(table)
    console.print("minutes: to read the lesson and to do its exercises, about")


def progress(workspace: Workspace) -> None:
    """Print the whole course at a glance: a row a lesson, a mark an exercise."""
    known = workspace.progress()
    table = Table("", "lesson", "exercises", "")
    for lesson in all_lessons():
        marks = "  ".join(f"{e.id} {_mark(e, known)}" for e in lesson.exercises)
        done = sum(e.id in known.passed for e in lesson.exercises)
        table.add_row(
            f"{lesson.number:02}", lesson.title, marks, f"{done} of {len(lesson.exercises)}"
        )
    console.print(table)
    exercises = all_exercises()
    passed = [e for e in exercises if e.id in known.passed]
    console.print(
        f"{len(passed)} of {len(exercises)} exercises passed"
        "   (✓ passed, o solution looked at, numbers: hints taken, · open)"
    )
    what_next(workspace.next_exercise())


def _mark(exercise: Exercise, known: Progress) -> str:
    if exercise.id in known.passed:
        return "✓"
    if exercise.id in known.given_up:
        return "o"
    return str(known.hints.get(exercise.id, "·"))


def hint(exercise: Exercise, number: int) -> None:
    """Print a hint; they are counted from 1."""
    console.print(f"[bold]{exercise.id}[/] hint {number} of {len(exercise.hints)}")
    _indented(exercise.hints[number - 1])


def solution(exercise: Exercise, path: Path) -> None:
    """Print our answer, as what would change in the student's."""
    ours = source.solution(exercise)
    try:
        theirs = source.function(path.read_text(encoding="utf-8"), exercise.name)
    except (OSError, ValueError):
        theirs = ""
    lines = difflib.unified_diff(
        theirs.splitlines(), ours.splitlines(), str(path), "the solution", lineterm="", n=100
    )
    text = "\n".join(lines) or "Your answer is the solution, letter by letter."
    console.print(Syntax(text, "diff", background_color="default"))
