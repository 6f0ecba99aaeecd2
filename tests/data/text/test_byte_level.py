"""Byte-pair encoding of bytes, as GPT-2 has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.data.text import bpe, byte_level


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'll don't 'tis", ["I", "'ll", " don", "'t", " '", "tis"]),
        ("a  b\n\n  c\n", ["a", " ", " b", "\n\n ", " c", "\n"]),
        ("12ab ½ x²", ["12", "ab", " ½", " x", "²"]),
        ("well-known _name_!?", ["well", "-", "known", " _", "name", "_!?"]),
        ("naïve 中文。字", ["naïve", " 中文", "。", "字"]),
        ("١٢ٱ", ["١٢", "ٱ"]),
        ("", []),
    ],
)
def test_pieces_are_gpt2s(text, expected):
    assert list(byte_level.pieces(text)) == expected


@given(st.text())
def test_joined_pieces_are_the_text(text):
    assert "".join(byte_level.pieces(text)) == text


def test_a_text_without_spaces_is_cut():
    assert [len(piece) for piece in byte_level.pieces("a" * 250)] == [100, 100, 50]


@pytest.mark.parametrize(
    ("piece", "written"),
    [(" the", "Ġthe"), ("\n\t", "Ċĉ"), ("é", "Ã©"), ("中", "ä¸Ń"), ("\xad", "ÂŃ")],
)
def test_bytes_are_written_as_in_gpt2(piece, written):
    assert byte_level.written(piece) == written
    assert byte_level.bytes_of(written) == piece.encode()


def test_every_byte_is_a_character_of_its_own():
    assert len({*byte_level.ALPHABET}) == 256
    assert sorted(map(byte_level.bytes_of, byte_level.ALPHABET)) == [bytes([i]) for i in range(256)]
    assert not any(character.isspace() for character in byte_level.ALPHABET)


def test_frequent_words_are_merged(monkeypatch):
    merges, whole = byte_level.learn(["the cat, the hat", " the hat"], 100, 2)
    assert whole
    tokens = bpe.piece_splitter(merges)
    assert tokens(byte_level.written(" the")) == ["Ġthe"]
    assert tokens("Ġcat") == ["Ġ", "c", "at"]
    assert byte_level.learn(["the cat, the hat", " the hat"], 2, 2)[0] == merges[:2]
    monkeypatch.setattr(byte_level, "MOST_LEARNED", 3)
    assert byte_level.learn(["ab ab cd cd"], 100, 2) == ([("a", "b")], False)
