"""Texts: rows of token ids, each as long as its text."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from minae.data.kinds.noise import WordDropout, parse_dropout
from minae.data.kinds.table import encode_labels
from minae.data.ragged import Ragged
from minae.data.split import Split
from minae.data.text import bpe, tokens
from minae.data.text.files import Texts, read_texts
from minae.data.text.tokens import END, SPECIAL, UNKNOWN, between_spaces, tidy
from minae.errors import InputError

TOKENS = ("words", "characters", "bpe")
LONGEST = 10_000  # tokens of a text, if nobody says otherwise
VOCABULARY = 5_000  # tokens, if nobody says otherwise
MANY = 0.2  # share of unknown tokens in new texts that is worth a remark
KEPT = 100_000  # pieces whose numbers are remembered
LEAST = 2  # times that a token occurs in the training part: what it is there once tells nothing


@dataclass(frozen=True)
class TextKind:
    """Texts as the numbers of their tokens, which are words, characters, or between (bpe).

    The vocabulary begins with the special tokens; a text's number of one is its place in it. A text
    is cut so that it has `longest` numbers at most, of which the last is that of its end.
    """

    name: ClassVar[str] = "text"
    row: ClassVar[str] = "text"  # what a row of the data is called
    binary: ClassVar[int] = 0
    tokens: str
    vocabulary: list[str]
    merges: list[tuple[str, str]] = field(default_factory=list)  # of byte-pair encoding
    longest: int = LONGEST
    text_column: str | None = None  # of a CSV file
    id_column: str | None = None
    label_column: str | None = None
    classes: list[str] = field(default_factory=list)  # the labels of the training data, by number

    def __post_init__(self):
        check_tokens(self.tokens)
        if self.vocabulary[: len(SPECIAL)] != SPECIAL:
            raise InputError(f"vocabulary does not begin with {', '.join(SPECIAL)}")
        if self.longest < 2:
            raise InputError(f"longest is a whole number from 2, not {self.longest}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The size V of the vocabulary, as a shape (1, 1, V)."""
        return 1, 1, len(self.vocabulary)

    @property
    def parts(self) -> list[str]:
        """What an error is divided among: the tokens of the vocabulary."""
        return self.vocabulary

    def errors(self, split: Split, outputs: np.ndarray) -> np.ndarray:
        """Return by token -log of its probability, times its count: (N, V) float64, in nats.

        Outputs (N, V) are the probabilities of tokens that a model of bags of words gives a text.
        """
        N, V = outputs.shape
        cells = np.repeat(np.arange(N), split.inputs.lengths) * V + split.inputs.values
        counts = np.bincount(cells, minlength=N * V).reshape(N, V)
        counts[:, : len(SPECIAL)] = 0
        return -counts * np.log(np.maximum(outputs, 1e-30), dtype=np.float64)

    def encode(self, texts: Iterable[str]) -> Ragged:
        """Return the numbers of each text's tokens, with END behind them."""
        return self.cut(self.numbers(texts))

    def numbers(self, texts: Iterable[str]) -> Ragged:
        """Return what `encode` does, but without cutting any text."""
        split, known = splitter(self.tokens, self.merges), {t: i for i, t in enumerate(self.parts)}

        @lru_cache(KEPT)  # most pieces occur again and again
        def of_piece(piece: str) -> bytes:
            return array("i", [known.get(token, UNKNOWN) for token in split(piece)]).tobytes()

        pieces, end = PIECES[self.tokens], array("i", [END]).tobytes()
        rows = [b"".join(map(of_piece, pieces(text))) + end for text in texts]
        offsets = np.cumsum([0, *(len(row) // len(end) for row in rows)], dtype=np.int64)
        return Ragged(np.frombuffer(bytearray().join(rows), np.int32), offsets)

    def cut(self, rows: Ragged) -> Ragged:
        """Cut rows to the longest length, with END at the end of each."""
        rows = rows.cut(self.longest)
        rows.values[rows.offsets[1:] - 1] = END
        return rows

    def decode(self, ids: Iterable[np.ndarray]) -> list[str]:
        """Return the texts of numbers (N, L), or of the rows of a Ragged, each up to its END."""
        join = tokens.join_words if self.tokens == "words" else "".join
        texts = []
        for row in ids:
            numbers = np.asarray(row)
            ends = np.flatnonzero(numbers == END)
            shown = numbers[: ends[0]] if len(ends) else numbers
            texts.append(join([self.vocabulary[i] for i in shown if i > END or i == UNKNOWN]))
        return texts

    def corruption(self, text: str) -> WordDropout:
        """Return what a text such as `words:0.5` means. Raises InputError if it means nothing."""
        return parse_dropout(text)

    def read(self, path: Path) -> tuple[Split, list[str]]:
        """Read texts, with the run's vocabulary. Raises InputError if there are none."""
        found = read_texts(path, self.text_column, self.id_column, self.label_column)
        split, notes = self.split(found)
        return split, [type(note)(f"{path}: {note}") for note in notes]

    def split(self, found: Texts) -> tuple[Split, list[str]]:
        """Return texts that were read as a model takes them, and what is to be said of that."""
        whole, notes = self.numbers(found.texts), list(found.notes)
        if long := int((whole.lengths > self.longest).sum()):
            which, are = ("texts", "are") if long > 1 else ("text", "is")
            most = f"{self.longest - 1:,} {self.unit}"
            notes.append(f"{long:,} {which} {are} longer than {most} and {are} cut there")
        if (share := unknown_share(whole)) > MANY:
            notes.append(f"{share:.0%} of the {self.unit} are not in the vocabulary")
        labels = None if found.labels is None else encode_labels(found.labels, self.classes)
        texts = np.array(found.texts, object)
        return Split(self.cut(whole), labels, found.names, texts=texts), notes

    @property
    def unit(self) -> str:
        """What tokens are called."""
        return "tokens" if self.tokens == "bpe" else self.tokens


def unknown_share(rows: Ragged) -> float:
    """Return which share of the tokens of texts is unknown."""
    tokens = (rows.values != END).sum()
    return float((rows.values == UNKNOWN).sum() / max(tokens, 1))


def check_tokens(name: str) -> None:
    """Raise InputError unless texts can be cut into such tokens."""
    if name not in TOKENS:
        raise InputError(f"tokens {name!r} is unknown: choose one of {', '.join(TOKENS)}")


#: By tokens, what cuts a text into pieces that no token reaches over.
PIECES: dict[str, Callable[[str], Iterable[str]]] = {
    "words": between_spaces,
    "characters": tidy,
    "bpe": lambda text: bpe.pieces(tidy(text)),
}


def splitter(name: str, merges: list[tuple[str, str]]) -> Callable[[str], list[str]]:
    """Return what cuts a text into its tokens."""
    if name == "bpe":
        return bpe.splitter(merges)
    return {"words": tokens.words, "characters": tokens.characters}[name]


def fit_text(texts: list[str], name: str, size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the vocabulary of texts, `size` tokens at most, and the merges of byte-pair encoding.

    A token occurs at least twice; the most frequent come first. Raises InputError if none does.
    """
    check_tokens(name)
    room, counts = size - len(SPECIAL), Counter()
    if name == "bpe":
        pieces = bpe.count_pieces(map(tidy, texts))
        found, merges = bpe.learn(pieces, room, LEAST)
        cut = bpe.splitter(merges)
        for piece, count in pieces.items():
            for token in cut(piece):
                counts[token] += count
    else:
        merges, cut = [], splitter(name, [])
        for text in texts:
            counts.update(cut(tidy(text)))
        found = {token for token, count in counts.items() if count >= LEAST}
    if not found:
        raise InputError("has nothing that occurs twice; give more text, or --tokens characters")
    ordered = sorted(found, key=lambda token: (-counts[token], token))
    return [*SPECIAL, *ordered[:room]], merges


def usual_tokens(texts: list[str]) -> str:
    """Return which tokens suit texts: characters if most are a single word, else words."""
    single = sum(len(text.split()) == 1 for text in texts)
    return "characters" if single > len(texts) / 2 else "words"
