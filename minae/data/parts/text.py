"""The parts of a collection of texts, and a line that says what was made of them."""

from pathlib import Path

import numpy as np

from minae.data.delimited import is_csv
from minae.data.kinds.text import (
    LONGEST,
    VOCABULARY,
    TextKind,
    fit_text,
    unknown_share,
    usual_tokens,
)
from minae.data.parts.dividing import Fitted, Reading, in_order, set_aside
from minae.data.split import Split
from minae.data.text.files import Texts, column_of


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
    everything, notes = kind.split(found)
    parts = [everything.take(part) for part in rows]
    said = [f"{path.name}: {note}" for note in notes]
    about = _about_texts(path, kind, parts)
    if how.kind is None and is_csv(path):
        about += "; --kind table reads it as a table"
    return kind, parts, [*said, about]


def _about_texts(path: Path, kind: TextKind, parts: list[Split]) -> str:
    """Return a line that says what was made of texts."""
    count = sum(map(len, parts))
    longest = max(int(part.inputs.lengths.max(initial=1)) - 1 for part in parts)
    said = [f"a vocabulary of {len(kind.vocabulary):,}"]
    if len(parts[1]):
        share = unknown_share(parts[1].inputs)
        said[0] += f", which lacks {share:.1%} of the {kind.unit} in the validation part"
    said.append(f"at most {longest:,} in a text")
    if kind.classes:
        said.append(f"{len(kind.classes):,} labels")
    return f"{path.name}: {count:,} texts, cut into {kind.unit} ({'; '.join(said)})"
