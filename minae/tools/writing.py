"""A language model that goes on with a text, printed token by token as it is made."""

from collections.abc import Iterator
from typing import Any

from minae.data import CorpusKind
from minae.errors import InputError, complain
from minae.models import GPT
from minae.train.runs import Run

COUNT = 500  # tokens, if nobody says otherwise


def write_text(run: Run, prompt: str, count: int | None, seed: int, **how: Any) -> None:
    """Print a prompt and what the run's GPT goes on with, `count` tokens of it.

    `how` are temperature, top_k and top_p of `GPT.generate`. Raises InputError for one that cannot
    be used.
    """
    pieces = continued(run, prompt, COUNT if count is None else count, seed, **how)
    print(prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def continued(run: Run, prompt: str, count: int, seed: int, **how: Any) -> Iterator[str]:
    """Return the pieces of text that go on from a prompt, each as soon as it is known.

    Without a prompt, they begin a text. What the vocabulary lacks of the prompt is said on stderr.
    """
    model, kind = run.model, run.kind
    assert isinstance(model, GPT)
    assert isinstance(kind, CorpusKind)
    if note := kind.unknown([prompt]):
        complain(f"--prompt has {note}")
    ids = kind.encode(prompt) if prompt else [kind.start]
    return kind.stream(model.generate(ids, count, seed=seed, **how))


def refuse(run: Run, use: str, **options: Any) -> None:
    """Raise InputError if an option was given whose use is another than of the run's model."""
    for name, value in options.items():
        if value is not None:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(
                f"{flag} is for {use}, and {run.folder} holds a {run.settings.model}: leave it out"
            )
