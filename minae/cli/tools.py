"""The commands that put a trained model to use on a user's own images."""

import os
from pathlib import Path
from typing import Annotated

import typer

from minae.cli import values
from minae.cli.values import RunArgument

app = typer.Typer()


@app.command()
def enhance(
    run: RunArgument,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE", help="Pictures of the model's size, or folders of them."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write to.", show_default="RUN/enhanced", callback=values.folder
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what was written before.")
    ] = False,
) -> None:
    """Clean pictures with a model that was trained with --corrupt. Yours are left as they are.

    Each result is a PNG of the same name; comparison.png shows the first ten, before and after.
    The exit status is 1 if some files could not be used.
    Example: `minae enhance runs/dense-mnist5k scans/ page.png`
    """
    from minae.tools.enhance import enhance
    from minae.tools.images import open_run

    if not enhance(open_run(run), images, out or run / "enhanced", overwrite):
        raise typer.Exit(1)


@app.command()
def anomalies(
    run: RunArgument,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder of images, an .npz, .npy or idx file, or a dataset's name (its test "
            "images).",
        ),
    ],
    false_alarms: Annotated[
        float, typer.Option(help="Share of the run's own images that may be above the threshold.")
    ] = 0.01,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write to.",
            show_default="RUN/anomalies-DATA",
            callback=values.folder,
        ),
    ] = None,
) -> None:
    """Find the images that are unlike those of a run: the model rebuilds them badly.

    The score of an image is its squared error. The threshold comes from images of the run's own
    data that it was not trained on. An image that is easy to rebuild, such as an empty one, can
    score low though it is unlike the others. The exit status is 1 if some files could not be used.
    Example: `minae anomalies runs/dense-mnist5k fashion_mnist`
    """
    from minae.tools.anomalies import anomalies
    from minae.tools.images import open_run

    out = out or run / f"anomalies-{Path(os.path.realpath(data)).stem}"
    if not anomalies(open_run(run), data, false_alarms, out):
        raise typer.Exit(1)
