"""index_add on every backend: it undoes indexing, and adds up values with the same index."""

import numpy as np
import pytest

from .cases import assert_close, cut_into, normal, read_only

MASK = np.arange(20).reshape(4, 5) % 3 == 0
INDICES = {
    "int": 2,
    "negative int": -1,
    "numpy int": np.int64(1),
    "every int": (1, -2, 0),
    "slice": slice(1, None, 2),
    "reversed": (slice(None, None, -1), Ellipsis, 1),
    "none": (None, slice(None), 2, None),
    "ellipsis": Ellipsis,
    "empty tuple": (),
    "array": np.array([3, 0, 3, -1, 3]),
    "small array type": np.array([3, 0, 3], np.int8),
    "list": [0, 0, 1],
    "2-D array": np.array([[0, 1], [1, -4]]),
    "scalar array": np.array(2),
    "no rows": np.array([], np.int64),
    "middle axis": (slice(None), np.array([4, 4, 0])),
    "pairs": (np.array([0, 0, 3]), np.array([2, 2, -1])),
    "outer": (np.array([[0], [3]]), np.array([1, 1, 2])),
    "array, slice, array": (np.array([1, 1]), slice(None), np.array([1, 1])),
    "array, none": (np.array([1, 1]), None, slice(2)),
    "mask": MASK,
    "mask of rows": np.array([True, False, True, True]),
    "mask of nothing": np.zeros(4, bool),
    "mask and array": (np.array([False, True, False, False]), np.array([0, 0])),
    "mask and slice": (MASK, slice(1)),
    "list of bools": [True, False, True, False],
    "true": True,
    "false": False,
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_index_add_undoes_indexing(kernels, dtype, index):
    shape = (4, 5, 2)
    places = np.arange(40).reshape(shape)[index]
    values = normal(0, *places.shape, dtype=dtype)
    expected = np.zeros(40)
    for place, value in zip(places.ravel(), values.ravel(), strict=True):
        expected[place] += value
    assert_close(kernels.index_add(shape, index, values), expected.reshape(shape), dtype)


@pytest.mark.parametrize("rows", [5, 4000], ids=["few rows", "many rows"])
@pytest.mark.parametrize("number", [np.int64, np.int32])
@pytest.mark.parametrize("shares", [1, 3, 9])
def test_index_add_gathers_an_embeddings_gradient(kernels, dtype, rows, number, shares):
    index = np.random.default_rng(0).integers(-50, 50, size=(rows, 2)).astype(number)
    values = normal(1, rows, 2, 8, dtype=dtype)
    one_hot = np.eye(50)[index].reshape(2 * rows, 50)
    expected = one_hot.T @ values.reshape(2 * rows, 8)
    with cut_into(shares):
        assert_close(kernels.index_add((50, 8), index, values), expected, dtype)


def test_index_add_loses_nothing_in_long_sums(kernels):
    """Added up in float32, 2²⁴ + 1 is 2²⁴ again."""
    index, values = np.zeros(2**24 + 100, np.int8), np.ones((1, 1), np.float32)
    index[:2] = 1
    values = np.broadcast_to(values, (len(index), 1))
    assert kernels.index_add((2, 1), index, values).ravel().tolist() == [2**24 + 98, 2]


def test_index_add_broadcasts_its_values(kernels, dtype):
    values = read_only(np.array([1, 2], dtype))
    for index in ([0, 0, 2], slice(0, 2)):
        expected = np.zeros((3, 2))
        np.add.at(expected, index, values)
        assert_close(kernels.index_add((3, 2), index, values), expected, dtype)


@pytest.mark.parametrize("index", [4, [0, 4], (slice(None), np.array([5]))])
def test_index_add_refuses_a_place_outside(kernels, index):
    with pytest.raises(IndexError):
        kernels.index_add((4, 5), index, np.ones(()))
