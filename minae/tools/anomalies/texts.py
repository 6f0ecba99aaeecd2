"""How unlikely a model finds a text: its score, and which of its tokens it is due to.

The score is -log p per token, in nats: a sum would call every long text strange. A token that the
vocabulary has not is more than one the model has no number for: it counts as much as one in a
hundred of the known ones does at least. So a text in another language is found, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minae.data import CorpusKind, Ragged, Split, TextKind
from minae.data.kinds.text import splitter
from minae.data.text.tokens import END, SPECIAL, UNKNOWN, join_words, tidy
from minae.models import DocumentAutoencoder
from minae.tools.anomalies.reading import Data
from minae.tools.anomalies.scores import Scores
from minae.tools.texts import token_nats
from minae.train.runs import Run

MARKED = 3  # tokens of a text
STOP, BREAK = "(end)", "⏎"  # how the ends of a text and of a line are shown
USUAL = 0.99  # the share of known tokens that are less strange than an unknown one


@dataclass(frozen=True, eq=False)
class TextScores(Scores):
    """Scores (N,) of texts, and -log p of each of their tokens, (T,), one text after the other."""

    kind: TextKind | CorpusKind
    split: Split
    nats: np.ndarray

    @property
    def divided(self) -> bool:
        """Whether a score is divided among parts: here, always, among tokens."""
        return True

    def largest(self, names: list[str]) -> tuple[list[str], np.ndarray]:
        """Return the strangest token of each text, and its share of the score, (N,)."""
        found = [
            (tokens[nats.argmax()], nats.max() / max(nats.sum(), 1e-9)) for tokens, nats in self
        ]
        tokens, shares = zip(*found, strict=True)
        return list(tokens), np.array(shares)

    def __iter__(self) -> Iterator[tuple[list[str], np.ndarray]]:
        """Yield the tokens of each text, as they were read, and their -log p, (L,)."""
        return map(self.tokens, range(len(self.values)))

    def tokens(self, row: int) -> tuple[list[str], np.ndarray]:
        """Return the tokens of a text, as they were read, and their -log p, (L,)."""
        texts, offsets = self.split.texts, self.split.inputs.offsets
        assert texts is not None
        nats = self.nats[offsets[row] : offsets[row + 1]]
        assert isinstance(self.kind, TextKind)
        cut = splitter(self.kind.tokens, self.kind.merges)(tidy(texts[row]))
        return [*cut[: len(nats) - 1], STOP], nats

    def marked(self, row: int, around: int | None = None) -> str:
        """Return a text with its strangest tokens between « and », whole or `around` the first."""
        tokens, nats = self.tokens(row)
        worst = np.argsort(-nats, kind="stable")[:MARKED]
        shown = [f"«{t}»" if i in worst and nats[i] else t for i, t in enumerate(tokens)]
        if shown[-1] in (STOP, BREAK):
            del shown[-1]
        start = 0 if around is None else max(0, int(worst[0]) - around)
        stop = len(shown) if around is None else min(len(shown), int(worst[0]) + around + 1)
        join = join_words if self.kind.tokens == "words" else "".join
        return "…" * (start > 0) + join(shown[start:stop]) + "…" * (stop < len(shown))


def unknown_nats(run: Run, held_out: Split) -> float:
    """Return how many nats an unknown token counts at least, by the run's held-out texts."""
    known = held_out.inputs.values >= len(SPECIAL)
    nats = token_nats(run.model, held_out.inputs)[known]
    return float(np.quantile(nats, USUAL)) if len(nats) else 0.0


def score_texts(run: Run, data: Data, unknown: float) -> TextScores:
    """Score texts by their -log p per token, of which an unknown one has `unknown` at least."""
    assert isinstance(run.kind, TextKind)
    texts: Ragged = data.split.inputs
    nats = token_nats(run.model, texts).astype(np.float64)  # (T,)
    strange = texts.values == UNKNOWN
    nats[strange] = np.maximum(nats[strange], unknown)
    counted = np.ones(len(nats), bool)
    if isinstance(run.model, DocumentAutoencoder):  # which knows nothing of ends
        counted = texts.values != END
    rows = np.repeat(np.arange(len(texts)), texts.lengths)
    sums = np.bincount(rows, nats, len(texts))
    scores = sums / np.maximum(np.bincount(rows[counted], minlength=len(texts)), 1)
    return TextScores(scores, np.empty((len(texts), 0)), run.kind, data.split, nats)
