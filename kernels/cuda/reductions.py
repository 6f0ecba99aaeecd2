"""Sums whose bits are the same in every run: threads add in a fixed order, then a tree adds up.

Adding atomically into one place would be shorter, but threads come in any order, and rounding
depends on it. So each block leaves its sum in a place of its own, and a second launch adds those.

The contract's `sum` is the reference's array code, which CuPy runs on the GPU.
"""

from minae.kernels.cuda.launch.rung import MATRIX, THREADS, VECTOR, Rung
from minae.kernels.reference.reductions import sum
from minae.kernels.simulator import cuda, float32

__all__ = ["RUNGS", "block_sum", "block_total", "sum", "warp_largest", "warp_sum"]

WARPS = THREADS // 32
ALL_LANES = 0xFFFFFFFF  # of a warp take part in a shuffle
# Where blocks add up columns, a warp reads 32 of them side by side, and each of the eight warps of
# a block takes every eighth row.
COLUMNS, ROWS = 32, 8


def row_blocks(rows: int) -> int:
    """Return how many blocks share the rows: each has 64, or more if there would be over 128."""
    return min(-(-rows // 64), 128)


def block_sum(value):
    """Return the sum of the block's 256 values, in thread 0.

    Each warp adds up its own through registers, with lanes 16, 8, 4, 2, 1 away, which needs no
    barrier. Then the first warp adds up the eight sums.
    """
    of_warps = cuda.shared.array(WARPS, float32)
    lane, warp = cuda.threadIdx.x % 32, cuda.threadIdx.x // 32
    value = warp_sum(value)
    if lane == 0:
        of_warps[warp] = value
    cuda.syncthreads()
    value = of_warps[lane] if lane < WARPS else float32(0)
    return warp_sum(value)


def block_total(value):
    """Return the sum of the block's 256 values, in all threads."""
    shared = cuda.shared.array(1, float32)
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        shared[0] = value
    cuda.syncthreads()
    return shared[0]


def warp_sum(value):
    """Return the sum of the values of a warp's lanes, in all of them."""
    value += cuda.shfl_xor_sync(ALL_LANES, value, 16)
    value += cuda.shfl_xor_sync(ALL_LANES, value, 8)
    value += cuda.shfl_xor_sync(ALL_LANES, value, 4)
    value += cuda.shfl_xor_sync(ALL_LANES, value, 2)
    return value + cuda.shfl_xor_sync(ALL_LANES, value, 1)


def warp_largest(value):
    """Return the largest of the values of a warp's lanes, in all of them."""
    value = max(value, cuda.shfl_xor_sync(ALL_LANES, value, 16))
    value = max(value, cuda.shfl_xor_sync(ALL_LANES, value, 8))
    value = max(value, cuda.shfl_xor_sync(ALL_LANES, value, 4))
    value = max(value, cuda.shfl_xor_sync(ALL_LANES, value, 2))
    return max(value, cuda.shfl_xor_sync(ALL_LANES, value, 1))


def total_kernel(parts, scale, out):
    """out[0] = scale times the sum of parts, computed by one block."""
    value = float32(0)
    for i in range(cuda.threadIdx.x, parts.shape[0], THREADS):
        value += parts[i]
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        out[0] = scale * value


def add_rows_kernel(parts, out):
    """out[j] = the sum over i of parts[i, j]: one thread per column."""
    column = cuda.grid(1)
    if column < parts.shape[1]:
        value = float32(0)
        for i in range(parts.shape[0]):
            value += parts[i, column]
        out[column] = value


RUNGS = {
    "total": Rung(total_kernel, (VECTOR, "float32", VECTOR), grid=lambda: (1,)),
    "add_rows": Rung(add_rows_kernel, (MATRIX, VECTOR)),
}
