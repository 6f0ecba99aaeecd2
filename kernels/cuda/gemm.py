"""The matrix product that runs: any sizes, either operand transposed, bias, ReLU or sum at the end.

Both kernels have their tiles fetched by `pipeline`. They differ in who multiplies: `simple` a
thread 8 x 8 entries in float32, `tensor` a warp 64 x 32 on tensor cores in TF32, which keep 10 bits
of what they multiply and add in float32.

A kernel is made for a tile of c (BM, BN), for how a and b lie, and for how much is copied at once:
4 numbers where all rows begin at multiples of 16 bytes, else 1. What lies beyond the edges is
copied as zeros, and not written. Long k is cut into splits along the grid's z, each of which writes
its own part of a workspace, for `pipeline.add_splits` to add up in a fixed order: every run gives
the same bits.

    c (M, N) = a b + bias (N,), a (M, K) or (K, M) if transposed, b (K, N) or (N, K): all flat.
"""

from minae.kernels.cuda.intrinsics import load1, load4, mma_tf32, to_tf32
from minae.kernels.cuda.ladder import Rung
from minae.kernels.cuda.pipeline import Tile, finish, finish4, gemm_rung, pipeline
from minae.kernels.simulator import cuda, float32, int32, uint32


def _products(A_ROW: int, B_ROW: int, a_along_k: bool):
    """Return what adds the products of 4 numbers along k to a thread's 8 x 8 entries.

    All is written out, since Numba does not unroll loops, and only what is written out stays in
    registers.
    """

    def read_across(shared, place, GROUP, numbers):
        """Two groups of 4 neighbours."""
        numbers[0], numbers[1], numbers[2], numbers[3] = load4(shared, place)
        numbers[4], numbers[5], numbers[6], numbers[7] = load4(shared, place + GROUP)

    def across(shared, ai, bi, total):
        left, right = cuda.local.array(8, float32), cuda.local.array(8, float32)
        read_across(shared, ai, 16, left)
        read_across(shared, bi, 32, right)
        for i in range(8):
            for j in range(8):
                total[i, j] += left[i] * right[j]

    def four_across(shared, ai, bi, total):
        across(shared, ai, bi, total)
        across(shared, ai + A_ROW, bi + B_ROW, total)
        across(shared, ai + 2 * A_ROW, bi + 2 * B_ROW, total)
        across(shared, ai + 3 * A_ROW, bi + 3 * B_ROW, total)

    def four_mixed(shared, ai, bi, total):
        """Where a runs along k: 4 numbers of each of its rows, and 4 rows of b one by one."""
        left, right = cuda.local.array((8, 4), float32), cuda.local.array(8, float32)
        for i in range(8):
            left[i, 0], left[i, 1], left[i, 2], left[i, 3] = load4(shared, ai + 4 * i * A_ROW)
        for k in range(4):
            read_across(shared, bi + k * B_ROW, 32, right)
            for i in range(8):
                for j in range(8):
                    total[i, j] += left[i, k] * right[j]

    return four_mixed if a_along_k else four_across


def simple(BM: int, BN: int, a_along_k: bool, b_along_k: bool, at_once: int) -> Rung:
    """Return the kernel whose threads compute 8 x 8 entries each, in float32.

    A warp computes 32 x 64 entries, and its lanes lie in it 4 x 8. A thread's columns are two
    groups of 4 neighbours, its rows likewise, or 4 apart where a runs along k.
    """
    THREADS = BM * BN // 64
    A = Tile(BM, a_along_k, False, THREADS, at_once, 4)
    B = Tile(BN, b_along_k, True, THREADS, at_once, 4 if b_along_k else 0)
    A_ROW, B_ROW, WARPS = A.row, B.row, BN // 64  # warps side by side
    A_FOUR, B_FOUR = 4 if a_along_k else 4 * A_ROW, 4 * B_ROW
    four = _products(A_ROW, B_ROW, a_along_k)

    def multiply(shared, ai, bi, total):
        four(shared, ai, bi, total)
        four(shared, ai + A_FOUR, bi + B_FOUR, total)
        four(shared, ai + 2 * A_FOUR, bi + 2 * B_FOUR, total)
        four(shared, ai + 3 * A_FOUR, bi + 3 * B_FOUR, total)

    walk = pipeline(A, B, multiply)

    def store_one_by_one(c, bias, first, column, N, total, i, has_bias, relu, add):
        """Store a thread's entries of a row that begins at `first`."""
        for j in range(8):
            n = int32(column + j // 4 * 32 + j % 4)
            if n < N:
                finish(c, bias, int32(first + n), n, total[i, j], has_bias, relu, add)

    def store_by_four(c, bias, first, column, N, total, i, has_bias, relu, add):
        """The same where rows of c begin at multiples of 4, as those of b do."""
        if column < N:
            finish4(c, bias, int32(first + column), column, total, i, 0, has_bias, relu, add)
        if column + 32 < N:
            n = int32(column + 32)
            finish4(c, bias, int32(first + n), n, total, i, 4, has_bias, relu, add)

    store_row = store_by_four if at_once == 4 and not b_along_k else store_one_by_one

    def kernel(a, b, c, bias, M, N, K, length, has_bias, relu, add):
        shared = cuda.shared.array(0, float32, alignment=16)
        total = cuda.local.array((8, 8), float32)
        for i in range(8):
            for j in range(8):
                total[i, j] = float32(0)
        lane, warp = cuda.threadIdx.x % 32, cuda.threadIdx.x // 32
        y, row, column = lane // 8, warp // WARPS * 32, warp % WARPS * 64 + lane % 8 * 4
        ai = int32((row + y) * A_ROW if a_along_k else row + 4 * y)
        top, start = int32(cuda.blockIdx.y * BM), int32(cuda.blockIdx.x * BN)
        first = int32(cuda.blockIdx.z * length)
        last = int32(min(K, first + length))
        walk(shared, a, b, M, N, K, top, start, first, last, ai, int32(column), total)
        for i in range(8):
            m = int32(top + row + (4 * i + y if a_along_k else i // 4 * 16 + 4 * y + i % 4))
            if m < M:
                first = int32((cuda.blockIdx.z * M + m) * N)
                store_row(c, bias, first, int32(start + column), N, total, i, has_bias, relu, add)

    # Small tiles are for products that do not fill the GPU: there more registers are worth more.
    blocks = 1 if b_along_k or at_once == 1 else 2 if THREADS == 256 else 1.5
    return gemm_rung(kernel, BM, BN, THREADS, A, B, blocks)


def tensor(BM: int, BN: int, a_along_k: bool, b_along_k: bool, at_once: int) -> Rung:
    """Return the kernel whose warps multiply on tensor cores, 64 x 32 entries each.

    Lane 4 g + t of a warp holds the entries of rows g and g + 8 and columns 2 t and 2 t + 1 of
    every 16 x 8 piece; see mma_tf32. It reads single numbers, so either layout of a tile will do.
    """
    WARPS = BN // 32  # side by side
    THREADS = 32 * WARPS * BM // 64
    A = Tile(BM, a_along_k, False, THREADS, at_once, 8)
    B = Tile(BN, b_along_k, False, THREADS, at_once, 8)
    AI, AK = (A.row, 1) if a_along_k else (1, A.row)  # to the next row and to the next k
    BJ, BK_STEP = (B.row, 1) if b_along_k else (1, B.row)

    def eight(shared, ai, bi, total):
        """The products of 8 numbers along k."""
        left = cuda.local.array((4, 4), uint32)
        right = cuda.local.array((4, 2), uint32)
        for i in range(4):
            place = ai + 16 * i * AI
            left[i, 0] = to_tf32(load1(shared, place))
            left[i, 1] = to_tf32(load1(shared, place + 8 * AI))
            left[i, 2] = to_tf32(load1(shared, place + 4 * AK))
            left[i, 3] = to_tf32(load1(shared, place + 8 * AI + 4 * AK))
        for j in range(4):
            place = bi + 8 * j * BJ
            right[j, 0] = to_tf32(load1(shared, place))
            right[j, 1] = to_tf32(load1(shared, place + 4 * BK_STEP))
        for i in range(4):
            for j in range(4):
                total[i, j, 0], total[i, j, 1], total[i, j, 2], total[i, j, 3] = mma_tf32(
                    left[i, 0],
                    left[i, 1],
                    left[i, 2],
                    left[i, 3],
                    right[j, 0],
                    right[j, 1],
                    total[i, j, 0],
                    total[i, j, 1],
                    total[i, j, 2],
                    total[i, j, 3],
                )

    def multiply(shared, ai, bi, total):
        eight(shared, ai, bi, total)
        eight(shared, ai + 8 * AK, bi + 8 * BK_STEP, total)

    walk = pipeline(A, B, multiply)

    def kernel(a, b, c, bias, M, N, K, length, has_bias, relu, add):
        shared = cuda.shared.array(0, float32, alignment=16)
        total = cuda.local.array((4, 4, 4), float32)
        for i in range(4):
            for j in range(4):
                for q in range(4):
                    total[i, j, q] = float32(0)
        lane, warp = cuda.threadIdx.x % 32, cuda.threadIdx.x // 32
        row, column = warp // WARPS * 64 + lane // 4, warp % WARPS * 32
        ai = int32(row * AI + lane % 4 * AK)
        bi = int32((column + lane // 4) * BJ + lane % 4 * BK_STEP)
        top, start = int32(cuda.blockIdx.y * BM), int32(cuda.blockIdx.x * BN)
        first = int32(cuda.blockIdx.z * length)
        last = int32(min(K, first + length))
        walk(shared, a, b, M, N, K, top, start, first, last, ai, bi, total)
        for i in range(4):
            for j in range(4):
                for q in range(4):
                    m = int32(top + row + 16 * i + q // 2 * 8)
                    n = int32(start + column + 8 * j + lane % 4 * 2 + q % 2)
                    if m < M and n < N:
                        place = (cuda.blockIdx.z * M + m) * N + n
                        finish(c, bias, place, n, total[i, j, q], has_bias, relu, add)

    return gemm_rung(kernel, BM, BN, THREADS, A, B, 2 if THREADS == 256 else 1.5)
