"""Rows of different lengths: taken, padded, joined, and put into batches."""

import numpy as np
import pytest

from minae.data import Loader, Ragged, Split
from minae.train.state import hash_of

ROWS = [[5, 6, 3], [3], [], [7, 8, 9, 3]]


@pytest.fixture
def ragged():
    return Ragged.of(ROWS)


def lists(ragged):
    return [row.tolist() for row in ragged]


def test_rows(ragged):
    assert (len(ragged), ragged.shape, ragged.lengths.tolist()) == (4, (4,), [3, 1, 0, 4])
    assert (ragged.values.dtype, ragged.offsets.dtype) == (np.int32, np.int64)
    assert lists(ragged) == ROWS
    assert lists(Ragged.of([])) == []


@pytest.mark.parametrize(
    "rows",
    [
        slice(1, 3),
        slice(None, None, -1),
        slice(0),
        np.array([3, 0, 3]),
        np.array([], int),
        np.array([True, False, False, True]),
    ],
)
def test_taken_rows_are_those_of_an_array_of_lists(ragged, rows):
    expected = np.array([*ROWS, None], object)[:-1][rows].tolist()
    taken = ragged[rows]
    assert lists(taken) == expected
    assert (taken.values.dtype, taken.offsets.dtype) == (np.int32, np.int64)
    taken.values[...] = -1
    assert lists(ragged) == ROWS


def test_padded_cut_and_joined(ragged):
    assert ragged.padded().tolist() == [[5, 6, 3, 0], [3, 0, 0, 0], [0] * 4, [7, 8, 9, 3]]
    assert ragged.padded().dtype == np.int32
    assert Ragged.of([]).padded().shape == (0, 0)
    assert lists(ragged.cut(2)) == [[5, 6], [3], [], [7, 8]]
    assert lists(ragged.joined(ragged[:1])) == [*ROWS, ROWS[0]]


def test_a_split_of_texts(ragged):
    split = Split(ragged, np.arange(4), np.array(list("abcd"), object))
    part = split.take(np.array([3, 1]))
    assert (lists(part.inputs), part.labels.tolist()) == ([ROWS[3], ROWS[1]], [3, 1])
    both = part.joined(split.take(slice(1)))
    assert (lists(both.inputs), both.names.tolist()) == ([ROWS[3], ROWS[1], ROWS[0]], list("dba"))


def many(count=1000):
    """Rows that begin with their own number, from 1, and are of any length up to 40."""
    lengths = np.random.default_rng(0).integers(1, 40, count)
    return Ragged.of([[i + 1] * length for i, length in enumerate(lengths)])


def test_batches_of_texts_are_padded_to_their_longest_and_keep_their_labels():
    ragged = many()
    seen = []
    for batch, labels in Loader(ragged, np.arange(1000), batch_size=16).epoch(3):
        assert (batch.dtype, batch.ndim) == (np.int32, 2)
        assert (batch[:, -1] > 0).any()
        assert (batch[:, 0] == labels + 1).all()
        np.testing.assert_array_equal((batch > 0).sum(axis=1), ragged.lengths[labels])
        seen += labels.tolist()
    assert sorted(seen) == list(range(1000)) != seen


def test_batches_hold_rows_of_similar_length_in_an_order_by_seed_and_epoch():
    ragged = many(5000)
    batches = [batch for (batch,) in Loader(ragged, batch_size=16).epoch(0)]
    padded = sum(batch.size for batch in batches)
    assert padded < 1.1 * len(ragged.values)  # in any order it is nearly twice that
    widths = np.array([batch.shape[1] for batch in batches])
    assert abs(np.corrcoef(widths[:-1], widths[1:])[0, 1]) < 0.2  # short and long ones in turns
    again = [batch for (batch,) in Loader(ragged, batch_size=16).epoch(0)]
    assert all(np.array_equal(*pair) for pair in zip(batches, again, strict=True))
    for other in (Loader(ragged, batch_size=16).epoch(1), Loader(ragged, seed=1).epoch(0)):
        assert not np.array_equal(batches[0], next(other)[0])


def test_batches_can_be_of_any_lengths():
    ragged = many(5000)
    batches = [batch for (batch,) in Loader(ragged, batch_size=16, by_length=False).epoch(0)]
    assert sum(batch.size for batch in batches) > 1.7 * len(ragged.values)


def test_every_row_has_its_turn_in_the_smaller_batch():
    """The rest of an epoch is not always made of the longest rows."""
    loader = Loader(Ragged.of([[i + 1] * (i + 1) for i in range(5)]), batch_size=4)
    batches = [batch for epoch in range(40) for (batch,) in loader.epoch(epoch)]
    assert {int(batch[0, 0]) for batch in batches if len(batch) == 1} == {1, 2, 3, 4, 5}


def test_unshuffled_the_order_stays():
    ragged = many(10)
    batches = [b for (b,) in Loader(ragged, batch_size=4, shuffle=False).epoch(0)]
    assert [row[0] for batch in batches for row in batch] == list(range(1, 11))


def test_a_hash_tells_rows_from_other_rows(ragged):
    others = [Ragged.of([[5, 6], [3, 3], [], [7, 8, 9, 3]]), ragged[::-1], ragged[:3]]
    assert len({hash_of(each) for each in (ragged, *others)}) == 4
    assert hash_of(ragged) == hash_of(Ragged.of(ROWS))
