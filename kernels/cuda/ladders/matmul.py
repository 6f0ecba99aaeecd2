"""Matrix products on a GPU, c = a b, climbed rung by rung: each changes one thing.

    naive            one thread per entry of c; the threads of a warp are in a column
    coalesced        they are in a row: a warp reads 128 bytes of b at once, not 32 times 32
    tiled            a block first copies tiles to shared memory, and reads each number from there
    registers        a thread computes 4 x 4 entries: eight numbers read give 16 products, not four
    vectors          8 x 8 entries, and 16 bytes per move: a quarter of the instructions
    double_buffered  the next tiles are fetched while these are multiplied
    pipelined        so are the next two, bypassing the registers: see `gemm`, which is what runs
    tensor_cores     a warp multiplies 16 x 8 by 8 x 8 in one instruction, in TF32: see `gemm`

What limits a kernel is how many bytes it moves for each multiplication. For `naive` that is eight.
A tile of T x T reuses each number T times; registers save reads of shared memory in the same way.

a (M, K), b (K, N), c (M, N), contiguous, float32. The last two rungs in this file take whole tiles:
there, M and N are multiples of 128 and K of 8.
"""

from collections.abc import Callable

from minae.kernels.cuda.launch.intrinsics import load4, store1, store4
from minae.kernels.cuda.launch.rung import Rung
from minae.kernels.simulator import cuda, float32, int32


def naive(a, b, c):
    """One thread per entry. Neighbours in a warp differ in i: each reads a row of its own."""
    i, j = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[i, k] * b[k, j]
        c[i, j] = total


def coalesced(a, b, c):
    """The same with i and j exchanged: neighbours share a's number and read adjacent ones of b."""
    j, i = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[i, k] * b[k, j]
        c[i, j] = total


TILE = 16


def tiled(a, b, c):
    """A block computes a tile of c, moving along k with a tile of a and one of b."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * TILE + y, cuda.blockIdx.x * TILE + x
    (M, K), N = a.shape, b.shape[1]
    total = float32(0)
    for first in range(0, K, TILE):
        # beyond the edges are zeros, which add nothing
        a_tile[y, x] = a[i, first + x] if i < M and first + x < K else float32(0)
        b_tile[y, x] = b[first + y, j] if first + y < K and j < N else float32(0)
        cuda.syncthreads()  # until the tiles are complete
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[k, x]
        cuda.syncthreads()  # until no thread reads them any more
    if i < M and j < N:
        c[i, j] = total


EDGE, DEPTH, EACH = 64, 8, 4  # sizes: a block's tile of c, its tiles along k, a thread's part


def registers(a, b, c):
    """256 threads compute 64 x 64 entries, each of them 4 x 4, kept in registers."""
    a_tile = cuda.shared.array((DEPTH, EDGE), float32)  # transposed, so that i runs fastest
    b_tile = cuda.shared.array((DEPTH, EDGE), float32)
    total = cuda.local.array((EACH, EACH), float32)
    left = cuda.local.array(EACH, float32)
    right = cuda.local.array(EACH, float32)
    thread = cuda.threadIdx.x
    x, y = thread % 16, thread // 16
    top, start = cuda.blockIdx.y * EDGE, cuda.blockIdx.x * EDGE
    (M, K), N = a.shape, b.shape[1]
    for i in range(EACH):
        for j in range(EACH):
            total[i, j] = float32(0)
    for first in range(0, K, DEPTH):
        for e in range(thread, EDGE * DEPTH, 256):
            i, k = e // DEPTH, e % DEPTH
            inside = top + i < M and first + k < K
            a_tile[k, i] = a[top + i, first + k] if inside else float32(0)
        for e in range(thread, EDGE * DEPTH, 256):
            k, j = e // EDGE, e % EDGE
            inside = first + k < K and start + j < N
            b_tile[k, j] = b[first + k, start + j] if inside else float32(0)
        cuda.syncthreads()
        for k in range(DEPTH):
            for i in range(EACH):
                left[i] = a_tile[k, y * EACH + i]
                right[i] = b_tile[k, x * EACH + i]
            for i in range(EACH):
                for j in range(EACH):
                    total[i, j] += left[i] * right[j]
        cuda.syncthreads()
    for i in range(EACH):
        for j in range(EACH):
            row, column = top + y * EACH + i, start + x * EACH + j
            if row < M and column < N:
                c[row, column] = total[i, j]


# From here on, a block of 256 threads computes 128 x 128 entries and moves along k in steps of 8. A
# thread's 8 x 8 entries are four patches of 4 x 4, 64 apart, so that the threads of a warp read
# adjacent numbers of shared memory. Rows of a's tile are 4 longer than needed: threads write along
# columns, and those of neighbours would share banks. Arrays are flat, and indices not checked.
BLOCK, STEP, ROW = 128, 8, 132
A_TILE, B_TILE = STEP * ROW, STEP * BLOCK
A_TILES, B_TILES = 2 * A_TILE, 2 * B_TILE  # Numba wants a shared array's size as one name


def products(BM: int, BN: int, TN: int) -> Callable:
    """Return what adds the products of 8 x TN numbers of two tiles, BM and BN wide, for one k.

    It reads groups of 4 neighbours, half a tile apart.
    """

    def multiply(left, right, i, j, total):
        a = cuda.local.array(8, float32)
        b = cuda.local.array(TN, float32)
        a[0], a[1], a[2], a[3] = load4(left, i)
        a[4], a[5], a[6], a[7] = load4(left, i + BM // 2)
        b[0], b[1], b[2], b[3] = load4(right, j)
        if TN == 8:
            b[4], b[5], b[6], b[7] = load4(right, j + BN // 2)
        for m in range(8):
            for n in range(TN):
                total[m, n] += a[m] * b[n]

    return multiply


def unrolled(multiply: Callable, times: int, LEFT: int, RIGHT: int) -> Callable:
    """Return what multiplies `times` (2, 4 or 8), each time LEFT and RIGHT further on in two tiles.

    Numba does not unroll loops, so the calls are doubled instead: now every address is a constant
    away from i or j, and 87 of 100 instructions multiply rather than 79.
    """

    def twice(left, right, i, j, total):
        multiply(left, right, i, j, total)
        multiply(left, right, i + LEFT, j + RIGHT, total)

    return twice if times == 2 else unrolled(twice, times // 2, 2 * LEFT, 2 * RIGHT)


multiply = products(BLOCK, BLOCK, 8)
multiply_step = unrolled(multiply, STEP, ROW, BLOCK)


def write(c, N, row, column, total):
    """Store a thread's 8 x 8 entries, the first of which is c[row, column]."""
    for i in range(8):
        place = (row + i // 4 * 64 + i % 4) * N + column
        store4(c, place, total[i, 0], total[i, 1], total[i, 2], total[i, 3])
        store4(c, place + 64, total[i, 4], total[i, 5], total[i, 6], total[i, 7])


def vectors(a, b, c, K, N):
    """128 x 128 entries per block, 8 x 8 per thread, and 16 bytes per move."""
    a_tile = cuda.shared.array(A_TILE, float32, alignment=16)  # (k, i)
    b_tile = cuda.shared.array(B_TILE, float32, alignment=16)  # (k, j)
    total = cuda.local.array((8, 8), float32)
    thread = cuda.threadIdx.x
    x, y = thread % 16 * 4, thread // 16 * 4
    top, start = cuda.blockIdx.y * BLOCK, cuda.blockIdx.x * BLOCK
    # the first of 4 numbers along k that this thread copies of a, and of 4 along j of b
    ai, ak = thread // 2, thread % 2 * 4
    bk, bj = thread // 32, thread % 32 * 4
    for i in range(8):
        for j in range(8):
            total[i, j] = float32(0)
    for first in range(0, K, STEP):
        a0, a1, a2, a3 = load4(a, (top + ai) * K + first + ak)
        b0, b1, b2, b3 = load4(b, (first + bk) * N + start + bj)
        store1(a_tile, ak * ROW + ai, a0)
        store1(a_tile, ak * ROW + ai + ROW, a1)
        store1(a_tile, ak * ROW + ai + 2 * ROW, a2)
        store1(a_tile, ak * ROW + ai + 3 * ROW, a3)
        store4(b_tile, bk * BLOCK + bj, b0, b1, b2, b3)
        cuda.syncthreads()
        for k in range(STEP):
            multiply(a_tile, b_tile, k * ROW + y, k * BLOCK + x, total)
        cuda.syncthreads()
    write(c, N, top + y, start + x, total)


def double_buffered(a, b, c, K, N):
    """As `vectors`, with two of each tile: while one is multiplied, the other is filled.

    The next numbers are requested before the products and stored after them: memory takes as long
    to answer as hundreds of products. And one barrier per step is enough.
    """
    a_tile = cuda.shared.array(A_TILES, float32, alignment=16)
    b_tile = cuda.shared.array(B_TILES, float32, alignment=16)
    total = cuda.local.array((8, 8), float32)
    thread = cuda.threadIdx.x
    x, y = int32(thread % 16 * 4), int32(thread // 16 * 4)
    top, start = int32(cuda.blockIdx.y * BLOCK), int32(cuda.blockIdx.x * BLOCK)
    ai, ak = thread // 2, thread % 2 * 4
    bk, bj = thread // 32, thread % 32 * 4
    # Numba counts in 64 bits, which take two registers, unless told otherwise.
    from_a, from_b = int32((top + ai) * K + ak), int32(bk * N + start + bj)
    to_a, to_b = int32(ak * ROW + ai), int32(bk * BLOCK + bj)
    for i in range(8):
        for j in range(8):
            total[i, j] = float32(0)
    a0, a1, a2, a3 = load4(a, from_a)
    b0, b1, b2, b3 = load4(b, from_b)
    steps = K // STEP
    for step in range(steps):
        half_a, half_b = int32(step % 2 * A_TILE), int32(step % 2 * B_TILE)
        store1(a_tile, half_a + to_a, a0)
        store1(a_tile, half_a + to_a + ROW, a1)
        store1(a_tile, half_a + to_a + 2 * ROW, a2)
        store1(a_tile, half_a + to_a + 3 * ROW, a3)
        store4(b_tile, half_b + to_b, b0, b1, b2, b3)
        cuda.syncthreads()
        if step + 1 < steps:
            from_a, from_b = int32(from_a + STEP), int32(from_b + STEP * N)
            a0, a1, a2, a3 = load4(a, from_a)
            b0, b1, b2, b3 = load4(b, from_b)
        multiply_step(a_tile, b_tile, int32(half_a + y), int32(half_b + x), total)
    write(c, N, top + y, start + x, total)


def _blocks(rows: int, columns: int) -> Callable[[int, int], tuple[int, int]]:
    """Return the grid for blocks of so many rows and columns of c, with columns along x."""
    return lambda M, N: (-(-N // columns), -(-M // rows))


MATRICES, FLAT = ("float32[:, :]",) * 3, ("float32*",) * 3 + ("int32",) * 2

#: Rungs that take (a, b, c); the last two take flat arrays (a, b, c, K, N). Grids are of (M, N).
RUNGS = {
    "naive": Rung(naive, MATRICES, (16, 16), lambda M, N: (-(-M // 16), -(-N // 16))),
    "coalesced": Rung(coalesced, MATRICES, (32, 8), _blocks(8, 32)),
    "tiled": Rung(tiled, MATRICES, (TILE, TILE), _blocks(TILE, TILE)),
    "registers": Rung(registers, MATRICES, (256,), _blocks(EDGE, EDGE)),
    "vectors": Rung(vectors, FLAT, (256,), _blocks(BLOCK, BLOCK)),
    "double_buffered": Rung(double_buffered, FLAT, (256,), _blocks(BLOCK, BLOCK), blocks=2),
}
