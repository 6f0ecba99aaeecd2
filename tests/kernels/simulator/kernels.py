"""Small correct kernels of every kind that the simulator has to judge.

`cases` runs them. The planted bugs replace text of this file, including the comments that
distinguish barriers.
"""

from minae.kernels.cuda.launch.intrinsics import (
    close_copies,
    copy4,
    load1,
    load4,
    mma_tf32,
    store4,
    to_tf32,
    wait_copies1,
)
from minae.kernels.simulator import cuda, float32, int32

FULL = 0xFFFFFFFF
T = 8  # side of a tile


def matmul_tiled(a, b, c):
    a_tile = cuda.shared.array((T, T), float32)
    b_tile = cuda.shared.array((T, T), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    rows, depth = a.shape
    columns = b.shape[1]
    total = float32(0)
    for k0 in range(0, depth, T):
        a_tile[y, x] = a[row, k0 + x] if row < rows and k0 + x < depth else float32(0)
        b_tile[y, x] = b[k0 + y, column] if k0 + y < depth and column < columns else float32(0)
        cuda.syncthreads()  # filled
        for k in range(T):
            total += a_tile[y, k] * b_tile[k, x]
        cuda.syncthreads()  # used
    if row < rows and column < columns:
        c[row, column] = total


WIDE, DEEP = 32, 8  # of a block's tile
PITCH = WIDE + 4  # of its rows in shared memory


def matmul_register(a, b, c, rows, columns, depth):
    """Flat arrays; columns and depth are multiples of 4. A thread computes 4 x 4 numbers."""
    a_tile = cuda.shared.array(DEEP * PITCH, float32, alignment=16)  # transposed
    b_tile = cuda.shared.array(DEEP * PITCH, float32, alignment=16)
    total = cuda.local.array((4, 4), float32)
    thread = cuda.threadIdx.x
    down, right = thread // 8 * 4, thread % 8 * 4
    row0, column0 = cuda.blockIdx.y * WIDE, cuda.blockIdx.x * WIDE
    for i in range(4):
        for j in range(4):
            total[i, j] = float32(0)
    for k0 in range(0, depth, DEEP):
        i, k = thread // 2, thread % 2 * 4
        zero = float32(0)
        v0, v1, v2, v3 = zero, zero, zero, zero
        if row0 + i < rows and k0 + k < depth:
            v0, v1, v2, v3 = load4(a, (row0 + i) * depth + k0 + k)
        a_tile[k * PITCH + i] = v0
        a_tile[(k + 1) * PITCH + i] = v1
        a_tile[(k + 2) * PITCH + i] = v2
        a_tile[(k + 3) * PITCH + i] = v3
        k, j = thread // 8, thread % 8 * 4
        v0, v1, v2, v3 = zero, zero, zero, zero
        if k0 + k < depth and column0 + j < columns:
            v0, v1, v2, v3 = load4(b, (k0 + k) * columns + column0 + j)
        store4(b_tile, k * PITCH + j, v0, v1, v2, v3)
        cuda.syncthreads()  # filled
        for k in range(DEEP):
            b0, b1, b2, b3 = load4(b_tile, k * PITCH + right)
            for i in range(4):
                left = a_tile[k * PITCH + down + i]
                total[i, 0] += left * b0
                total[i, 1] += left * b1
                total[i, 2] += left * b2
                total[i, 3] += left * b3
        cuda.syncthreads()  # used
    for i in range(4):
        row, column = row0 + down + i, column0 + right
        if row < rows and column < columns:
            store4(c, row * columns + column, total[i, 0], total[i, 1], total[i, 2], total[i, 3])


HALF = 16 * T  # numbers of one of the two buffers


def matmul_pipelined(a, b, c, rows, columns, depth):
    """Flat arrays; columns and depth are multiples of 4. The next tile comes while one is used."""
    a_tile = cuda.shared.array(2 * HALF, float32, alignment=16)
    b_tile = cuda.shared.array(2 * HALF, float32, alignment=16)
    thread = cuda.threadIdx.x
    row0, column0 = cuda.blockIdx.y * 16, cuda.blockIdx.x * 16
    row, column = row0 + thread // 4, column0 + thread % 4 * 4
    t0, t1, t2, t3 = float32(0), float32(0), float32(0), float32(0)
    steps = (depth + T - 1) // T
    for step in range(-1, steps):
        ahead = (step + 1) * T
        if ahead < depth:
            into = (step + 1) % 2 * HALF
            if thread < 32:
                i, k = row0 + thread // 2, ahead + thread % 2 * 4
                copy4(a_tile, into + thread * 4, a, i * depth + k, i < rows and k < depth)
            else:
                k, j = ahead + (thread - 32) // 4, column0 + thread % 4 * 4
                valid = k < depth and j < columns
                copy4(b_tile, into + (thread - 32) * 4, b, k * columns + j, valid)
        close_copies()
        if step >= 0:
            wait_copies1()
            cuda.syncthreads()  # filled
            a0, b0 = step % 2 * HALF + thread // 4 * T, step % 2 * HALF + thread % 4 * 4
            for k in range(T):
                left = a_tile[a0 + k]
                right = load4(b_tile, b0 + k * 16)
                t0 += left * right[0]
                t1 += left * right[1]
                t2 += left * right[2]
                t3 += left * right[3]
            cuda.syncthreads()  # used
    if row < rows and column < columns:
        store4(c, row * columns + column, t0, t1, t2, t3)


def matmul_tensor(a, b, c, depth):
    """Flat arrays: a (16, depth), b (depth, 8), c (16, 8), by one warp; depth in multiples of 8."""
    g, t = cuda.laneid // 4, cuda.laneid % 4
    c0, c1, c2, c3 = float32(0), float32(0), float32(0), float32(0)
    for k0 in range(0, depth, 8):
        a0 = to_tf32(load1(a, g * depth + k0 + t))
        a1 = to_tf32(load1(a, (g + 8) * depth + k0 + t))
        a2 = to_tf32(load1(a, g * depth + k0 + t + 4))
        a3 = to_tf32(load1(a, (g + 8) * depth + k0 + t + 4))
        b0 = to_tf32(load1(b, (k0 + t) * 8 + g))
        b1 = to_tf32(load1(b, (k0 + t + 4) * 8 + g))
        c0, c1, c2, c3 = mma_tf32(a0, a1, a2, a3, b0, b1, c0, c1, c2, c3)
    c[g * 8 + 2 * t] = c0
    c[g * 8 + 2 * t + 1] = c1
    c[(g + 8) * 8 + 2 * t] = c2
    c[(g + 8) * 8 + 2 * t + 1] = c3


def conv_gather(x, weight, y, stride, padding):
    """Convolution as a product: rows are pixels of y, columns its channels."""
    x_tile = cuda.shared.array((T, T), float32)
    w_tile = cuda.shared.array((T, T), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    out, row = cuda.grid(2)
    images, channels, height, width = x.shape
    outs, high, wide = y.shape[1], y.shape[2], y.shape[3]
    kernel = weight.shape[2]
    depth = channels * kernel * kernel
    image, place = row // (high * wide), row % (high * wide)
    total = float32(0)
    for k0 in range(0, depth, T):
        k = k0 + tx
        value = float32(0)
        if image < images and k < depth:
            h = place // wide * stride - padding + k // kernel % kernel
            w = place % wide * stride - padding + k % kernel
            if 0 <= h < height and 0 <= w < width:
                value = x[image, k // (kernel * kernel), h, w]
        x_tile[ty, tx] = value
        k = k0 + ty
        value = float32(0)
        if out < outs and k < depth:
            value = weight[out, k // (kernel * kernel), k // kernel % kernel, k % kernel]
        w_tile[ty, tx] = value
        cuda.syncthreads()  # filled
        for k in range(T):
            total += x_tile[ty, k] * w_tile[k, tx]
        cuda.syncthreads()  # used
    if image < images and out < outs:
        y[image, out, place // wide, place % wide] = total


def conv_direct(x, weight, y, stride, padding):
    """A thread computes one number of y."""
    i = cuda.grid(1)
    images, outs, high, wide = y.shape
    channels, height, width = x.shape[1], x.shape[2], x.shape[3]
    kernel = weight.shape[2]
    if i >= images * outs * high * wide:
        return
    across, down = i % wide, i // wide % high
    out, image = i // (wide * high) % outs, i // (wide * high * outs)
    total = float32(0)
    for channel in range(channels):
        for r in range(kernel):
            h = down * stride - padding + r
            for s in range(kernel):
                w = across * stride - padding + s
                if 0 <= h < height and 0 <= w < width:
                    total += x[image, channel, h, w] * weight[out, channel, r, s]
    y[image, out, down, across] = total


def blur(x, y):
    """Mean over 3 neighbours, zero beyond the ends; a block's tile has an edge on either side."""
    tile = cuda.shared.array(T + 2, float32)
    thread, i = cuda.threadIdx.x, cuda.grid(1)
    size = x.shape[0]
    tile[thread + 1] = x[i] if i < size else float32(0)
    if thread == 0:
        tile[0] = x[i - 1] if i > 0 else float32(0)
    if thread == T - 1:
        tile[T + 1] = x[i + 1] if i + 1 < size else float32(0)
    cuda.syncthreads()
    if i < size:
        y[i] = (tile[thread] + tile[thread + 1] + tile[thread + 2]) / float32(3)


def reduce_tree(x, y):
    """Sum, by blocks of 128: halves are added, in the end within one warp."""
    part = cuda.shared.array(128, float32)
    thread = cuda.threadIdx.x
    total = float32(0)
    for i in range(cuda.grid(1), x.shape[0], cuda.gridDim.x * 128):
        total += x[i]
    part[thread] = total
    cuda.syncthreads()  # filled
    for n in (64, 32):
        if thread < n:
            part[thread] += part[thread + n]
        cuda.syncthreads()  # halved
    if thread < 32:
        for n in (16, 8, 4, 2, 1):
            if thread < n:
                part[thread] += part[thread + n]
            cuda.syncwarp()  # halved again
    if thread == 0:
        cuda.atomic.add(y, 0, part[0])


def reduce_shuffle(x, y):
    """Sum, by blocks of any size up to 1024, whose last warp may lack lanes."""
    part = cuda.shared.array(32, float32)
    thread, threads, lane = cuda.threadIdx.x, cuda.blockDim.x, cuda.laneid
    total = float32(0)
    for i in range(cuda.grid(1), x.shape[0], cuda.gridDim.x * threads):
        total += x[i]
    lanes = min(32, threads - (thread - lane))
    for n in (16, 8, 4, 2, 1):
        other = cuda.shfl_down_sync(FULL, total, n)
        if lane + n < lanes:
            total += other
    if lane == 0:
        part[thread // 32] = total
    cuda.syncthreads()  # each warp has its sum
    if thread == 0:
        total = float32(0)
        for i in range((threads + 31) // 32):
            total += part[i]
        cuda.atomic.add(y, 0, total)


def histogram(x, y):
    """How often each number below 8 occurs."""
    bins = cuda.shared.array(8, int32)
    thread, i = cuda.threadIdx.x, cuda.grid(1)
    if thread < 8:
        bins[thread] = 0
    cuda.syncthreads()  # empty
    if i < x.shape[0]:
        cuda.atomic.add(bins, x[i], 1)
    cuda.syncthreads()  # counted
    if thread < 8:
        cuda.atomic.add(y, thread, bins[thread])
