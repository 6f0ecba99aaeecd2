"""A model and texts: what it makes of them, how likely it finds each token, and both as CSV."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from minae.data import Ragged, Split, TextKind
from minae.data.text.tokens import END, SPECIAL
from minae.errors import InputError
from minae.files import write_whole
from minae.grad_mode import no_grad
from minae.models import Autoencoder, DocumentAutoencoder
from minae.models.masked import MaskedLanguageModel
from minae.report import print_rows
from minae.tensor import Tensor
from minae.tools.images import by_length, finite
from minae.tools.naming import name_column, names_of
from minae.train.runs import Run

MOST_WORDS = 10  # of a document's, that are written
FEW = 1000  # texts behind the figures


def line_of(text: str, room: int = 80) -> str:
    """Return a text in one line, cut to `room` characters."""
    line = " ".join(text.split())
    return line if len(line) <= room else line[: room - 1].rstrip() + "…"


@no_grad()
@np.errstate(all="ignore")  # what is nan or infinite is said once, by `finite`
def token_nats(model: Any, texts: Ragged) -> np.ndarray:
    """Return -log p of each token of texts, beside their values: (T,) float32, in nats."""
    nats = np.empty(len(texts.values), np.float32)
    for rows, ids in by_length(texts):
        inside = np.arange(ids.shape[1]) < texts.lengths[rows, None]  # (n, L)
        places = texts.offsets[rows, None] + np.arange(ids.shape[1])
        nats[places[inside]] = finite(model.token_nats(Tensor(ids)).numpy())[inside]
    return nats


@no_grad()
def rewritten(model: Autoencoder, texts: Ragged) -> Ragged:
    """Return what a model of sequences makes of texts, each up to its END, which may be missing."""
    made: list[Any] = [None] * len(texts)
    for rows, ids in by_length(texts):
        for row, written in zip(rows, model(Tensor(ids)).numpy(), strict=True):
            end = np.flatnonzero(written == END)
            made[row] = written[: end[0] + 1] if len(end) else written
    return Ragged.of(made)


def probable_words(model: Autoencoder, texts: Ragged, most: int) -> np.ndarray:
    """Return the most probable words of documents, the first first: ids (N, most)."""
    found = []
    with no_grad():
        for start in range(0, len(texts), 128):
            p = finite(model(Tensor(texts[slice(start, start + 128)].padded())).numpy())
            p[:, : len(SPECIAL)] = -1  # they are no words
            found.append(np.argsort(-p, axis=1, kind="stable")[:, :most])
    return np.concatenate(found)


def write_rebuilt(run: Run, test: Split, count: int, out: Path) -> list[Path]:
    """Write the first texts of a test part, and what the model makes of them, to a CSV file.

    It also prints how well the model rebuilds the test part. Raises InputError if `out` is no .csv.
    """
    kind, test = run.kind, test.take(slice(FEW))
    assert isinstance(kind, TextKind)
    assert test.texts is not None
    given, columns = test.inputs, {name_column(run, test): names_of(test), "text": test.texts}
    if run.corruption is not None:
        hidden = run.corruption(given.padded(), np.random.default_rng(0))
        given = Ragged(hidden[np.arange(hidden.shape[1]) < given.lengths[:, None]], given.offsets)
        columns["corrupted"] = kind.decode(given)
    if isinstance(run.model, DocumentAutoencoder):
        most = max(MOST_WORDS, len(kind.vocabulary) - len(SPECIAL))
        words = probable_words(run.model, given, most)
        columns["probable words"] = [
            " ".join(kind.vocabulary[i] for i in row[:MOST_WORDS]) for row in words
        ]
        share = words_found(test.inputs, words)
        said = f"{share:.1%} of the different words of a text are among as many most probable ones"
    else:
        made = rewritten(run.autoencoder, given)
        columns["reconstructed"] = kind.decode(made)
        if isinstance(run.model, MaskedLanguageModel):
            share = guessed(test.inputs, made)
            said = f"{share:.1%} of the words, each from all others of its text"
        else:
            exact, right = agreement(test.inputs, made)
            whole = f"{exact:.1%} of the texts without a mistake"
            said = f"{whole}, {right:.1%} of all tokens in their place"
    write_csv(out, {name: values[:count] for name, values in columns.items()})
    print_rows([("rebuilt", f"{said}; {len(test):,} test texts")])
    return [out]


def words_found(texts: Ragged, words: np.ndarray) -> float:
    """Return the share of the n different words of a text that are among its first n of `words`.

    words (N, V) are ids, the most probable first; the mean is over texts that have known words.
    """
    shares = []
    for row, probable in zip(texts, words, strict=True):
        own = np.unique(row[row >= len(SPECIAL)])
        if len(own):
            shares.append(np.isin(own, probable[: len(own)]).mean())
    return float(np.mean(shares)) if shares else float("nan")


def guessed(texts: Ragged, made: Ragged) -> float:
    """Return the share of known words that are the same in texts made by a masked model."""
    words = texts.values > END
    return float((made.values == texts.values)[words].mean()) if words.any() else float("nan")


def agreement(texts: Ragged, made: Ragged) -> tuple[float, float]:
    """Return the share of texts that were made without a mistake, and of tokens in their place."""
    exact, right = 0, 0
    for row, other in zip(texts, made, strict=True):
        length = min(len(row), len(other))
        same = int((row[:length] == other[:length]).sum())
        exact, right = exact + (same == len(row) == len(other)), right + same
    return exact / max(len(texts), 1), right / max(len(texts.values), 1)


def write_csv(out: Path, columns: dict[str, Iterable]) -> None:
    """Write columns of equal length to a CSV file. Raises InputError if `out` is none."""
    if out.suffix.lower() != ".csv":
        raise InputError(f"{out}: texts are written to a .csv file; give a name that ends in .csv")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    write_whole(out, text.getvalue().encode())
