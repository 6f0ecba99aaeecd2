"""Exercises of lesson 17: a convolution as a matrix product, and its gradients.

The kernels here run in the simulator, which stops at a race or an access out of bounds.
"""

import numpy as np

from minae.kernels.simulator import cuda, float32

COLUMN_BIT = 15  # the first bit of a word that stands for a column of the weight
TILE = 8  # pixels, channels and taps of the tiles of implicit_gemm
THREADS = 32  # of a block of dweight_parts


def im2col(x, patches, KH, KW, HO, WO, stride, padding):
    """Write the patch of every output pixel out as a row: a kernel, one thread per entry.

    x (N, C, H, W), patches (N HO WO, C KH KW), float32. Row m belongs to pixel (i, j) of image n,
    m = (n HO + i) WO + j; column k to tap (r, q) of channel c, k = (c KH + r) KW + q. The entry is
    x[n, c, i stride - padding + r, j stride - padding + q], or 0 where that is outside the image.
    The kernel is launched with a one-dimensional grid that may have more threads than patches has
    entries. Neighbouring threads must write neighbouring entries.

    Why: this is the matrix A with which a convolution becomes a product; later you gather its
    entries without writing it. About 10 lines, 15 minutes.
    """
    ### BEGIN SOLUTION
    H, W, T = x.shape[2], x.shape[3], patches.shape[1]
    entry = cuda.grid(1)
    if entry < patches.shape[0] * T:
        m, k = entry // T, entry % T
        n, i, j = m // (HO * WO), m // WO % HO, m % WO
        c, r, q = k // (KH * KW), k // KW % KH, k % KW
        h, w = i * stride - padding + r, j * stride - padding + q
        inside = 0 <= h < H and 0 <= w < W
        patches[m, k] = x[n, c, h, w] if inside else float32(0)
    ### END SOLUTION


def inside_words(size, output_size, kernel_size, stride, padding):
    """Return words with which one AND says whether a tap lies inside the image for a pixel.

    size (H, W), output_size (HO, WO), kernel_size (KH, KW), each at most 15; stride and padding are
    the same for both axes. Return two integer arrays: the words of the pixels, (HO WO,), with pixel
    (i, j) at i WO + j, and of the taps, (KH KW,), with tap (r, q) at r KW + q. Bit r of a word
    stands for row r of the weight, bit COLUMN_BIT + q for its column q. A tap's word has the bits
    of its own row and column. A pixel's word has those of all rows and columns that lie inside for
    it, so that

        pixel & tap == tap

    exactly if row i stride - padding + r and column j stride - padding + q are in the image.

    Why: a kernel tests this for each number that it gathers, and four comparisons, with the
    arithmetic for them, would cost more than the multiplications. About 8 lines, 15 minutes.
    """
    ### BEGIN SOLUTION
    words = []
    for axis, first_bit in enumerate((0, COLUMN_BIT)):
        i, r = np.arange(output_size[axis])[:, None], np.arange(kernel_size[axis])
        reached = i * stride - padding + r  # (pixels, taps)
        inside = (reached >= 0) & (reached < size[axis])
        words.append((inside @ (1 << r + first_bit), 1 << r + first_bit))
    (row_pixels, row_taps), (column_pixels, column_taps) = words
    pixels = row_pixels[:, None] | column_pixels  # (HO, WO)
    return pixels.ravel(), (row_taps[:, None] | column_taps).ravel()
    ### END SOLUTION


def implicit_gemm(
    x, weight, bias, y, pixel_words, pixel_places, tap_words, tap_places, relu
):  # fmt: skip
    """Convolve by gathering tiles of patches, with bias and ReLU on the way: a kernel.

    x (N, C H W), weight (O, T) for T = C KH KW taps, bias (O,), y (N, O, P) for P = HO WO pixels;
    words and places are (P,) and (T,). Pixel p of image n sees x[n, pixel_places[p] +
    tap_places[k]] through tap k if pixel_words[p] & tap_words[k] == tap_words[k], else 0: then the
    place may be outside x and must not be read. No tap's word is 0. relu is 0 or 1; nan stays nan.

    A block has TILE x TILE threads and computes as many entries of y: thread (i, j) computes that
    of pixel blockIdx.x TILE + i, counted across all images, and channel blockIdx.y TILE + j. Go
    along the taps in steps of TILE, with two tiles in shared memory, one gathered, one of the
    weight. N P, O and T need not be multiples of TILE.

    Why: this is minae's kernel, without what made products fast in lesson 16. About 25 lines, 40
    minutes.
    """
    ### BEGIN SOLUTION
    gathered = cuda.shared.array((TILE, TILE), float32)  # (tap, pixel)
    weights = cuda.shared.array((TILE, TILE), float32)  # (channel, tap)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    m, o = cuda.blockIdx.x * TILE + i, cuda.blockIdx.y * TILE + j
    N, O, P = y.shape  # noqa: E741
    T = weight.shape[1]
    n, p, word, place = m // P, m % P, 0, 0  # beyond the last, a pixel for which all is outside
    if n < N:
        word, place = pixel_words[p], pixel_places[p]
    total = bias[o] if o < O else float32(0)
    for first in range(0, T, TILE):
        k, number = first + j, float32(0)
        if k < T and word & tap_words[k] == tap_words[k]:
            number = x[n, place + tap_places[k]]
        gathered[j, i] = number
        weights[j, i] = weight[o, first + i] if o < O and first + i < T else float32(0)
        cuda.syncthreads()  # until the tiles are complete
        for k in range(TILE):
            total += gathered[k, i] * weights[j, k]
        cuda.syncthreads()  # until nobody reads them any more
    if n < N and o < O:
        if relu and total < 0:
            total = float32(0)
        y[n, o, p] = total
    ### END SOLUTION


def parity_taps(parity, taps, stride, padding):
    """Return which taps reach a class of pixels of dx along one axis, and where they find dy.

    Forward, y[i] = sum over r of x[i stride - padding + r] weight[r], for r in range(taps). The
    class consists of the pixels h = parity + t stride, t = 0, 1, ..., with 0 <= parity < stride.
    Return a list of pairs (r, shift), in ascending order of r, such that

        dx[parity + t stride] = sum over the pairs of dy[t + shift] weight[r]

    where dy is zero beyond its ends. A tap that reaches no pixel of the class is not in the list,
    which may be empty.

    Why: with these lists nothing is multiplied by zero, and the forward kernel computes the
    gradient too. About 5 lines, 15 minutes.
    """
    ### BEGIN SOLUTION
    pairs = []
    for r in range(taps):
        if (parity + padding - r) % stride == 0:
            pairs.append((r, (parity + padding - r) // stride))
    return pairs
    ### END SOLUTION


def dweight_parts(x, dy, parts, stride, padding):
    """Sum dy times x over the pixels of each split, the same bits in any order: a kernel.

    x (N, C, H, W), dy (N, O, HO, WO), parts (splits, O, C, KH, KW), float32. The pixels of all
    images, M = N HO WO in all, are numbered consecutively: m = (n HO + i) WO + j. A split is a run
    of M / splits of them, rounded up. The first begins at 0; later ones may be shorter or empty.
    Write

        parts[split, o, c, r, q] = the sum over the split's pixels of
            dy[n, o, i, j] x[n, c, i stride - padding + r, j stride - padding + q]

    where x is zero outside; an empty sum is 0. Block (entry, split) has THREADS threads and
    computes the number entry = ((o C + c) KH + r) KW + q of parts[split]: thread t adds the split's
    pixels t, t + THREADS, ... in this order, leaves its sum in shared memory, and thread 0 adds
    these from the first to the last. All sums are float32, and none is atomic, so the bits are the
    same whatever order threads run in.

    Why: a training run that can be repeated exactly needs sums whose order is fixed. About 20
    lines, 30 minutes.
    """
    ### BEGIN SOLUTION
    sums = cuda.shared.array(THREADS, float32)
    thread, entry, split = cuda.threadIdx.x, cuda.blockIdx.x, cuda.blockIdx.y
    (N, _, HO, WO), (H, W) = dy.shape, (x.shape[2], x.shape[3])
    splits, _, C, KH, KW = parts.shape
    o, c, r, q = entry // (C * KH * KW), entry // (KH * KW) % C, entry // KW % KH, entry % KW
    length = -(-N * HO * WO // splits)
    total = float32(0)
    for m in range(split * length + thread, min((split + 1) * length, N * HO * WO), THREADS):
        n, i, j = m // (HO * WO), m // WO % HO, m % WO
        h, w = i * stride - padding + r, j * stride - padding + q
        if 0 <= h < H and 0 <= w < W:
            total += dy[n, o, i, j] * x[n, c, h, w]
    sums[thread] = total
    cuda.syncthreads()
    if thread == 0:
        total = float32(0)
        for t in range(THREADS):
            total += sums[t]
        parts[split, o, c, r, q] = total
    ### END SOLUTION
