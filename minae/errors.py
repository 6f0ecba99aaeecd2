"""The one kind of error that means: what you gave cannot be used."""


class InputError(ValueError):
    """A user's input cannot be used. The message is one sentence: what, why, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """
