"""How a user's data are to be read, and which rows are to train, to validate and to test on."""

from dataclasses import dataclass

import numpy as np

from minae.data.kinds import Kind
from minae.data.split import Split, divide, find_class, keep_normal, validation_size
from minae.errors import InputError


@dataclass(frozen=True)
class Reading:
    """How a user's data are to be read; what is None is found out from the data, or not there."""

    kind: str | None = None  # images, table, series, text, audio or corpus
    id_column: str | None = None
    label_column: str | None = None
    normal: str | None = None  # the label of the rows to train on
    window: int | None = None  # readings in a window of a series
    tokens: str | None = None  # of texts: words, characters or bpe
    vocabulary: int | None = None  # how many tokens there are at most
    longest: int | None = None  # tokens of a text at most, with that of its end
    seconds: float | None = None  # of a piece of a sound


Fitted = tuple[Kind, list[Split], list[str]]  # the splits to train, to validate, to test; notes


def divided(count: int, what: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of rows to train and validate on, and of those to test on; see `divide`.

    Raises InputError if there are too few.
    """
    if count < 3:
        raise InputError(
            f"holds too few {what}: {count}, and at least 3 are needed to train, validate and test;"
            " add more"
        )
    return divide(count, seed)


def set_aside(
    what: str,
    pool: np.ndarray,
    test: np.ndarray,
    labels: np.ndarray | None,
    how: Reading,
    validation: int | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the indices of the rows to train, to validate and to test on.

    As many are for validation as for the test, if nobody says otherwise.
    """
    usual = len(test)
    if how.normal is not None:
        if labels is None:
            raise InputError(
                "--normal needs labels: say with --label-column which column has them, or put the"
                " files of each label into a folder of its name"
            )
        find_class(in_order({text or "" for text in labels}), how.normal)
        pool, test = keep_normal(pool, test, labels == how.normal)
        usual = max(1, len(pool) // 9)
    size = validation_size(what, len(pool), usual if validation is None else validation)
    cut = len(pool) - size
    return pool[:cut], pool[cut:], test


def in_order(labels: set[str]) -> list[str]:
    """Return labels in order: whole numbers by their size, before texts."""
    return sorted(
        labels, key=lambda text: (not text.isdecimal(), text.isdecimal() and int(text), text)
    )
