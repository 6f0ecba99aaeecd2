"""What a column holds, and what is said of an entry that does not belong there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from minae.data.kinds import columns
from minae.data.kinds.columns import as_numbers, as_texts, as_times, find_kind, fit_numbers
from minae.errors import InputError

NPY = Path("my.npy")  # entries are named by their row, not by a line of text


def column(*values, name="x", dtype=None):
    return pd.Series(list(values), name=name, dtype=dtype)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1, 2, 3), "number"),
        ((1.5, None, 3.0), "number"),
        (("1", "2", *"3" * 20, "x"), "number"),  # with an error
        ((True, False), "category"),
        ((True, None, False), "category"),
        (("a", "b", "a"), "category"),
        (tuple(map(str, ["v1"] * 3 + ["v2"])), "category"),
        (tuple(f"note {i}" for i in range(60)), "text"),
        (("Ann", "Bob", "Cid"), "text"),
        (("2014-07-01", "2014-07-02"), "time"),
        (("1/7/2014 10:00", "2/7/2014 10:30"), "time"),
        (("01.07.2014", "02.07.2014"), "time"),
        (("1 July 2014", "2 July 2014"), "time"),
        (("2014-07-01T00:00:00Z", None), "time"),
        ((None, None), "nothing"),
        (("1.2.3", "1.2.4", "1.2.3"), "category"),
    ],
)
def test_what_a_column_holds(values, kind):
    assert find_kind(column(*values)) == kind


def test_seconds_since_1970_are_times_by_their_name():
    seconds = (1_700_000_000, 1_700_000_060)
    assert find_kind(column(*seconds, name="Timestamp")) == "time"
    assert find_kind(column(*seconds, name="salary")) == "number"
    for scale in (1, 10**3, 10**6, 10**9):
        times = as_times(NPY, column(*(s * scale for s in seconds), name="time"))
        assert times.astype("datetime64[s]").astype(int).tolist() == list(seconds)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (("1", "abc", "3"), "row 1, column x: 'abc' is no number"),
        ((1.0, np.inf), "row 1, column x: 'inf' is infinite"),
        ((1, 2**60), "row 1, column x: '1152921504606846976' has too many digits"),
        ((str(2**90), "1"), "row 0, column x: .* has too many digits"),
        (("a", "b"), r"row 0, column x: 'a' is no number; correct it \(and 1 more\)"),
    ],
)
def test_what_is_no_number_is_named(values, sentence):
    with pytest.raises(InputError, match=sentence):
        as_numbers(NPY, column(*values))


def test_a_line_of_text_is_named(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text('x,y\n1,"a\nb"\n\noops,2\n')
    with pytest.raises(InputError, match="line 5, column x: 'oops' is no number"):
        as_numbers(path, column("1", "oops"))


def test_numbers_of_any_size_are_scaled():
    for factor in (1e-300, 1.0, 1e39, 1e300):
        values = np.array([1.0, 2.0, np.nan, 3.0]) * factor
        fitted = fit_numbers("x", values)
        assert fitted.gaps
        scaled = fitted.scaled(values).astype(np.float32)
        np.testing.assert_allclose(scaled, [-1.2247449, 0, 0, 1.2247449], rtol=1e-6)
        np.testing.assert_allclose(fitted.unscaled(scaled)[[0, 1, 3]], values[[0, 1, 3]], rtol=1e-6)
    assert fit_numbers("x", np.array([0.0, 1.0])).scaled(np.array([1e300, -1e300])).tolist() == [
        columns.LARGEST,
        -columns.LARGEST,
    ]


@pytest.mark.parametrize(
    "values", [[0, 1, 43, 79], [0.1, 20.7, -3], [1e6, 1e6 + 1, 0], [2e-9, 1e-9]]
)
def test_a_number_comes_back_with_its_own_decimals(values):
    fitted = fit_numbers("x", np.array(values, float))
    scaled = fitted.scaled(np.array(values)).astype(np.float32)
    assert [f"{value:.7g}" for value in fitted.unscaled(scaled)] == [f"{v:.7g}" for v in values]


@pytest.mark.parametrize("values", [[7.0, 7.0, 7.0], [0.1] * 7, [np.nan, np.nan]])
def test_a_column_that_does_not_vary_is_zero(values):
    values = np.array(values)
    assert not fit_numbers("x", values).scaled(values).any()


def test_texts():
    assert as_texts(column(1.0, None, 3.0)).tolist() == ["1", None, "3"]
    assert as_texts(column("TRUE", "false", " a ")).tolist() == ["True", "False", "a"]
    assert as_texts(column(True, False)).tolist() == ["True", "False"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("2014-07-01", "2014-07-01 00:30:00"), ["2014-07-01T00:00", "2014-07-01T00:30"]),
        (("30/12/2014", "31/12/2014"), ["2014-12-30T00:00", "2014-12-31T00:00"]),
        # both ways make sense, and one of them makes regular steps
        (("01/02/2014", "02/02/2014", "03/02/2014"), [f"2014-02-0{d}T00:00" for d in (1, 2, 3)]),
        (("01/02/2014", "01/03/2014", "01/04/2014"), [f"2014-01-0{d}T00:00" for d in (2, 3, 4)]),
        (("2014-07-01T00:00+02:00", "2014-07-01T00:00Z"), ["2014-06-30T22:00", "2014-07-01T00:00"]),
    ],
)
def test_times(texts, expected):
    times = as_times(NPY, column(*texts))
    assert times.astype("datetime64[m]").astype(str).tolist() == expected


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (("2014-07-01", "soon"), "row 1, column x: 'soon' is no time like those before"),
        (("2014-07-01", None), "row 1, column x: the time is missing"),
    ],
)
def test_what_is_no_time_is_named(texts, sentence):
    with pytest.raises(InputError, match=sentence):
        as_times(NPY, column(*texts))
