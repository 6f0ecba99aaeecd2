"""The commands of the course: for students, and below for teachers and authors."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from minae.cli import values
from minae.errors import InputError

app = typer.Typer()
lessons_app = typer.Typer()

ExerciseArgument = Annotated[
    str, typer.Argument(metavar="EXERCISE", help="Its number, such as 4.2, or its function's name.")
]
LessonArgument = Annotated[str, typer.Argument(metavar="LESSON", help="Its number or name.")]
HandedIn = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder for each student.")]
Out = Annotated[Path, typer.Option(help="The table, as CSV.", callback=values.file)]
Notebooks = Annotated[bool, typer.Option("--notebooks", help="Also make notebooks of the lessons.")]
Full = Annotated[bool, typer.Option("--full", help="On full data, which takes longer.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print Python's traceback too.")]
Seconds = Annotated[
    float, typer.Option(min=1, max=86_400, help="Time for one exercise, after which it has failed.")
]


def _workspace():
    from minae.course.workspace import Workspace

    return Workspace.around(Path.cwd())


def _find(exercise: str):
    from minae.course.lessons import find_exercise

    return _workspace(), find_exercise(exercise)


@app.command()
def start(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder to make.", callback=values.folder)
    ] = Path("minae-course"),
    notebooks: Notebooks = False,
) -> None:
    """Make a folder to work in: lessons to read, and exercises to fill in.

    What is there is left alone. Example: `minae start` and then `cd minae-course`
    """
    from minae.course import show, workspace

    made, written, left = workspace.create(folder, notebooks)
    for path in left:
        print(f"left alone, since it is there: {path}")
    print(f"written: {len(written)} files in {folder}")
    show.what_next(made.next_exercise())


@app.command()
def check(
    exercise: Annotated[
        str | None,
        typer.Argument(metavar="[EXERCISE]", help="Its number; the next unsolved one if left out."),
    ] = None,
    verbose: Verbose = False,
    seconds: Seconds = 20,
) -> None:
    """Check an exercise in your workspace. The exit status is 1 if it is not right.

    Example: `minae check 4.2`
    """
    from minae.course import runner, show

    workspace = _workspace()
    wanted = workspace.next_exercise() if exercise is None else _find(exercise)[1]
    if wanted is not None:
        found = runner.judge(wanted, workspace.file(wanted), seconds)
        show.verdict(wanted, workspace.file(wanted), found, verbose)
        if not found.passed:
            raise typer.Exit(1)
        workspace.note("passed", wanted)
    show.what_next(workspace.next_exercise())


@app.command()
def watch() -> None:
    """Check the next exercise now and whenever you save, and go on when it passes.

    Ctrl-C ends it. Example: `minae watch`, in a terminal beside your editor
    """
    from itertools import chain

    from watchfiles import watch as changes

    from minae.course import runner, show

    workspace, seen = _workspace(), None
    # It looks after a time-out, too: a file may be saved before the first event, or on a network.
    saved = changes(
        workspace.folder, yield_on_timeout=True, rust_timeout=500, raise_interrupt=False
    )
    for _ in chain([None], saved):
        while (wanted := workspace.next_exercise()) is not None:
            path = workspace.file(wanted)
            now = wanted.id, runner.read(path)
            if now == seen:
                break
            seen, found = now, runner.judge(wanted, path, text=now[1])
            show.verdict(wanted, path, found)
            if not found.passed:
                show.console.print("[dim]watching; Ctrl-C ends[/]")
                break
            workspace.note("passed", wanted)
        else:
            show.what_next(None)
            return


@app.command()
def hint(exercise: ExerciseArgument) -> None:
    """Give a hint. Each time you ask it is a stronger one, three in all.

    Example: `minae hint 4.2`
    """
    from minae.course import show

    workspace, wanted = _find(exercise)
    taken = max(workspace.progress().hints.get(wanted.id, 0), 0)
    number = min(taken + 1, len(wanted.hints))
    show.hint(wanted, number)
    workspace.note("hints", wanted, number)


@app.command()
def solution(
    exercise: ExerciseArgument,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Show it though the exercise has not passed.")
    ] = False,
) -> None:
    """Show our answer beside yours, once yours passes.

    Example: `minae solution 4.2`
    """
    from minae.course import runner, show

    workspace, wanted = _find(exercise)
    path = workspace.file(wanted)
    if not give_up and not runner.judge(wanted, path).passed:
        raise InputError(f"{wanted.id} has not passed yet: take a hint, or add --give-up to see it")
    show.solution(wanted, path)
    if give_up:
        workspace.note("given_up", wanted)


@app.command()
def reset(exercise: ExerciseArgument) -> None:
    """Begin an exercise anew. What you wrote is kept as a backup.

    Example: `minae reset 4.2`
    """
    workspace, wanted = _find(exercise)
    backup = workspace.reset(wanted)
    print(f"{workspace.file(wanted)}: {wanted.id} is as it was at first")
    if backup is not None:
        print(f"what you wrote is kept: {backup}")


@app.command()
def progress() -> None:
    """Show the whole course at a glance.

    Example: `minae progress`
    """
    from minae.course import show

    show.progress(_workspace())


@app.command()
def run(lesson: LessonArgument, full: Full = False) -> None:
    """Run a lesson; its pictures go to runs/. In a workspace, your copy of it is run.

    Example: `minae run 4`
    """
    import subprocess
    from contextlib import suppress

    from minae.course.lessons import find_lesson

    wanted = find_lesson(lesson)
    script = wanted.folder / "lesson.py"
    with suppress(InputError):
        mine = _workspace().folder / wanted.name / "lesson.py"
        script = mine if mine.is_file() else script
    print(f"running {script}", flush=True)
    command = [sys.executable, str(script), *(["--full"] if full else [])]
    printing = {"PYTHONIOENCODING": f"{sys.stdout.encoding}:replace"}  # as in `minae.cli.main`
    raise typer.Exit(subprocess.run(command, check=False, env=os.environ | printing).returncode)


@lessons_app.callback(invoke_without_command=True)
def lessons(context: typer.Context) -> None:
    """Print the syllabus, with minutes; for authors, prove that checks tell the truth.

    Example: `minae lessons`
    """
    from minae.course import show

    if context.invoked_subcommand is None:
        show.syllabus()


@lessons_app.command()
def verify(
    lesson: Annotated[
        list[str] | None, typer.Argument(metavar="[LESSON]...", help="Numbers; all if left out.")
    ] = None,
    seconds: Seconds = 20,
) -> None:
    """Prove that stubs and wrong answers fail, that solutions pass, and that no answer leaks.

    The exit status is 1 if there is a gap. Example: `minae lessons verify 15 16`
    """
    from minae.course import proof, show
    from minae.course.lessons import find_lessons

    wanted = find_lessons(lesson)
    with show.bar("proving", sum(len(one.exercises) for one in wanted)) as advance:
        proofs = proof.prove(wanted, seconds, advance)
    gaps = [gap for one in proofs for gap in one.gaps]
    gaps += [leak for one in wanted for leak in proof.leaks(one)]
    show.proofs(proofs, gaps)
    raise typer.Exit(1 if gaps else 0)


@app.command()
def grade(
    folder: HandedIn,
    out: Out = Path("grades.csv"),
    lesson: Annotated[
        list[str] | None, typer.Option(help="Grade this lesson; may be given again. Else all.")
    ] = None,
    seconds: Seconds = 20,
    gradescope: Annotated[
        bool, typer.Option("--gradescope", help="Also write results.json to each folder.")
    ] = False,
) -> None:
    """Grade a folder of submissions, with the reason for each lost point.

    A student's folder holds what their workspace holds; for one lesson, exercises.py alone will
    do. Nothing in it is believed: all checks are run. Rows are written as they come, so that they
    are kept if you stop. Example: `minae grade handed_in --lesson 4`
    """
    from contextlib import closing

    from minae.course import grading, handed_in, show
    from minae.course.lessons import find_lessons

    lessons = find_lessons(lesson)
    exercises = [exercise for one in lessons for exercise in one.exercises]
    submissions, left_out = handed_in.read_submissions(folder, lessons)
    for path in left_out:
        print(f"left out, since it is no folder: {handed_in.printable(str(path))}")
    table, problems = grading.Table(out, exercises), []
    try:
        with (
            grading.stopped_by_signals(),
            table,
            show.bar("grading", (1 + len(submissions)) * len(exercises)) as advance,
            closing(grading.grade(submissions, exercises, seconds, advance)) as grades,
        ):
            for one in grades:
                table.add(one)
                try:
                    if gradescope:
                        grading.write_gradescope(one)
                except (InputError, OSError) as error:
                    why = handed_in.printable(str(error))
                    problems.append(f"no results.json for {one.submission.student}: {why}")
    except SystemExit:
        rows = f"{len(table.grades)} of {len(submissions)} students"
        print(f"stopped: {out} has the rows of {rows}", file=sys.stderr)
        raise
    show.grades(table.grades, exercises)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"wrote {out}")


@app.command()
def release(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder.", callback=values.folder)
    ],
) -> None:
    """Write what is handed out to students, and notebooks from which nbgrader makes the same.

    Example: `minae release autumn`
    """
    from minae.course import workspace

    student, ours = workspace.release(folder)
    print(f"{student}: to hand out, without answers")
    print(f"{ours}: for nbgrader, with answers, not to hand out")
