"""What the course's commands print."""

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from minae.course import source
from minae.course.lessons import Exercise, all_lessons
from minae.course.runner import UNSOLVED, Verdict, read
from minae.course.workspace import Workspace

if TYPE_CHECKING:  # `minae check` does without them, and starts sooner
    from minae.course.grading import Grade
    from minae.course.proof import Proof

LINES, WIDTH = 20, 300  # of a message, so that a verdict is one screen

console = Console(soft_wrap=True, highlight=False, emoji=False)  # x[:100:] is no emoji


def verdict(exercise: Exercise, path: Path, found: Verdict, verbose: bool = False) -> None:
    """Print the result of a check, on one screen, and which file was checked."""
    title, place = escape(exercise.title), escape(str(path))
    console.print(f"[bold]{exercise.id} {title}[/] ([cyan]{exercise.name}[/] in {place})")
    if found.passed:
        console.print("  [bold green]passed[/]")
    elif found.status == UNSOLVED:
        console.print(f"  [yellow]not written yet[/]: {escape(found.where)}")
    else:
        console.print(f"  [bold red]not right yet[/]{': ' if found.check else ''}{found.check}")
        _indented(found.message)
        if found.where:
            _indented(found.where)
    if found.output.strip():
        console.print("  your code printed:")
        _indented(found.output.rstrip(), lines=LINES // 2)
    if verbose and found.trace:
        console.print(found.trace, markup=False)


def _indented(text: str, lines: int = LINES) -> None:
    """Print at most so many lines of a text: the first ones and the last two."""
    shown = [line if len(line) <= WIDTH else f"{line[:WIDTH]}..." for line in text.splitlines()]
    if len(shown) > lines:
        left_out = len(shown) - lines + 1
        shown[lines - 3 : -2] = [f"... ({left_out} lines left out)"]
    console.print("\n".join(f"    {line}" for line in shown), markup=False)


def what_next(exercise: Exercise | None) -> None:
    """Say which exercise comes next, or that there is none."""
    if exercise is None:
        console.print("That was the last exercise: you have solved them all.")
    else:
        title, minutes = escape(exercise.title), exercise.minutes
        console.print(f"Next: {exercise.id} {title}, about {minutes} minutes.")


def syllabus() -> None:
    """Print the lessons."""
    table = Table("", "lesson", "exercises", "minutes")
    for lesson in all_lessons():
        minutes = lesson.minutes + sum(e.minutes for e in lesson.exercises)
        numbers = f"{len(lesson.exercises)}", f"{minutes}"
        table.add_row(f"{lesson.number:02}", escape(lesson.title), *numbers)
    console.print(table)
    console.print("minutes: to read the lesson and to do its exercises, about")


def progress(workspace: Workspace) -> None:
    """Print the whole course at a glance: a row for each lesson, a mark for each exercise."""
    known = workspace.progress()
    passed_mark, open_mark = "✓·"
    try:
        "✓·".encode(console.encoding)
    except UnicodeEncodeError:
        passed_mark, open_mark = "+-"

    by_id: dict[str, object] = {**known.hints}
    by_id |= dict.fromkeys(known.given_up, "o")
    by_id |= dict.fromkeys(known.passed, passed_mark)
    table, passed, total = Table("", "lesson", "exercises", ""), 0, 0
    for lesson in all_lessons():
        marks = [by_id.get(e.id, open_mark) for e in lesson.exercises]
        shown = "  ".join(f"{e.id} {m}" for e, m in zip(lesson.exercises, marks, strict=True))
        done = f"{marks.count(passed_mark)} of {len(marks)}"
        table.add_row(f"{lesson.number:02}", escape(lesson.title), shown, done)
        passed, total = passed + marks.count(passed_mark), total + len(marks)
    console.print(table)
    console.print(
        f"{passed} of {total} exercises passed"
        f"   ({passed_mark} passed, o solution looked at, numbers: hints taken, {open_mark} open)"
    )
    what_next(workspace.next_exercise())


def hint(exercise: Exercise, number: int) -> None:
    """Print a hint; they are counted from 1."""
    console.print(f"[bold]{exercise.id}[/] hint {number} of {len(exercise.hints)}")
    _indented(exercise.hints[number - 1])


def solution(exercise: Exercise, path: Path) -> None:
    """Print our answer as a change to the student's."""
    theirs, text, after = "", read(path), source.solution(exercise).splitlines()
    if isinstance(text, bytes):
        with suppress(ValueError):
            theirs = source.function(text.decode().replace("\r\n", "\n"), exercise.name)
    before = theirs.splitlines()
    lines = difflib.unified_diff(before, after, str(path), "the solution", lineterm="", n=100)
    text = "\n".join(lines) or "Your answer is the solution, letter by letter."
    console.print(Syntax(text, "diff", background_color="default"))


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Draw a bar that disappears at the end; yield the function that advances it by one."""
    from rich.progress import Progress as Bar

    with Bar(console=console, transient=True) as drawn:
        task = drawn.add_task(title, total=total)
        yield lambda: drawn.advance(task)


def proofs(all_: list["Proof"], gaps: list[str]) -> None:
    """Print a row for each exercise, then every gap."""
    table = Table("", "exercise", "stub", "solution", "mutants", "seconds")
    for proof in all_:
        stub, solution, mutants = proof.of("stub"), proof.of("solution"), proof.of("mutant")
        fails = "fails" if stub and not stub[0].gap else "WRONG"
        passes = "passes" if solution and not solution[0].gap else "WRONG"
        killed = f"{sum(not trial.gap for trial in mutants)} of {len(mutants)} fail"
        seconds = f"{sum(trial.seconds for trial in proof.trials):.1f}"
        exercise = proof.exercise
        table.add_row(exercise.id, escape(exercise.title), fails, passes, killed, seconds)
    console.print(table)
    for gap in gaps:
        console.print(gap, markup=False)
    mutants = sum(len(proof.of("mutant")) for proof in all_)
    console.print(f"{len(all_)} exercises, {mutants} mutants, {len(gaps)} gaps")


def grades(all_: list["Grade"], exercises: list[Exercise]) -> None:
    """Print a row for each student."""
    table = Table("student", "points", "not passed", "look at")
    for grade in all_:
        lost = ", ".join(e.id for e, verdict in grade.verdicts.items() if not verdict.passed)
        name, look_at = escape(grade.submission.student), escape(grade.look_at)
        table.add_row(name, f"{grade.total} of {len(exercises)}", lost, look_at)
    console.print(table)
