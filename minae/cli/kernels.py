"""The commands `minae kernels ...`."""

from pathlib import Path
from typing import Annotated

import typer

from minae.cli.values import picture, place

app = typer.Typer(help="The GPU kernels, in the simulator: no GPU is needed.", no_args_is_help=True)


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
) -> None:
    """Count what the kernels of a ladder read and write, on a small example.

    Examples: `minae kernels show matmul`, `minae kernels show matmul --rung tiled --out tiled.png`
    """
    from minae.errors import InputError
    from minae.tools import ladders

    if rung is not None:
        ladders.print_rung(ladder, rung, out)
    elif out is None:
        ladders.print_ladder(ladder)
    else:
        raise InputError("--out draws one kernel: name it with --rung")
