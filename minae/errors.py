"""The one kind of error that means: what you gave cannot be used; and how a command says so."""

import sys


class InputError(ValueError):
    """A user's input cannot be used. The message is one sentence: what, why, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


def complain(sentence: object) -> None:
    """Print one line on stderr.

    The names of files may hold line breaks, and what a terminal takes for commands.
    """
    characters = (c if c.isprintable() else ascii(c)[1:-1] for c in str(sentence))
    print(f"minae: {''.join(characters)}", file=sys.stderr)
