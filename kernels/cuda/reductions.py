"""Sums with the same bits in every run: each thread adds its numbers in order, then a tree adds up.

Adding atomically into one place would be shorter, but in whatever order the threads come; and
rounding depends on the order. So each block leaves its sum in a place of its own, and a second
launch adds those.
"""

from minae.kernels.cuda.launch.rung import Rung
from minae.kernels.simulator import cuda, float32

THREADS = 256
WARPS = THREADS // 32
COLUMNS, ROWS = 32, 8  # of a block that adds columns


def block_sum(value):
    """Return the sum of the block's 256 values, in thread 0.

    A warp adds its own by handing registers down, 16, 8, 4, 2, 1 lanes: without a barrier. Then
    the first warp adds the sums of the eight.
    """
    of_warps = cuda.shared.array(WARPS, float32)
    lane, warp = cuda.threadIdx.x % 32, cuda.threadIdx.x // 32
    value = warp_sum(value)
    if lane == 0:
        of_warps[warp] = value
    cuda.syncthreads()
    value = of_warps[lane] if lane < WARPS else float32(0)
    return warp_sum(value)


def warp_sum(value):
    """Return the sum over the lanes of a warp, in lane 0."""
    value += cuda.shfl_down_sync(0xFFFFFFFF, value, 16)
    value += cuda.shfl_down_sync(0xFFFFFFFF, value, 8)
    value += cuda.shfl_down_sync(0xFFFFFFFF, value, 4)
    value += cuda.shfl_down_sync(0xFFFFFFFF, value, 2)
    value += cuda.shfl_down_sync(0xFFFFFFFF, value, 1)
    return value


def total(parts, scale, out):
    """out[0] = scale times the sum of parts, by one block."""
    value = float32(0)
    for i in range(cuda.threadIdx.x, parts.shape[0], THREADS):
        value += parts[i]
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        out[0] = scale * value


def activation_backward(dy, y, relu, dz, parts):
    """dz = dy where the ReLU let it pass; parts = the column sums of dz, by block of rows.

    dy, y, dz (M, N), parts (blocks of rows, N): `add_rows` of it is dbias. Without ReLU dz is dy,
    and not written. A warp takes 32 columns, side by side; the eight warps of a block take turns in
    the rows.
    """
    sums = cuda.shared.array((ROWS, COLUMNS), float32)
    x, first = cuda.threadIdx.x, cuda.threadIdx.y
    M, N = dy.shape
    column = cuda.blockIdx.x * COLUMNS + x
    value = float32(0)
    if column < N:
        for row in range(cuda.blockIdx.y * ROWS + first, M, cuda.gridDim.y * ROWS):
            g = dy[row, column]
            if relu:
                if not y[row, column] > float32(0):
                    g = float32(0)
                dz[row, column] = g
            value += g
    sums[first, x] = value
    cuda.syncthreads()
    if first == 0 and column < N:
        for i in range(1, ROWS):
            value += sums[i, x]
        parts[cuda.blockIdx.y, column] = value


def add_rows(parts, out):
    """out[j] = the sum over i of parts[i, j]: a thread a column."""
    column = cuda.grid(1)
    if column < parts.shape[1]:
        value = float32(0)
        for i in range(parts.shape[0]):
            value += parts[i, column]
        out[column] = value


VECTOR, MATRIX = "float32[:]", "float32[:, :]"
RUNGS = {
    "total": Rung(total, (VECTOR, "float32", VECTOR), (THREADS,), lambda: (1,)),
    "activation_backward": Rung(
        activation_backward,
        (MATRIX, MATRIX, "int32", MATRIX, MATRIX),
        (COLUMNS, ROWS),
        lambda M, N, blocks: (-(-N // COLUMNS), blocks),
    ),
    "add_rows": Rung(add_rows, (MATRIX, VECTOR), (THREADS,), lambda N: (-(-N // THREADS),)),
}
