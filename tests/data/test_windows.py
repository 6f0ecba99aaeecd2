"""Windows of a running text."""

import numpy as np
import pytest

from minae.data.windows import Windows, in_order

IDS = np.arange(100, 140, dtype=np.int32)


def test_an_epoch_can_be_repeated_and_the_next_one_is_another():
    windows = Windows(IDS, context=7, batch_size=8, per_epoch=20)
    batches = [batch for (batch,) in windows.epoch(3)]
    assert [batch.shape for batch in batches] == [(8, 8), (8, 8), (4, 8)]
    assert (len(windows), windows.num_rows) == (3, 20)
    for batch, (again,) in zip(batches, windows.epoch(3), strict=True):
        assert batch.dtype == np.int32
        np.testing.assert_array_equal(batch, again)
        np.testing.assert_array_equal(batch, batch[:, :1] + np.arange(8))
    assert not np.array_equal(batches[0], next(windows.epoch(4))[0])
    other = Windows(IDS, context=7, batch_size=8, per_epoch=20, seed=1)
    assert not np.array_equal(batches[0], next(other.epoch(3))[0])


def test_every_place_is_as_likely_as_any_other():
    windows = Windows(IDS, context=35, batch_size=1000, per_epoch=5000)
    begins = np.concatenate([batch[:, 0] for (batch,) in windows.epoch(0)]) - 100
    np.testing.assert_allclose(np.bincount(begins, minlength=5) / 1000, 1, atol=0.1)
    assert begins.max() == 4


@pytest.mark.parametrize("context", [1, 3, 39])
def test_in_order_each_token_is_predicted_once(context):
    windows = in_order(IDS, context)
    assert windows.shape == (39 // context, context + 1)
    assert np.shares_memory(windows, IDS)
    np.testing.assert_array_equal(windows[:, 1:].ravel(), IDS[1:])


def test_what_is_behind_the_last_whole_window_is_left_out():
    assert in_order(IDS, 15)[:, 0].tolist() == [100, 115]
    assert in_order(IDS, 40).tolist() == [IDS.tolist()]
