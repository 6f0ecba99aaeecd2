import itertools

import numpy as np
import pytest

from minae.data import Loader

ROWS = np.arange(10)


def rows_of(epoch):
    """The first array's rows of all batches, in order."""
    return np.concatenate([batch[0] for batch in epoch]).tolist()


@pytest.mark.parametrize(
    ("num_rows", "batch_size", "drop_last", "sizes"),
    [
        (10, 4, False, [4, 4, 2]),
        (10, 4, True, [4, 4]),
        (10, 5, False, [5, 5]),
        (10, 5, True, [5, 5]),
        (3, 4, False, [3]),
        (3, 4, True, []),
        (0, 4, False, []),
    ],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_batch_sizes(num_rows, batch_size, drop_last, sizes, shuffle):
    loader = Loader(
        np.zeros((num_rows, 2)), batch_size=batch_size, drop_last=drop_last, shuffle=shuffle
    )
    assert [len(batch) for (batch,) in loader.epoch(0)] == sizes
    assert len(loader) == len(sizes)
    assert loader.num_rows == num_rows


def test_every_row_comes_once_and_arrays_stay_together():
    images = np.arange(10 * 6, dtype=np.float32).reshape(10, 1, 2, 3)
    loader = Loader(images, ROWS, batch_size=3)
    batches = list(loader.epoch(5))
    labels = np.concatenate([label for _, label in batches])
    assert sorted(labels) == ROWS.tolist()
    assert labels.tolist() != ROWS.tolist()
    for image, label in batches:
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, images[label])


def test_order_depends_on_seed_and_epoch_only():
    used = Loader(ROWS, seed=3)
    list(used)
    list(used.epoch(7))
    for fresh in (Loader(ROWS, seed=3), Loader(ROWS, seed=3, batch_size=4)):
        assert rows_of(fresh.epoch(2)) == rows_of(used.epoch(2))
    expected = np.random.default_rng([3, 2]).permutation(10).tolist()
    assert rows_of(used.epoch(2)) == expected
    orders = {
        tuple(rows_of(Loader(ROWS, seed=seed).epoch(n)))
        for seed, n in itertools.product(range(3), range(3))
    }
    assert len(orders) == 9


def test_two_epochs_can_be_read_at_once():
    loader = Loader(ROWS, batch_size=2)
    pairs = list(zip(loader.epoch(0), loader.epoch(1), strict=True))
    assert rows_of(first for first, _ in pairs) == rows_of(loader.epoch(0))
    assert rows_of(second for _, second in pairs) == rows_of(loader.epoch(1))


def test_iterating_gives_successive_epochs():
    loader = Loader(ROWS, batch_size=4)
    next(iter(loader))  # an epoch that is left early counts as well
    assert rows_of(loader) == rows_of(loader.epoch(1))
    assert rows_of(loader) == rows_of(loader.epoch(2))


def test_without_shuffle_rows_keep_their_order():
    loader = Loader(ROWS, batch_size=4, shuffle=False)
    assert rows_of(loader.epoch(0)) == rows_of(loader.epoch(1)) == ROWS.tolist()


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_copies(shuffle):
    rows = ROWS.copy()
    for (batch,) in Loader(rows, shuffle=shuffle, batch_size=4).epoch(0):
        batch[:] = -1
    np.testing.assert_array_equal(rows, ROWS)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ((np.zeros((4, 2)), np.zeros(4), np.zeros((5, 3))), {}, r"\(4, 2\) and \(5, 3\)"),
        ((), {}, "at least one array"),
        ((ROWS,), {"batch_size": 0}, "batch_size must be at least 1, not 0"),
    ],
)
def test_bad_arguments(arrays, options, message):
    with pytest.raises(ValueError, match=message):
        Loader(*arrays, **options)
