"""The products that run: any sizes, operands that may be transposed, and a bias or ReLU at the end.

`pipeline` fetches the tiles of both kernels. In `simple`, each thread multiplies 8 x 8 entries in
float32. In `tensor`, each warp multiplies 64 x 32 entries on tensor cores in TF32, which keep 10
bits of their operands and add in float32.

A kernel is made for a tile of c (BM, BN), for the layout of a and b, and for the numbers copied at
once: 4 if all rows begin at multiples of 16 bytes, else 1. Beyond the edges, zeros are copied and
nothing is written. A long k is cut into splits along the grid's y, each of which writes its own
part of a workspace, for `pipeline.add_splits`. `product` makes these choices.

    c (M, N) = a b + bias (N,), a (M, K) or (K, M) if transposed, b (K, N) or (N, K): all flat.
"""

from collections.abc import Callable

from minae.kernels.cuda.ladders.matmul import unrolled
from minae.kernels.cuda.ladders.pipeline import BK, Tile, finisher, gemm_rung
from minae.kernels.cuda.launch.intrinsics import load1, load4, mma_tf32, to_tf32
from minae.kernels.cuda.launch.rung import Rung
from minae.kernels.simulator import cuda, float32, int32, uint32


def _products(A_ROW: int, B_ROW: int, a_along_k: bool) -> Callable:
    """Return what adds the products of 4 numbers along k to a thread's 8 x 8 entries.

    Numba does not unroll loops, and only what is written out stays in registers.
    """

    def read_across(shared, place, GROUP, numbers):
        """Read two groups of 4 neighbours."""
        numbers[0], numbers[1], numbers[2], numbers[3] = load4(shared, place)
        numbers[4], numbers[5], numbers[6], numbers[7] = load4(shared, place + GROUP)

    def across(a, b, ai, bi, total):
        left, right = cuda.local.array(8, float32), cuda.local.array(8, float32)
        read_across(b, bi, 32, right)
        read_across(a, ai, 16, left)
        for i in range(8):
            for j in range(8):
                total[i, j] += left[i] * right[j]

    def four_mixed(a, b, ai, bi, total):
        """If a runs along k: 4 numbers of each of its rows, and 4 rows of b one by one."""
        left, right = cuda.local.array((8, 4), float32), cuda.local.array(8, float32)
        for i in range(8):
            left[i, 0], left[i, 1], left[i, 2], left[i, 3] = load4(a, ai + 4 * i * A_ROW)
        for k in range(4):
            read_across(b, bi + k * B_ROW, 32, right)
            for i in range(8):
                for j in range(8):
                    total[i, j] += left[i, k] * right[j]

    return four_mixed if a_along_k else unrolled(across, 4, A_ROW, B_ROW)


def simple(BM: int, BN: int, a_along_k: bool, b_along_k: bool, at_once: int) -> Rung:
    """Return the kernel whose threads compute 8 x 8 entries each, in float32.

    A warp computes 32 x 64 entries with 4 x 8 lanes. A thread's columns are two groups of 4
    neighbours. So are its rows, unless a runs along k: then they are 4 apart.
    """
    THREADS = BM * BN // 64
    A = Tile(BM, a_along_k, False, THREADS, at_once, 4)
    B = Tile(BN, b_along_k, True, THREADS, at_once, 4 if b_along_k else 0)
    WARPS = BN // 64  # side by side
    AI, A_FOUR, B_FOUR = *((A.row, 4) if a_along_k else (1, 4 * A.row)), 4 * B.row
    ROW = 1 if a_along_k else 4  # from one lane's first row to the next's
    multiply = unrolled(_products(A.row, B.row, a_along_k), BK // 4, A_FOUR, B_FOUR)

    def first_entry(thread):
        lane, warp = int32(thread % 32), int32(thread // 32)
        row = int32(warp // WARPS * 32 + lane // 8 * ROW)
        return row, int32(warp % WARPS * 64 + lane % 8 * 4)

    def first_numbers(thread):
        row, column = first_entry(thread)
        return int32(row * AI), column

    finish_row = finisher(*((1, 4) if a_along_k else (4, 16)), 4, 32, at_once)
    parts = A, B, multiply, first_numbers, first_entry, finish_row
    return gemm_rung(BM, BN, THREADS, (7, 5), *parts)


def tensor(BM: int, BN: int, a_along_k: bool, b_along_k: bool, at_once: int) -> Rung:
    """Return the kernel whose warps multiply 64 x 32 entries each on tensor cores.

    Lane 4 g + t of a warp holds rows g and g + 8 and columns 2 t and 2 t + 1 of every 16 x 8 piece;
    see mma_tf32. It reads single numbers, so any layout of a tile will do.
    """
    WARPS = BN // 32  # side by side
    THREADS = BM * BN // 64
    A = Tile(BM, a_along_k, False, THREADS, at_once, 8)
    B = Tile(BN, b_along_k, False, THREADS, at_once, 8)
    AI, AK = (A.row, 1) if a_along_k else (1, A.row)  # to the next row and to the next k
    BJ, BK_STEP = (B.row, 1) if b_along_k else (1, B.row)

    def piece(left, right, i, j, total):
        """16 x 8 entries: rows 2 i, 2 i + 1 and columns 2 j, 2 j + 1 of the thread's."""
        top, bottom, x, y = 2 * i, 2 * i + 1, 2 * j, 2 * j + 1
        total[top, x], total[top, y], total[bottom, x], total[bottom, y] = mma_tf32(
            left[i, 0], left[i, 1], left[i, 2], left[i, 3], right[j, 0], right[j, 1],
            total[top, x], total[top, y], total[bottom, x], total[bottom, y],
        )  # fmt: skip

    def eight(a, b, ai, bi, total):
        """Add the products of 8 numbers along k."""
        left = cuda.local.array((4, 4), uint32)
        right = cuda.local.array((4, 2), uint32)
        for i in range(4):
            place = ai + 16 * i * AI
            left[i, 0] = to_tf32(load1(a, place))
            left[i, 1] = to_tf32(load1(a, place + 8 * AI))
            left[i, 2] = to_tf32(load1(a, place + 4 * AK))
            left[i, 3] = to_tf32(load1(a, place + 8 * AI + 4 * AK))
        for j in range(4):
            place = bi + 8 * j * BJ
            right[j, 0] = to_tf32(load1(b, place))
            right[j, 1] = to_tf32(load1(b, place + 4 * BK_STEP))
        for i in range(4):
            for j in range(4):
                piece(left, right, i, j, total)

    def first_entry(thread):
        lane, warp = int32(thread % 32), int32(thread // 32)
        row = int32(warp // WARPS * 64 + lane // 4)
        return row, int32(warp % WARPS * 32 + lane % 4 * 2)

    def first_numbers(thread):
        lane, warp = int32(thread % 32), int32(thread // 32)
        row, column = warp // WARPS * 64 + lane // 4, warp % WARPS * 32 + lane // 4
        return int32(row * AI + lane % 4 * AK), int32(column * BJ + lane % 4 * BK_STEP)

    multiply = unrolled(eight, BK // 8, 8 * AK, 8 * BK_STEP)
    parts = A, B, multiply, first_numbers, first_entry, finisher(1, 8, 2, 8, at_once)
    return gemm_rung(BM, BN, THREADS, (8, 0), *parts)
