"""A running text: one long row of token ids, from which a language model learns what follows."""

import codecs
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, NoReturn

import numpy as np

from minae.data.ragged import Ragged
from minae.data.split import Split
from minae.data.text import bpe, byte_level
from minae.data.text.files import Texts, read_running
from minae.errors import InputError

#: What a text is cut into, and how many different tokens there are at most, if nobody says
#: otherwise. Of tiny_shakespeare, a gpt reaches 1.645, 1.612 and 1.589 nats per character with 512,
#: 1,000 and 2,000 tokens of bytes.
VOCABULARY = {"characters": 5_000, "bpe": 2_000}
LEAST = 2  # times that a pair of tokens occurs in the training part, to become one token
UNKNOWN, END = "<unk>", "<|endoftext|>"
LONGEST_LINE = 200  # tokens that are judged together
SHOWN = 10  # unknown characters that a note shows
_CODES = 0x110000  # that Unicode has
_AT_ONCE = 2**20  # characters that are numbered together


@dataclass(frozen=True)
class CorpusKind:
    """Running text as the ids of its tokens: characters, or pairs of bytes merged again and again.

    A token's id is its place in the vocabulary. A text is encoded as it is, with all its spaces and
    line breaks, and `decode` gives it back. A character that is not in a vocabulary of characters
    becomes UNKNOWN; tokens of bytes (bpe) are those of GPT-2 and know every text. If the vocabulary
    has END, it follows each of several texts.
    """

    name: ClassVar[str] = "corpus"
    binary: ClassVar[int] = 0
    tokens: str
    vocabulary: list[str]
    merges: list[tuple[str, str]] = field(default_factory=list)  # of byte-pair encoding
    text_column: str | None = None  # of a CSV file

    def __post_init__(self):
        check_tokens(self.tokens)
        of_bytes = self.tokens == "bpe"
        needed = {*byte_level.ALPHABET} if of_bytes else {UNKNOWN}
        if missing := needed - {*self.vocabulary}:
            raise InputError(f"vocabulary has no {min(missing)!r}")
        for token in {*self.vocabulary} - {UNKNOWN, END}:
            if (not needed.issuperset(token)) if of_bytes else len(token) != 1:
                raise InputError(f"vocabulary has {token!r}, which is none of {self.tokens}")
        if made := {left + right for left, right in self.merges} - {*self.vocabulary}:
            raise InputError(f"merges make {min(made)!r}, which is not in the vocabulary")

    @property
    def row(self) -> str:
        """What a token is called."""
        return "token" if self.tokens == "bpe" else "character"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The size V of the vocabulary, as a shape (1, 1, V)."""
        return 1, 1, len(self.vocabulary)

    @property
    def end(self) -> int | None:
        """The id of the end of a text, if it has one."""
        return self.vocabulary.index(END) if END in self.vocabulary else None

    @property
    def unknown(self) -> int | None:
        """The id of what is not in the vocabulary, if there is one."""
        return self.vocabulary.index(UNKNOWN) if UNKNOWN in self.vocabulary else None

    @property
    def start(self) -> int:
        """The id after which a new text begins: the end of the one before, or of its last line."""
        line_break = "Ċ" if self.tokens == "bpe" else "\n"
        known = (token for token in (END, line_break) if token in self.vocabulary)
        return self.vocabulary.index(next(known, self.vocabulary[-1]))

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of a text's tokens: (T,) int32, without END."""
        return self._encoder()(text)

    def join(self, texts: Iterable[str]) -> np.ndarray:
        """Return the ids of texts one after another, each with END if there is one: (T,) int32."""
        return self.rows(texts).values

    def rows(self, texts: Iterable[str]) -> Ragged:
        """Return the ids of texts, a row for each, with END if there is one."""
        encode = self._encoder()
        end = np.array([] if self.end is None else [self.end], np.int32)
        return Ragged.of(np.append(encode(text), end) for text in texts)

    def _encoder(self) -> Callable[[str], np.ndarray]:
        """Return what makes ids (T,) of a text."""
        known = {token: i for i, token in enumerate(self.vocabulary)}
        if self.tokens == "characters":
            table = np.full(_CODES, known[UNKNOWN], np.int32)
            for token, i in known.items():
                if len(token) == 1:
                    table[ord(token)] = i
            return lambda text: np.concatenate([table[codes] for codes in codes_of(text)])
        tokens_of = bpe.piece_splitter(self.merges)

        @lru_cache(bpe.KEPT)
        def ids_of(piece: str) -> array:
            return array("i", [known[token] for token in tokens_of(byte_level.written(piece))])

        def encode(text: str) -> np.ndarray:
            ids = array("i")
            for piece in byte_level.pieces(text):
                ids.extend(ids_of(piece))
            return np.array(ids, np.int32)

        return encode

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids (T,): END is a line break, UNKNOWN the character � ."""
        return "".join(self.stream(ids))

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Yield the text of each id, once it is whole: a character may have several tokens."""
        texts, decoder = self.token_bytes(), codecs.getincrementaldecoder("utf-8")("replace")
        for i in ids:
            yield decoder.decode(texts[i])
        yield decoder.decode(b"", final=True)

    def token_bytes(self) -> list[bytes]:
        """Return what each token of the vocabulary stands for, in UTF-8."""
        special = {END: b"\n", UNKNOWN: "\N{REPLACEMENT CHARACTER}".encode()}
        written = byte_level.bytes_of if self.tokens == "bpe" else str.encode
        return [special.get(token) or written(token) for token in self.vocabulary]

    def characters(self, ids: np.ndarray) -> int:
        """Return how many characters the tokens of ids (T,) have together, END as one of them."""
        begun = [sum(byte & 0xC0 != 0x80 for byte in text) for text in self.token_bytes()]
        return int(np.array(begun)[ids].sum())  # a character is counted where it begins

    def corruption(self, text: str) -> NoReturn:
        """Raise InputError: all that is hidden from a model is what comes next."""
        raise InputError(
            f"{text!r} is nothing to do to a running text, of which a model is to predict the next"
            " token: leave out --corrupt"
        )

    def read(self, path: Path) -> tuple[Split, list[str]]:
        """Read text with the run's vocabulary. Raises InputError if there is none."""
        found = read_running(path, self.text_column)
        split, notes = self.split(found)
        return split, [type(note)(f"{path}: {note}") for note in notes]

    def split(self, found: Texts) -> tuple[Split, list[str]]:
        """Return texts that were read as a model takes them, and what is to be said of that."""
        return Split(self.join(found.texts)), [*found.notes, *self.unknown_notes(found.texts)]

    def lines(self, texts: Ragged) -> Split:
        """Return the lines of texts, named by their numbers in their text; long ones are cut.

        A line ends with the token that has its line break, or with END. Blank lines belong to the
        one before them: a line break by itself is no line that could be strange.
        """
        ids, begin, tokens = texts.values, texts.offsets[:-1], self.token_bytes()
        breaks = np.array([token.count(b"\n") for token in tokens])[ids]  # (T,)
        seen = np.array([bool(token.strip()) for token in tokens])[ids]  # (T,)
        number = np.cumsum(breaks) - breaks  # of line breaks before a token
        first = np.union1d(np.flatnonzero(np.diff(number)) + 1, begin)  # tokens of lines
        number -= np.repeat(number[begin], texts.lengths)  # those in its text
        kept = np.logical_or.reduceat(seen, first) | np.isin(first, begin)
        starts = [*first[kept].tolist(), len(ids)]
        cut = [i for a, b in pairwise(starts) for i in range(a, b, LONGEST_LINE)]
        offsets = np.array([*cut, len(ids)], np.int64)
        return Split(Ragged(ids, offsets), names=number[cut] + 1)

    def unknown_notes(self, texts: Iterable[str]) -> list[str]:
        """Return a note on the characters of texts that are not in the vocabulary, if any are."""
        if self.tokens == "bpe":
            return []
        counts = count_codes(texts)
        counts[[ord(token) for token in self.vocabulary if len(token) == 1]] = 0
        rare = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        if not len(rare):
            return []
        shown = ", ".join(map(_named, rare[:SHOWN].tolist())) + ", …" * (len(rare) > SHOWN)
        total = int(counts.sum())
        many = "s" * (total > 1)
        return [f"{total:,} character{many} not in the vocabulary ({shown}), read as {UNKNOWN}"]


def check_tokens(name: str) -> None:
    """Raise InputError unless a running text can be cut into such tokens."""
    if name not in VOCABULARY:
        raise InputError(
            f"tokens {name!r} is nothing that a running text is cut into: choose one of"
            f" {', '.join(VOCABULARY)}"
        )


def fit_corpus(
    texts: list[str], name: str, size: int, several: bool
) -> tuple[list[str], list[tuple[str, str]], list[str]]:
    """Return the vocabulary of texts, `size` tokens at most, merges of bytes, and notes.

    END is in it if there are `several` texts. If there are more characters, the most frequent are.
    Raises InputError if the size is too small for bytes.
    """
    special = [END] * several
    if name == "bpe":
        fewest = len(byte_level.ALPHABET) + len(special)
        if size < fewest:
            raise InputError(
                f"--vocabulary {size} is too small for bpe, which begins with the {fewest} bytes:"
                " give more, or --tokens characters"
            )
        merges, whole = byte_level.learn(texts, size - fewest, LEAST)
        note = "tokens were learned from its beginning, as it has so many different words"
        vocabulary = [*byte_level.ALPHABET, *(left + right for left, right in merges), *special]
        return list(dict.fromkeys(vocabulary)), merges, [] if whole else [note]
    counts = count_codes(texts)
    special.insert(0, UNKNOWN)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    kept = np.sort(order[: max(1, size - len(special))]).tolist()
    return [*special, *map(chr, kept)], [], []


def codes_of(text: str) -> Iterator[np.ndarray]:
    """Yield the codes of a text's characters, some (n,) uint32 at a time; once (0,) if none."""
    for start in range(0, max(1, len(text)), _AT_ONCE):
        part = text[start : start + _AT_ONCE]
        yield np.frombuffer(part.encode("utf-32-le", "surrogatepass"), np.uint32)


def count_codes(texts: Iterable[str]) -> np.ndarray:
    """Return how often each character occurs in texts, by its code in Unicode: (codes,) int64."""
    counts = np.zeros(_CODES, np.int64)
    for codes in codes_of("".join(texts)):
        counts += np.bincount(codes, minlength=_CODES)
    return counts


def _named(code: int) -> str:
    """Return a character, or its code if it cannot be seen."""
    character = chr(code)
    seen = character.isprintable() and not character.isspace()
    return character if seen else f"U+{code:04X}"
