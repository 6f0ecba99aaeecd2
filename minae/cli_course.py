"""The commands of the course: for students, and below for teachers and authors."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from minae.errors import InputError

app = typer.Typer()
lessons_app = typer.Typer(
    help="The syllabus, and for authors the proof that checks tell the truth."
)

ExerciseArgument = Annotated[
    str, typer.Argument(metavar="EXERCISE", help="Its number, such as 4.2, or its function's name.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print Python's traceback too.")]


@app.command()
def start(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to make.")] = Path(
        "minae-course"
    ),
    notebooks: Annotated[
        bool, typer.Option("--notebooks", help="Also make notebooks of the lessons.")
    ] = False,
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
) -> None:
    """Check an exercise in your workspace. The exit status is 1 if it is not right.

    Example: `minae check 4.2`
    """
    from minae.course import runner, show
    from minae.course.lessons import find_exercise
    from minae.course.workspace import Workspace

    workspace = Workspace.around(Path.cwd())
    wanted = workspace.next_exercise() if exercise is None else find_exercise(exercise)
    if wanted is None:
        show.what_next(None)
        return
    found = runner.judge(wanted, workspace.file(wanted))
    show.verdict(wanted, workspace.file(wanted), found, verbose)
    if not found.passed:
        raise typer.Exit(1)
    workspace.note("passed", wanted)
    show.what_next(workspace.next_exercise())


@app.command()
def watch() -> None:
    """Check the next exercise now and whenever you save, and go on when it passes.

    Example: `minae watch`, in a terminal beside your editor; Ctrl-C ends it
    """
    from watchfiles import watch as changes

    from minae.course import runner, show
    from minae.course.workspace import Workspace

    workspace = Workspace.around(Path.cwd())

    def look() -> None:
        while (wanted := workspace.next_exercise()) is not None:
            path = workspace.file(wanted)
            found = runner.judge(wanted, path)
            show.verdict(wanted, path, found)
            if not found.passed:
                show.console.print("[dim]watching; Ctrl-C ends[/]")
                return
            workspace.note("passed", wanted)
        show.what_next(None)

    look()
    for saved in changes(workspace.folder, raise_interrupt=False):
        if any(Path(path).name == "exercises.py" for _, path in saved):
            look()


@app.command()
def hint(exercise: ExerciseArgument) -> None:
    """Give a hint. Each time you ask it is a stronger one, three in all.

    Example: `minae hint 4.2`
    """
    from minae.course import show
    from minae.course.lessons import find_exercise
    from minae.course.workspace import Workspace

    workspace, wanted = Workspace.around(Path.cwd()), find_exercise(exercise)
    number = min(workspace.progress().hints.get(wanted.id, 0) + 1, len(wanted.hints))
    workspace.note("hints", wanted, number)
    show.hint(wanted, number)


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
    from minae.course.lessons import find_exercise
    from minae.course.workspace import Workspace

    workspace, wanted = Workspace.around(Path.cwd()), find_exercise(exercise)
    path = workspace.file(wanted)
    if not give_up and not runner.judge(wanted, path).passed:
        raise InputError(f"{wanted.id} has not passed yet: take a hint, or add --give-up to see it")
    if give_up:
        workspace.note("given_up", wanted)
    show.solution(wanted, path)


@app.command()
def reset(exercise: ExerciseArgument) -> None:
    """Begin an exercise anew. What you wrote is kept as a backup.

    Example: `minae reset 4.2`
    """
    from minae.course.lessons import find_exercise
    from minae.course.workspace import Workspace

    workspace, wanted = Workspace.around(Path.cwd()), find_exercise(exercise)
    backup = workspace.reset(wanted)
    print(f"{workspace.file(wanted)}: {wanted.id} is as it was at first; yours is in {backup}")


@app.command()
def progress() -> None:
    """Show the whole course at a glance.

    Example: `minae progress`
    """
    from minae.course import show
    from minae.course.workspace import Workspace

    show.progress(Workspace.around(Path.cwd()))


@app.command()
def run(
    lesson: Annotated[str, typer.Argument(metavar="LESSON", help="Its number or name.")],
    full: Annotated[bool, typer.Option("--full", help="On full data, which takes longer.")] = False,
) -> None:
    """Run a lesson; its pictures go to runs/. In a workspace, your copy of it is run.

    Example: `minae run 4`
    """
    import subprocess

    from minae.course.lessons import find_lesson
    from minae.course.workspace import Workspace

    wanted = find_lesson(lesson)
    script = wanted.folder / "lesson.py"
    try:
        mine = Workspace.around(Path.cwd()).folder / wanted.name / "lesson.py"
        script = mine if mine.is_file() else script
    except InputError:
        pass
    print(f"running {script}", flush=True)
    command = [sys.executable, str(script), *(["--full"] if full else [])]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


@lessons_app.callback(invoke_without_command=True)
def lessons(context: typer.Context) -> None:
    """Print the syllabus, with minutes.

    Example: `minae lessons`
    """
    from minae.course import show

    if context.invoked_subcommand is None:
        show.syllabus()
