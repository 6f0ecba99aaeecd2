"""Matrix products on a CPU, c = a b, climbed rung by rung: each changes one thing.

    i_j_k      three plain loops: the innermost reads a column of b, a cache line per number
    i_k_j      the same with k and j exchanged: it reads and writes rows, many numbers at once
    registers  a tile of c stays in vector registers: 11 loads from the cache for 24 multiply-adds
    packed     b's columns for a row of tiles are first copied side by side, into a panel
    copied     the same copied by vector instructions
    turned     c = a bᵀ, as linear layers need it: squares of b are transposed on the way
    fetched    the first tile writes the panel, and the next columns of b are fetched meanwhile
    threads    the product that all kernels call, each thread with its share of c

What limits a product is how many instructions it takes for each multiply-add, and how long those
wait for numbers. `i_k_j` loads and stores c for every one of them; a tile of 8 x 48 in registers
has an instruction that moves numbers for about two that multiply. From there on, all is about b.
`registers` is fast if b is small and its rows begin on cache lines. Half its speed is lost if they
do not (try --size 128,784,500), or if they are far apart (128,2048,2048). A panel is the same for
every b, but takes time to write, which the rungs after it save and hide.

a (M, K), b (K, N), c (M, N), contiguous, float32, of any size. Sizes in this text are those of
AVX-512; with other vector registers they are smaller, and nothing else differs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from minae.kernels.cpu.compile.compiled import OPTIONS
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.products.multiply import multiply_shares, product_for
from minae.kernels.cpu.products.panels import make_copy, make_turn, prefetch
from minae.kernels.cpu.products.product import make_product
from minae.kernels.cpu.products.tile import Shape, make_tile
from minae.kernels.cpu.products.vectors import LINE, vector_bytes

compiled_here = njit(**OPTIONS)  # anew in each process: machine code kept on disk cannot be read


@njit(fastmath={"contract"}, error_model="numpy")
def i_j_k(a, b, c):
    """Each entry of c by the definition: a row of a times a column of b, added in this order."""
    (M, K), N = a.shape, b.shape[1]
    for i in range(M):
        for j in range(N):
            total = np.float32(0)
            for k in range(K):
                total += a[i, k] * b[k, j]
            c[i, j] = total


@compiled_here
def i_k_j(a, b, c):
    """Each row of c as a sum of rows of b: the compiler sees neighbours, and uses vectors."""
    (M, K), N = a.shape, b.shape[1]
    for i in range(M):
        for j in range(N):
            c[i, j] = 0
        for k in range(K):
            for j in range(N):
                c[i, j] += a[i, k] * b[k, j]


SHAPE = Shape(vector_bytes(), itemsize=4)
WIDTH, ROWS, COLUMNS = SHAPE.width, SHAPE.rows, SHAPE.columns  # of a vector 16, a tile 8 x 48
SUMS_ONLY = (0, 0, 0, 0, 0)  # see tile.Finish: nothing is added to a tile's sums
tile, tile_and_panel = make_tile(SHAPE, ROWS), make_tile(SHAPE, ROWS, keep=True)
copy, turn = make_copy(SHAPE, COLUMNS), make_turn(SHAPE, COLUMNS)


@compiled_here
def place(x, i, j):
    """Return the address of x[i, j], for vector instructions."""
    return np.int64(x.ctypes.data) + i * x.strides[0] + j * x.strides[1]


@compiled_here
def operands(a, b, b_row, panel, c, m, n, width):
    """Return what a tile takes, to multiply rows m, m + 1, ... of a by columns at address b.

    Rows of b are b_row bytes apart. The result has `width` columns and begins at c[m, n].
    """
    (M, K), size = a.shape, a.itemsize
    left, result = (place(a, m, 0), a.strides[0], size), (place(c, m, n), c.strides[0])
    return (*left, b, b_row, panel, *result, K, M - m, width)


@compiled_here
def registers(a, b, c):
    """A tile sums up 8 rows x 3 vectors in registers and writes each entry of c once.

    It reads whole vectors, and they would reach beyond b's last row: what is left of each row is
    left to `i_j_k`.
    """
    M, N = c.shape
    whole = N - N % WIDTH
    for n in range(0, whole, COLUMNS):
        for m in range(0, M, ROWS):
            width = min(COLUMNS, whole - n)
            tile(operands(a, place(b, 0, n), b.strides[0], 0, c, m, n, width), SUMS_ONLY)
    i_j_k(a, b[:, whole:], c[:, whole:])


@compiled_here
def tiles(a, panel, c, n):
    """Compute the columns of c from n on, whose columns of b are in the panel."""
    width = min(COLUMNS, c.shape[1] - n)
    for m in range(0, len(a), ROWS):
        b = place(panel, 0, 0)
        tile(operands(a, b, panel.strides[0], b, c, m, n, width), SUMS_ONLY)


@compiled_here
def packed(a, b, c, panel):
    """The panel (K, 48) fills consecutive cache lines, and is wide enough for whole vectors.

    In place, a vector of b may lie across the end of a cache line, and each row on another page.
    """
    K, N = b.shape
    for n in range(0, N, COLUMNS):
        for k in range(K):
            for j in range(min(COLUMNS, N - n)):
                panel[k, j] = b[k, n + j]
        tiles(a, panel, c, n)


@compiled_here
def copied(a, b, c, panel):
    """A row of the panel is three loads and three stores, with a mask at the edge."""
    K, N = b.shape
    for n in range(0, N, COLUMNS):
        count = min(COLUMNS, N - n)
        copy(place(b, 0, n), b.strides[0], place(panel, 0, 0), count, K)
        tiles(a, panel, c, n)


@compiled_here
def turned(a, b, c, panel):
    """c = a bᵀ with b (N, K): 16 x 16 numbers are transposed in registers, by shuffling them."""
    N, K = b.shape
    for n in range(0, N, COLUMNS):
        count = min(COLUMNS, N - n)
        turn(place(b, n, 0), b.strides[0], place(panel, 0, 0), count, K)
        tiles(a, panel, c, n)


@compiled_here
def fetch(b, n, first, end):
    """Ask for the rows first to end of b's columns from n on, a cache line at a time.

    Where a line begins in the columns before, it is in the cache already.
    """
    K, N = b.shape
    line = LINE // b.itemsize
    for k in range(first, min(end, K)):
        for j in range(n, min(n + COLUMNS, N), line):
            prefetch(place(b, k, j + line - 1))  # pyright: ignore[reportCallIssue] - see limit.py


@compiled_here
def fetched(a, b, c, panel):
    """The first tile reads b in place and writes the panel: its multiply-adds hide the stores.

    Each tile begins with asking for its part of the next panel's numbers: memory answers meanwhile.
    """
    (M, K), N = a.shape, b.shape[1]
    to = place(panel, 0, 0)
    for n in range(0, N, COLUMNS):
        width = min(COLUMNS, N - n)
        if width < COLUMNS:
            copy(place(b, 0, n), b.strides[0], to, width, K)
        for m in range(0, M, ROWS):
            fetch(b, n + COLUMNS, m * K // M, (m + ROWS) * K // M)
            if m == 0 and width == COLUMNS:
                in_place = operands(a, place(b, 0, n), b.strides[0], to, c, m, n, width)
                tile_and_panel(in_place, SUMS_ONLY)
            else:
                tile(operands(a, to, panel.strides[0], to, c, m, n, width), SUMS_ONLY)


def threads(a, b, c) -> None:
    """As many shares as there are threads, or one if waking threads would take longer.

    The product of each is `fetched` and `turned` in one, with shorter panels for large K, lower
    tiles for few rows, and rows of a packed as well where they would meet in one cache set.
    """
    T = threads_for(a.size * b.shape[1])
    multiply_shares(T, product_for(c.itemsize, T), a, False, b, False, c)


def aligned(rows: int, columns: int) -> np.ndarray:
    """Return a float32 matrix, not initialised, that begins on a cache line."""
    memory = np.empty(4 * rows * columns + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + 4 * rows * columns].view(np.float32).reshape(rows, columns)


@dataclass(frozen=True)
class Rung:
    """A product, and how it is called."""

    function: Callable  # of a, b, c, and a panel if it packs
    packs: bool = False
    turns: bool = False  # takes b transposed, (N, K)
    code: Any = None  # compiled function with the loop over k, if not `function`

    def bind(self, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Callable[[], None]:
        """Return a function that computes c = a b."""
        b = np.ascontiguousarray(b.T) if self.turns else b
        panel = [aligned(a.shape[1], COLUMNS)] if self.packs else []
        return partial(self.function, a, b, c, *panel)


RUNGS = {
    "i_j_k": Rung(i_j_k),
    "i_k_j": Rung(i_k_j),
    "registers": Rung(registers),
    "packed": Rung(packed, packs=True),
    "copied": Rung(copied, packs=True),
    "turned": Rung(turned, packs=True, turns=True),
    "fetched": Rung(fetched, packs=True),
    "threads": Rung(threads, code=compiled_here(make_product(SHAPE))),
}
