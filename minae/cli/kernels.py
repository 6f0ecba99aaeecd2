"""The commands `minae kernels ...`."""

from pathlib import Path
from typing import Annotated

import typer

from minae.cli.values import picture, place

app = typer.Typer(
    help="The ladders of kernels: the GPU's in the simulator, the CPU's on this machine.",
    no_args_is_help=True,
)
SIZE = "128,784,512"  # the largest layer of the workload W1


@app.callback()
def kernels() -> None:
    """Group the commands, even while there is only one."""


@app.command()
def show(
    ladder: Annotated[str, typer.Argument(metavar="LADDER", help="matmul or convolution.")],
    rung: Annotated[
        str | None, typer.Option(help="One kernel of the ladder, line by line.")
    ] = None,
    out: Annotated[Path | None, place(picture, "Picture to draw of it, a .png file.")] = None,
    device: Annotated[
        str, typer.Option(help="cuda, in the simulator; or cpu, timed on this machine.")
    ] = "cuda",
    size: Annotated[
        str | None,
        typer.Option(metavar="M,K,N", help="With cpu: of the matrices.", show_default=SIZE),
    ] = None,
) -> None:
    """Count what the kernels of a ladder read and write, on a small example; on a CPU, time them.

    Examples: `minae kernels show matmul`, `minae kernels show matmul --rung tiled --out tiled.png`,
    `minae kernels show matmul --device cpu`
    """
    from minae.errors import InputError
    from minae.tools import cpu_ladder, ladders

    if device not in ("cpu", "cuda"):
        raise InputError(f"device {device!r} is unknown: choose one of cpu, cuda")
    if device == "cpu":
        if ladder != "matmul":
            raise InputError(f"there is no ladder {ladder!r} for the CPU; there is: matmul")
        if rung is not None or out is not None:
            raise InputError("--rung and --out are for the GPU's ladders: leave out --device cpu")
        cpu_ladder.print_ladder(size or SIZE)
    elif size is not None:
        raise InputError("--size is for the CPU's ladder: add --device cpu")
    elif rung is not None:
        ladders.print_rung(ladder, rung, out)
    elif out is None:
        ladders.print_ladder(ladder)
    else:
        raise InputError("--out draws one kernel: name it with --rung")
