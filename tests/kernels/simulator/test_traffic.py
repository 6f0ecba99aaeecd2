import numpy as np
import pytest

from minae.kernels.cuda.launch.intrinsics import (
    close_copies,
    copy1,
    copy4,
    load4,
    store4,
    wait_copies0,
)
from minae.kernels.simulator import Traffic, cuda, float32, launch

WARPS = 2


def gather(x, y, stride, offset):
    i = cuda.grid(1)
    y[i] = x[i * stride + offset]


def count_gather(stride, offset, threads=32 * WARPS) -> Traffic:
    x = np.zeros(threads * max(stride, 1) + offset, "f4")
    return launch(gather, 1, threads, x, np.zeros(threads, "f4"), stride, offset, count=True)


@pytest.mark.parametrize(
    ("stride", "offset", "sectors"),
    [
        (1, 0, 4),  # 128 bytes side by side
        (1, 8, 4),  # from the next sector on
        (1, 1, 5),  # and between: half the first and half the last are of no use
        (2, 0, 8),
        (8, 0, 32),  # each number in a sector of its own
        (100, 0, 32),
        (0, 3, 1),  # all the same one
    ],
)
def test_sectors_of_global_loads(stride, offset, sectors):
    loads = count_gather(stride, offset).total("global", "load")
    assert (loads.requests, loads.bytes, loads.sectors) == (WARPS, WARPS * 128, WARPS * sectors)


def test_loads_and_stores_are_told_apart():
    traffic = count_gather(8, 0)
    assert traffic.total("global", "store").sectors == WARPS * 4
    both = traffic.total("global")
    assert (both.requests, both.bytes, both.sectors) == (2 * WARPS, 2 * WARPS * 128, WARPS * 36)
    assert traffic.total("shared").requests == 0


def test_a_warp_that_lacks_lanes_wants_less():
    loads = count_gather(1, 0, threads=20).total("global", "load")
    assert (loads.requests, loads.bytes, loads.sectors) == (1, 80, 3)


def shared_gather(y, stride, width):
    tile = cuda.shared.array(32 * 33, float32, alignment=16)
    thread = cuda.threadIdx.x
    for i in range(thread, 32 * 33, 32):
        tile[i] = float32(i)
    cuda.syncthreads()
    if width == 4:
        y[thread] = load4(tile, thread * stride)[0]
    else:
        y[thread] = tile[thread * stride]


@pytest.mark.parametrize(
    ("stride", "width", "waves"),
    [
        (1, 1, 1),
        (0, 1, 1),  # one word for all: no conflict
        (2, 1, 2),
        (16, 1, 16),
        (32, 1, 32),
        (33, 1, 1),  # what a column of padding is for
        (4, 4, 4),  # 512 bytes, 128 at a time
        (8, 4, 8),
        (32, 4, 32),
    ],
)
def test_waves_of_shared_loads(stride, width, waves):
    y = np.zeros(32, "f4")
    traffic = launch(shared_gather, 1, 32, y, stride, width, count=True)
    loads, stores = traffic.total("shared", "load"), traffic.total("shared", "store")
    assert (loads.requests, loads.bytes, loads.waves) == (1, 128 * width, waves)
    assert (stores.requests, stores.waves) == (33, 33)
    assert (y == np.arange(32) * stride).all()


def vectors(x, y):
    i = 4 * cuda.grid(1)
    store4(y, i, *load4(x, i))


def test_vector_loads_take_a_quarter_of_the_requests():
    x, y = np.arange(256, dtype="f4"), np.zeros(256, "f4")
    traffic = launch(vectors, 1, 64, x, y, count=True)
    for kind in ("load", "store"):
        total = traffic.total("global", kind)
        assert (total.requests, total.bytes, total.sectors) == (2, 1024, 32)
    assert (x == y).all()


def copies(x):
    tile = cuda.shared.array(160, float32, alignment=16)
    thread = cuda.threadIdx.x
    copy4(tile, thread * 4, x, thread * 4, thread < 16)
    copy1(tile, 128 + thread, x, 128 + thread, True)
    close_copies()
    wait_copies0()


def test_copies_load_and_store_and_load_nothing_that_is_not_valid():
    traffic = launch(copies, 1, 32, np.zeros(160, "f4"), count=True)
    loads, stores = traffic.total("global", "load"), traffic.total("shared", "store")
    assert (loads.requests, loads.bytes, loads.sectors) == (2, 256 + 128, 8 + 4)
    assert (stores.requests, stores.bytes, stores.waves) == (2, 512 + 128, 4 + 1)


def naive_matmul(a, b, c):
    column, row = cuda.grid(2)
    total = float32(0)
    for k in range(a.shape[1]):
        total += a[row, k] * b[k, column]
    c[row, column] = total


def test_each_turn_of_a_loop_is_a_request_of_each_warp():
    a = np.zeros((8, 8), "f4")
    traffic = launch(naive_matmul, 1, (8, 8), a, a, a.copy(), count=True)
    # A warp has 4 rows of 8: one number of a for each row, each in its sector; 8 of b side by side.
    of_a, of_b = traffic.requests[:8], traffic.requests[8:16]
    assert [request.sectors for request in of_a] == [4] * 8
    assert [request.sectors for request in of_b] == [1] * 8
    assert traffic.total("global", "load").requests == 2 * 8 * 2
    assert of_a[0].line.startswith("test_traffic.py:")


def test_nothing_is_counted_unless_asked_for():
    assert launch(vectors, 1, 1, np.zeros(4, "f4"), np.zeros(4, "f4")) is None
