"""The commands that make runs and look at them: tour, train, eval, reconstruct, sample."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from minae.cli import values
from minae.errors import InputError

app = typer.Typer(rich_markup_mode="markdown")

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")]
DataOption = Annotated[
    str | None,
    typer.Option(help="A dataset's name, or a folder of images, .npz, .npy or idx file."),
]


def command_line() -> str:
    """Return the command that runs, as it could be typed again."""
    import shlex

    return shlex.join(["minae", *sys.argv[1:]])


class _ListOptions(TyperCommand):
    """Let --sizes and --channels take several numbers: `--sizes 784 400 20`."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        """Repeat the option's name before each number, which is what the parser understands."""
        repeated, name = [], None
        for arg, following in zip(args, [*args[1:], ""], strict=True):
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
    out: Annotated[Path, typer.Option(help="Folder to write to.", callback=values.folder)] = Path(
        "runs/tour"
    ),
) -> None:
    """Check the engine, train two kinds of autoencoder, and show what they learned; two minutes.

    Example: `minae tour`
    """
    from minae.tools.tour import tour as take_the_tour

    take_the_tour(out)


@app.command(cls=_ListOptions)
def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="dense, conv, denoising, vae, conv-vae, beta-vae, cvae, iwae or vq-vae.",
        ),
    ],
    data: Annotated[str, typer.Option(help=DataOption.__metadata__[0].help)] = "mnist5k",
    epochs: Annotated[int, typer.Option(help="Passes over the training images.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run.", show_default="runs/MODEL-DATA", callback=values.folder
        ),
    ] = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option(help="Layer sizes of a dense model, from the pixels to the code."),
    ] = None,
    channels: Annotated[
        list[int] | None, typer.Option(help="Channels of each stage of a convolutional model.")
    ] = None,
    latent: Annotated[
        int | None, typer.Option(help="Length of the code, or of a vector of vq-vae's codebook.")
    ] = None,
    convs_per_stage: Annotated[
        int | None, typer.Option(help="1 or 2, of a convolutional model.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="relu, gelu, ..., of a dense model.")
    ] = None,
    loss: Annotated[str | None, typer.Option(help="bce or mse, of models that are no VAE.")] = None,
    tied: Annotated[bool, typer.Option("--tied", help="Tie the decoder's weights, dense.")] = False,
    likelihood: Annotated[str | None, typer.Option(help="bernoulli or gaussian, of a VAE.")] = None,
    beta: Annotated[float | None, typer.Option(help="Weight of a VAE's KL.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="Draws for each image, iwae.")] = None,
    codes: Annotated[int | None, typer.Option(help="Vectors in the codebook, vq-vae.")] = None,
    corrupt: Annotated[
        str | None,
        typer.Option(help="Denoise: noise:0.3, salt-pepper:0.1, blur:1.5 or mask:10."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 128,
    optimizer: Annotated[str, typer.Option(help="adam, adamw or sgd (Nesterov).")] = "adam",
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    weight_decay: Annotated[float, typer.Option(help="Pull of the weights to 0.")] = 0.0,
    schedule: Annotated[str, typer.Option(help="constant, cosine or step.")] = "constant",
    clip: Annotated[float | None, typer.Option(help="Largest gradient norm.")] = None,
    validation: Annotated[int | None, typer.Option(help="Number of validation images.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better validation loss.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and noise.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, or cuda for an NVIDIA GPU.")] = "cpu",
    kernels: Annotated[
        str, typer.Option(help="own, tf32 (tensor cores) or vendor (cuBLAS).")
    ] = "own",
    cuda_graph: Annotated[
        bool, typer.Option("--cuda-graph", help="Record a step once and replay it, on a GPU.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run.")] = False,
) -> None:
    """Train a model, and write its weights, figures and pictures to a folder.

    Example: `minae train vae --data mnist --epochs 10 --sizes 784 400 20`
    """
    from minae import report
    from minae.tools import pictures
    from minae.train import runs

    given = {
        "sizes": sizes,
        "channels": channels,
        "latent": latent,
        "convs_per_stage": convs_per_stage,
        "activation": activation,
        "loss": loss,
        "tied": tied or None,
        "likelihood": likelihood,
        "beta": beta,
        "k": k,
        "codes": codes,
    }
    settings = runs.Settings(
        model=model,
        data=data,
        model_options={name: value for name, value in given.items() if value is not None},
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        weight_decay=weight_decay,
        schedule=schedule,
        clip=clip,
        corrupt=corrupt,
        validation=validation,
        patience=patience,
        seed=seed,
        device=device,
        kernels=kernels,
        cuda_graph=cuda_graph,
    )
    out = out or Path("runs") / f"{model}-{Path(data).stem}"
    try:
        metrics = runs.train_run(
            settings, out, command=command_line(), resume=resume, overwrite=overwrite
        )
    except KeyboardInterrupt:
        how = "--resume instead of --overwrite" if overwrite else "--resume"
        print(f"\nminae: stopped; the same command with {how} goes on from what {out} holds")
        raise typer.Exit(130) from None
    report.print_figures(metrics)
    print(
        "wrote", *pictures.draw_run(out), out / "metrics.json", out / "best.safetensors", sep="\n  "
    )


@app.command("eval")
def evaluate(run: RunFolder, data: DataOption = None) -> None:
    """Print a trained model's figures on its own data, or on other images of the same shape.

    Example: `minae eval runs/vae-mnist --data mnist5k`
    """
    from minae import report
    from minae.train import runs

    model, metadata = runs.load_run(run)
    report.print_figures(runs.figures_of_run(model, metadata, data))


@app.command()
def reconstruct(
    run: RunFolder,
    data: DataOption = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=20, help="Images.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            help="PNG to write.",
            show_default="RUN/reconstructions.png",
            callback=values.picture,
        ),
    ] = None,
) -> None:
    """Draw test images above what the model makes of them.

    Example: `minae reconstruct runs/dense-mnist5k --data my-images/`
    """
    from minae.tools import pictures
    from minae.train import runs

    model, metadata = runs.load_run(run)
    print("wrote", pictures.draw_reconstructions(run, model, metadata, data, count, out))


@app.command()
def sample(
    run: RunFolder,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=400, help="Images.")] = 64,
    label: Annotated[
        int | None, typer.Option(help="The class to draw, cvae.", show_default="all")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="PNG to write.", show_default="RUN/samples.png", callback=values.picture),
    ] = None,
) -> None:
    """Draw new images from a variational autoencoder.

    Example: `minae sample runs/vae-mnist -n 100 --seed 1`
    """
    from minae.tools import pictures
    from minae.train import runs

    model, metadata = runs.load_run(run)
    print("wrote", pictures.draw_samples(run, model, metadata, count, label, seed, out))
