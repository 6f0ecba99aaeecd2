"""Tables: encoded and decoded, with gaps and categories that the training part has not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.data import load
from minae.data.kinds import describe, parse_kind
from minae.data.kinds.columns import Categories, Numbers
from minae.data.kinds.table import OTHER, TableKind
from minae.data.split import Split
from minae.errors import InputError

KIND = TableKind(
    [Numbers("age", 40.0, 10.0), Numbers("income", 100.0, 50.0, gaps=True)],
    [Categories("city", ["Oslo", "Rome"])],
    id_column="id",
    label_column="ill",
    classes=["no", "yes"],
)
CSV = "ill,city,id,income,age\nyes,Rome,a,150,50\nno,,b,,40\nmaybe,Bonn,c,100,\n"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "my.csv").write_text(CSV)
    return tmp_path / "my.csv"


def rows_csv(path, count=40, **columns):
    """Write a table of `count` rows: x from 0 on, y in turns a and b, and other columns."""
    table = {"x": np.arange(count), "y": np.where(np.arange(count) % 2, "a", "b"), **columns}
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def test_inputs(path):
    split, notes = KIND.read(path)
    assert (KIND.shape, KIND.binary, KIND.parts) == ((1, 1, 6), 4, ["age", "income", "city"])
    assert split.inputs.dtype == np.float32
    assert split.inputs[:, 0, 0].tolist() == [
        [1, 1, 0, 0, 1, 0],  # age, income, no gap, Oslo, Rome, another
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert split.labels.tolist() == [1, 0, -1]
    assert split.names.tolist() == ["a", "b", "c"]
    assert split.gaps.tolist() == [[False] * 3, [False, True, True], [True, False, False]]
    assert notes == []


def test_an_error_is_that_of_its_column_and_a_gap_has_none(path):
    split, _ = KIND.read(path)
    outputs = np.array([2, 3, 0.5, 0.25, 0.5, 0], np.float32) * np.ones((3, 1, 1, 6), np.float32)
    errors = KIND.errors(split, outputs)
    city = -np.log(0.75 * 0.5), -np.log(0.75 * 0.5 * 1e-7)
    np.testing.assert_allclose(errors, [[1, 4, city[0]], [4, 0, 0], [0, 9, city[1]]], rtol=1e-6)
    assert errors.dtype == np.float64
    assert not KIND.errors(split, split.inputs).round(6).any()


def test_in_its_own_units(path):
    split, _ = KIND.read(path)
    frame = KIND.decode(split.inputs, split.gaps)
    assert frame["city"].tolist()[0::2] == ["Rome", OTHER]
    np.testing.assert_array_equal(frame["age"], [50, 40, np.nan])
    assert frame.isna().to_numpy().tolist() == split.gaps.tolist()


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("ill,city,id,income,years", "has no column age, which the run was trained with"),
        ("ill,town,id,pay,years", "has no columns age, income, city"),
        ("ill,city,name,income,age", "has no column id"),
    ],
)
def test_a_missing_column_is_refused(path, header, sentence):
    path.write_text(CSV.replace("ill,city,id,income,age", header))
    with pytest.raises(InputError, match=rf"my\.csv: {sentence}"):
        KIND.read(path)


def test_the_order_of_columns_and_others_do_not_matter(path):
    frame = pd.read_csv(path).assign(more=1)[["more", "age", "income", "id", "city", "ill"]]
    frame.to_csv(path.with_name("other.csv"), index=False)
    other, notes = KIND.read(path.with_name("other.csv"))
    np.testing.assert_array_equal(other.inputs, KIND.read(path)[0].inputs)
    assert len(notes) == 1
    assert "column more left out" in notes[0]


def test_labels_may_be_missing(path):
    pd.read_csv(path).drop(columns="ill").to_csv(path, index=False)
    assert KIND.read(path)[0].labels is None


def test_a_kind_comes_back_from_json():
    assert parse_kind(describe(KIND)) == KIND
    for damaged in ({}, {"name": "sound"}, {**describe(KIND), "numbers": [{"name": 3}]}):
        with pytest.raises(InputError, match=r"kind\."):
            parse_kind(damaged)


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e6, 1e6),
            st.floats(-1e6, 1e6),
            st.none() | st.sampled_from("abc"),
        ),
        min_size=4,
        max_size=30,
    )
)
def test_any_table_is_encoded_and_decoded(tmp_path_factory, rows):
    frame = pd.DataFrame(rows, columns=["p", "q", "r"]).astype({"p": float, "q": float})
    path = tmp_path_factory.mktemp("any") / "my.csv"
    frame.to_csv(path, index=False)
    try:
        dataset = load(path, kind="table")
    except InputError as error:
        assert "no column of numbers" in str(error)  # noqa: PT017
        return
    kind = dataset.kind
    split, _ = kind.read(path)
    again = kind.decode(split.inputs, split.gaps)
    for column in (c for c in kind.numbers if c.std > 1e-3):
        np.testing.assert_allclose(
            again[column.name], frame[column.name], rtol=1e-5, atol=1e-5 * column.std + 1e-6
        )
    for column in kind.categories:
        known = frame[column.name].isin(column.values)
        assert (again[column.name][known] == frame[column.name][known]).all()
        assert (again[column.name].isna() == frame[column.name].isna()).all()
    assert np.isfinite(split.inputs).all()


# ---------------------------------------------------------------- as `load` cuts it


def test_it_is_scaled_by_the_rows_to_train_on(tmp_path):
    dataset = load(rows_csv(tmp_path / "my.csv"))
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [32, 4, 4]
    x = dataset.train.inputs[:, 0, 0, 0]
    assert abs(x.mean()) < 1e-6
    assert x.std() == pytest.approx(1, rel=1e-6)
    every = [part.inputs[:, 0, 0, 0] for part in (dataset.train, dataset.validation, dataset.test)]
    x = dataset.kind.numbers[0].unscaled(np.concatenate(every))
    assert sorted(x.round(3)) == list(range(40))
    assert dataset.kind.categories == [Categories("y", ["a", "b"])]


def test_only_normal_rows_are_trained_on(tmp_path):
    path = rows_csv(tmp_path / "my.csv")
    dataset = load(path, label_column="y", normal="a")
    assert set(dataset.train.labels) | set(dataset.validation.labels) == {0}
    assert (dataset.test.labels == 1).sum() == 20
    assert dataset.kind.parts == ["x"]
    assert "those that are not a" in dataset.notes[0]
    for how, sentence in (
        ({"normal": "a"}, "--normal needs labels"),
        ({"window": 5}, "--window is for series: leave it out"),
        (
            {"label_column": "y", "normal": "c"},
            "has no row with the label 'c'; the labels are a, b",
        ),
        ({"label_column": "z"}, "has no column 'z'; the columns are x, y"),
    ):
        with pytest.raises(InputError, match=sentence):
            load(path, **how)


def test_what_is_made_of_the_columns_is_said(tmp_path):
    more = {
        "when": [f"2014-01-{day % 28 + 1:02d}" for day in np.random.default_rng(0).permutation(40)],
        "note": [f"note {number}" for number in range(40)],
        "none": [None] * 40,
        "same": 3,
        "some": [None, *range(39)],
    }
    (line,) = load(rows_csv(tmp_path / "my.csv", **more)).notes
    assert "my.csv: a table of 40 rows, 3 columns of numbers and 1 column of categories" in line
    for said in (
        "column some with gaps", "column when left out: dates", "column note left out: text",
        "column none left out: empty", "column same always the same",
    ):  # fmt: skip
        assert said in line


def test_the_first_column_may_name_the_rows(tmp_path):
    pd.DataFrame({"id": range(9), "x": range(9)}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"who": list("ABCDEFGHI"), "x": range(9)}).to_csv(tmp_path / "b.csv", index=False)
    for name, column in (("a", "id"), ("b", "who")):
        dataset = load(tmp_path / f"{name}.csv")
        assert (dataset.kind.id_column, dataset.kind.parts) == (column, ["x"])
        assert len(set(dataset.train.names)) == 7


def test_arrays_are_tables(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    np.savez(tmp_path / "my.npz", x=x, y=y)
    dataset = load(tmp_path / "my.npz")
    assert isinstance(dataset.kind, TableKind)
    assert dataset.kind.classes == ["0", "1", "2"]
    assert set(dataset.train.labels) == {0, 1, 2}
    split, _ = dataset.kind.read(tmp_path / "my.npz")
    np.testing.assert_array_equal(split.labels, y)


def test_breast_cancer():
    dataset = load("breast_cancer", normal="benign")
    assert (dataset.image_shape, dataset.kind.classes) == ((1, 1, 30), ["benign", "malignant"])
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [
        290,
        36,
        243,
    ]
    assert (dataset.test.labels == 1).sum() == 212


def test_too_few_rows(tmp_path):
    with pytest.raises(InputError, match="holds too few rows: 2"):
        load(rows_csv(tmp_path / "my.csv", 2), kind="table")


def test_parts_are_joined():
    part = Split(np.zeros((2, 1, 1, 1), np.float32), names=np.array(["a", "b"], object))
    assert part.joined(part.take(slice(1))).names.tolist() == ["a", "b", "a"]
