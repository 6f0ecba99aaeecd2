"""The commands that use a trained model's codes: as features, and to find what is alike."""

from pathlib import Path
from typing import Annotated

import typer

from minae.cli.runs import RunFolder
from minae.cli.values import array, picture, place
from minae.models.base import check_choice

app = typer.Typer(rich_markup_mode="markdown")

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder of images, texts or sounds, a .csv, .txt, .wav, .npz, .npy or idx file, "
        "my.csv:column, or a dataset's name.",
    ),
]


@app.command()
def embed(
    run: RunFolder,
    data: Data,
    out: Annotated[
        Path | None,
        place(array, ".npy for (N, Z), or .csv with names and labels.", "RUN/codes-DATA.npy"),
    ] = None,
    map: Annotated[
        str, typer.Option(help="pca; or tsne, which keeps neighbours together, not distances.")
    ] = "pca",
) -> None:
    """Write the code of each row to a file, as a feature, and draw a map of the codes beside it.

    A variational autoencoder's code is its mean. The map is a projection: it says how much of the
    variance of the codes it shows. The exit status is 1 if some files could not be used.

    Examples: `minae embed runs/vae-mnist fashion_mnist --out codes.csv --map tsne`,
    `minae embed runs/text-letters letters.csv:body --out codes.csv`
    """
    from minae.tools.embed import MAPS, embed
    from minae.train.runs import load_run

    check_choice("map", map, MAPS)
    if not embed(load_run(run), data, out, map):
        raise typer.Exit(1)


@app.command()
def nearest(
    run: RunFolder,
    data: Data,
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="A row's name, or its number if rows have none; a time; a file of one row; or, "
            "of texts, any text in quotes.",
        ),
    ],
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=20, help="Rows to find.")] = 5,
    out: Annotated[
        Path | None,
        place(picture, "PNG to write, but of texts and tables.", "RUN/nearest-DATA.png"),
    ] = None,
) -> None:
    """Find the rows whose codes are nearest to that of a row, or of a picture or text of yours.

    Beside them it says which of them are nearest by the inputs themselves, so that you see what the
    code adds: of texts, those that share the most rare words. Images, windows of a series and
    sounds are drawn, texts and rows of a table printed. The codes of 10,000 rows or more are kept
    in RUN/nearest-DATA.safetensors, and made anew when rows or weights have changed. The exit
    status is 1 if some files could not be used.

    Examples: `minae nearest runs/vae-mnist my-photos/ my-photos/cat.png -n 8`,
    `minae nearest runs/text-docstrings docstrings "smooth a noisy signal"`
    """
    from minae.tools.nearest import nearest
    from minae.train.runs import load_run

    if not nearest(load_run(run), data, query, count, out):
        raise typer.Exit(1)
