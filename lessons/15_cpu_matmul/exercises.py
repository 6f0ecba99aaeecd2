"""Exercises of lesson 15: the parts of a fast matrix product, each on its own.

No clock decides. What is checked are results, and counts of what takes the time: lines brought into
a cache, instructions, registers, the work of the busiest thread. In 15.2 and 15.4 you write for a
simulated core, which executes these instructions:

    core.zero()                    a vector of core.width zeros
    core.load(x, i, j)             core.width numbers of row i of a matrix x, from column j on
    core.broadcast(x, i, j)        a vector that has the number x[i, j] in all places
    core.fma(p, q, r)              the vector p q + r, of vectors
    core.store(p, x, i, j)         writes a vector to row i of x, from column j on

load and store take one more argument, count, if they are to access only the first `count` numbers:
load then puts zeros in place of the others. A matrix has a shape, and its numbers are reached by
instructions only.
A vector takes up a register from the instruction that makes it to the last one that reads it.
"""

import numpy as np


def along_rows(a, b, c):
    """Add aᵀ b to c, with the three loops in the best order. c holds zeros before.

    a (K, M), b (K, N), c (M, N) are read and written one number at a time: c[i, j] += a[k, i] *
    b[k, j]. This is the gradient of a linear layer's weight; K counts the images of a batch.

    All three matrices are stored row by row, behind a cache of 32 lines with 16 numbers each. c has
    more rows than that, and b more lines. Bring in each line of a and of b once, and each line of c
    at most once for each k. Do not keep numbers of b: each product reads its own.

    About 4 lines, 10 minutes. Matters because other orders of the same products bring in up to 30
    times as many lines here; and only along rows can a compiler use vectors.
    """
    ### BEGIN SOLUTION
    for k in range(a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[k, i] * b[k, j]
    ### END SOLUTION


def tile(core, a, b, c):
    """c = a b for one tile of c, with 4 rows and 3 vectors per row, in 16 registers.

    a (4, K), b (K, 3 core.width), c (4, 3 core.width); K is at least 1, and c is to be written, not
    read. For each k, load each vector of b once and broadcast each number of a once: 3 loads and 4
    broadcasts for 12 multiply-adds. At the end, store each of the 12 vectors once.

    The 12 sums take up 12 registers throughout, so the order of the other instructions matters:
    with all seven factors in registers at once, 19 would be needed.

    About 9 lines, 20 minutes. Matters because one multiply-add at a time needs 2 loads each, and a
    core executes at most as many loads as multiply-adds: it would wait for memory half the time.
    """
    ### BEGIN SOLUTION
    W, rows, vectors = core.width, range(4), range(3)
    sums = [[core.zero() for _ in vectors] for _ in rows]
    for k in range(a.shape[1]):
        bs = [core.load(b, k, v * W) for v in vectors]
        for i in rows:
            x = core.broadcast(a, i, k)
            for v in vectors:
                sums[i][v] = core.fma(x, bs[v], sums[i][v])
    for i in rows:
        for v in vectors:
            core.store(sums[i][v], c, i, v * W)
    ### END SOLUTION


def pack(b, width, turned):
    """Return b in panels, in the order in which tiles read it: a vector.

    b is (K, N), or (N, K) if turned: its rows then are the columns that are meant. K and N are at
    least 1. A panel has the numbers of `width` columns of b: those of k = 0, then those of k = 1,
    and so on. The panels follow one another. If N is no multiple of width, the last panel has zeros
    in place of the columns that are missing. The result has b's dtype.

    For K = 2, N = 3 and width = 2: b[0, 0], b[0, 1], b[1, 0], b[1, 1], b[0, 2], 0, b[1, 2], 0.

    About 6 lines, 15 minutes. Matters because a tile then reads consecutive lines, all numbers of
    which it uses, and whole vectors even at the edge; and a weight and its transpose look the same.
    """
    ### BEGIN SOLUTION
    rows = b.T if turned else b
    K, N = rows.shape
    panels = -(-N // width)
    padded = np.zeros((K, panels * width), b.dtype)
    padded[:, :N] = rows
    return padded.reshape(K, panels, width).swapaxes(0, 1).ravel()
    ### END SOLUTION


def edges(core, a, b, c):
    """c = a b for matrices of any sizes, in tiles of up to 4 rows and 3 vectors.

    a (M, K), b (K, N), c (M, N); all sizes are at least 1. The tiles begin at rows 0, 4, 8, ... and
    at columns 0, 3 core.width, ... Where c ends, a tile has fewer rows, fewer vectors, and a last
    vector with fewer numbers. Nothing outside of the matrices may be read or written: memory behind
    the last row may not be yours. Nor is anything computed for rows and vectors that c does not
    have.

    For each k a tile loads each of its vectors of b once and broadcasts each of its numbers of a
    once; it stores each of its vectors once, and has 16 registers.

    About 15 lines, 30 minutes. Matters because 784 pixels are 16 tiles of 48 and a rest of 16, a
    batch may be one image, and reading behind the end of an array crashes only now and then.
    """
    ### BEGIN SOLUTION
    (M, K), N, W = a.shape, b.shape[1], core.width
    for top in range(0, M, 4):
        for left in range(0, N, 3 * W):
            rows = range(top, min(top + 4, M))
            counts = {j: min(W, N - j) for j in range(left, min(left + 3 * W, N), W)}
            sums = {(i, j): core.zero() for i in rows for j in counts}
            for k in range(K):
                bs = {j: core.load(b, k, j, count) for j, count in counts.items()}
                for i in rows:
                    x = core.broadcast(a, i, k)
                    for j in counts:
                        sums[i, j] = core.fma(x, bs[j], sums[i, j])
            for (i, j), total in sums.items():
                core.store(total, c, i, j, counts[j])
    ### END SOLUTION


ROWS, WIDTH, PACKING = 8, 16, 8


def work(rows, columns):
    """Return how long a share of a product takes. Use it in `cut`, and leave it as it is.

    A tile has 8 rows and whole vectors of 16 columns, and takes as long at the edge as elsewhere.
    Each share packs its columns of b for itself, which takes as long as 8 rows more.
    """
    if rows == 0 or columns == 0:
        return 0
    return (-(-rows // ROWS) * ROWS + PACKING) * (-(-columns // WIDTH) * WIDTH)


def cut(M, N, T):
    """Return T shares of an (M, N) product, for as many threads: (row, end, column, end) each.

    A share is c[row:end, column:end], and has work(rows, columns) to do. The shares are those of a
    grid: T is the product of two whole numbers, by which rows and columns are divided. A share
    begins at a multiple of 8 rows and 16 columns, where tiles do. Divide as evenly as that allows:
    all shares are of one size, except the last ones, which have what remains. Choose the grid whose
    largest share has the least work. Each entry of c is in exactly one share. If c is small, some
    shares are empty: row = end, or column = end.

    About 14 lines, 30 minutes. Matters because all threads wait for the slowest. For 128 rows, 512
    columns and 4 threads, cutting rows alone takes 18 % longer.
    """

    ### BEGIN SOLUTION
    def size(total, parts, unit):
        return -(-total // (parts * unit)) * unit

    def largest(down):
        high, wide = size(M, down, ROWS), size(N, T // down, WIDTH)
        return work(min(high, M), min(wide, N))

    down = min((d for d in range(1, T + 1) if T % d == 0), key=largest)
    high, wide = size(M, down, ROWS), size(N, T // down, WIDTH)
    return [
        (min(i * high, M), min((i + 1) * high, M), min(j * wide, N), min((j + 1) * wide, N))
        for i in range(down)
        for j in range(T // down)
    ]
    ### END SOLUTION
