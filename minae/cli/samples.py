"""The commands that make something new with a trained model, or a run of somebody's weights."""

from pathlib import Path
from typing import Annotated, Any

import typer

from minae.cli.runs import RunFolder
from minae.cli.values import folder, place, shown
from minae.errors import InputError, flag

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def sample(
    run: RunFolder,
    count: Annotated[
        int | None,
        typer.Option(
            "--count", "-n", min=1, help="How many; gpt: tokens.", show_default="64; gpt: 500"
        ),
    ] = None,
    label: Annotated[
        int | None, typer.Option(help="The class to draw, cvae.", show_default="all")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Text to continue, gpt.", show_default="a new text")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Below 1 prefers probable tokens, 0 takes the most probable one, gpt.",
            show_default="1",
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="Draw only from so many of the most probable tokens, gpt.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Draw only from the fewest tokens of this probability together, gpt."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    out: Annotated[
        Path | None, place(shown, "PNG to write, or CSV of texts and tables.", "RUN/samples.png")
    ] = None,
) -> None:
    """Make new images, rows, windows, texts or sounds with a variational autoencoder, or a text
    with a GPT.

    A GPT continues the prompt, and prints what it writes as it writes it. Equal seeds give equal
    texts.

    Examples: `minae sample runs/vae-mnist -n 100 --seed 1`,
    `minae sample runs/gpt-tiny_shakespeare --prompt "ROMEO:" --temperature 0.8 --top-k 40`
    """
    from minae.models import GPT
    from minae.tools import language, pictures
    from minae.train import runs

    found = runs.load_run(run)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    if not isinstance(found.model, GPT):
        _refuse(found, "a gpt", prompt=prompt, **options)
        print("wrote", *pictures.draw_samples(found, count, label, seed, out), sep="\n  ")
        return
    _refuse(found, "a cvae", label=label)
    if out is not None:
        raise InputError("a gpt prints its text: leave out --out, and add > text.txt to keep it")
    how = {name: value for name, value in options.items() if value is not None}
    language.write_text(found, prompt or "", count, seed, **how)


def _refuse(run: Any, use: str, **options: Any) -> None:
    """Raise InputError if an option was given whose use is another than of the run's model."""
    for name, value in options.items():
        if value is not None:
            raise InputError(
                f"{flag(name)} is for {use}, and {run.folder} holds a {run.settings.model} model:"
                " leave it out"
            )


@app.command("import")
def import_weights(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with GPT-2's files.")],
    out: Annotated[Path, place(folder, "Folder of the run to make.")],
) -> None:
    """Make a run of a language model that was trained elsewhere: GPT-2, as Hugging Face stores it.

    The folder has config.json, model.safetensors, vocab.json and merges.txt. The run has no text of
    its own: `minae eval` needs --data, and `minae anomalies` does not know what is usual.

    Example: `minae import gpt2/ --out runs/gpt2`
    """
    from minae.tools.gpt2 import import_gpt2
    from minae.train.state import BEST

    import_gpt2(source, out)
    print("wrote", out / BEST, sep="\n  ")
