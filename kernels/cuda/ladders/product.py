"""Which kernel multiplies two given matrices on a GPU, and in how many parts.

A product is cut into *tiles* of c, each of which a block of threads computes on one of the GPU's
multiprocessors (an H100 has 132). A large tile reads less: 128 x 128 entries need 256 numbers for
each k, one for 64 products; 64 x 64 entries need 128, one for 32. But the products of an
autoencoder are small, and few large tiles leave most multiprocessors idle. Besides, blocks come in
*waves*: on 132 multiprocessors, 133 blocks take twice as long as 132, since one of them gets two.
Where there are few waves, small tiles make these steps finer.

If there are too few tiles of any size, k is cut, too (*split-K*): each block computes a part of a
tile's sums, and a second kernel adds the parts in a fixed order, so that every run gives the same
bits. That costs a launch, and writing and reading the parts.

An example: a layer of 784 -> 512 and a batch of 128, so M = 128, N = 512 and K = 784, which is 49
steps of 16. `clocks` estimates, in clocks of an H100:

    tile        splits   blocks          steps x clocks of a step + start + the parts
    128 x 128        1   4               49 x (2048 + 512) + 1000                  = 126440
    128 x 64         1   8               49 x (1024 + 384) + 1000                  =  69992
    64 x 64          1   16              49 x (1024 + 256) + 1000                  =  63720
    64 x 64         13   16 x 13 = 208    4 x (1024 + 512) + 1000 + 3000 + 3227    =  13371
    128 x 64        13    8 x 13 = 104    4 x (1024 + 384) + 1000 + 3000 + 3227    =  12859

A step of 128 x 64 is 16 x 128 x 64 products at 128 per clock, or 1024 clocks, and fetches
16 x (128 + 64) numbers of 4 bytes at 32 bytes per clock, in 384. A block of 64 x 64 has half the
products and takes 1024 as well, because its two warps keep only two of the multiprocessor's four
schedulers busy; two such blocks take no longer, which is what the 208 blocks in two waves are. The
parts are 13 x 128 x 512 numbers, written and read at 16 bytes per clock and multiprocessor: 3227
clocks. A launch takes 3000. `plan` tries everything: 13 splits of 4 steps (the last has 1) of
128 x 64 are the fastest.

The estimate is crude, and its constants are assumptions: it only has to tell apart choices that
differ much. It depends on the sizes and the number of multiprocessors alone, so a product has the
same bits in every run.
"""

from collections.abc import Callable
from functools import cache
from math import ceil, prod
from typing import NamedTuple

from minae.kernels.arrays import Array
from minae.kernels.cuda.ladders import gemm
from minae.kernels.cuda.ladders.pipeline import ADD_SPLITS, BK
from minae.kernels.cuda.launch.rung import Rung, Step

TILES = (128, 128), (128, 64), (64, 64)
WARP_ENTRIES = 32 * 64  # of c, per warp; the same for both kernels
AT_A_TIME = 2 * 128 * 128  # entries of c in a multiprocessor's registers, of several blocks
SCHEDULERS = 4  # of a multiprocessor; each warp belongs to one
FLOATS_A_CLOCK, TF32_A_CLOCK = 128, 512  # products per multiprocessor
FETCHED = 32  # bytes per clock that a multiprocessor reads for its tiles
MOVED = 16  # bytes per clock of memory traffic, per multiprocessor
START = 1000  # clocks to fetch a block's first tiles and to store its entries
LAUNCH = 3000  # clocks until the next kernel runs
MOST_WAVES = 4  # that splits may cause


class Plan(NamedTuple):
    """How a product is cut: into tiles of c, and k into splits of `length`."""

    tile: tuple[int, int]
    splits: int
    length: int


def product(
    a: Array, b: Array, c: Array, empty: Callable[[tuple[int, ...]], Array],
    bias: Array | None = None, relu: bool = False, add: bool = False, *,
    transposed_a: bool = False, transposed_b: bool = False,
    tf32: bool = False, processors: int = 132,
) -> list[Step]:  # fmt: skip
    """Return the launches that compute c = relu(a b + bias), or c = relu(a b + bias + c) if `add`.

    a is (M, K), or (K, M) if transposed_a, b (K, N), or (N, K) if transposed_b, c (M, N), bias
    (N,): contiguous and float32. Only their shapes and addresses matter here. `empty` makes a
    float32 workspace of a given shape. With tf32, tensor cores multiply, which keep 10 bits after
    the point (from sm_80 on). processors: the number of multiprocessors.

    Raises ValueError if shapes do not fit, or if an array has 2^31 numbers or more.
    """
    M, N, K = _sizes(a, b, c, bias, transposed_a, transposed_b)
    if M == 0 or N == 0:
        return []
    tile, splits, length = plan(M, N, K, processors, tf32)
    at_once = 4 if all(map(_rows_at_16_bytes, (a, b, c))) else 1
    kernel = rung(tf32, *tile, not transposed_a, transposed_b, at_once)
    ends = int(bias is not None), int(relu), int(add)
    bias = c if bias is None else bias  # some array, which is not read
    if splits == 1:
        return [Step(kernel, (M, N, 1), (a, b, c, bias, M, N, K, length, *ends))]
    parts = empty((splits, M, N))
    adding = Step(ADD_SPLITS, (M * N,), (parts, c, bias, N, M * N, splits, *ends))
    return [Step(kernel, (M, N, splits), (a, b, parts, bias, M, N, K, length, 0, 0, 0)), adding]


@cache
def rung(tf32: bool, BM: int, BN: int, a_along_k: bool, b_along_k: bool, at_once: int) -> Rung:
    """Return a kernel of `gemm`, always the same object for the same arguments."""
    make = gemm.tensor if tf32 else gemm.simple
    return make(BM, BN, a_along_k, b_along_k, at_once)


@cache
def plan(M: int, N: int, K: int, processors: int, tf32: bool = False) -> Plan:
    """Return the cut with the lowest estimate; of several, the one with the fewest blocks."""
    steps = max(1, ceil(K / BK))
    choices = []
    for tile in TILES:
        most = max(1, MOST_WAVES * processors // _tiles(tile, M, N))
        for splits in range(1, min(steps, most) + 1):
            length = ceil(steps / splits)
            count = ceil(steps / length)  # of splits that are not empty
            time = clocks(tile, count, M, N, K, processors, tf32)
            choices.append((time, _tiles(tile, M, N) * count, Plan(tile, count, length * BK)))
    return min(choices)[-1]


def clocks(
    tile: tuple[int, int], splits: int, M: int, N: int, K: int, processors: int, tf32: bool = False
) -> int:
    """Estimate the clocks that a product takes, as described above."""
    BM, BN = tile
    rate = TF32_A_CLOCK if tf32 else FLOATS_A_CLOCK
    waves = ceil(_tiles(tile, M, N) * splits / processors)  # the most blocks of any multiprocessor
    multiply = BK * BM * BN // rate
    of_a_warp = BK * WARP_ENTRIES // (rate // SCHEDULERS)
    fetch = BK * (BM + BN) * 4 // FETCHED
    steps = ceil(ceil(K / BK) / splits)
    starts = ceil(waves * BM * BN / AT_A_TIME)
    time = steps * (max(waves * multiply, of_a_warp) + waves * fetch) + starts * START
    if splits > 1:
        time += LAUNCH + splits * M * N * 8 // (MOVED * processors)
    return time


def _tiles(tile: tuple[int, int], M: int, N: int) -> int:
    return ceil(M / tile[0]) * ceil(N / tile[1])


def _sizes(a, b, c, bias, transposed_a: bool, transposed_b: bool) -> tuple[int, int, int]:
    """Return M, N, K. Raises ValueError if they do not fit, or for an array that is too large."""
    (M, K), N = a.shape[:: -1 if transposed_a else 1], b.shape[0 if transposed_b else 1]
    shape_of_b = (N, K) if transposed_b else (K, N)
    for name, array, shape in ("b", b, shape_of_b), ("c", c, (M, N)), ("bias", bias, (N,)):
        if array is not None and array.shape != shape:
            raise ValueError(
                f"{name} has shape {array.shape}, and a {a.shape} asks for {shape}: give matrices"
                " that can be multiplied, or say which is stored as its transpose"
            )
    for name, array in {"a": a, "b": b, "c": c}.items():
        if prod(array.shape) >= 2**31:
            raise ValueError(f"{name} has 2^31 numbers or more: multiply it in parts")
    return M, N, K


def _rows_at_16_bytes(array) -> bool:
    """Return whether all rows of a matrix begin at multiples of 16 bytes; it may be a view."""
    address = array.data.ptr if hasattr(array.data, "ptr") else array.ctypes.data
    return array.shape[1] % 4 == 0 and address % 16 == 0
