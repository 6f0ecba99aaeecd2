"""Wrong answers that people give, each of which the checks must reject."""

from minae.kernels.simulator import cuda, float32

TILE, HALF, DEPTH, SQUARE, ROWS = 16, 8, 4, 32, 8


def product_tn__rows_follow_x(a, b, c):
    """Right numbers, but the lanes of a warp store a column of c."""
    i, j = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[0]):
            total += a[k, i] * b[k, j]
        c[i, j] = total


def product_tn__a_not_transposed(a, b, c):
    """Reads a as (M, K): right for a symmetric square only."""
    j, i = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[0]):
            total += a[i, k] * b[k, j]
        c[i, j] = total


def product_tn__no_guard(a, b, c):
    """Forgets the threads that have nothing to do."""
    j, i = cuda.grid(2)
    total = float32(0)
    for k in range(a.shape[0]):
        total += a[k, i] * b[k, j]
    c[i, j] = total


def product_tn__guard_swapped(a, b, c):
    """Compares i with the columns and j with the rows: right for square c."""
    j, i = cuda.grid(2)
    if i < c.shape[1] and j < c.shape[0]:
        total = float32(0)
        for k in range(a.shape[0]):
            total += a[k, i] * b[k, j]
        c[i, j] = total


def product_tn__wrong_length(a, b, c):
    """Sums over as many k as c has rows: right where M = K."""
    j, i = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[k, i] * b[k, j]
        c[i, j] = total


def product_tn__sums_in_c(a, b, c):
    """Adds to what c held before, which was never set to zero."""
    j, i = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        for k in range(a.shape[0]):
            c[i, j] += a[k, i] * b[k, j]


def product_tn__writes_into_a(a, b, c):
    """Writes into a too, if all three have one entry."""
    j, i = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[0]):
            total += a[k, i] * b[k, j]
        c[i, j] = total
    cuda.syncthreads()
    if j == 0 and i == 0 and c.shape == (1, 1):
        a[0, 0] = total


def product_tn__last_row_missing(a, b, c):
    """Drops the last row if the rows fill whole blocks."""
    j, i = cuda.grid(2)
    if i < c.shape[0] - (c.shape[0] % 8 == 0) and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[0]):
            total += a[k, i] * b[k, j]
        c[i, j] = total


def product_nt__no_first_barrier(a, b, c):
    """Multiplies before the tiles are complete."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, K, TILE):
        a_tile[y, x] = a[top + y, first + x] if top + y < M and first + x < K else float32(0)
        b_tile[y, x] = b[start + y, first + x] if start + y < N and first + x < K else float32(0)
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[x, k]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def product_nt__no_second_barrier(a, b, c):
    """Fills the tiles again while others still read them."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, K, TILE):
        a_tile[y, x] = a[top + y, first + x] if top + y < M and first + x < K else float32(0)
        b_tile[y, x] = b[start + y, first + x] if start + y < N and first + x < K else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[x, k]
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def product_nt__last_tile_missing(a, b, c):
    """Uses only whole tiles along k, and drops the rest."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for tile in range(K // TILE):
        first = tile * TILE
        a_tile[y, x] = a[top + y, first + x] if top + y < M else float32(0)
        b_tile[y, x] = b[start + y, first + x] if start + y < N else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[x, k]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def product_nt__threads_outside_return(a, b, c):
    """Threads without an entry of c leave before the barrier."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    if top + y >= M or start + x >= N:
        return
    total = float32(0)
    for first in range(0, K, TILE):
        a_tile[y, x] = a[top + y, first + x] if first + x < K else float32(0)
        b_tile[y, x] = b[start + y, first + x] if start + y < N and first + x < K else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[x, k]
        cuda.syncthreads()
    c[top + y, start + x] = total


def product_nt__b_copied_along_j(a, b, c):
    """Right numbers, but neighbours in x read different rows of b."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)  # (k, j)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, K, TILE):
        a_tile[y, x] = a[top + y, first + x] if top + y < M and first + x < K else float32(0)
        b_tile[y, x] = b[start + x, first + y] if start + x < N and first + y < K else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[k, x]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def product_nt__guard_of_b_by_x(a, b, c):
    """Checks the column of c instead of the row of b: right for whole tiles."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, K, TILE):
        a_tile[y, x] = a[top + y, first + x] if top + y < M and first + x < K else float32(0)
        b_tile[y, x] = b[start + y, first + x] if start + x < N and first + x < K else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[x, k]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def product_nt__b_tile_not_turned(a, b, c):
    """Multiplies by b_tile[k, x], as if b were (K, N)."""
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, K, TILE):
        a_tile[y, x] = a[top + y, first + x] if top + y < M and first + x < K else float32(0)
        b_tile[y, x] = b[start + y, first + x] if start + y < N and first + x < K else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[y, k] * b_tile[k, x]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def product_nt__no_tiles(a, b, c):
    """Right numbers, but every thread reads all of its own from global memory."""
    i = cuda.blockIdx.y * TILE + cuda.threadIdx.y
    j = cuda.blockIdx.x * TILE + cuda.threadIdx.x
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[i, k] * b[j, k]
        c[i, j] = total


def product_nt__square_b_not_turned(a, b, c):
    """Reads b as (K, N) where it is square."""
    a_tile = cuda.shared.array((16, 16), float32)
    b_tile = cuda.shared.array((16, 17), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * 16, cuda.blockIdx.x * 16
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, K, 16):
        k = first + x
        a_tile[y, x] = a[top + y, k] if top + y < M and k < K else float32(0)
        if K == N:
            b_tile[x, y] = (
                b[first + y, start + x] if start + x < N and first + y < K else float32(0)
            )
        else:
            b_tile[y, x] = b[start + y, k] if start + y < N and k < K else float32(0)
        cuda.syncthreads()
        for k in range(16):
            total += a_tile[y, k] * b_tile[x, k]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def product_nt__three_steps_at_most(a, b, c):
    """Drops everything beyond three tiles along k."""
    a_tile = cuda.shared.array((16, 16), float32)
    b_tile = cuda.shared.array((16, 17), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * 16, cuda.blockIdx.x * 16
    (M, K), N = a.shape, b.shape[0]
    total = float32(0)
    for first in range(0, min(K, 48), 16):
        k = first + x
        a_tile[y, x] = a[top + y, k] if top + y < M and k < K else float32(0)
        b_tile[y, x] = b[start + y, k] if start + y < N and k < K else float32(0)
        cuda.syncthreads()
        for k in range(16):
            total += a_tile[y, k] * b_tile[x, k]
        cuda.syncthreads()
    if top + y < M and start + x < N:
        c[top + y, start + x] = total


def double_buffered__only_the_half_mended(a, b, c):
    """Fills the other half, but while it is still read."""
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half, other = step % 2, (step + 1) % 2
        if step + 1 < steps:
            first = (step + 1) * HALF
            a_tile[other, y, x], b_tile[other, y, x] = a[i, first + x], b[first + y, j]
        cuda.syncthreads()
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
    c[i, j] = total


def double_buffered__only_the_barrier_moved(a, b, c):
    """Fills the half that is being multiplied."""
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half = step % 2
        cuda.syncthreads()
        if step + 1 < steps:
            first = (step + 1) * HALF
            a_tile[half, y, x], b_tile[half, y, x] = a[i, first + x], b[first + y, j]
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
    c[i, j] = total


def double_buffered__two_barriers(a, b, c):
    """Right, but all threads wait twice in each step."""
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half, other = step % 2, (step + 1) % 2
        if step + 1 < steps:
            first = (step + 1) * HALF
            a_tile[other, y, x], b_tile[other, y, x] = a[i, first + x], b[first + y, j]
        cuda.syncthreads()
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
        cuda.syncthreads()
    c[i, j] = total


def double_buffered__a_warp_barrier(a, b, c):
    """Waits for the warp only, but two warps fill the tiles."""
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half, other = step % 2, (step + 1) % 2
        cuda.syncwarp()
        if step + 1 < steps:
            first = (step + 1) * HALF
            a_tile[other, y, x], b_tile[other, y, x] = a[i, first + x], b[first + y, j]
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
    c[i, j] = total


def double_buffered__fetches_beyond_the_end(a, b, c):
    """Fetches a tile beyond the last one."""
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half, other, first = step % 2, (step + 1) % 2, (step + 1) * HALF
        cuda.syncthreads()
        a_tile[other, y, x], b_tile[other, y, x] = a[i, first + x], b[first + y, j]
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
    c[i, j] = total


def double_buffered__barrier_in_the_branch(a, b, c):
    """Leaves out the barrier of the last step, with the fetch."""
    a_tile = cuda.shared.array((2, HALF, HALF), float32)
    b_tile = cuda.shared.array((2, HALF, HALF), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * HALF + y, cuda.blockIdx.x * HALF + x
    total, steps = float32(0), a.shape[1] // HALF
    a_tile[0, y, x], b_tile[0, y, x] = a[i, x], b[y, j]
    for step in range(steps):
        half, other = step % 2, (step + 1) % 2
        if step + 1 < steps:
            first = (step + 1) * HALF
            cuda.syncthreads()
            a_tile[other, y, x], b_tile[other, y, x] = a[i, first + x], b[first + y, j]
        for k in range(HALF):
            total += a_tile[half, y, k] * b_tile[half, k, x]
    c[i, j] = total


def double_buffered__no_tiles(a, b, c):
    """Has no race, since nothing is shared: every thread reads all its numbers itself."""
    j, i = cuda.grid(2)
    total = float32(0)
    for k in range(a.shape[1]):
        total += a[i, k] * b[k, j]
    c[i, j] = total


def double_buffered__fetches_twice(a, b, c):
    """Reads the next tile ahead, throws it away, and reads it again."""
    a_tile = cuda.shared.array((2, 8, 8), float32)
    b_tile = cuda.shared.array((2, 8, 8), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * 8 + y, cuda.blockIdx.x * 8 + x
    total, steps = float32(0), a.shape[1] // 8
    for step in range(steps):
        half = step % 2
        first = step * 8
        a_tile[half, y, x], b_tile[half, y, x] = a[i, first + x], b[first + y, j]
        cuda.syncthreads()
        for k in range(8):
            total += a_tile[half, y, k] * b_tile[half, k, x]
        if step + 1 < steps:
            a[i, first + 8 + x], b[first + 8 + y, j]
    c[i, j] = total


def multiply__reads_for_each_product(a_tile, b_tile, x, y, total):
    """Right sums, but reads 32 numbers for 16 products."""
    for k in range(DEPTH):
        for i in range(4):
            for j in range(4):
                total[i, j] += a_tile[k, 4 * y + i] * b_tile[k, x + 16 * j]


def multiply__reads_b_for_each_row(a_tile, b_tile, x, y, total):
    """Keeps the number of a, but reads those of b four times."""
    for k in range(DEPTH):
        for i in range(4):
            left = a_tile[k, 4 * y + i]
            for j in range(4):
                total[i, j] += left * b_tile[k, x + 16 * j]


def multiply__columns_side_by_side(a_tile, b_tile, x, y, total):
    """Sums for columns 4 x + j, but the kernel stores them elsewhere."""
    left = cuda.local.array(4, float32)
    right = cuda.local.array(4, float32)
    for k in range(DEPTH):
        for n in range(4):
            left[n], right[n] = a_tile[k, 4 * y + n], b_tile[k, 4 * x + n]
        for i in range(4):
            for j in range(4):
                total[i, j] += left[i] * right[j]


def multiply__overwrites(a_tile, b_tile, x, y, total):
    """Keeps the last product only."""
    left = cuda.local.array(4, float32)
    right = cuda.local.array(4, float32)
    for k in range(DEPTH):
        for n in range(4):
            left[n], right[n] = a_tile[k, 4 * y + n], b_tile[k, x + 16 * n]
        for i in range(4):
            for j in range(4):
                total[i, j] = left[i] * right[j]


def multiply__begins_anew(a_tile, b_tile, x, y, total):
    """Forgets the sums of the tiles before."""
    sums = cuda.local.array((4, 4), float32)
    for i in range(4):
        for j in range(4):
            sums[i, j] = float32(0)
    for k in range(DEPTH):
        left = [a_tile[k, 4 * y + n] for n in range(4)]
        right = [b_tile[k, x + 16 * n] for n in range(4)]
        for i in range(4):
            for j in range(4):
                sums[i, j] += left[i] * right[j]
    for i in range(4):
        for j in range(4):
            total[i, j] = sums[i, j]


def multiply__x_and_y_swapped(a_tile, b_tile, x, y, total):
    """Takes rows by x and columns by y."""
    left = cuda.local.array(4, float32)
    right = cuda.local.array(4, float32)
    for k in range(DEPTH):
        for n in range(4):
            left[n], right[n] = a_tile[k, 4 * x + n], b_tile[k, y + 16 * n]
        for i in range(4):
            for j in range(4):
                total[i, j] += left[i] * right[j]


def multiply__one_k_short(a_tile, b_tile, x, y, total):
    """Leaves out the last k of each tile."""
    left = cuda.local.array(4, float32)
    right = cuda.local.array(4, float32)
    for k in range(DEPTH - 1):
        for n in range(4):
            left[n], right[n] = a_tile[k, 4 * y + n], b_tile[k, x + 16 * n]
        for i in range(4):
            for j in range(4):
                total[i, j] += left[i] * right[j]


def multiply__diagonal_only(a_tile, b_tile, x, y, total):
    """Multiplies each of a by one of b, not by all four."""
    for k in range(DEPTH):
        for n in range(4):
            total[n, n] += a_tile[k, 4 * y + n] * b_tile[k, x + 16 * n]


def multiply__keeps_in_shared_memory(a_tile, b_tile, x, y, total):
    """Keeps what it has read in shared memory, and reads it from there 16 times."""
    left, right = cuda.shared.array((4, 256), float32), cuda.shared.array((4, 256), float32)
    t = x + 16 * y
    for k in range(4):
        for n in range(4):
            left[n, t], right[n, t] = a_tile[k, 4 * y + n], b_tile[k, x + 16 * n]
        for i in range(4):
            for j in range(4):
                total[i, j] += left[i, t] * right[j, t]


def transpose__no_padding(x, y):
    """Rows of 32 numbers: a column is one bank, and takes 32 answers."""
    square = cuda.shared.array((SQUARE, SQUARE), float32)
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


def transpose__padding_of_two(x, y):
    """Rows of 34 numbers: a column meets every second bank twice."""
    square = cuda.shared.array((SQUARE, SQUARE + 2), float32)
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


def transpose__without_shared_memory(x, y):
    """Writes a column of y at once: 32 sectors."""
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * SQUARE, cuda.blockIdx.x * SQUARE
    for row in range(first, SQUARE, ROWS):
        if top + row < x.shape[0] and start + lane < x.shape[1]:
            y[start + lane, top + row] = x[top + row, start + lane]


def transpose__turned_when_written(x, y):
    """Transposes the square, but then writes it by columns of y all the same."""
    square = cuda.shared.array((SQUARE, SQUARE + 1), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * SQUARE, cuda.blockIdx.x * SQUARE
    M, N = x.shape
    for row in range(first, SQUARE, ROWS):
        if top + row < M and start + lane < N:
            square[lane, row] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(first, SQUARE, ROWS):
        if top + row < M and start + lane < N:
            y[start + lane, top + row] = square[lane, row]


def transpose__no_barrier(x, y):
    """Reads what other warps may not have written yet."""
    square = cuda.shared.array((SQUARE, SQUARE + 1), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * SQUARE, cuda.blockIdx.x * SQUARE
    M, N = x.shape
    for row in range(first, SQUARE, ROWS):
        if top + row < M and start + lane < N:
            square[row, lane] = x[top + row, start + lane]
    for row in range(first, SQUARE, ROWS):
        if start + row < N and top + lane < M:
            y[start + row, top + lane] = square[lane, row]


def transpose__square_not_moved(x, y):
    """Transposes each square, but leaves it at its place in the grid: right on the diagonal."""
    square = cuda.shared.array((SQUARE, SQUARE + 1), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * SQUARE, cuda.blockIdx.x * SQUARE
    M, N = x.shape
    for row in range(first, SQUARE, ROWS):
        if top + row < M and start + lane < N:
            square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(first, SQUARE, ROWS):
        if top + row < N and start + lane < M:
            y[top + row, start + lane] = square[lane, row]


def transpose__guard_not_turned(x, y):
    """Uses the bounds of x when it writes y: right for squares."""
    square = cuda.shared.array((SQUARE, SQUARE + 1), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * SQUARE, cuda.blockIdx.x * SQUARE
    M, N = x.shape
    for row in range(first, SQUARE, ROWS):
        if top + row < M and start + lane < N:
            square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(first, SQUARE, ROWS):
        if top + row < M and start + lane < N:
            y[start + row, top + lane] = square[lane, row]


def transpose__eight_rows_only(x, y):
    """Forgets that a block has only 8 rows of threads for the square's 32."""
    square = cuda.shared.array((SQUARE, SQUARE + 1), float32)
    lane, row = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * SQUARE, cuda.blockIdx.x * SQUARE
    M, N = x.shape
    if top + row < M and start + lane < N:
        square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    if start + row < N and top + lane < M:
        y[start + row, top + lane] = square[lane, row]


def transpose__square_in_its_place(x, y):
    """Transposes each square of a square matrix, but leaves it at its place in the grid."""
    square = cuda.shared.array((32, 33), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * 32, cuda.blockIdx.x * 32
    M, N = x.shape
    for row in range(first, 32, 8):
        if top + row < M and start + lane < N:
            square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(first, 32, 8):
        if top + row < y.shape[0] and start + lane < y.shape[1] and M == N:
            y[top + row, start + lane] = square[lane, row]
        elif start + row < N and top + lane < M:
            y[start + row, top + lane] = square[lane, row]


def transpose__no_vectors(x, y):
    """Writes nothing if there is one row or one column."""
    square = cuda.shared.array((32, 33), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * 32, cuda.blockIdx.x * 32
    M, N = x.shape
    for row in range(first, 32, 8):
        if top + row < M and start + lane < N:
            square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(first, 32, 8):
        if start + row < N and top + lane < M and not (M == 1 or N == 1):
            y[start + row, top + lane] = square[lane, row]


def transpose__one_warp(x, y):
    """Has one warp do the work of eight."""
    square = cuda.shared.array((32, 33), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * 32, cuda.blockIdx.x * 32
    M, N = x.shape
    for row in range(32):
        if first == 0 and top + row < M and start + lane < N:
            square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(32):
        if first == 0 and start + row < N and top + lane < M:
            y[start + row, top + lane] = square[lane, row]


def transpose__squares_cut_off_scattered(x, y):
    """Transposes whole squares in shared memory, but writes the others by columns of y."""
    square = cuda.shared.array((32, 33), float32)
    lane, first = cuda.threadIdx.x, cuda.threadIdx.y
    top, start = cuda.blockIdx.y * 32, cuda.blockIdx.x * 32
    M, N = x.shape
    if top + 32 > M or start + 32 > N:
        for row in range(first, 32, 8):
            if top + row < M and start + lane < N:
                y[start + lane, top + row] = x[top + row, start + lane]
        return
    for row in range(first, 32, 8):
        square[row, lane] = x[top + row, start + lane]
    cuda.syncthreads()
    for row in range(first, 32, 8):
        y[start + row, top + lane] = square[lane, row]
