"""The gradients of a convolution's weight and bias: sums over all pixels of all images.

dweight is a matrix product, too: dy, with a row for each output channel, times the gathered matrix
of `convolution_gather`, with a row for each pixel. The result is small and the sum long: with one
block per tile of the result, most of the GPU would be idle. So every split of the sum has its own
blocks, which write to their own part of a workspace, and `pipeline.add_splits` adds the parts,
always in the same order. Atomic additions need no workspace, but come in any order, so that no two
runs would give the same bits.
"""

from minae.kernels.cuda.ladders.convolution_gather import (
    gatherer,
    place_of,
    putter,
    reader,
    word_of,
)
from minae.kernels.cuda.ladders.convolution_tables import DEPTH
from minae.kernels.cuda.ladders.matmul import products, unrolled
from minae.kernels.cuda.launch.intrinsics import divide, load1, store1
from minae.kernels.cuda.launch.rung import Rung
from minae.kernels.cuda.reductions import THREADS, block_sum
from minae.kernels.simulator import cuda, float32, int32


def weight_gradient(BM: int, BN: int, TN: int, blocks: int) -> Rung:
    """Return the kernel for tiles of BM output channels x BN taps, of which a thread has 8 x TN.

    x (N, C, H, W), dy (N, O, P) for P pixels, parts (splits, O, T) for T taps. The tables are those
    of the forward pass, with a multiple of BN taps. A split has `length` pixels.
    """
    BLOCK, ACROSS = BM * BN // (8 * TN), BN // TN
    ROWS = BLOCK // DEPTH  # of each tile, that the block reads at a time
    LEFT_EACH, RIGHT_EACH = BM // ROWS, BN // ROWS
    LEFT_ROW, RIGHT_ROW = BM + 4, BN + 4  # longer than needed: threads write along columns
    LEFT_TILE, RIGHT_TILE = DEPTH * LEFT_ROW, DEPTH * RIGHT_ROW
    LEFT, RIGHT = 2 * LEFT_TILE, 2 * RIGHT_TILE
    multiply_tiles = unrolled(products(BM, BN, TN), DEPTH, LEFT_ROW, RIGHT_ROW)
    read, put_left = reader(LEFT_EACH, ROWS), putter(LEFT_EACH, ROWS)
    gather, put_right = gatherer(RIGHT_EACH, ROWS), putter(RIGHT_EACH, ROWS)

    def fetch(x, dy, pixels, taps, k, last, n, p, o, tap, O, P, x_image, from_dy, from_x):  # noqa: E741
        """Read both for pixel p of image n; zeros beyond the last pixel."""
        word, image, left = int32(0), int32(0), int32(0)
        if k < last:
            word, image = word_of(pixels[p]), int32(n * x_image + place_of(pixels[p]))
            left = int32(O - o)  # channels, of those from o on
        read(dy, int32((n * O + o) * P + p), 0, left, P, from_dy)
        gather(x, image, word, taps, tap, from_x)

    def kernel(x, dy, parts, pixels, taps, N, O, P, x_image, T, length):  # noqa: E741
        left = cuda.shared.array(LEFT, float32, alignment=16)  # 2 tiles (pixel, channel)
        right = cuda.shared.array(RIGHT, float32, alignment=16)  # 2 tiles (pixel, tap)
        total = cuda.local.array((8, TN), float32)
        from_dy = cuda.local.array(LEFT_EACH, float32)
        from_x = cuda.local.array(RIGHT_EACH, float32)
        thread, split = int32(cuda.threadIdx.x), int32(cuda.blockIdx.z)
        top, start = int32(cuda.blockIdx.y * BM), int32(cuda.blockIdx.x * BN)
        for d in range(8):
            for e in range(TN):
                total[d, e] = float32(0)

        # this thread reads every eighth pixel: number k of all is number p of image n
        first, last = int32(split * length), int32(min(split * length + length, N * P))
        k = int32(first + thread % DEPTH)
        n = divide(k, P)
        p = int32(k - n * P)
        images = divide(DEPTH, P)  # in DEPTH pixels, and how many pixels more
        pixels_more = int32(DEPTH - images * P)
        o, tap = int32(top + thread // DEPTH), int32(start + thread // DEPTH)
        i, j = thread // ACROSS * 4, thread % ACROSS * 4  # the entries that this thread computes
        to_left = thread % DEPTH * LEFT_ROW + thread // DEPTH
        to_right = thread % DEPTH * RIGHT_ROW + thread // DEPTH

        fetch(x, dy, pixels, taps, k, last, n, p, o, tap, O, P, x_image, from_dy, from_x)
        put_left(left, to_left, from_dy)
        put_right(right, to_right, from_x)
        cuda.syncthreads()
        half = int32(0)
        while first < last:  # the last time, zeros are read, for nothing
            first = int32(first + DEPTH)
            k, n, p = int32(k + DEPTH), int32(n + images), int32(p + pixels_more)
            if p >= P:
                n, p = int32(n + 1), int32(p - P)
            fetch(x, dy, pixels, taps, k, last, n, p, o, tap, O, P, x_image, from_dy, from_x)
            multiply_tiles(left, right, half * LEFT_TILE + i, half * RIGHT_TILE + j, total)
            half ^= 1
            put_left(left, half * LEFT_TILE + to_left, from_dy)
            put_right(right, half * RIGHT_TILE + to_right, from_x)
            cuda.syncthreads()

        for d in range(8):
            m = int32(top + i + d // 4 * (BM // 2) + d % 4)
            for e in range(TN):
                t = int32(start + j + e // 4 * (BN // 2) + e % 4)
                if m < O and t < T:
                    store1(parts, int32((split * O + m) * T + t), total[d, e])

    def grid(channels, taps, splits):
        return -(-taps // BN), -(-channels // BM), splits

    parameters = ("float32*",) * 3 + ("int64*",) * 2 + ("int32",) * 6
    return Rung(kernel, parameters, (BLOCK,), grid, blocks=blocks)


def bias_gradient(dy, y, dz, parts, N, O, P, length, relu):  # noqa: E741
    """parts (splits, O) = the sums of dz over `length` pixels each, one block per entry.

    dy, y, dz (N, O, P). With relu, dz = dy where the ReLU's output y is positive, which is written
    here since all of dy is read anyway. Without, dz is dy, and neither y nor dz is touched.
    """
    o, split = int32(cuda.blockIdx.x), int32(cuda.blockIdx.y)
    first, last = int32(split * length), int32(min(split * length + length, N * P))
    value = float32(0)
    for k in range(first + cuda.threadIdx.x, last, THREADS):
        n = divide(k, P)
        place = int32((n * O + o) * P + k - n * P)
        number = load1(dy, place)
        if relu:
            if not load1(y, place) > 0:
                number = float32(0)
            store1(dz, place, number)
        value += number
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        store1(parts, int32(split * O + o), value)


def direct_dweight(
    x, dy, dweight, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups
):
    """dweight by definition, for any groups: one block per entry, whose threads share the sum.

    x (N, C, H, W), dy (N, O, HO, WO), dweight (O, C / groups, KH, KW).
    """
    N, O, HO, WO = dy.shape  # noqa: E741
    H, W = x.shape[2], x.shape[3]
    CG, KH, KW = dweight.shape[1], dweight.shape[2], dweight.shape[3]
    entry = cuda.blockIdx.x
    q, r = entry % KW, entry // KW % KH
    c, o = entry // (KW * KH) % CG, entry // (KW * KH * CG)
    channel = o // (O // groups) * CG + c
    value = float32(0)
    for k in range(cuda.threadIdx.x, N * HO * WO, THREADS):
        row = divide(k, WO)  # among all rows of all images
        n = divide(row, HO)
        i, j = row - n * HO, k - row * WO
        h, w = i * stride_h - pad_h + r * dilation_h, j * stride_w - pad_w + q * dilation_w
        if 0 <= h < H and 0 <= w < W:
            value += dy[n, o, i, j] * x[n, channel, h, w]
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        dweight[o, c, r, q] = value
