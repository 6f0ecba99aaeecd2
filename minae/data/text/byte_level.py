"""Byte-pair encoding of a text's bytes in UTF-8, as GPT-2 has it: no text has an unknown token.

The alphabet is the 256 bytes, each written as a character that can be seen, so that tokens are
texts (Radford et al. 2019). A space is Ġ, a line break Ċ.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise

from minae.data.text import bpe

LONGEST = 100  # characters of a piece: a text without spaces would be a single one
MOST_LEARNED = 500_000  # bytes of different pieces to learn from, which takes up to 15 seconds
_SEEN = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes that stand for themselves
_HIDDEN = [byte for byte in range(256) if byte not in _SEEN]
#: The character that each byte is written as, in GPT-2's order.
ALPHABET = [*map(chr, _SEEN), *(chr(256 + i) for i in range(len(_HIDDEN)))]
_BYTES = dict(zip(ALPHABET, [*_SEEN, *_HIDDEN], strict=True))
_WRITTEN = {byte: character for character, byte in _BYTES.items()}  # for str.translate


def pieces(text: str) -> Iterator[str]:
    """Yield the parts of a text that tokens do not reach over, as in GPT-2; joined, they are it.

    They are words, numbers, signs, each with the space before it, endings such as 's, and spaces.
    """
    return (found[0] for found in _pattern().finditer(text))


@cache
def _pattern() -> re.Pattern[str]:
    """Return GPT-2's pattern, in which letters and numbers are those of Unicode."""
    letters = (chr(code) for code in range(128, sys.maxunicode))
    # such as ², which \w has and \d has not; as ranges, in which a search is four times as fast
    others = [c for c in letters if unicodedata.category(c) in ("Nl", "No")]
    breaks = [i for i, (a, b) in enumerate(pairwise(others), 1) if ord(b) - ord(a) > 1]
    runs = [others[i:j] for i, j in pairwise([0, *breaks, len(others)])]
    other = "".join(f"{run[0]}-{run[-1]}" for run in runs)
    return re.compile(
        rf"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_{other}]{{1,{LONGEST}}}| ?[\d{other}]{{1,{LONGEST}}}"
        rf"| ?(?:[^\s\w]|_){{1,{LONGEST}}}|\s{{1,{LONGEST}}}(?!\S)|\s{{1,{LONGEST}}}"
    )


def written(piece: str) -> str:
    """Return the bytes of a piece, each written as its character of ALPHABET."""
    return piece.encode("utf-8", "replace").decode("latin-1").translate(_WRITTEN)


def bytes_of(token: str) -> bytes:
    """Return what a token stands for. Raises KeyError if some of it is not in ALPHABET."""
    return bytes(_BYTES[character] for character in token)


def learn(texts: Iterable[str], size: int, least: int) -> tuple[list[bpe.Pair], bool]:
    """Return the pairs to merge, `size` at most, and whether all of the texts were read for it.

    Pairs that occur fewer than `least` times are not merged. See `bpe.learn`.
    """
    counts: Counter[str] = Counter()
    room, whole = MOST_LEARNED, True
    for piece in (piece for text in texts for piece in pieces(text)):
        if room <= 0:
            whole = False
            break
        room -= 0 if piece in counts else len(written(piece))
        counts[piece] += 1
    shown = Counter({written(piece): count for piece, count in counts.items()})
    _, merges = bpe.learn(shown, size + len(ALPHABET), least)
    return merges[:size], whole
