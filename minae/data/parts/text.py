"""The parts of a collection of texts, and a line that says what was made of them."""

from pathlib import Path

import numpy as np

from minae.data.kinds.text import LONGEST, VOCABULARY, TextKind, fit_text, usual_tokens
from minae.data.parts.dividing import Fitted, Reading, in_order, set_aside
from minae.data.split import Split
from minae.data.text.files import Texts, column_of
from minae.data.text.tokens import END, SPECIAL, UNKNOWN
from minae.errors import InputError


def text_parts(
    path: Path,
    found: Texts,
    pool: np.ndarray,
    test: np.ndarray,
    how: Reading,
    validation: int | None,
) -> Fitted:
    """Divide texts, make the vocabulary of those to train on, and number all by it.

    `pool` and `test` are the indices of the texts to train and validate on, and to test on.
    """
    if how.window is not None:
        raise InputError("is text, which has no windows: leave out --window")
    classes = [] if found.labels is None else in_order(set(found.labels))
    rows = set_aside("texts", pool, test, found.labels, how, validation)
    train = [found.texts[i] for i in rows[0]]
    tokens = how.tokens or usual_tokens(train)
    vocabulary, merges = fit_text(train, tokens, how.vocabulary or VOCABULARY)
    kind = TextKind(
        tokens,
        vocabulary,
        merges,
        how.longest or LONGEST,
        column_of(path)[1],
        how.id_column,
        how.label_column,
        classes,
    )
    everything = kind.split(found)
    parts = [everything.take(part) for part in rows]
    return kind, parts, [*found.notes, _about_texts(path, kind, parts)]


def _about_texts(path: Path, kind: TextKind, parts: list[Split]) -> str:
    """Return a line that says what was made of texts."""
    count = sum(map(len, parts))
    what = "tokens" if kind.tokens == "bpe" else kind.tokens
    longest = max(int(part.inputs.lengths.max(initial=1)) - 1 for part in parts)
    said = [f"a vocabulary of {kind.shape[2] - len(SPECIAL):,}"]
    held_out = parts[1].inputs.values
    if len(held_out):
        unknown = (held_out == UNKNOWN).sum() / max((held_out != END).sum(), 1)
        said.append(f"{unknown:.1%} of the validation part is not in it")
    said.append(f"the longest text has {longest:,}")
    if kind.classes:
        said.append(f"{len(kind.classes):,} labels")
    return f"{path.name}: {count:,} texts of {what} ({'; '.join(said)})"
