"""How unlikely a language model finds each line of a running text, after the lines before it.

As with texts, the score is -log p per token, in nats, and what is not in the vocabulary counts as
much as one in a hundred of the known tokens does at least.
"""

from dataclasses import dataclass

import numpy as np

from minae.data import CorpusKind, Ragged, Split
from minae.data.kinds.corpus import UNKNOWN
from minae.metrics.ngrams import best_ngram, nth
from minae.models import GPT
from minae.tools.anomalies.reading import Data, Own
from minae.tools.anomalies.scores import Method
from minae.tools.anomalies.texts import BREAK, USUAL, TextScores
from minae.train.language import token_nats
from minae.train.runs import Run


@dataclass(frozen=True, eq=False)
class LineScores(TextScores):
    """Scores (N,) of lines, and -log p of each of their tokens, (T,), one line after the other."""

    kind: CorpusKind

    def tokens(self, row: int) -> tuple[list[str], np.ndarray]:
        """Return the tokens of a line, with BREAK for its end, and their -log p, (L,)."""
        start, stop = self.split.inputs.offsets[row : row + 2]
        ids = self.split.inputs.values[start:stop]
        shown = [self.kind.decode([i]).replace("\n", BREAK) for i in ids]
        return shown, self.nats[start:stop]


def _nats(run: Run, lines: Ragged) -> np.ndarray:
    """Return -log p of each token of lines on end: (T,) float64."""
    assert isinstance(run.kind, CorpusKind)
    assert isinstance(run.model, GPT)
    ids = np.append(np.int32(run.kind.start), lines.values)  # so that the first is predicted, too
    return token_nats(run.model, ids).astype(np.float64)


def unknown_nats(run: Run, held_out: Split) -> float:
    """Return how many nats an unknown token counts at least, by the run's held-out lines."""
    return float(np.quantile(_nats(run, held_out.inputs), USUAL))


def score_lines(run: Run, data: Data, unknown: float) -> LineScores:
    """Score lines by their -log p per token, of which an unknown one has `unknown` at least."""
    assert isinstance(run.kind, CorpusKind)
    lines: Ragged = data.split.inputs
    nats = _nats(run, lines)
    strange = _is_unknown(run.kind, lines.values)
    nats[strange] = np.maximum(nats[strange], unknown)
    return LineScores(_means(nats, lines), np.empty((len(lines), 0)), run.kind, data.split, nats)


def _is_unknown(kind: CorpusKind, ids: np.ndarray) -> np.ndarray:
    """Return which tokens (T,) are not in the vocabulary."""
    return np.array([token == UNKNOWN for token in kind.vocabulary])[ids]


def _means(nats: np.ndarray, lines: Ragged) -> np.ndarray:
    """Return the mean of the numbers (T,) of each line: (N,)."""
    return np.add.reduceat(nats, lines.offsets[:-1]) / lines.lengths


def fit_line_baselines(kind: CorpusKind, own: Own) -> dict[str, Method]:
    """Return n-grams of the run's training text, with the n that is best on the held-out lines."""
    train, size = own.train.inputs, len(kind.vocabulary)
    n, _ = best_ngram(train, own.held_out.split.inputs.values, size)

    def score(split: Split) -> np.ndarray:
        lines: Ragged = split.inputs
        return _means(nth(n, train, lines.values, size), lines)

    return {f"{n}-grams": score}
