"""The commands that put a trained model to use on a user's own images."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from minae.cli import values
from minae.errors import complain

app = typer.Typer()

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")]


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
    from minae.data.folder import list_files
    from minae.tools import enhance as tool

    model, metadata = tool.open_run(run)
    out, files = out or run / "enhanced", list_files(images)
    tool.check_folder(out, files)
    pictures = tool.read_usable(files, metadata["image_shape"])
    comparison = tool.enhance(model, pictures, out, overwrite)
    if corruption := metadata["settings"].corrupt:
        print(f"{run} was trained to undo {corruption}")
    else:
        data = shlex.quote(metadata["settings"].data)
        complain(
            f"{run} was trained without --corrupt, so it only reconstructs; to train one "
            f"that cleans: minae train {metadata['model']} --data {data} --corrupt noise:0.3"
        )
    print(f"{len(pictures):,} of {len(files):,} files done")
    print("wrote", f"{out}: {len(pictures):,} pictures", comparison, sep="\n  ")
    if len(pictures) < len(files):
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
    from minae.report import print_rows
    from minae.tools import anomalies as tool
    from minae.tools.enhance import open_run

    model, metadata = open_run(run)
    out = out or run / f"anomalies-{Path(os.path.realpath(data)).stem}"
    threshold = tool.find_threshold(model, metadata, false_alarms)
    candidates = tool.read_candidates(data, metadata["image_shape"], out)
    scores, outputs = tool.errors(model, candidates.images)
    written = tool.write(out, candidates, scores, outputs, threshold)

    count, alarms = len(threshold.scores), int((threshold.scores > threshold.value).sum())
    above = int((scores > threshold.value).sum())
    rows = [
        ("scored", f"{len(scores):,} images"),
        (
            "threshold",
            f"{threshold.value:.4g}, exceeded by {alarms:,} of the run's own {count:,} "
            f"{threshold.part} images",
        ),
        ("above it", f"{above:,} ({above / len(scores):.1%})"),
    ]
    if threshold.part == "test":
        rows.append(("note", "the run has no validation images, so its test images were taken"))
    if 0 < false_alarms * count < 1:
        rows.append(("note", f"{count:,} images are too few to tell a share of {false_alarms:g}"))
    print_rows(rows)
    print("the worst:")
    worst = tool.worst_first(scores)[:5]
    print_rows([(f"  {candidates.names[i]}", f"{scores[i]:.4g}") for i in worst])
    print("wrote", *written, sep="\n  ")
    if not candidates.whole:
        raise typer.Exit(1)
