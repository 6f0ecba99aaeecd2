"""CSV files as people have them: read alike, however they are written, or refused by the line."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.data import delimited
from minae.data.delimited import line_of, read_csv
from minae.data.kinds.columns import as_numbers, find_kind
from minae.errors import InputError

PLAIN = "id,x,colour\na,1.5,red\nb,-2.25,blue\nc,1000.5,red\n"
FORMS = {
    "plain": PLAIN.encode(),
    "no line end": PLAIN.strip().encode(),
    "Windows": PLAIN.replace("\n", "\r\n").encode(),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "decimal commas": PLAIN.replace(",", ";").replace(".", ",").encode(),
    "thousands": PLAIN.replace(",", ";").replace("1000.5", "1.000,5").replace(".25", ",25")
    .replace("1.5", "1,5").encode(),
    "quotes": PLAIN.replace("red", '"red"').encode(),
    "empty lines": PLAIN.replace("\n", "\n\n").encode(),
    "spaces in the header": PLAIN.replace("x,", " x ,").encode(),
}  # fmt: skip


def file_of(folder, content, name="my.csv"):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_table(form, tmp_path):
    frame = read_csv(file_of(tmp_path, FORMS[form]))
    assert list(frame) == ["id", "x", "colour"]
    assert frame.values.tolist() == [["a", 1.5, "red"], ["b", -2.25, "blue"], ["c", 1000.5, "red"]]


def test_dates_and_words_among_decimal_commas(tmp_path):
    rows = [f"{day:02}.03.1967;1.{day:03},5;2.000;{day},5" for day in range(1, 21)]
    path = file_of(tmp_path, "\n".join(["born;pay;sum;x", *rows, "21.03.1967;7;10;heavy"]))
    frame = read_csv(path)
    assert frame["born"].tolist() == [f"{day:02}.03.1967" for day in range(1, 22)]
    assert frame["pay"].tolist() == [*(1000.5 + day for day in range(1, 21)), 7]
    assert frame["sum"].tolist() == [2000.0] * 20 + [10]
    assert [find_kind(frame[name]) for name in frame] == ["time", "number", "number", "number"]
    with pytest.raises(InputError, match=r"line 22, column x: 'heavy' is no number; correct it$"):
        as_numbers(path, frame["x"])


def test_compressed(tmp_path):
    path = file_of(tmp_path, gzip.compress(PLAIN.encode()), "my.csv.gz")
    assert delimited.is_csv(path)
    assert read_csv(path).shape == (3, 3)


def test_without_a_header(tmp_path):
    frame = read_csv(file_of(tmp_path, "1,2\n3,4\n"))
    assert frame.to_dict("list") == {"column 1": [1, 3], "column 2": [2, 4]}


def test_texts_keep_their_zeros(tmp_path):
    path = file_of(tmp_path, "id,x\n007,1\n010,2\n")
    assert read_csv(path, ("id",))["id"].tolist() == ["007", "010"]


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)


@given(
    st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.integers(-(2**40), 2**40), names),
        min_size=1,
        max_size=20,
    )
)
def test_what_pandas_writes_is_read_back(tmp_path_factory, rows):
    frame = pd.DataFrame(rows, columns=["a number", "an integer", 'text, "quoted"'])
    path = file_of(tmp_path_factory.mktemp("csv"), frame.to_csv(index=False))
    again, expected = read_csv(path), pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    pd.testing.assert_frame_equal(again, expected)
    np.testing.assert_array_equal(again["a number"], frame["a number"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("x,y\n", "no rows below its header"),
        ("x,y\n1,2\n3,4,5\n", "line 3 has 3 fields, but the first row has 2"),
        ("x,y\n1,2\n\n3\n5,6\n", "line 4 has 1 fields|line 4 .* fields"),
        ("x,y,z\n1,2,3\n3,4\n", "line 3 has 2 fields, but the first row has 3"),
        ('x,y,z\n1,"a\nb",2\n3,4\n', "line 4 has 2 fields"),
        ("x,y\n1,2\nk\xf6ln,3\n".encode("latin-1"), "line 3 is not in UTF-8"),
        (b"\0" * 50, "is no text"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, sentence):
    with pytest.raises(InputError, match=sentence):
        read_csv(file_of(tmp_path, content))


def test_a_damaged_gzip_file(tmp_path):
    path = file_of(tmp_path, gzip.compress(PLAIN.encode() * 99)[:-20], "my.csv.gz")
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(path)


def test_too_large_for_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "available", lambda: 100.0)
    with pytest.raises(InputError, match=r"GB of text, which take about .* GB are free"):
        read_csv(file_of(tmp_path, PLAIN))


def test_a_row_is_found_again_by_its_line(tmp_path):
    path = file_of(tmp_path, 'x,y\n1,"a\nb"\n\n2,c\n')
    assert [line_of(path, row) for row in (0, 1)] == [3, 5]
