"""What both kernels of `gemm` share: tiles on their way, and what becomes of the result.

Three tiles of each matrix are in shared memory: one is multiplied, two are being filled by copies
that pass the registers (cp.async), and that a thread waits for only when it needs them. So the
answer of memory has the time of two tiles' products to arrive.
"""

from minae.kernels.cuda.intrinsics import (
    close_copies,
    copy1,
    copy4,
    load1,
    store1,
    store4,
    wait_copies1,
)
from minae.kernels.cuda.ladder import Rung
from minae.kernels.simulator import cuda, float32, int32

BK = 16  # numbers along k of a tile
STAGES = 3  # tiles of each matrix


class Tile:
    """A tile of one operand in shared memory.

    Args:
        size: across k.
        along_k: whether the matrix's rows run along k.
        turned: whether rows run across k in shared memory though they do not in the matrix. Each
            number is then copied on its own.
        threads: that copy the tile, else `at_once` numbers at a time.
        pad: by how much rows across k are longer than needed. Rows along k are 4 longer. Without,
            the numbers that a warp reads, or writes, at once would be in few banks.
    """

    def __init__(
        self, size: int, along_k: bool, turned: bool, threads: int, at_once: int, pad: int
    ):
        self.along_k = along_k
        rows, columns = (size, BK) if along_k else (BK, size)  # as the matrix lies
        if along_k and not turned:
            self.row, self.numbers = BK + 4, size * (BK + 4)  # distance between rows
        else:
            self.row, self.numbers = size + pad, BK * (size + pad)
        turned = turned and along_k
        steps = (1, self.row) if turned else (self.row, 1)
        self.fetch = _fetch(rows, columns, threads, 1 if turned else at_once, *steps)


def _fetch(ROWS: int, COLUMNS: int, THREADS: int, AT_ONCE: int, ROW_STEP: int, COLUMN_STEP: int):
    """Return a function by which the block's threads order the copy of a tile.

    ROW_STEP, COLUMN_STEP: how far apart the matrix's rows and columns lie in shared memory.
    """
    copy = copy4 if AT_ONCE == 4 else copy1
    PER_ROW = COLUMNS // AT_ONCE
    STEP = THREADS // PER_ROW  # rows copied at once

    def fetch(shared, place, matrix, width, first_row, first_column, last_row, last_column):
        """Copy the tile at (first_row, first_column); zeros from last_row and last_column on."""
        row, column = cuda.threadIdx.x // PER_ROW, cuda.threadIdx.x % PER_ROW * AT_ONCE
        j, to = int32(first_column + column), int32(place + row * ROW_STEP + column * COLUMN_STEP)
        # A step that is only known when it runs keeps many copies from being written out, with the
        # address of each in a register of its own.
        step = STEP if AT_ONCE == 4 else cuda.blockDim.x // PER_ROW
        for start in range(0, ROWS, step):
            i = int32(first_row + row + start)
            valid = i < last_row and j < last_column
            copy(shared, int32(to + start * ROW_STEP), matrix, int32(i * width + j), valid)

    return fetch


def pipeline(A: Tile, B: Tile, multiply):
    """Return what walks along k: it has tiles copied, waits for the oldest, and multiplies them."""
    fetch_a, fetch_b, A_NUMBERS, STAGE = A.fetch, B.fetch, A.numbers, A.numbers + B.numbers
    A_ALONG_K, B_ALONG_K, END = A.along_k, B.along_k, STAGES * STAGE

    def fetch(shared, place, a, b, M, N, K, top, start, k, last):
        """Order both tiles that begin at k; numbers from `last` on belong to the next split."""
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
        reading, filling = int32(0), int32(2 * STAGE)
        for k in range(first, last, BK):
            wait_copies1()
            cuda.syncthreads()  # everyone's copies are there, and the oldest tiles read by all
            fetch(shared, filling, a, b, M, N, K, top, start, int32(k + 2 * BK), last)
            multiply(shared, int32(reading + ai), int32(reading + A_NUMBERS + bi), total)
            reading = int32(0 if reading + STAGE == END else reading + STAGE)
            filling = int32(0 if filling + STAGE == END else filling + STAGE)

    return walk


def finished(c, bias, place, column, value, has_bias, relu, add):
    """Return an entry of c with what follows the product."""
    if has_bias:
        value += load1(bias, column)
    if add:
        value += load1(c, place)
    if relu and value <= float32(0):  # and nan stays nan
        value = float32(0)
    return value


def finish(c, bias, place, column, value, has_bias, relu, add):
    """Store an entry of c, with what follows the product."""
    store1(c, place, finished(c, bias, place, column, value, has_bias, relu, add))


def finish4(c, bias, place, column, values, i, j, has_bias, relu, add):
    """Store four neighbours of c at once, values[i, j] and on: place is a multiple of 4."""
    store4(
        c,
        place,
        finished(c, bias, place, column, values[i, j], has_bias, relu, add),
        finished(c, bias, place + 1, column + 1, values[i, j + 1], has_bias, relu, add),
        finished(c, bias, place + 2, column + 2, values[i, j + 2], has_bias, relu, add),
        finished(c, bias, place + 3, column + 3, values[i, j + 3], has_bias, relu, add),
    )


def add_splits(parts, c, bias, N, size, splits, has_bias, relu, add):
    """c = the sum of the splits' parts, (splits, M N), in their order, and what follows."""
    place = cuda.grid(1)
    if place < size:
        value = float32(0)
        for split in range(splits):
            value += load1(parts, split * size + place)
        finish(c, bias, place, place % N, value, has_bias, relu, add)


def gemm_rung(kernel, BM: int, BN: int, threads: int, A: Tile, B: Tile, blocks: float) -> Rung:
    """Say how a product is launched; `blocks` of 256 threads shall fit on a multiprocessor."""
    return Rung(
        kernel,
        ("float32*",) * 4 + ("int32",) * 7,
        (threads,),
        lambda M, N, splits: (-(-N // BN), -(-M // BM), splits),
        shared_bytes=4 * STAGES * (A.numbers + B.numbers),
        since=(8, 0),
        blocks=int(blocks * 256 / threads),
    )


ADD_SPLITS = Rung(
    add_splits,
    ("float32*",) * 3 + ("int32",) * 6,
    (256,),
    lambda size: (-(-size // 256),),
)
