"""The command `minae`."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from minae.cli import codes, course, data, kernels, runs, samples
from minae.cli.values import file, place
from minae.errors import InputError, complain

machine = typer.Typer(rich_markup_mode="markdown")


@machine.command()
def gradcheck(
    device: Annotated[str, typer.Option(help="cpu, or cuda for an NVIDIA GPU.")] = "cpu",
) -> None:
    """Check every operation's gradient against finite differences, and print the largest errors.

    Example: `minae gradcheck`
    """
    from minae.tools.gradchecks import print_gradchecks

    if not print_gradchecks(device):
        raise typer.Exit(1)


@machine.command()
def doctor() -> None:
    """Say what minae runs on here: versions, BLAS and its threads, the GPU or why there is none.

    Example: `minae doctor`
    """
    from minae.tools.doctor import print_findings

    print_findings()


@machine.command()
def bench(
    workloads: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORKLOAD]...", help="W1 to W7, deep, restore; all if none."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each library.")] = 9,
    seconds: Annotated[float, typer.Option(min=0.01, max=3600, help="Length of a turn.")] = 0.5,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Samples per second by batch size and width instead.")
    ] = False,
    kernels: Annotated[
        bool, typer.Option("--kernels", help="Each kernel against plain NumPy instead.")
    ] = False,
    products: Annotated[
        bool, typer.Option("--products", help="Matrix products in one thread instead.")
    ] = False,
    writing: Annotated[
        bool, typer.Option("--writing", help="Characters a second that a GPT writes instead.")
    ] = False,
    parts: Annotated[
        bool, typer.Option("--parts", help="Where the time of minae's own steps goes instead.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="cpu; or cuda: kernels and steps on the GPU, against NVIDIA's.")
    ] = "cpu",
    out: Annotated[Path | None, place(file, "JSON file to write.")] = None,
) -> None:
    """Time training steps against PyTorch, and JAX where it is installed, on this machine.

    Every library computes the same losses in a process of its own, and they take turns. Close other
    programs first.

    Examples: `minae bench W1 W3 --out bench.json`, `minae bench W3 --parts`,
    `minae bench --device cuda --out gpu.json`
    """
    from minae.bench import show
    from minae.kernels.arrays import device_problem

    on_gpu, of_workloads = device != "cpu", bool(workloads) or parts
    if scaling + kernels + products + writing + of_workloads + on_gpu > 1:
        raise InputError(
            "--scaling, --kernels, --products, --writing, --device cuda and workloads are six"
            " benchmarks: choose one"
        )
    if parts and out:
        raise InputError("--parts writes no file: leave out --out")
    if problem := device_problem(device):
        raise InputError(problem)
    try:
        if device == "cuda":
            from minae.bench.gpu import machine, report

            report.measure(machine.Gpu(), runs.command_line(), out)
        elif scaling:
            show.measure_scaling(rounds, seconds, out)
        elif kernels:
            show.measure_kernels(rounds, seconds, out)
        elif parts:
            from minae.bench.parts import print_parts

            print_parts(workloads or [], rounds, seconds)
        elif products:
            show.measure_products(rounds, seconds, out)
        elif writing:
            show.measure_writing(rounds, seconds, out)
        else:
            show.measure_workloads(workloads or [], rounds, seconds, out)
    except RuntimeError as error:
        raise InputError(f"the benchmark stopped: {error}") from error


app = typer.Typer(
    help="Autoencoders from the bottom up: train them, look at them, check their gradients.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)
# in the order in which --help lists them
app.add_typer(runs.app)
app.add_typer(samples.app)
app.add_typer(codes.app)
app.add_typer(data.app, name="data")
app.add_typer(course.app)
app.add_typer(course.lessons_app, name="lessons")
app.add_typer(kernels.app, name="kernels")
app.add_typer(machine)


def main() -> None:
    """Run the command. What the user got wrong is one line on stderr, and exit status 2."""
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal that is not UTF-8 has no ✓ and no σ
        sys.stdout.reconfigure(errors="replace")
    try:
        _check(sys.argv[1:])
        app()
    except (InputError, FloatingPointError) as error:
        complain(error)
    except MemoryError as error:
        complain(f"out of memory ({error}): take a smaller --batch-size or model")
    except OSError as error:
        complain(f"{error.filename or 'file'}: {error.strerror or error}")
    sys.exit(2)


def _check(arguments: list[str]) -> None:
    """Refuse bad environment variables, and empty arguments: mostly variables that are not set."""
    from minae.kernels import compiles_plainly, wanted_threads

    try:
        wanted_threads()
        compiles_plainly()
    except ValueError as error:
        raise InputError(str(error)) from error
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not argument or (name.startswith("--") and equals and not value):
            raise InputError(f"argument {argument!r} is empty: give a value, or leave it out")
