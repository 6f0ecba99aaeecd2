"""Texts by `load`: a user's own, and the named datasets."""

import os

import numpy as np
import pandas as pd
import pytest

from minae.data import TextKind, load
from minae.data.named import TEXTS
from minae.data.text import docstrings
from minae.errors import InputError

needs_data = pytest.mark.skipif(
    not os.environ.get("MINAE_DATA"), reason="MINAE_DATA names no folder with the full datasets"
)


def parts(dataset):
    return dataset.train, dataset.validation, dataset.test


def texts_of(dataset):
    return [text for part in parts(dataset) for text in dataset.kind.decode(part.inputs)]


@pytest.fixture
def lines(tmp_path):
    """A file of 50 lines; line i, from 1, has i in it, and 10 a blank line before it."""
    text = [f"This is line {i % 10} of some." + "\n" * (1 + (i == 9)) for i in range(1, 51)]
    (tmp_path / "my.txt").write_text("".join(text))
    return tmp_path / "my.txt"


def test_lines(lines):
    dataset = load(lines)
    assert [len(part) for part in parts(dataset)] == [40, 5, 5]
    assert isinstance(dataset.kind, TextKind)
    assert (dataset.kind.tokens, dataset.name) == ("words", "my.txt")
    numbers = np.concatenate([part.names for part in parts(dataset)])
    assert sorted(numbers) == [*range(1, 10), *range(11, 52)]
    assert dataset.notes[0] == "my.txt: 1 blank line left out"
    said = f"my.txt: 50 texts, cut into words (a vocabulary of {len(dataset.kind.vocabulary)}, "
    assert dataset.notes[1].startswith(said + "which lacks ")
    assert "at most 7 in a text); --kind table reads it as a table" in dataset.notes[1]
    assert dataset.kind.decode(dataset.test.inputs)[0].startswith("this is line ")
    assert texts_of(load(lines, seed=1)) != texts_of(dataset) == texts_of(load(lines))
    assert len(load(lines, validation=0).validation) == 0


def test_how_texts_are_cut(lines):
    dataset = load(lines, tokens="characters", vocabulary=9, longest=6)
    assert dataset.kind.tokens == "characters"
    assert len(dataset.kind.vocabulary) == 9
    assert max(part.inputs.lengths.max() for part in parts(dataset)) == 6
    assert "my.txt: 50 texts are longer than 5 characters and are cut there" in dataset.notes
    assert "tokens" in load(lines, tokens="bpe").notes[-1]


def test_the_vocabulary_is_that_of_the_training_part(tmp_path):
    (tmp_path / "my.txt").write_text("".join(f"common word{i // 2}\n" for i in range(60)))
    dataset = load(tmp_path / "my.txt")
    found = {*dataset.kind.decode(dataset.train.inputs)}
    assert "common <unk>" in found
    assert sum(text == "common <unk>" for text in dataset.kind.decode(dataset.test.inputs)) > 1


def test_a_column_with_ids_and_labels(tmp_path):
    ids = [f"r{i:02}" for i in range(60)]
    bodies = [f"{'good' if i % 3 else 'bad'} thing" for i in range(60)]
    table = {"id": ids, "body": bodies, "label": np.where(np.arange(60) % 3, "yes", "no")}
    pd.DataFrame(table).to_csv(tmp_path / "my.csv", index=False)
    path = f"{tmp_path / 'my.csv'}:body"
    dataset = load(path, id_column="id", label_column="label")
    kind = dataset.kind
    assert isinstance(kind, TextKind)
    assert (kind.text_column, kind.id_column, kind.label_column) == ("body", "id", "label")
    assert kind.classes == ["no", "yes"]
    for part in parts(dataset):
        good = np.array([text.startswith("good") for text in kind.decode(part.inputs)])
        assert (part.labels == good).all()
        assert ((np.array([int(name[1:]) for name in part.names]) % 3 > 0) == good).all()
    normal = load(path, label_column="label", normal="yes")
    assert (normal.train.labels == 1).all()
    assert (normal.test.labels == 0).sum() == 20


def test_a_folder_with_labels(tmp_path):
    for i in range(40):
        path = tmp_path / "ab"[i % 2] / f"{i}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# Title {i}\n\nAll of a file is one text.")
    dataset = load(tmp_path)
    assert dataset.kind.classes == ["a", "b"]
    assert [name[0] for name in dataset.test.names] == ["ab"[k] for k in dataset.test.labels]
    assert "2 labels" in dataset.notes[-1]
    assert "--kind" not in dataset.notes[-1]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"window": 3}, "--window is for series: leave it out"),
        ({"label_column": "x"}, "has no column 'x', as it is no CSV file: leave it out"),
        ({"id_column": "x"}, "has no column 'x', as it is no CSV file: leave it out"),
        ({"normal": "x"}, "--normal needs labels"),
        ({"validation": 45}, "cannot set aside 45 texts"),
        ({"tokens": "syllables"}, "tokens 'syllables' is unknown"),
    ],
)
def test_options_that_do_not_fit(lines, how, message):
    with pytest.raises(InputError, match=message):
        load(lines, **how)


@pytest.mark.parametrize("column", ["id_column", "label_column"])
def test_a_named_dataset_has_no_columns(column):
    with pytest.raises(InputError, match="unicode_names has no column 'x'"):
        load("unicode_names", **{column: "x"})


def test_a_label_column_that_is_not_there(tmp_path):
    (tmp_path / "my.csv").write_text("body\n" + "two words\n" * 5)
    with pytest.raises(InputError, match=r"my\.csv:body: has no column 'x'"):
        load(f"{tmp_path / 'my.csv'}:body", label_column="x")


def test_too_few_texts(tmp_path):
    (tmp_path / "my.txt").write_text("one\n\none\n")
    with pytest.raises(
        InputError, match=r"holds too few texts \(lines, cells or files\): 2, and at least 3"
    ):
        load(tmp_path / "my.txt")


def test_a_text_file_is_a_table_if_that_is_said(tmp_path):
    (tmp_path / "my.txt").write_text("x\ty\n" + "".join(f"{i}\t{i * i}\n" for i in range(20)))
    assert load(tmp_path / "my.txt").kind.name == "text"
    assert load(tmp_path / "my.txt", kind="table").kind.name == "table"
    (tmp_path / "my.txt").rename(tmp_path / "my.csv")
    with pytest.raises(InputError, match="which one has the texts"):
        load(tmp_path / "my.csv", kind="text")


@pytest.mark.parametrize(
    ("name", "sizes", "labels"),
    [
        ("unicode_names", [10_217, 1_277, 1_277], 7),
        pytest.param("trec", [4952, 500, 500], 6, marks=needs_data),
        pytest.param("names", [23_596, 2_949, 2_949], 0, marks=needs_data),
        pytest.param("tiny_shakespeare", [20_445, 2_556, 2_556], 0, marks=needs_data),
    ],
)
def test_named_datasets_never_change(name, sizes, labels):
    found = [load(name, seed=seed) for seed in (0, 1)]
    for dataset in found:
        assert [len(part) for part in parts(dataset)] == sizes
        assert len(dataset.kind.classes) == labels
    assert texts_of(found[0])[:100] == texts_of(found[1])[:100]


def test_small_and_capital_letters_are_in_the_same_part():
    texts, test = TEXTS["unicode_names"]()
    held_out, others = {*texts.texts[-test:]}, {*texts.texts[:-test]}
    capitals = [text for text in held_out if " CAPITAL " in text]
    assert len(capitals) > 90
    assert not others & {text.replace(" CAPITAL ", " SMALL ") for text in capitals}
    pi = texts.texts.index("GREEK SMALL LETTER PI")
    assert (texts.names[pi], texts.labels[pi]) == ("U+03C0", "letter")


@needs_data
def test_the_last_questions_are_the_official_test_part():
    texts, test = TEXTS["trec"]()
    assert texts.texts[-test] == "How far is it from Denver to Aspen ?"
    assert texts.labels[-test] == "NUM"
    for part in (slice(4952), slice(4952, 5452)):
        _, counts = np.unique(texts.labels[part], return_counts=True)
        np.testing.assert_allclose(
            counts / counts.sum(), [0.016, 0.213, 0.229, 0.224, 0.153, 0.164], atol=0.01
        )


@needs_data
def test_what_is_said_in_plays_and_not_who_says_it():
    texts, _ = TEXTS["tiny_shakespeare"]()
    assert texts.texts[:2] == ["Before we proceed any further, hear me speak.", "Speak, speak."]
    assert all(texts.texts)
    names, _ = TEXTS["names"]()
    assert {"emma", "olivia"} < {*names.texts}
    assert len({*names.texts}) == len(names.texts)


def test_docstrings_are_kept_under_their_versions(tmp_path, monkeypatch):
    """Collected once, then read; what is there and is no JSON is collected anew."""
    monkeypatch.setattr(docstrings, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(docstrings, "FEWEST_DOCUMENTS", 2)
    some = [("a.f", "a", "text one"), ("a.g", "a", "text two"), ("b.f", "b", "three")]
    monkeypatch.setattr(docstrings, "documents", lambda: iter([*some, some[0]]))
    first = docstrings.read_docstrings()
    assert (first.texts, first.labels.tolist()) == (["text one", "text two"], ["a", "a"])
    assert first.names.tolist() == ["a.f", "a.g"]
    assert f"numpy {np.__version__}" in first.notes[0]
    (path,) = tmp_path.iterdir()
    assert np.__version__ in path.name
    monkeypatch.setattr(docstrings, "documents", lambda: pytest.fail("collected again"))
    assert docstrings.read_docstrings().texts == first.texts
    path.write_text("{")
    monkeypatch.setattr(docstrings, "documents", lambda: iter(some))
    assert docstrings.read_docstrings().texts == first.texts
