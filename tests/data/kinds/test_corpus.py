"""Running text as ids, and back to the very same text."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.data.kinds import alike, describe, parse_kind
from minae.data.kinds.corpus import END, UNKNOWN, CorpusKind, fit_corpus
from minae.data.text.byte_level import ALPHABET
from minae.errors import InputError, LeftOut

LETTERS = CorpusKind("characters", [UNKNOWN, END, *"\n abc"])
BYTES = CorpusKind("bpe", [*ALPHABET, "Ġa", "Ġab", END], [("Ġ", "a"), ("Ġa", "b")])


def fitted(texts, tokens, size=5000):
    vocabulary, merges, _ = fit_corpus(texts, tokens, size, several=len(texts) > 1)
    return CorpusKind(tokens, vocabulary, merges)


@pytest.mark.parametrize("tokens", ["characters", "bpe"])
@given(texts=st.lists(st.text(), min_size=1, max_size=4))
def test_no_text_loses_anything(tokens, texts):
    kind = fitted(texts, tokens)
    for text in texts:
        ids = kind.encode(text)
        assert ids.dtype == np.int32
        assert kind.decode(ids) == text
        assert kind.characters(ids) == len(text)


@given(st.text())
def test_bytes_know_every_text(text):
    assert BYTES.decode(BYTES.encode(text)) == text


def test_texts_on_end():
    ids = LETTERS.join(["ab", "", "c\n"])
    assert ids.tolist() == [4, 5, 1, 1, 6, 2, 1]
    assert LETTERS.decode(ids) == "ab\n\nc\n\n"
    assert LETTERS.characters(ids) == 7
    alone = CorpusKind("characters", [UNKNOWN, *"ab"])
    assert alone.join(["ab", "b"]).tolist() == [1, 2, 2]
    assert (alone.end, LETTERS.join([]).tolist()) == (None, [])
    assert BYTES.join(["x ab", ""]).tolist() == [BYTES.vocabulary.index("x"), 257, 258, 258]


def test_where_a_text_begins():
    assert (LETTERS.start, BYTES.start) == (1, 258)
    assert CorpusKind("characters", [UNKNOWN, "a", "\n", "b"]).start == 2
    assert CorpusKind("characters", [UNKNOWN, "a", "b"]).start == 2
    assert CorpusKind("bpe", ALPHABET).start == ALPHABET.index("Ċ")


def test_what_is_unknown_is_one_token_and_said():
    assert LETTERS.encode("aéb").tolist() == [4, 0, 5]
    assert LETTERS.decode([4, 0, 5]) == "a�b"
    assert LETTERS.unknown_notes(["abc"]) == []
    (said,) = LETTERS.unknown_notes(["é\té中", "b"])
    assert said == "4 characters not in the vocabulary (é, U+0009, 中), read as <unk>"
    assert BYTES.unknown_notes(["é"]) == []
    (many,) = LETTERS.unknown_notes(["defghijklmno"])
    assert "(d, e, f, g, h, i, j, k, l, m, …)" in many


def test_a_character_of_several_tokens_is_shown_when_it_is_whole():
    ids = BYTES.encode("中a")
    assert len(ids) == 4
    assert list(BYTES.stream(ids)) == ["", "", "中", "a", ""]
    assert BYTES.decode(ids[1:3]) == "��"


def test_long_texts_are_numbered_in_pieces(monkeypatch):
    monkeypatch.setattr("minae.data.kinds.corpus._AT_ONCE", 3)
    assert LETTERS.encode("abcabcab").tolist() == [4, 5, 6, 4, 5, 6, 4, 5]
    assert fitted(["abcabcab"], "characters").vocabulary == [UNKNOWN, *"abc"]


def test_a_vocabulary_of_characters_is_of_the_most_frequent():
    assert fitted(["ba", "c b"], "characters").vocabulary == [UNKNOWN, END, *" abc"]
    assert fitted(["bbaaac"], "characters", 3).vocabulary == [UNKNOWN, *"ab"]


def test_a_vocabulary_of_bytes():
    kind = fitted(["the the then", "x"], "bpe", 259)
    assert (kind.vocabulary[:256], len(kind.vocabulary)) == (ALPHABET, 259)
    assert (kind.vocabulary[-1], len(kind.merges)) == (END, 2)
    with pytest.raises(InputError, match="--vocabulary 255 is too small for bpe, which begins wi"):
        fitted(["ab"], "bpe", 255)
    assert fitted(["abab"], "bpe", 256).merges == []


@pytest.mark.parametrize("kind", [LETTERS, BYTES])
def test_a_described_kind_is_the_same(kind):
    again = parse_kind(json.loads(json.dumps(describe(kind))))
    assert again == kind
    assert alike(describe(again), describe(kind))
    assert kind.shape == (1, 1, len(kind.vocabulary))


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (LETTERS, {"tokens": "words"}, "kind.tokens 'words' is nothing that a running text is cut"),
        (LETTERS, {"vocabulary": ["a", "b"]}, "kind.vocabulary has no '<unk>'"),
        (LETTERS, {"vocabulary": [UNKNOWN, "ab"]}, "kind.vocabulary has 'ab', which is none of ch"),
        (BYTES, {"vocabulary": ALPHABET[1:]}, "kind.vocabulary has no '!'"),
        (
            BYTES,
            {"vocabulary": [*ALPHABET, "中"]},
            "kind.vocabulary has '中', which is none of bpe",
        ),
        (BYTES, {"merges": [["Ġ", "x"]]}, "kind.merges make 'Ġx', which is not in the vocabulary"),
    ],
)
def test_a_damaged_description_is_refused(kind, changes, message):
    with pytest.raises(InputError, match=message):
        parse_kind(json.loads(json.dumps(describe(kind) | changes)))


def test_new_text_is_read_by_the_vocabulary_of_the_run(tmp_path):
    (tmp_path / "new.py").write_bytes("ab\r\nbé".encode())
    split, notes = LETTERS.read(tmp_path / "new.py")
    assert split.inputs.tolist() == [4, 5, 2, 5, 0, 1]
    (note,) = notes
    assert note.startswith(f"{tmp_path / 'new.py'}: 1 character not in the vocabulary (é), read")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("ab\n")
    (tmp_path / "folder" / "b.txt").write_bytes(b"")
    split, (note,) = LETTERS.read(tmp_path / "folder")
    assert (split.inputs.tolist(), type(note)) == ([4, 5, 2, 1], LeftOut)
    (tmp_path / "my.csv").write_text("n,t\n1,a\n2, b \n")
    kind = CorpusKind("characters", LETTERS.vocabulary, text_column="t")
    assert kind.read(tmp_path / "my.csv")[0].inputs.tolist() == [4, 1, 5, 1]
    with pytest.raises(InputError, match=r"holds columns; say which one has the texts, as in my"):
        LETTERS.read(tmp_path / "my.csv")


def test_nothing_is_done_to_running_text():
    with pytest.raises(InputError, match=r"'words:0\.5' is nothing to do to a running text"):
        LETTERS.corruption("words:0.5")
