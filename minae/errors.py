"""The error for input that cannot be used, and how commands report it."""

import sys


class InputError(ValueError):
    """A user's input cannot be used. The message says in one sentence what, why, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


class LeftOut(str):
    """A note, one sentence, on a file that could not be used, while the others were."""


def flag(name: str) -> str:
    """Return how an option is written on the command line, where sentences name it."""
    return "--" + name.replace("_", "-")


def complain(sentence: object) -> None:
    """Print one line on stderr."""
    print(f"minae: {printable(str(sentence))}", file=sys.stderr)


def printable(text: str) -> str:
    """Return a text with escapes for what a file's name may hold: line breaks, commands, bytes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
