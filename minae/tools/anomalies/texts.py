"""How unlikely a model finds a text, or a line of a running text, and due to which of its tokens.

The score is -log p per token, in nats: a sum would call every long text strange. A token that is
not in the vocabulary is more than one the model has no number for: it counts as much as one in a
hundred of the known ones does at least. So a text in another language is found, too. A line of a
running text is read after the lines before it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minae.data import CorpusKind, Ragged, Split, TextKind
from minae.data.kinds import Kind
from minae.data.kinds.text import splitter
from minae.data.text.tokens import END, SPECIAL, UNKNOWN, join_words, tidy
from minae.models import GPT, DocumentAutoencoder
from minae.tools.anomalies.reading import Data
from minae.tools.anomalies.scores import Scores
from minae.tools.texts import token_nats
from minae.train import language
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
        inside = slice(*self.split.inputs.offsets[row : row + 2])
        nats = self.nats[inside]
        if isinstance(self.kind, CorpusKind):
            return [self._shown[i] for i in self.split.inputs.values[inside]], nats
        assert self.split.texts is not None
        cut = self._cut(tidy(self.split.texts[row]))
        return [*cut[: len(nats) - 1], STOP], nats

    @cached_property
    def _shown(self) -> list[str]:
        """The tokens of a running text's vocabulary, with BREAK for a line break."""
        assert isinstance(self.kind, CorpusKind)
        texts = (token.decode(errors="replace") for token in self.kind.token_bytes())
        return [text.replace("\n", BREAK) for text in texts]

    @cached_property
    def _cut(self) -> Callable[[str], list[str]]:
        """What cuts a text into its tokens."""
        return splitter(self.kind.tokens, self.kind.merges)

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


def nats_of(run: Run, rows: Ragged) -> np.ndarray:
    """Return -log p of each token of texts, or of lines that follow one another, (T,)."""
    if isinstance(run.kind, TextKind):
        return token_nats(run.model, rows)
    assert isinstance(run.kind, CorpusKind)
    assert isinstance(run.model, GPT)
    ids = np.append(np.int32(run.kind.start), rows.values)  # so that the first is predicted, too
    return language.token_nats(run.model, ids)


def is_unknown(kind: Kind, ids: np.ndarray) -> np.ndarray:
    """Return which tokens (T,) are not in the vocabulary."""
    unknown = kind.unknown if isinstance(kind, CorpusKind) else UNKNOWN
    return np.zeros(len(ids), bool) if unknown is None else ids == unknown


def unknown_nats(run: Run, held_out: Split) -> float:
    """Return how many nats an unknown token counts at least, by the run's held-out texts."""
    ids = held_out.inputs.values
    known = ids >= len(SPECIAL) if isinstance(run.kind, TextKind) else ~is_unknown(run.kind, ids)
    nats = nats_of(run, held_out.inputs)[known]
    return float(np.quantile(nats, USUAL)) if len(nats) else 0.0


def score_texts(run: Run, data: Data, unknown: float) -> TextScores:
    """Score texts by their -log p per token, of which an unknown one has `unknown` at least."""
    assert isinstance(run.kind, TextKind | CorpusKind)
    rows: Ragged = data.split.inputs
    nats, strange = nats_of(run, rows).astype(np.float64), is_unknown(run.kind, rows.values)
    nats[strange] = np.maximum(nats[strange], unknown)
    counted = np.ones(len(nats), bool)
    if isinstance(run.model, DocumentAutoencoder):  # which knows nothing of ends
        counted = rows.values != END
    scores = sums(rows, nats) / np.maximum(sums(rows, counted), 1)
    return TextScores(scores, np.empty((len(rows), 0)), run.kind, data.split, nats)


def sums(rows: Ragged, values: np.ndarray) -> np.ndarray:
    """Return the sum of the values (T,) of each row: (N,) float64."""
    return np.bincount(np.repeat(np.arange(len(rows)), rows.lengths), values, len(rows))
