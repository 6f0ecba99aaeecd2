"""Running texts by `load`: a user's own, and the named datasets."""

import os

import pytest

from minae.data import load
from minae.data.parts import corpus
from minae.errors import InputError

needs_data = pytest.mark.skipif(
    not os.environ.get("MINAE_DATA"), reason="MINAE_DATA names no folder with the full datasets"
)
TEXT = "".join(f"Line {i} of a text.\n" for i in range(60))


def parts(dataset):
    return dataset.train, dataset.validation, dataset.test


def texts_of(dataset):
    return [dataset.kind.decode(part.inputs) for part in parts(dataset)]


@pytest.mark.parametrize("tokens", [None, "characters", "bpe"])
def test_the_last_tenth_of_a_text_validates(tmp_path, tokens):
    (tmp_path / "my.txt").write_text(TEXT)
    dataset = load(tmp_path / "my.txt", kind="corpus", tokens=tokens, vocabulary=300)
    cut = int(0.9 * len(TEXT))
    assert texts_of(dataset) == [TEXT[:cut], TEXT[cut:], ""]
    assert dataset.kind.tokens == (tokens or "characters")
    assert dataset.kind.end is None
    assert dataset.notes[-1].startswith(f"my.txt: {len(TEXT):,} characters of running text (a vo")
    assert ("characters in a token" in dataset.notes[-1]) == (tokens == "bpe")


def test_how_many_characters_validate(tmp_path, monkeypatch):
    (tmp_path / "my.txt").write_text(TEXT)

    def sizes(**how):
        return [len(part) for part in parts(load(tmp_path / "my.txt", kind="corpus", **how))]

    assert sizes(validation=7) == [len(TEXT) - 7, 7, 0]
    assert sizes(validation=0) == [len(TEXT), 0, 0]
    monkeypatch.setattr(corpus, "MOST_VALIDATION", 20)
    assert sizes() == [len(TEXT) - 20, 20, 0]
    with pytest.raises(InputError, match="cannot set aside 1,280 characters for validation; give"):
        sizes(validation=1280)


def test_the_vocabulary_is_that_of_the_training_part(tmp_path):
    (tmp_path / "my.txt").write_text("ab" * 50 + "c~c~")
    dataset = load(tmp_path / "my.txt", kind="corpus")
    assert dataset.kind.vocabulary == ["<unk>", "a", "b"]
    assert dataset.validation.inputs[-4:].tolist() == [0] * 4
    assert "my.txt: 4 characters not in the vocabulary (c, ~)" in dataset.notes[0]


def test_texts_of_a_folder_are_joined_and_end(tmp_path):
    (tmp_path / "more").mkdir()
    for name, text in {"a.txt": "abab", "more/b.md": "b" * 16, "c.txt": "aa"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "d.pdf").write_bytes(b"\0")
    dataset = load(tmp_path, kind="corpus", validation=8)
    end = dataset.kind.end
    # the text that is cut in two has an end behind its second part only
    assert dataset.train.inputs.tolist() == [2, 3, 2, 3, end, 2, 2, end, *[3] * 8]
    assert dataset.validation.inputs.tolist() == [*[3] * 8, end]
    assert dataset.notes[0] == f"{tmp_path.name}: 1 other file left out"
    assert f"{tmp_path.name}: 3 texts of 22 characters" in dataset.notes[1]
    whole = load(tmp_path, kind="corpus", validation=16)
    assert whole.train.inputs.tolist() == [2, 3, 2, 3, end, 2, 2, end]


def test_a_column_of_a_table(tmp_path):
    rows = "".join(f"{i},word{i % 3}\n" for i in range(50))
    (tmp_path / "my.csv").write_text("n,said\n" + rows)
    dataset = load(f"{tmp_path / 'my.csv'}:said", kind="corpus")
    assert dataset.kind.text_column == "said"
    assert texts_of(dataset)[0].startswith("word0\nword1\nword2\nword0\n")


@pytest.mark.parametrize(
    "content",
    ["字" * 40 + "".join(map(chr, range(0x4E00, 0x4E00 + 3000))) * 2, "one line " * 300],
    ids=["Chinese", "one line"],
)
@pytest.mark.parametrize("tokens", ["characters", "bpe"])
def test_texts_of_many_kinds(tmp_path, content, tokens):
    (tmp_path / "my.txt").write_text(content, encoding="utf-8")
    dataset = load(tmp_path / "my.txt", kind="corpus", tokens=tokens)
    assert "".join(texts_of(dataset)) == content
    assert len(dataset.kind.vocabulary) <= (2000 if tokens == "bpe" else 5000)


def test_rare_characters_of_a_large_alphabet_are_unknown(tmp_path):
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    (tmp_path / "my.txt").write_text(text * 2 + text[:98] * 3, encoding="utf-8")
    dataset = load(tmp_path / "my.txt", kind="corpus", vocabulary=99)
    assert len(dataset.kind.vocabulary) == 99
    assert (dataset.train.inputs == 0).mean() > 0.4
    assert "404 characters not in the vocabulary (" in dataset.notes[0]


def test_names_are_divided_as_they_are_anyhow():
    how = {"kind": "corpus", "tokens": "bpe", "vocabulary": 257}  # which know every text
    found, names = load("unicode_names", **how), load("unicode_names")
    for ours, theirs in zip(texts_of(found), parts(names), strict=True):
        assert ours == "".join(f"{name}\n" for name in theirs.texts)
    assert found.kind.end is not None


@needs_data
def test_shakespeare_is_divided_as_in_nanogpt():
    dataset = load("tiny_shakespeare", kind="corpus")
    assert [len(part) for part in parts(dataset)] == [1_003_854, 111_540, 0]
    assert dataset.kind.decode(dataset.train.inputs[:15]) == "First Citizen:\n"
    assert "\n?\n\nGREMIO:\nGood morrow, neighbour Baptista.\n" in "\n" + texts_of(dataset)[1]


@pytest.mark.parametrize(
    ("data", "how", "sentence"),
    [
        (
            "mnist5k",
            {},
            "mnist5k: holds no text, but images: give a text file, a folder of such, o",
        ),
        ("my.txt", {"tokens": "words"}, "tokens 'words' is nothing that a running text is cut int"),
        ("my.txt", {"longest": 9}, "my.txt: --longest is for separate texts: leave it out"),
        ("my.txt", {"window": 9}, "my.txt: --window is for series: leave it out"),
        ("docstrings", {"normal": "x"}, "docstrings: --normal is for data with labels: leave it"),
        ("latin.txt", {}, "latin.txt: is not in UTF-8, as line 1 shows; save it as UTF-8"),
        ("empty.txt", {}, "empty.txt: is empty; give a file with text"),
        ("binary.bin", {}, "binary.bin: is no text; give a text file"),
        ("my.csv", {}, "my.csv: holds columns; say which one has the texts, as in my.csv:COLUMN"),
        ("none", {}, "none: holds no .txt or .md files; put some there"),
    ],
)
def test_what_cannot_be_read(tmp_path, monkeypatch, data, how, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.txt").write_text(TEXT)
    (tmp_path / "latin.txt").write_bytes("Käse".encode("latin-1"))
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "my.csv").write_text("a,b\n1,x\n")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError) as caught:
        load(data, kind="corpus", **how)
    assert sentence in str(caught.value)


def test_texts_that_do_not_fit_into_memory_are_refused(tmp_path, monkeypatch):
    (tmp_path / "my.txt").write_text(TEXT)
    monkeypatch.setattr("minae.data.text.files.available", lambda: 1000)
    with pytest.raises(InputError, match=r"my.txt: holds 0.0 GB of text, which take about"):
        load(tmp_path / "my.txt", kind="corpus")
