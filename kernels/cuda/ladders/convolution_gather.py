"""Convolution as a matrix product whose left side is never stored: kernels that gather it.

A block computes a tile of BM pixels x BN channels. Eight taps at a time, each thread gathers the
numbers of its pixel and writes them to shared memory, beside the weights. There are two pairs of
such tiles: while one is multiplied, the numbers of the next are read into registers. No index is
divided, except once for each pixel. Arrays are flat. `convolution_dweight` uses the same parts.
"""

from collections.abc import Callable

import numpy as np

from minae.kernels.cuda.ladders.convolution_tables import DEPTH
from minae.kernels.cuda.ladders.matmul import products, unrolled
from minae.kernels.cuda.launch.intrinsics import divide, load1, store1
from minae.kernels.cuda.launch.rung import Rung, grid_of
from minae.kernels.simulator import cuda, float32, int32


def place_of(entry):
    """Return the place in a table's entry: its lower half, with sign."""
    return int32((entry << 32) >> 32)


def word_of(entry):
    """Return the word in a table's entry: its upper half."""
    return int32(entry >> 32)


def gatherer(COUNT: int, STEP: int) -> Callable:
    """Return what reads COUNT numbers of the matrix that is never stored, STEP taps apart."""

    def gather(x, image, word, taps, first, numbers):
        for e in range(COUNT):
            tap = taps[first + e * STEP]
            needs, number = word_of(tap), float32(0)
            if word & needs == needs:
                number = load1(x, int32(image + place_of(tap)))
            numbers[e] = number

    return gather


def putter(COUNT: int, STEP: int) -> Callable:
    """Return what writes COUNT numbers to a tile, STEP apart."""

    def put(tile, place, numbers):
        for e in range(COUNT):
            store1(tile, place + e * STEP, numbers[e])

    return put


def reader(COUNT: int, STEP: int) -> Callable:
    """Return what reads COUNT rows' numbers, STEP rows apart, and zeros from row `end` on."""

    def read(matrix, place, row, end, length, numbers):
        for e in range(COUNT):
            number = float32(0)
            if int32(row + e * STEP) < end:
                number = load1(matrix, int32(place + e * STEP * length))
            numbers[e] = number

    return read


def implicit_gemm(BM: int, BN: int, TN: int, blocks: int) -> Rung:
    """Return the kernel for tiles of BM pixels x BN channels, of which a thread computes 8 x TN.

    x (N, C, H, W) is gathered, y (N, O, HO, WO) the result; the tables of `convolution_tables` say
    where in x, weight and y. x_image, y_image: numbers per image; y_plane: per channel of y;
    column_step: from one output channel's weights to the next's. bias (O,) is read if has_bias. A
    block's z is its class.
    """
    THREADS, ACROSS, APART = BM * BN // (8 * TN), BN // TN, BM // 8
    TAPS = DEPTH * BM // THREADS  # of one pixel, that a thread gathers at a time
    COLUMNS = THREADS // DEPTH  # of the weight's tile, that the block reads at a time
    EACH = BN // COLUMNS
    ROW = BN + 4  # longer than needed: threads write along columns, and 8 would share a bank
    LEFT_TILE, RIGHT_TILE = DEPTH * BM, DEPTH * ROW
    LEFT, RIGHT = 2 * LEFT_TILE, 2 * RIGHT_TILE
    multiply_tiles = unrolled(products(BM, BN, TN), DEPTH, BM, ROW)
    gather, put_left = gatherer(TAPS, 1), putter(TAPS, BM)
    read, put_right = reader(EACH, COLUMNS), putter(EACH, COLUMNS)

    def read_weights(weight, weights, k, column, column_step, O, numbers):  # noqa: E741
        """Read the weights of tap k for EACH channels; zeros if the tap is nowhere."""
        place = weights[k]
        end = O if place >= 0 else int32(0)
        read(weight, int32(column * column_step + place), column, end, column_step, numbers)

    def kernel(
        x, weight, bias, y, pixels, places, taps, weights, classes,
        N, O, x_image, y_image, y_plane, column_step, has_bias, relu,  # noqa: E741
    ):  # fmt: skip
        left = cuda.shared.array(LEFT, float32, alignment=16)  # 2 tiles (tap, pixel)
        right = cuda.shared.array(RIGHT, float32, alignment=16)  # 2 tiles (tap, channel)
        where = cuda.shared.array(BM, np.int32)  # each pixel's place in y, -1 beyond the last
        total = cuda.local.array((8, TN), float32)
        from_x = cuda.local.array(TAPS, float32)
        from_weight = cuda.local.array(EACH, float32)
        thread = int32(cuda.threadIdx.x)
        top, start = int32(cuda.blockIdx.x * BM), int32(cuda.blockIdx.y * BN)
        c = cuda.blockIdx.z * 4
        first_pixel, count, first_tap = classes[c], classes[c + 1], classes[c + 2]
        steps = classes[c + 3] // DEPTH
        if top >= N * count:
            return  # classes differ in size, and the grid fits the largest

        # The pixel that this thread gathers for; beyond the last, one with nothing inside.
        # A thread's 8 pixels are two groups of 4 in the tile, but APART from each other in the
        # image, so that 8 neighbouring threads store 8 neighbouring pixels.
        word, image, to = int32(0), int32(0), int32(-1)
        column = thread % BM
        d, e = column // (BM // 2) * 4 + column % 4, column % (BM // 2) // 4
        m = int32(top + d * APART + e)
        if m < N * count:
            n = divide(m, count)
            p = first_pixel + m - n * count
            word, image = word_of(pixels[p]), int32(n * x_image + place_of(pixels[p]))
            to = int32(n * y_image + places[p])
        if thread < BM:
            where[thread] = to

        # the entries that this thread computes; a warp has 8 x 4 threads
        warp, lane = thread // 32, thread % 32
        i = (warp // (ACROSS // 4) * 8 + lane % 8) * 4
        j = (warp % (ACROSS // 4) * 4 + lane // 8) * 4
        for e in range(TN):
            n = start + j + e // 4 * (BN // 2) + e % 4
            first = float32(0)  # a sum begins with its bias
            if has_bias and n < O:
                first = load1(bias, n)
            for d in range(8):
                total[d, e] = first

        row, column = thread % DEPTH, int32(start + thread // DEPTH)  # of the weight's tile
        to_left = thread // BM * (TAPS * BM) + thread % BM
        to_right = row * ROW + thread // DEPTH
        k, tap = int32(first_tap + row), int32(first_tap + thread // BM * TAPS)
        gather(x, image, word, taps, tap, from_x)
        read_weights(weight, weights, k, column, column_step, O, from_weight)
        put_left(left, to_left, from_x)
        put_right(right, to_right, from_weight)
        cuda.syncthreads()
        half = int32(0)
        for _ in range(steps):  # the last one gathers taps that are nowhere, for nothing
            k += DEPTH
            tap += DEPTH
            gather(x, image, word, taps, tap, from_x)
            read_weights(weight, weights, k, column, column_step, O, from_weight)
            multiply_tiles(left, right, half * LEFT_TILE + i, half * RIGHT_TILE + j, total)
            half ^= 1
            put_left(left, half * LEFT_TILE + to_left, from_x)
            put_right(right, half * RIGHT_TILE + to_right, from_weight)
            cuda.syncthreads()

        for d in range(8):
            place = where[i + d // 4 * (BM // 2) + d % 4]
            for e in range(TN):
                n = start + j + e // 4 * (BN // 2) + e % 4
                if place >= 0 and n < O:
                    value = total[d, e]
                    if relu and value < 0:
                        value = float32(0)
                    store1(y, int32(place + n * y_plane), value)

    tables = ("int64*", "int32*", "int64*", "int32*", "int32*")
    parameters = ("float32*",) * 4 + tables + ("int32",) * 8
    return Rung(kernel, parameters, (THREADS,), grid_of(BM, BN), blocks=blocks)
