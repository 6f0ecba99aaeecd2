"""Texts as numbers of their tokens, and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.data import Ragged
from minae.data.kinds import alike, describe, parse_kind
from minae.data.kinds.text import TextKind, fit_text, splitter, unknown_share, usual_tokens
from minae.data.split import Split
from minae.data.text.tokens import END, SPECIAL, UNKNOWN, tidy
from minae.errors import InputError, LeftOut

WORDS = TextKind("words", [*SPECIAL, "the", "fox", ".", "said"], longest=6, classes=["a", "b"])
LETTERS = TextKind("characters", [*SPECIAL, *"abc "])
BPE = TextKind("bpe", [*SPECIAL, "a", "b", " a", " ab"], [(" ", "a"), (" a", "b")])


def lists(ragged):
    return [row.tolist() for row in ragged]


@pytest.mark.parametrize(
    ("kind", "text", "ids", "back"),
    [
        (WORDS, "The fox, said", [4, 5, 1, 7, 3], "the fox <unk> said"),
        (WORDS, "the. the fox.", [4, 6, 4, 5, 6, 3], "the. the fox."),
        (WORDS, "the the the the the the", [4, 4, 4, 4, 4, 3], "the the the the the"),
        (WORDS, "", [3], ""),
        (WORDS, "<pad>", [1, 1, 1, 3], "<unk> <unk> <unk>"),
        (LETTERS, "a  cab\nB", [4, 7, 6, 4, 5, 7, 1, 3], "a cab <unk>"),
        (BPE, "a ab b", [4, 7, 1, 5, 3], "a ab<unk>b"),
    ],
)
def test_numbers_and_back(kind, text, ids, back):
    encoded = kind.encode([text, "the"])
    assert lists(encoded)[0] == ids
    assert encoded.values.dtype == np.int32
    assert kind.decode(encoded)[0] == kind.decode(encoded.padded())[0] == back


def test_no_texts():
    assert (len(WORDS.encode([])), WORDS.decode(WORDS.encode([]))) == (0, [])


def test_a_text_ends_where_its_end_is():
    ids = np.array([[2, 5, 4, 3, 5, 5], [5, 5, 5, 5, 5, 5], [3, 0, 0, 0, 0, 0]])
    assert WORDS.decode(ids) == ["fox the", "fox fox fox fox fox fox", ""]


TEXTS = ["the cat sat on the mat.", "the hat sat there!", "a cat. a rare yak"]


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_a_vocabulary_is_of_what_occurs_twice_the_most_frequent_first(tokens):
    vocabulary, merges = fit_text(TEXTS, tokens, 1000)
    assert vocabulary[:4] == SPECIAL
    assert len({*vocabulary}) == len(vocabulary)
    rows = TextKind(tokens, vocabulary, merges).encode(TEXTS)
    counts = np.bincount(rows.values, minlength=len(vocabulary))[4:]
    assert (np.diff(counts) <= 0).all()
    assert not {"yak", "y"} & {*vocabulary}
    expected = {"words": ["the", "."], "characters": [" ", "a"], "bpe": [" sat", " cat"]}
    assert {*expected[tokens]} < {*vocabulary}
    small, _ = fit_text(TEXTS, tokens, 7)
    assert len(small) == 7


def test_bpe_keeps_tokens_that_only_others_are_made_of():
    """Of them a new word may be made: without them, it would be unknown."""
    vocabulary, merges = fit_text(["low lower lowest lowly"] * 3, "bpe", 1000)
    assert {left + right for left, right in merges} <= {*vocabulary}
    kind = TextKind("bpe", vocabulary, merges)
    assert unknown_share(kind.encode(["wole tower low"])) == 0


def test_too_little_text_for_a_vocabulary():
    with pytest.raises(InputError, match="nothing that occurs twice; give more text, or --tokens"):
        fit_text(["one two", "three four"], "words", 100)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [(["Anna", "Berta", "von Ute"], "characters"), (["a b", "c d", "e"], "words")],
)
def test_single_words_are_cut_into_characters(texts, expected):
    assert usual_tokens(texts) == expected


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_characters_and_byte_pairs_lose_nothing(texts):
    for tokens in ("characters", "bpe"):
        vocabulary, merges = fit_text([*texts, *texts, "ab ab"], tokens, 1000)
        kind = TextKind(tokens, vocabulary, merges)
        assert kind.decode(kind.encode(texts)) == [tidy(text) for text in texts]


@given(st.lists(st.text(alphabet=st.sampled_from("aΣé\u0301'’.- \n")), max_size=5))
def test_numbers_are_those_of_the_whole_text(texts):
    """They are looked up piece by piece; no token may depend on what is behind a space."""
    for tokens in ("words", "characters", "bpe"):
        vocabulary, merges = fit_text([*texts, *texts, "ab ab"], tokens, 1000)
        kind = TextKind(tokens, vocabulary, merges)
        for row, text in zip(kind.numbers(texts), texts, strict=True):
            found = splitter(tokens, merges)(tidy(text))
            known = [vocabulary.index(each) if each in vocabulary else UNKNOWN for each in found]
            assert row.tolist() == [*known, END]


def test_a_described_kind_is_the_same(tmp_path):
    vocabulary, merges = fit_text(TEXTS, "bpe", 1000)
    kind = TextKind("bpe", vocabulary, merges, 40, "text", "id", "label", ["x", "y"])
    again = parse_kind(json.loads(json.dumps(describe(kind))))
    assert again == kind
    assert alike(describe(again), describe(kind))
    assert kind.shape == (1, 1, len(vocabulary))
    assert (kind.name, kind.row, kind.binary) == ("text", "text", 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": "syllables"}, "kind.tokens 'syllables' is unknown: choose one of words, char"),
        ({"vocabulary": ["a", "b"]}, "kind.vocabulary does not begin with <pad>, <unk>, <s>, </s>"),
        ({"vocabulary": 3}, "kind.vocabulary is 3, not a list"),
        ({"longest": 1}, "kind.longest is a whole number from 2, not 1"),
        ({"merges": [["a"]]}, r"kind.merges\[0\] is a list of 1, not of 2"),
    ],
)
def test_a_damaged_description_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        parse_kind(json.loads(json.dumps(describe(WORDS) | changes)))


def test_new_texts_are_read_by_the_vocabulary_of_the_run(tmp_path):
    (tmp_path / "new.txt").write_text("The fox.\n\nthe the the the the the\nquite other words\n")
    split, notes = WORDS.read(tmp_path / "new.txt")
    assert lists(split.inputs) == [[4, 5, 6, 3], [4, 4, 4, 4, 4, 3], [1, 1, 1, 3]]
    assert (split.names.tolist(), split.labels) == ([1, 3, 4], None)
    said = "1 blank line left out", "1 text is longer than 5 words and is cut there"
    unknown = "25% of the words are not in the vocabulary"
    assert notes == [f"{tmp_path / 'new.txt'}: {note}" for note in (*said, unknown)]


def test_a_file_that_cannot_be_read_is_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("fox")
    (tmp_path / "b.txt").write_bytes(b"")
    split, (note,) = WORDS.read(tmp_path)
    assert (len(split), type(note)) == (1, LeftOut)
    assert note.startswith(f"{tmp_path}: b.txt left out")


def test_new_labels_are_those_of_the_run(tmp_path):
    for name, text in {"b/1.txt": "fox", "c/2.txt": "the", "a/3.txt": "said"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    split, notes = WORDS.read(tmp_path)
    assert (split.labels.tolist(), notes) == ([0, 1, -1], [])
    (tmp_path / "my.csv").write_text("n,t,k\n1,fox,b\n2,the,\n")
    kind = TextKind("words", WORDS.vocabulary, [], 6, "t", "n", "k", ["a", "b"])
    split, _ = kind.read(tmp_path / "my.csv")
    assert (split.names.tolist(), split.labels.tolist()) == (["1", "2"], [1, -1])
    (tmp_path / "my.txt").write_text("fox\n")
    assert kind.read(tmp_path / "my.txt")[0].labels is None


def test_hidden_tokens_are_unknown_and_the_end_stays():
    rng = np.random.default_rng(0)
    ids = WORDS.encode(["the fox said the fox"] * 400).padded()
    corrupt = WORDS.corruption("words:0.25")
    found = corrupt(ids, rng)
    assert (found.dtype, found.shape) == (np.int32, ids.shape)
    changed = found != ids
    assert (found[changed] == 1).all()
    assert 0.22 < changed[:, :-1].mean() < 0.28
    assert (found[:, -1] == 3).all()
    assert (WORDS.corruption("words:0")(ids, rng) == ids).all()
    padded = np.array([[1, 3, 0, 0]], np.int32)
    assert (corrupt(padded, rng) == padded).all()


@pytest.mark.parametrize("text", ["noise:0.3", "words", "words:1", "words:-0.1", "words:nan"])
def test_what_is_nothing_to_do_to_texts(text):
    with pytest.raises(InputError, match=r"is nothing to do to texts; give words:P"):
        WORDS.corruption(text)


def test_errors_are_those_of_the_words():
    split = Split(Ragged.of([[4, 4, 5, 1, 3], [3]]))
    outputs = np.full((2, 8), 0.5, np.float32)
    outputs[0, 5] = 0
    errors = WORDS.errors(split, outputs)
    assert errors.shape == (2, len(WORDS.parts))
    assert errors[0, 4] == pytest.approx(2 * np.log(2))
    assert errors[0, 5] == pytest.approx(-np.log(1e-30), rel=1e-5)
    assert errors[1].sum() == errors[0, :4].sum() == 0
