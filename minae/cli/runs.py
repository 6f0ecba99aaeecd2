"""The commands that make runs, look at them, and put their models to use on a user's data."""

import os
import shlex
import sys
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from minae import report
from minae.cli.values import folder, options_from, place, shown
from minae.errors import InputError
from minae.train import BEST, METRICS
from minae.train.settings import ModelOptions, Settings

app = typer.Typer(rich_markup_mode="markdown")

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")]
HELP = {each.name: each.metadata.get("help") for each in fields(Settings)}
EnsembleOption = Annotated[
    bool,
    typer.Option(
        "--ensemble",
        help="Restore each picture turned and mirrored in eight ways, and take the mean: a little"
        " better, and eight times as slow.",
    ),
]
DataOption = Annotated[str | None, typer.Option(help=HELP["data"])]


def command_line() -> str:
    """Return the command that runs, as it could be typed again."""
    return shlex.join(["minae", *sys.argv[1:]])


def _was_given(command: typer.Context, option: str) -> bool:
    """Return whether an option's value is not its default."""
    source = command.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


class _ListOptions(TyperCommand):
    """Let --sizes and --channels take several numbers: `--sizes 784 400 20`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option's name before each number, which is what the parser understands."""
        repeated, name = [], None
        for arg, following in zip_longest(args, args[1:], fillvalue=""):
            if arg in ("--sizes", "--channels"):
                name = arg
                if not following.isdecimal():
                    raise InputError(f"{name} takes whole numbers, such as {name} 32 16")
            elif name and arg.isdecimal():
                repeated += [name, arg]
            else:
                name = None
                repeated.append(arg)
        return super().parse_args(ctx, repeated)


@app.command()
def tour(
    out: Annotated[Path, place(folder, "Folder to write to.")] = Path("runs/tour"),
) -> None:
    """Check the engine, train two kinds of autoencoder, and show what they learned; two minutes.

    Example: `minae tour`
    """
    from minae.tools.tour import tour as take_the_tour

    take_the_tour(out)


@app.command(cls=_ListOptions)
@options_from(Settings, ModelOptions)
def train(
    *,
    command: typer.Context,
    out: Annotated[Path | None, place(folder, "Folder of the run.", "runs/MODEL-DATA")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
    **options: Any,
) -> None:
    """Train a model, and write its weights, figures and pictures to a folder.

    The help of an option names the models that it is for, if not all have it, and those that have
    another default, with that.

    Example: `minae train vae --data mnist --epochs 10 --sizes 784 400 20`
    """
    from minae.tools import pictures
    from minae.train import training
    from minae.train.pca import beside_pca

    given = {each.name: options.pop(each.name) for each in fields(ModelOptions)}
    model_options = {name: value for name, value in given.items() if value is not None}
    chosen = {name: value for name, value in options.items() if _was_given(command, name)}
    settings = Settings.of(**chosen, model_options=model_options)
    out = out or Path("runs") / f"{settings.model}-{Path(settings.data).stem}"
    try:
        run = training.train_run(
            settings, out, command=command_line(), resume=resume, overwrite=overwrite
        )
    except KeyboardInterrupt:
        how = "--resume instead of --overwrite" if overwrite else "--resume"
        print(f"\nminae: stopped; the same command with {how} goes on from what {out} holds")
        raise typer.Exit(130) from None
    except FloatingPointError as error:
        raise FloatingPointError(f"{error} (--lr, now {settings.lr:g})") from error
    report.print_figures(run.metrics, run.kind.row)
    if compared := beside_pca(run.metrics, run.kind.row):
        print(compared)
    print("wrote", *pictures.draw_run(run), out / METRICS, out / BEST, sep="\n  ")


@app.command("eval")
def evaluate(
    run: RunFolder,
    data: DataOption = None,
    corrupt: Annotated[
        str | None, typer.Option(help="What to undo, if not what the model was trained for.")
    ] = None,
    ensemble: EnsembleOption = False,
) -> None:
    """Print a trained model's figures on its own data, or on other data that it takes.

    Example: `minae eval runs/vae-mnist --data mnist5k`
    """
    from minae.train import runs

    found = runs.load_run(run)
    report.print_figures(runs.final_figures(found, data, corrupt, ensemble), found.kind.row)


@app.command()
def reconstruct(
    run: RunFolder,
    data: DataOption = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=20, help="How many.")] = 10,
    out: Annotated[
        Path | None,
        place(shown, "PNG to write, or CSV of texts and tables.", "RUN/reconstructions.png"),
    ] = None,
) -> None:
    """Show rows of the test part beside what the model makes of them: pictures, texts, sounds.

    Sounds are written as WAV files, too, into a folder beside the picture. Of a text, a model of
    documents gives the most probable words.

    Example: `minae reconstruct runs/dense-mnist5k --data my-images/`
    """
    from minae.tools import pictures
    from minae.train import runs

    print("wrote", *pictures.draw_reconstructions(runs.load_run(run), data, count, out), sep="\n  ")


@app.command()
def enhance(
    run: RunFolder,
    images: Annotated[
        list[Path], typer.Argument(metavar="PICTURE", help="Pictures, or folders of them.")
    ],
    strength: Annotated[
        float, typer.Option(help="How much of the change is made: 0.5 is half of it.")
    ] = 1,
    originals: Annotated[
        Path | None,
        typer.Option(help="Folder of clean pictures of the same names, to measure against."),
    ] = None,
    ensemble: EnsembleOption = False,
    out: Annotated[Path | None, place(folder, "Folder to write to.", "RUN/enhanced")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what was written before.")
    ] = False,
) -> None:
    """Clean or sharpen pictures with a model that was trained to. Yours are left as they are.

    A model trained by `minae train restore` takes pictures of any size, the others those of their
    size. Each result is a PNG of the same name, with the colours, transparency, bits, EXIF data and
    colour profile of the picture, and upright (colours of 16 bits: a TIFF). comparison.png shows
    details of the first six; with --originals, quality.csv has PSNR and SSIM, before and after.
    The exit status is 1 if some files could not be used.
    Example: `minae enhance runs/restore-photos scans/ page.png --strength 0.8`
    """
    from minae.tools.enhance import enhance
    from minae.tools.images import open_run

    found = open_run(run)
    out = out or run / "enhanced"
    if not enhance(found, images, out, overwrite, strength, originals, ensemble):
        raise typer.Exit(1)


@app.command()
def anomalies(
    run: RunFolder,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder of images, texts or sounds, a .csv, .txt, .wav, .npz, .npy or idx file, "
            "my.csv:column, or a dataset's name (its test part; all of "
            "a series).",
        ),
    ],
    expect: Annotated[
        float | None, typer.Option(help="Share of DATA to flag.", show_default=False)
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(
            help="Share of the run's own held-out data that may be flagged.",
            show_default="0.01, unless --expect or --labels is given",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_COLUMN",
            help="What is an anomaly: a column of DATA ('label' of a dataset or subfolders), a "
            "file with a label for each row, or, for a series, one with the start and end of each "
            "event.",
        ),
    ] = None,
    normal: Annotated[
        str | None,
        typer.Option(
            help="The label of what is none.", show_default="the run's; 0, false, no, normal"
        ),
    ] = None,
    tolerance: Annotated[
        int, typer.Option(min=0, help="Readings by which events are widened, both ways.")
    ] = 0,
    out: Annotated[Path | None, place(folder, "Folder to write to.", "RUN/anomalies-DATA")] = None,
) -> None:
    """Find what is unlike a run's data: images, rows, readings, texts or sounds rebuilt badly.

    The score is the error of the reconstruction, of texts -log p per token. The threshold is that
    of --expect, if it is given; else that of --false-alarms; else, with --labels, the one with the
    largest F1. The same data are scored by PCA (of texts, LSA), an isolation forest and, for a
    series, the usual value at this time, and a running text by n-grams, so that you see which is
    best, or how far they agree. What is easy to rebuild, such as an empty image, can score low
    though it is unlike the others. The exit status is 1 if some files could not be used.

    Examples: `minae anomalies runs/dense-mnist5k fashion_mnist`,
    `minae anomalies runs/dense-machines new.csv --expect 0.01`
    """
    from minae.tools.anomalies import anomalies
    from minae.tools.images import open_run

    out = out or run / f"anomalies-{Path(os.path.realpath(data)).stem}"
    how = {"expect": expect, "false_alarms": false_alarms, "labels": labels, "normal": normal}
    found = open_run(run)
    if not anomalies(found, data, out, command=command_line(), tolerance=tolerance, **how):
        raise typer.Exit(1)
