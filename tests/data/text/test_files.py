"""A user's texts: lines, files of a folder, cells of a column, and what cannot be read."""

import os

import numpy as np
import pytest

from minae.data.text import files
from minae.data.text.files import column_of, is_text, read_texts
from minae.errors import InputError, LeftOut

LINES = "First line.\n\n  Zweite Zeile: für Å.  \n \nlast"


def test_lines(tmp_path):
    path = tmp_path / "my.txt"
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes(LINES.replace("\n", end).encode())
        found = read_texts(path)
        assert found.texts == ["First line.", "Zweite Zeile: für Å.", "last"]
        assert found.names.tolist() == [1, 3, 5]
        assert found.labels is None
        assert found.notes == ["2 blank lines left out"]
    path.write_text("one\ntwo\n")
    assert (read_texts(path).texts, read_texts(path).notes) == (["one", "two"], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    (tmp_path / "my.txt").write_text(LINES, encoding=encoding)
    assert read_texts(tmp_path / "my.txt").texts[0] == "First line."
    assert read_texts(tmp_path / "my.txt").texts[1] == "Zweite Zeile: für Å."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; give a file with text"),
        (b" \n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        ("ascii\nfür".encode("latin-1"), "not in UTF-8, as line 2 shows; save it as UTF-8"),
        ("für".encode("utf-16")[:-1], "is damaged UTF-16; save it as UTF-8"),
        (b"MZ\0\0\0", "is no text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no text"),
        ("für".encode("utf-16-le"), "is no text"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(tmp_path, content, message):
    (tmp_path / "my.txt").write_bytes(content)
    with pytest.raises(InputError, match=rf"my\.txt: .*{message}"):
        read_texts(tmp_path / "my.txt")


def write_all(folder, **contents):
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_folder_whose_subfolders_are_labels(tmp_path):
    texts = {
        "b/x.txt": "xx\nyy",
        "a/y.md": "# A\n\nz",
        "a/deep/z.TXT": "deep",
        ".hidden/h.txt": "h",
    }
    found = read_texts(write_all(tmp_path, **texts))
    assert found.names.tolist() == ["a/deep/z.TXT", "a/y.md", "b/x.txt"]
    assert found.texts == ["deep", "# A\n\nz", "xx\nyy"]
    assert found.labels.tolist() == ["a", "a", "b"]
    assert found.notes == []


def test_the_odd_files_of_a_folder_are_named_and_the_rest_is_read(tmp_path):
    odd = {"empty.txt": "", "latin.txt": "für".encode("latin-1"), "binary.md": b"\0\1\2\xff"}
    found = read_texts(write_all(tmp_path, **odd, **{"good.txt": "good", "image.svg": "<svg>"}))
    assert (found.texts, found.names.tolist(), found.labels) == (["good"], ["good.txt"], None)
    assert [isinstance(note, LeftOut) for note in found.notes] == [True] * 3 + [False]
    assert found.notes == [
        "binary.md left out: it is no text; give a text file",
        "empty.txt left out: it is empty; give a file with text",
        "latin.txt left out: it is not in UTF-8, as line 1 shows; save it as UTF-8",
        "1 other file left out",
    ]
    (tmp_path / "good.txt").unlink()
    with pytest.raises(InputError, match=r"binary\.md left out: it is no text"):
        read_texts(tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_access(tmp_path):
    write_all(tmp_path, **{"a.txt": "a", "b.txt": "b"})
    (tmp_path / "a.txt").chmod(0)
    (note,) = read_texts(tmp_path).notes
    assert note == "a.txt left out: it cannot be read (Permission denied); give access to it"


def test_a_folder_without_texts(tmp_path):
    with pytest.raises(InputError, match=r"holds no \.txt or \.md files"):
        read_texts(tmp_path)


CSV = 'id,text,kind\nr1,"one, two",a\nr2,,b\nr3," three\nlines ",\nr4,NA,b\n007,4,a\n'


@pytest.fixture
def csv(tmp_path):
    (tmp_path / "my.csv").write_text(CSV)
    return tmp_path / "my.csv"


def test_a_column(csv):
    path = csv.with_name("my.csv:text")
    found = read_texts(path)
    assert found.texts == ["one, two", "three\nlines", "4"]
    assert (found.names.tolist(), found.labels) == ([0, 2, 4], None)
    assert found.notes == ["2 rows without a text left out"]
    found = read_texts(path, id_column="id", label_column="kind")
    assert found.names.tolist() == ["r1", "r3", "007"]
    assert found.labels.tolist() == ["a", "", "a"]
    assert read_texts(csv, "text").texts == found.texts
    assert read_texts(path, label_column="elsewhere").labels is None


@pytest.mark.parametrize(
    ("name", "ids", "message"),
    [
        ("my.csv:body", None, "has no column 'body'; the columns are id, text, kind"),
        ("my.csv:text", "number", "has no column 'number'"),
        ("my.csv", None, r"say which one has the texts, as in my\.csv:COLUMN"),
    ],
)
def test_columns_that_are_not_there(csv, name, ids, message):
    with pytest.raises(InputError, match=message):
        read_texts(csv.with_name(name), id_column=ids)


def test_a_column_is_named_behind_a_file_that_is_there(csv):
    assert column_of(csv.with_name("my.csv:text")) == (csv, "text")
    for name in ("my.csv", "my.csv:", "no.csv:text", "my.txt"):
        assert column_of(csv.with_name(name)) == (csv.with_name(name), None)


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (["a.txt", "b.md"], True),
        (["x/a.txt", "y/b.txt", "y/notes.pdf"], True),
        (["a.png", "readme.md"], False),
        (["x/a.png", "readme.md"], False),
        (["a.txt", "b.txt", "figure.png"], True),
        (["a.csv"], False),
        ([], False),
    ],
)
def test_a_folder_with_more_texts_than_pictures_is_one_of_texts(tmp_path, contents, expected):
    write_all(tmp_path, **dict.fromkeys(contents, "x"))
    assert is_text(tmp_path) == expected


def test_files_that_are_texts(csv):
    assert is_text(csv.with_name("my.csv:text"))
    assert is_text(csv.with_name("my.TXT"))
    assert not is_text(csv)


def test_texts_too_large_for_the_memory_are_refused_before_they_are_read(tmp_path, monkeypatch):
    write_all(tmp_path, **{"a.txt": "word " * 100, "b.txt": "word " * 100})
    monkeypatch.setattr(files, "available", lambda: 10_000)
    monkeypatch.setattr(files, "read_file", lambda path: pytest.fail("it was read"))
    with pytest.raises(InputError, match=r"holds 0\.0 GB of text.* give a part of it"):
        read_texts(tmp_path)
    monkeypatch.setattr(files, "available", lambda: 1000)
    with pytest.raises(InputError, match=r"a\.txt: holds"):
        read_texts(tmp_path / "a.txt")


def test_taken_texts_keep_names_and_labels(csv):
    found = read_texts(csv.with_name("my.csv:text"), "text", "id", "kind").take(np.array([2, 0]))
    assert (found.texts, found.names.tolist()) == (["4", "one, two"], ["007", "r1"])
    assert found.labels.tolist() == ["a", "a"]
