"""Byte-pair encoding, beside one that counts all pairs anew at each step."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.data.text import bpe
from minae.data.text.tokens import tidy

TEXT = "the cat sat on the mat, the cats sat there. a hat! that hat"


def plain(pieces: Counter, size: int, least: int):
    """The algorithm as it is usually written down."""
    alphabet = Counter()
    for piece, count in pieces.items():
        for character in piece:
            alphabet[character] += count
    tokens, merges = {c for c, n in alphabet.items() if n >= least}, []
    words = {piece: [c if c in tokens else "" for c in piece] for piece in pieces}
    while len(tokens) < size:
        pairs = Counter()
        for piece, symbols in words.items():
            for pair in bpe.pairs_of(symbols):
                pairs[pair] += pieces[piece]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < least:
            break
        merges.append(best)
        tokens.add("".join(best))
        words = {piece: bpe.merged(symbols, best) for piece, symbols in words.items()}
    return tokens, merges


@pytest.mark.parametrize("text", [TEXT, "aaaa aaa aaaaaaa aa", "abab ababab baba"])
@pytest.mark.parametrize("size", [20, 25, 1000])
@pytest.mark.parametrize("least", [1, 2, 3])
def test_merges_are_those_of_the_plain_algorithm(text, size, least):
    pieces = bpe.count_pieces([text])
    tokens, merges = bpe.learn(pieces, size, least)
    assert (tokens, merges) == plain(pieces, size, least)
    assert len(tokens) <= size


def test_an_alphabet_too_large_is_cut():
    tokens, merges = bpe.learn(Counter({"aaabbc": 1}), 2, 1)
    assert (tokens, merges) == ({"a", "b"}, [])


@pytest.mark.parametrize(
    ("symbols", "pair", "expected"),
    [
        ("banana", "an", ["b", "an", "an", "a"]),
        ("aaa", "aa", ["aa", "a"]),
        ("aaaa", "aa", ["aa", "aa"]),
        ("ba", "ab", ["b", "a"]),
        ("", "ab", []),
    ],
)
def test_a_pair_is_merged_from_the_left(symbols, pair, expected):
    assert bpe.merged([*symbols], (pair[0], pair[1])) == expected


def test_the_pair_that_was_learned_first_is_merged_first():
    cut = bpe.splitter([("b", "c"), ("a", "b"), ("a", "bc")])
    assert cut("abc") == ["abc"]
    assert cut("abd abcb") == ["ab", "d", " ", "abc", "b"]
    assert bpe.splitter([])("ab") == ["a", "b"]


def test_frequent_words_are_one_token_and_none_reaches_over_a_space():
    _, merges = bpe.learn(bpe.count_pieces([TEXT] * 2), 1000, 2)
    tokens = bpe.splitter(merges)(TEXT)
    assert {" the", " cat", " hat", " sat"} < {*tokens}
    assert all(" " not in token[1:] for token in tokens)


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=8), max_size=8))
def test_joined_tokens_are_the_text(text, others):
    _, merges = bpe.learn(bpe.count_pieces(map(tidy, [text, *others])), 50, 1)
    for each in (text, *others):
        assert "".join(bpe.splitter(merges)(tidy(each))) == tidy(each)
