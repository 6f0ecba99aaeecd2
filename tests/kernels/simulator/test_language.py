import numpy as np
import pytest

from minae.kernels.cuda.launch.intrinsics import load4, mma_tf32, to_tf32
from minae.kernels.simulator import SimulationError, cuda, float32, int32, launch

FULL = 0xFFFFFFFF


def where_1d(x):
    x[cuda.grid(1)] = cuda.blockIdx.x * 100 + cuda.threadIdx.x


def where_2d(x):
    i, j = cuda.grid(2)
    x[i, j] = cuda.threadIdx.y * 10 + cuda.threadIdx.x


def where_3d(x, sizes):
    i, j, k = cuda.grid(3)
    thread = cuda.threadIdx
    x[i, j, k] = thread.x + thread.y * cuda.blockDim.x
    if i + j + k == 0:
        sizes[0], sizes[1], sizes[2] = cuda.gridDim.x, cuda.gridDim.y, cuda.gridDim.z
        sizes[3], sizes[4], sizes[5] = cuda.blockDim.x, cuda.blockDim.y, cuda.blockDim.z


def test_positions_in_one_two_and_three_dimensions():
    x = np.zeros(6, "i4")
    launch(where_1d, 2, 3, x)
    assert x.tolist() == [0, 1, 2, 100, 101, 102]

    x = np.zeros((4, 3), "i4")
    launch(where_2d, (2, 1), (2, 3), x)
    assert x.tolist() == [[0, 10, 20], [1, 11, 21]] * 2

    x, sizes = np.full((4, 3, 6), -1, "i4"), np.zeros(6, "i4")
    launch(where_3d, (2, 1, 3), (2, 3, 2), x, sizes)
    assert sizes.tolist() == [2, 1, 3, 2, 3, 2]
    assert x[:, :, 0].tolist() == [[0, 2, 4], [1, 3, 5]] * 2
    assert (x == x[:, :, :1]).all()


def lanes(x):
    x[cuda.threadIdx.x + 8 * cuda.threadIdx.y] = cuda.laneid


def test_threads_are_in_warps_by_x_first():
    x = np.zeros(40, "i4")
    launch(lanes, 1, (8, 5), x)
    assert x.tolist() == [*range(32), *range(8)]


def shuffle(y, how, by):
    lane = cuda.laneid
    value = float32(lane)
    if how == "from":
        value = cuda.shfl_sync(FULL, value, by)
    elif how == "down":
        value = cuda.shfl_down_sync(FULL, value, by)
    else:
        value = cuda.shfl_xor_sync(FULL, value, by)
    y[cuda.threadIdx.x] = value


@pytest.mark.parametrize(
    ("how", "by", "right"),
    [
        ("from", 5, [5] * 32),
        ("down", 3, [*range(3, 32), 29, 30, 31]),
        ("xor", 1, [lane ^ 1 for lane in range(32)]),
        ("xor", 16, [*range(16, 32), *range(16)]),
    ],
)
def test_shuffles(how, by, right):
    for seed in range(3):
        y = np.zeros(32, "f4")
        launch(shuffle, 1, 32, y, how, by, seed=seed)
        assert y.tolist() == right


def test_a_lane_that_does_not_exist_has_nothing_to_give():
    y = np.zeros(40, "f4")
    launch(shuffle, 1, 40, y, "down", 4)
    assert y[32:36].tolist() == [4, 5, 6, 7]
    assert np.isnan(y[36:]).all()


def two_shuffles(y):
    lane = float32(cuda.laneid)
    y[cuda.threadIdx.x] = cuda.shfl_sync(FULL, lane, 1) + cuda.shfl_sync(FULL, lane + 10, 2)


def test_exchanges_do_not_mix():
    y = np.zeros(64, "f4")
    launch(two_shuffles, 1, 64, y, seed=0)
    assert (y == 13).all()


def product(y):
    one = to_tf32(float32(1))
    y[cuda.threadIdx.x] = mma_tf32(one, one, one, one, one, one, 0, 0, 0, 0)[0]


def test_a_tensor_core_takes_a_whole_warp():
    y = np.zeros(32, "f4")
    launch(product, 1, 32, y)
    assert (y == 8).all()
    with pytest.raises(SimulationError, match=r"test_language\.py:\d+: the warp has no lane 31"):
        launch(product, 1, 31, y)


def number_them(x, order):
    order[cuda.grid(1)] = cuda.atomic.add(x, 0, 2)


def test_an_atomic_addition_returns_what_was_there():
    x, order = np.full(1, 5, "i4"), np.zeros(12, "i4")
    launch(number_them, 3, 4, x, order, seed=1)
    assert x[0] == 5 + 2 * 12
    assert sorted(order.tolist()) == list(range(5, 29, 2))
    assert order.tolist() != sorted(order.tolist())  # the seed changes who comes first


def shared_by_launch(y):
    tile = cuda.shared.array(0, float32)
    thread = cuda.threadIdx.x
    tile[thread] = float32(thread)
    cuda.syncthreads()
    y[thread] = tile[tile.shape[0] - 1 - thread]


def test_a_shared_array_can_get_its_size_from_the_launch():
    y = np.zeros(8, "f4")
    launch(shared_by_launch, 1, 8, y, shared_bytes=32)
    assert y.tolist() == [7, 6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(SimulationError, match=r"shared tile\[7\] is out of bounds"):
        launch(shared_by_launch, 1, 8, y, shared_bytes=28)
    with pytest.raises(SimulationError, match="makes 233472 bytes"):
        launch(shared_by_launch, 1, 8, y, shared_bytes=228 * 1024)


def two_shared_by_launch(y):
    one = cuda.shared.array(0, float32)
    other = cuda.shared.array(0, float32)
    one[0] = other[0] = y[0]


def too_much_shared(y):
    tile = cuda.shared.array(48 * 256 + 1, float32)
    tile[0] = y[0]


def test_shared_memory_has_limits():
    with pytest.raises(SimulationError, match="other: all shared arrays of length 0 start at"):
        launch(two_shared_by_launch, 1, 1, np.zeros(1, "f4"), shared_bytes=32)
    with pytest.raises(SimulationError, match="tile: a block has at most 49152 bytes"):
        launch(too_much_shared, 1, 1, np.zeros(1, "f4"))


def local(y, i):
    mine = cuda.local.array((2, 3), int32)
    for n in range(3):
        mine[0, n] = n + cuda.threadIdx.x
    y[cuda.threadIdx.x] = mine[i, 2]


def test_local_arrays_are_a_threads_own_and_checked():
    y = np.zeros(3, "i4")
    launch(local, 1, 3, y, 0)
    assert y.tolist() == [2, 3, 4]
    for i, says in ((1, "never written"), (2, "out of bounds"), (-1, "out of bounds")):
        with pytest.raises(SimulationError, match=rf"local mine\[{i}, 2\].*{says}"):
            launch(local, 1, 1, y, i)


def square(x):
    i = cuda.grid(1)
    x[i] = x[i] * x[i]


def test_floats_overflow_silently():
    x = np.full(2, 1e30, "f4")
    launch(square, 1, 2, x)
    assert np.isinf(x).all()


def index(x, i):
    x[i] = 0


def test_places_are_not_counted_from_the_end():
    with pytest.raises(SimulationError, match=r"test_language\.py:\d+: global x\[-1\] is out of"):
        launch(index, 1, 1, np.zeros(4, "f4"), -1)
    with pytest.raises(SimulationError, match="global x has 2 dimensions, not 1"):
        launch(index, 1, 1, np.zeros((2, 2), "f4"), 0)


def last_four(x, i):
    load4(x, i)


def test_vectors_stay_inside():
    launch(last_four, 1, 1, np.zeros(8, "f4"), 4)
    with pytest.raises(SimulationError, match=r"global x\[8:12\] is out of bounds"):
        launch(last_four, 1, 1, np.zeros(10, "f4"), 8)
    with pytest.raises(SimulationError, match=r"global x\[2\] is misaligned"):
        launch(last_four, 1, 1, np.zeros(8, "f4"), 2)


def test_what_cannot_be_launched():
    x = np.zeros((4, 4), "f4")
    with pytest.raises(ValueError, match="1 to 1024 threads, not 1056"):
        launch(square, 1, (33, 32), x)
    with pytest.raises(ValueError, match="x is not contiguous"):
        launch(square, 1, 1, x.T[1:])
    with pytest.raises(ValueError, match="order and x overlap"):
        launch(number_them, 1, 1, x[:2].reshape(-1), x[1:].reshape(-1))


def test_one_array_can_be_two_arguments():
    x = np.zeros(4, "i4")
    with pytest.raises(SimulationError, match="a race: global x"):
        launch(number_them, 1, 4, x, x)
