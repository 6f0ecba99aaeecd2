"""A language model put to use: it continues a text, and is compared with counting."""

from collections.abc import Iterator
from typing import Any

from minae.data import CorpusKind
from minae.errors import complain
from minae.models import GPT
from minae.report import print_rows
from minae.train.runs import Run

COUNT = 500  # tokens, if nobody says otherwise


def write_text(run: Run, prompt: str, count: int | None, seed: int, **how: Any) -> None:
    """Print a prompt and how the run's GPT continues it, with `count` tokens.

    `how` are temperature, top_k and top_p of `GPT.generate`. Raises InputError for one that cannot
    be used.
    """
    pieces = continued(run, prompt, COUNT if count is None else count, seed, **how)
    print(prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def continued(run: Run, prompt: str, count: int, seed: int, **how: Any) -> Iterator[str]:
    """Return the pieces of text that continue a prompt, each as soon as it is known.

    Without a prompt, they begin a text. Characters of the prompt that are not in the vocabulary are
    named on stderr.
    """
    model, kind = run.model, run.kind
    assert isinstance(model, GPT)
    assert isinstance(kind, CorpusKind)
    for note in kind.unknown_notes([prompt]):
        complain(f"--prompt has {note}")
    ids = kind.encode(prompt) if prompt else [kind.start]
    return kind.stream(model.generate(ids, count, seed=seed, **how))


def beside_counting(run: Run) -> dict[str, float]:
    """Print how a run that was just trained compares with n-grams; return their loss by name."""
    found = run.metrics["counting"]
    if not found:
        return {}
    name = f"{found['n']}-grams"
    parts = [part for part in ("validation", "test") if f"{part}_loss" in found]
    theirs = ", ".join(f"{found[f'{part}_loss']:.3f} in {part}" for part in parts)
    said = f"{name} with Witten-Bell smoothing reach {theirs}, nats per {run.kind.row}"
    last = f"{parts[-1]}_loss"
    gain = found[last] - run.metrics[last]
    pairs = "--tokens bpe, " if run.kind.row == "character" else ""
    better = f"the model is better by {gain:.3f}"
    worse = (
        f"that is better than the model by {-gain:.3f}: give it {pairs}more --steps, a larger"
        " --width and --context, or more text"
    )
    print_rows([("counting", said), ("", better if gain > 0 else worse)])
    return {name: found["validation_loss"]}
