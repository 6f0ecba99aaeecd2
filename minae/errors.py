"""The error for input that cannot be used, and how commands report it."""

import sys


class InputError(ValueError):
    """A user's input cannot be used. The message says in one sentence what, why, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


def complain(sentence: object) -> None:
    """Print one line on stderr."""
    # file names may contain line breaks, and characters that a terminal takes as commands
    characters = (c if c.isprintable() else ascii(c)[1:-1] for c in str(sentence))
    print(f"minae: {''.join(characters)}", file=sys.stderr)
