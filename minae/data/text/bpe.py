"""Byte-pair encoding: tokens between characters and words, learned from how often they are used.

It begins with characters, and makes one token of the pair of neighbours that occurs most often,
again and again (Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with
Subword Units"). A word that is frequent becomes one token, a rare one several. No token reaches
over the beginning of a word, which holds the space before it, so that a text can be put together
again by joining its tokens.
"""

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from minae.data.text.tokens import Split

Pair = tuple[str, str]
UNKNOWN = ""  # stands for a character that is no token
KEPT = 100_000  # pieces whose tokens are remembered
_PIECE = re.compile(r" ?\w+| ?[^\w\s]+|\s")  # a word or signs, with the space before them


def pieces(text: str) -> list[str]:
    """Return the parts of a text that tokens do not reach over; joined, they are the text."""
    return _PIECE.findall(text)


def count_pieces(texts: Iterable[str]) -> Counter[str]:
    """Return how often each piece occurs in texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(pieces(text))
    return counts


def learn(counts: Counter[str], size: int, least: int) -> tuple[set[str], list[Pair]]:
    """Return the tokens, `size` at most, and the pairs to merge, in their order.

    `counts` says how often each piece occurs. Characters that occur fewer than `least` times are
    no tokens, and pairs that do are not merged. Of equally frequent pairs, the first in
    alphabetical order is.
    """
    alphabet: Counter[str] = Counter()
    for piece, count in counts.items():
        for character in piece:
            alphabet[character] += count
    tokens = {character for character, count in alphabet.most_common(size) if count >= least}
    parts = [[c if c in tokens else UNKNOWN for c in piece] for piece in counts]
    times = list(counts.values())
    pairs: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)  # the pieces that have a pair
    for i, symbols in enumerate(parts):
        for pair in pairs_of(symbols):
            pairs[pair] += times[i]
            where[pair].add(i)
    queue = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(tokens) < size:
        count, pair = heapq.heappop(queue)
        if -count != pairs[pair]:  # it changed since then, and is in the queue once more
            continue
        if -count < least:
            break
        tokens.add(pair[0] + pair[1])
        merges.append(pair)
        changes: Counter[Pair] = Counter()
        for i in where.pop(pair):
            for old in pairs_of(parts[i]):
                changes[old] -= times[i]
            parts[i] = merged(parts[i], pair)
            for new in pairs_of(parts[i]):
                changes[new] += times[i]
                where[new].add(i)
        for other, change in changes.items():
            if change:
                pairs[other] += change
                heapq.heappush(queue, (-pairs[other], other))
    return tokens, merges


def pairs_of(symbols: list[str]) -> list[Pair]:
    """Return the neighbours among symbols, but for those that are unknown."""
    return [pair for pair in pairwise(symbols) if UNKNOWN not in pair]


def merged(symbols: list[str], pair: Pair) -> list[str]:
    """Return symbols with each occurrence of a pair, from the left, as one."""
    found, i = [], 0
    while i < len(symbols):
        if symbols[i] == pair[0] and symbols[i + 1 : i + 2] == [pair[1]]:
            found.append(pair[0] + pair[1])
            i += 2
        else:
            found.append(symbols[i])
            i += 1
    return found


def splitter(merges: Iterable[Pair]) -> Split:
    """Return what cuts a text into tokens."""
    tokens_of = lru_cache(KEPT)(piece_splitter(merges))
    return lambda text: [token for piece in pieces(text) for token in tokens_of(piece)]


def piece_splitter(merges: Iterable[Pair]) -> Split:
    """Return what cuts a piece into tokens: the pair that was learned first is merged first."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}

    def tokens_of(piece: str) -> list[str]:
        symbols = list(piece)
        while found := [(ranks[pair], pair) for pair in pairwise(symbols) if pair in ranks]:
            symbols = merged(symbols, min(found)[1])
        return symbols

    return tokens_of
