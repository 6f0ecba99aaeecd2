"""Exercises of lesson 16: the matrix products of a linear layer, on a GPU.

Write for the simulator, which also runs your kernels when they are checked:

    launch(kernel, blocks, threads, *arrays)

All arrays are contiguous and hold float32. If a kernel puzzles you, run it on a small array of your
own, with count=True to see what it moves.
"""

from minae.kernels.simulator import cuda, float32

TILE = 16  # of product_nt
HALF = 8  # of double_buffered
EDGE, DEPTH = 64, 4  # of registers
SQUARE, ROWS = 32, 8  # of transpose


def product_tn(a, b, c):
    """c = aᵀ b, one thread per entry, so that neighbours read neighbours.

    a (K, M), b (K, N), c (M, N). This is the gradient of a linear layer's weight, where the sum
    runs over the images of a batch. A block has (32, 8) threads, and the grid has at least as many
    threads as c has entries, in both directions: some have nothing to do.

    A warp is 32 threads that differ only in threadIdx.x. Choose which of i and j follows x. For 32
    products, one per lane, a warp may move at most 5 sectors of 32 bytes, and 4 to store 32 entries
    of c. The numbers come out right either way; the check counts sectors.

    About 6 lines, 10 minutes. Matters because a kernel whose lanes read across rows moves several
    times the bytes that it needs, and no arithmetic makes up for that.
    """
    ### BEGIN SOLUTION
    j, i = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[0]):
            total += a[k, i] * b[k, j]
        c[i, j] = total
    ### END SOLUTION


def product_nt(a, b, c):
    """c = a bᵀ by tiles of 16 x 16 in shared memory, for any sizes.

    a (M, K), b (N, K), c (M, N). This is the forward pass of a linear layer: b is the weight.
    A block has (16, 16) threads and computes the 16 x 16 entries of c whose rows begin at
    16 blockIdx.y and whose columns begin at 16 blockIdx.x.

    Rows of a and rows of b both run along k, so copy both tiles with threadIdx.x along k: then a
    warp reads two rows of 64 bytes, which are 4 sectors. Entries beyond the edges count as zero,
    and are neither read nor written. Every thread must reach every barrier.

    About 18 lines, 30 minutes. Matters because tiles of 16 x 16 move 0.5 bytes per product. One
    thread per entry would move 18 here: neighbours along x read rows of b that are far apart.
    """
    ### BEGIN SOLUTION
    a_tile = cuda.shared.array((TILE, TILE), float32)  # (i, k)
    b_tile = cuda.shared.array((TILE, TILE + 1), float32)  # (j, k): a warp reads a column of it
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, K, TILE):
        k = first + x
        a_tile[y, x] = a[top + y, k] if top + y < M and k < K else float32(0)
        b_tile[y, x] = b[start + y, k] if start + y < N and k < K else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[x, k]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total
    ### END SOLUTION


def racy(a, b, c):
    """c = a b with two tiles of each matrix, one multiplied and one filled. It has two races.

    a (M, K), b (K, N), c (M, N), all sizes multiples of 8; a block has (8, 8) threads. Leave this
    kernel as it is, and write `double_buffered` below.
    """
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half = step % 2
        if step + 1 < steps:
            first = (step + 1) * HALF
            a_tile[half, y, x], b_tile[half, y, x] = a[i, first + x], b[first + y, j]
        cuda.syncthreads()
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
    c[i, j] = total


def double_buffered(a, b, c):
    """The kernel `racy`, without its two races, but still with one barrier per step.

    Have the simulator explain the first race: launch `racy` on matrices of 8 x 24 and 24 x 8, with
    one block. Fix it, launch again, and read what comes next. A second barrier in each step would
    also end both races, but then all threads would wait twice as often: the check counts barriers.

    Copy the body of `racy` and change it; about 3 lines differ, 15 minutes. Matters because the
    result of a race is right on most days, so no test of the numbers finds it.
    """
    ### BEGIN SOLUTION
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half, other = step % 2, (step + 1) % 2
        cuda.syncthreads()  # this half is filled, and all threads have read the other
        if step + 1 < steps:
            first = (step + 1) * HALF
            a_tile[other, y, x], b_tile[other, y, x] = a[i, first + x], b[first + y, j]
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
    c[i, j] = total
    ### END SOLUTION


def registers(a, b, c):
    """c = a b, 64 x 64 entries per block, 4 x 4 per thread, by your `multiply`. Leave it as it is.

    a (M, K), b (K, N), c (M, N); M and N are multiples of 64, K of 4. A block has 256 threads.
    """
    a_tile = cuda.shared.array((DEPTH, EDGE), float32)  # (k, i)
    b_tile = cuda.shared.array((DEPTH, EDGE), float32)  # (k, j)
    total = cuda.local.array((4, 4), float32)
    thread = cuda.threadIdx.x
    x, y = thread % 16, thread // 16
    top, start = cuda.blockIdx.y * EDGE, cuda.blockIdx.x * EDGE
    for i in range(4):
        for j in range(4):
            total[i, j] = float32(0)
    for first in range(0, a.shape[1], DEPTH):
        a_tile[thread % DEPTH, thread // DEPTH] = a[top + thread // DEPTH, first + thread % DEPTH]
        b_tile[thread // EDGE, thread % EDGE] = b[first + thread // EDGE, start + thread % EDGE]
        cuda.syncthreads()
        multiply(a_tile, b_tile, x, y, total)
        cuda.syncthreads()
    for i in range(4):
        for j in range(4):
            c[top + 4 * y + i, start + x + 16 * j] = total[i, j]


def multiply(a_tile, b_tile, x, y, total):
    """Add a thread's products of one pair of tiles to its 4 x 4 sums, reading each number once.

    a_tile (4, 64) holds a transposed, as (k, i); b_tile (4, 64) is (k, j); total (4, 4). The thread
    at x, y sums for the rows 4 y + 0, 1, 2, 3 and for the columns x + 0, 16, 32, 48:

        total[i, j] += the sum over k of a_tile[k, 4 y + i] b_tile[k, x + 16 j]

    So neighbours in x read neighbours of b_tile, each from a different bank. For each k a thread
    may read shared memory 8 times, for 16 products. It keeps the numbers in variables or in a local
    array, such as cuda.local.array(4, float32).

    About 8 lines, 15 minutes. Matters because one read for each factor would be 32 reads: the
    multiplications would then wait for shared memory.
    """
    ### BEGIN SOLUTION
    left = cuda.local.array(4, float32)
    right = cuda.local.array(4, float32)
    for k in range(DEPTH):
        for n in range(4):
            left[n] = a_tile[k, 4 * y + n]
            right[n] = b_tile[k, x + 16 * n]
        for i in range(4):
            for j in range(4):
                total[i, j] += left[i] * right[j]
    ### END SOLUTION


def transpose(x, y):
    """y = xᵀ, for any sizes, with whole sectors on both sides and no bank conflicts.

    x (M, N), y (N, M). A block has (32, 8) threads and moves a square of 32 x 32, whose rows in x
    begin at 32 blockIdx.y and whose columns begin at 32 blockIdx.x; each thread moves 4 numbers.

    A warp must read 32 neighbours of x and write 32 neighbours of y, 4 sectors each where sizes are
    multiples of 32. So the square has to be transposed in between, in shared memory, where either
    reading or writing goes along a column. 32 lanes that read a column of an array with 32 numbers
    per row all want the same bank, and are answered one after the other.

    About 14 lines, 25 minutes. Matters because operands are often stored the wrong way round: the
    tiles of every fast product are transposed like this.
    """
    ### BEGIN SOLUTION
    square = cuda.shared.array((SQUARE, SQUARE + 1), float32)  # one more: columns cross all banks
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * SQUARE, cuda.blockIdx.x * SQUARE
    M, N = x.shape
    for row in range(first, SQUARE, ROWS):
        if top + row < M and start + lane < N:
            square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(first, SQUARE, ROWS):
        if start + row < N and top + lane < M:
            y[start + row, top + lane] = square[lane, row]
    ### END SOLUTION
