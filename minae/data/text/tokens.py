"""Cut texts into words or characters, and put them together again."""

import re
import unicodedata
from collections.abc import Callable, Iterable

#: What stands behind a text's end, for a token that the vocabulary has not, and at start and end.
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
PAD, UNKNOWN, START, END = range(4)
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")  # a word such as don't, or one sign
_TIGHT_LEFT = re.compile(r" ([.,;:!?%)\]}…])")  # signs that follow a word without a space
_TIGHT = re.compile(r"(?<=\w) ([-/]) (?=\w)")
_TIGHT_RIGHT = re.compile(r"([(\[{]) ")

Split = Callable[[str], list[str]]  # a text into its tokens


def tidy(text: str) -> str:
    """Return a text with single spaces, and one code for a letter with its accents (NFC)."""
    return " ".join(between_spaces(text))


def between_spaces(text: str) -> list[str]:
    """Return what is between the spaces of a text, with one code for a letter with its accents."""
    return unicodedata.normalize("NFC", text).split()


def words(text: str) -> list[str]:
    """Return the words and signs of a text, in lower case: `don't, 2.5` has don't , 2 . 5."""
    return _WORD.findall(text.lower())


def characters(text: str) -> list[str]:
    """Return the characters of a text, spaces among them."""
    return list(text)


def join_words(tokens: Iterable[str]) -> str:
    """Return words as one text, with spaces between them, but for those around punctuation."""
    text = _TIGHT_LEFT.sub(r"\1", " ".join(tokens))
    return _TIGHT.sub(r"\1", _TIGHT_RIGHT.sub(r"\1", text))
