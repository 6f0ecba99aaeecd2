"""What both kernels of `gemm` share: how tiles are fetched, and how results are stored.

Three tiles of each matrix are in shared memory: one is multiplied, two are being filled by copies
that bypass the registers (cp.async), for which a thread waits only when it needs them. So memory
has the time of two tiles' products to answer.

On GPUs before sm_80, a copy is done when the call returns; see `copy4`. This only costs time, if no
other block computes meanwhile. The pipeline remains correct, since a copy may arrive at any moment
between its start and the wait: when it starts, all threads have read the tile it overwrites, as a
barrier lies between; and two more barriers come before its own tile is read. In the simulator all
copies are asynchronous, which is stricter.
"""

from collections.abc import Callable

from minae.kernels.cuda.launch.intrinsics import (
    close_copies,
    copy1,
    copy4,
    divide,
    load1,
    store1,
    store2,
    store4,
    thread_again,
    wait_copies1,
)
from minae.kernels.cuda.launch.rung import Capability, Rung
from minae.kernels.simulator import cuda, float32, int32

BK = 16  # of a tile, along k
STAGES = 3  # tiles of each matrix


class Tile:
    """A tile of one operand in shared memory, `size` numbers across k.

    With `along_k`, the rows of the matrix run along k; if also `turned`, they run across k in
    shared memory. Each number is then copied on its own, otherwise `at_once`, by all threads. Rows
    across k are `pad` longer than needed, rows along k by 4. Otherwise the numbers that a warp
    reads or writes at once would be in few banks.
    """

    def __init__(
        self, size: int, along_k: bool, turned: bool, threads: int, at_once: int, pad: int
    ):
        self.along_k, turned = along_k, turned and along_k
        ROWS, COLUMNS = (size, BK) if along_k else (BK, size)  # in the matrix
        self.row = BK + 4 if along_k and not turned else size + pad  # from one row to the next
        self.numbers = self.row * (BK if turned else ROWS)
        # how far apart rows and columns of the matrix are in shared memory
        ROW_STEP, COLUMN_STEP = (1, self.row) if turned else (self.row, 1)
        AT_ONCE = 1 if turned else at_once
        copy = copy4 if AT_ONCE == 4 else copy1
        PER_ROW = COLUMNS // AT_ONCE
        STEP = threads // PER_ROW  # rows copied at once

        def fetch(shared, place, matrix, width, first_row, first_column, last_row, last_column):
            """Copy the tile at (first_row, first_column), with zeros from the last ones on."""
            thread = thread_again()  # recomputing this and what follows saves registers
            row, column = int32(thread // PER_ROW), int32(thread % PER_ROW * AT_ONCE)
            i, j = int32(first_row + row), int32(first_column + column)
            to = int32(place + row * ROW_STEP + column * COLUMN_STEP)
            here, more = int32(i * width + j), int32(STEP * width)
            rows = int32(last_row - i if j < last_column else 0)  # from i on, that are inside
            for start in range(0, ROWS, STEP):
                copy(shared, int32(to + start * ROW_STEP), matrix, here, start < rows)
                here = int32(here + more)

        self.fetch = fetch


def pipeline(A: Tile, B: Tile, multiply: Callable) -> Callable:
    """Return the loop along k that has tiles copied, waits for the oldest and multiplies them."""
    fetch_a, fetch_b, A_NUMBERS, STAGE = A.fetch, B.fetch, A.numbers, A.numbers + B.numbers
    A_ALONG_K, B_ALONG_K, END = A.along_k, B.along_k, STAGES * STAGE

    def fetch(shared, place, a, b, M, N, K, top, start, k, last):
        """Start copying both tiles that begin at k; from `last` on, k belongs to the next split."""
        if A_ALONG_K:
            fetch_a(shared, place, a, K, top, k, M, last)
        else:
            fetch_a(shared, place, a, M, k, top, last, M)
        if B_ALONG_K:
            fetch_b(shared, place + A_NUMBERS, b, K, start, k, N, last)
        else:
            fetch_b(shared, place + A_NUMBERS, b, N, k, start, last, N)
        close_copies()

    def walk(shared, a, b, M, N, K, top, start, first, last, ai, bi, total):
        fetch(shared, 0, a, b, M, N, K, top, start, first, last)
        fetch(shared, STAGE, a, b, M, N, K, top, start, first + BK, last)
        k, reading, filling = first, int32(0), int32(2 * STAGE)
        while k < last:
            wait_copies1()
            cuda.syncthreads()  # all copies have arrived, and the oldest tiles are read
            fetch(shared, filling, a, b, M, N, K, top, start, int32(k + 2 * BK), last)
            i, j = int32(reading + ai), int32(reading + A_NUMBERS + bi)
            multiply(shared, shared, i, j, total)
            reading = int32(0 if reading + STAGE == END else reading + STAGE)
            filling = int32(0 if filling + STAGE == END else filling + STAGE)
            k = int32(k + BK)

    return walk


def corner(N, K, length, BM, BN):
    """Return where the block's tile of c begins, and the first and last k of its split.

    Tiles are along the grid's x, row by row of c, and splits along y.
    """
    columns = divide(int32(N + BN - 1), BN)
    row = divide(int32(cuda.blockIdx.x), columns)
    column = int32(cuda.blockIdx.x - row * columns)
    first = int32(cuda.blockIdx.y * length)
    return int32(row * BM), int32(column * BN), first, int32(min(K, first + length))


def finisher(ROW_GROUP: int, ROW_STEP: int, GROUP: int, STEP: int, at_once: int) -> Callable:
    """Return what stores a row of a thread's 8 x 8 entries of c, after bias, sum and ReLU.

    The thread's rows are groups of ROW_GROUP neighbours, ROW_STEP from group to group; its columns
    groups of GROUP, STEP from group to group, stored at once if rows of c begin at multiples of 4.
    """

    def row_of(i):
        return i // ROW_GROUP * ROW_STEP + i % ROW_GROUP

    def column_of(j):
        return j // GROUP * STEP + j % GROUP

    def add_row(c, place, n, N, total, i):
        for j in range(8):
            if n + column_of(j) < N:
                total[i, j] += load1(c, int32(place + column_of(j)))

    AT_ONCE = GROUP if at_once == 4 else 1

    def store_row(c, place, n, N, total, i):
        for j in range(0, 8, AT_ONCE):
            if n + column_of(j) < N:
                to = int32(place + column_of(j))
                if AT_ONCE == 1:
                    store1(c, to, total[i, j])
                elif AT_ONCE == 2:
                    store2(c, to, total[i, j], total[i, j + 1])
                else:
                    store4(c, to, total[i, j], total[i, j + 1], total[i, j + 2], total[i, j + 3])

    def finish_row(c, bias, total, i, m, n, M, N, has_bias, relu, add):
        """Store row i of the entries that begin at c[m, n]."""
        if m + row_of(i) < M:
            first = int32((cuda.blockIdx.y * M + m) * N + n)  # in this split's part
            place = int32(first + row_of(i) * N)
            if has_bias:
                add_row(bias, n, n, N, total, i)
            if add:
                add_row(c, place, n, N, total, i)
            for j in range(8):
                if relu and total[i, j] <= float32(0):  # nan stays nan
                    total[i, j] = float32(0)
            store_row(c, place, n, N, total, i)

    return finish_row


def add_splits(parts, c, bias, N, size, splits, has_bias, relu, add):
    """c = the parts (splits, M N), added up in order, and what follows the product."""
    place = cuda.grid(1)
    if place < size:
        value = float32(0)
        for split in range(splits):
            value += load1(parts, split * size + place)
        if has_bias:
            value += load1(bias, place % N)
        if add:
            value += load1(c, place)
        if relu and value <= float32(0):
            value = float32(0)
        store1(c, place, value)


def gemm_rung(
    BM: int, BN: int, threads: int, since: Capability, A: Tile, B: Tile,
    multiply: Callable, first_numbers: Callable, first_entry: Callable, finish_row: Callable,
) -> Rung:  # fmt: skip
    """Return the rung of a product, whose grid is of (M, N, splits).

    Each thread computes 8 x 8 entries of c. Of a thread, `first_entry` gives the row and column of
    the first, and `first_numbers` the place in either tile from which it multiplies.

    512 threads must fit on a multiprocessor, which gives each 128 registers. Of blocks of 64
    threads, only 6 must fit: few GPUs have the shared memory for 8, and on sm_90 one of the kernels
    needs 11 registers more.
    """
    walk = pipeline(A, B, multiply)

    def kernel(a, b, c, bias, M, N, K, length, has_bias, relu, add):
        shared = cuda.shared.array(0, float32, alignment=16)
        total = cuda.local.array((8, 8), float32)
        for i in range(8):
            for j in range(8):
                total[i, j] = float32(0)
        ai, bi = first_numbers(int32(cuda.threadIdx.x))
        top, start, first, last = corner(N, K, length, BM, BN)
        walk(shared, a, b, M, N, K, top, start, first, last, ai, bi, total)
        row, column = first_entry(thread_again())  # the loop has no registers left to keep these
        m, n = int32(top + row), int32(start + column)
        for i in range(4):  # a loop of 8 is not unrolled, and `total` would leave the registers
            finish_row(c, bias, total, i, m, n, M, N, has_bias, relu, add)
        for i in range(4, 8):
            finish_row(c, bias, total, i, m, n, M, N, has_bias, relu, add)

    return Rung(
        kernel,
        ("float32*",) * 4 + ("int32",) * 7,
        (threads,),
        lambda M, N, splits: (-(-N // BN) * -(-M // BM), splits),
        shared_bytes=4 * STAGES * (A.numbers + B.numbers),
        since=since,
        blocks=min(512 // threads, 6),
    )


ADD_SPLITS = Rung(add_splits, ("float32*",) * 3 + ("int32",) * 6)
