"""The parts of a running text, and a line that says what was made of it."""

from pathlib import Path

from minae.data.kinds.corpus import VOCABULARY, CorpusKind, check_tokens, fit_corpus
from minae.data.parts.dividing import Fitted, Reading
from minae.data.split import Split, validation_size
from minae.data.text.files import Texts, column_of

MOST_VALIDATION = 1_000_000  # characters, if nobody says otherwise: enough for any figure


def corpus_parts(
    path: Path, found: Texts, test: int | None, how: Reading, validation: int | None
) -> Fitted:
    """Cut a running text, or several, into parts, in their order, and number their tokens.

    The last `test` texts are for testing, if they are a named dataset's. As many before them are
    for validation; without a test part, the last tenth of all characters is.
    """
    cut = len(found) - (test or 0)
    pool, tested = found.texts[:cut], found.texts[cut:]
    total = sum(map(len, pool))
    usual = sum(map(len, pool[-test:])) if test else min(-(-total // 10), MOST_VALIDATION)
    size = validation_size("characters", total, usual if validation is None else validation)
    train, held_out, broken = _cut(pool, total - size)
    tokens = how.tokens or "characters"
    check_tokens(tokens)
    vocabulary, merges, notes = fit_corpus(
        train, tokens, how.vocabulary or VOCABULARY[tokens], several=len(found) > 1
    )
    kind = CorpusKind(tokens, vocabulary, merges, column_of(path)[1])
    ids = kind.join(train)
    if broken and kind.end is not None:
        ids = ids[:-1]  # no text ends where the validation part begins
    parts = [Split(ids), *(Split(kind.join(texts)) for texts in (held_out, tested))]
    notes = [*found.notes, *notes, *kind.unknown_notes(found.texts)]
    said = [f"{path.name}: {note}" for note in notes]
    return kind, parts, [*said, _about(path, kind, found, parts)]


def _cut(texts: list[str], place: int) -> tuple[list[str], list[str], bool]:
    """Return the texts before and after a place, and whether it cuts one of them in two."""
    for i, text in enumerate(texts):
        if place < len(text):
            before, after = [text[:place]] * (place > 0), [text[place:]]
            return [*texts[:i], *before], [*after, *texts[i + 1 :]], place > 0
        place -= len(text)
    return texts, [], False


def _about(path: Path, kind: CorpusKind, found: Texts, parts: list[Split]) -> str:
    """Return a line that says what was made of texts."""
    characters = sum(map(len, found.texts))
    tokens = sum(map(len, parts))
    texts = f"{len(found):,} texts of " if len(found) > 1 else ""
    said = [f"a vocabulary of {len(kind.vocabulary):,} {kind.row}s"]
    if kind.tokens == "bpe":
        said.append(f"{characters / max(tokens, 1):.1f} characters in a token")
    if len(parts[1]):
        said.append(f"{len(parts[1]):,} tokens to validate")
    if len(parts[2]):
        said.append(f"{len(parts[2]):,} to test")
    return f"{path.name}: {texts}{characters:,} characters of running text ({'; '.join(said)})"
