"""Images to patches and back: the copies around the products of `patches`.

Each patch is a row, in the order (KH, KW, C). Only within one row of the kernel are neighbours in
the patch also neighbours in the image, so patches are copied in runs of KW * C numbers, or of C if
the kernel is dilated. Padded images are (H, W, C), including the padding.

Runs of at most four numbers (images of one channel, in a first or last layer) are copied as one
vector instead of in a loop.
"""

import numpy as np

from minae.kernels.cpu.compile.compiled import compiled, compiled_inside, rows

SURPLUS = 3  # numbers that _unfold_four may read after an image and write after its patches


@compiled
def padded_image(x, window):
    """Return an image of zeros (H + 2 PH, W + 2 PW, C), followed by SURPLUS."""
    H, W, C = x.shape[1] + 2 * window[4], x.shape[2] + 2 * window[5], x.shape[3]
    return np.zeros(H * W * C + SURPLUS, x.dtype)[: H * W * C].reshape(H, W, C)


@compiled
def room_for_patches(x, rows, columns):
    """Return room for patches, followed by SURPLUS."""
    return np.empty(rows * columns + SURPLUS, x.dtype)[: rows * columns].reshape(rows, columns)


@compiled
def padded_rows(padded):
    """View an image (H, W, C) as (H, W * C); to reshape each row takes as long as to copy it."""
    H, W, C = padded.shape
    return padded.reshape(H, W * C)


@compiled
def runs_of(patches, C, window):
    """View patches (rows, KH * KW * C) as (rows, KH, runs, length).

    A run is contiguous both in a patch and in the image: a kernel's row of pixels, or one pixel if
    the kernel is dilated.
    """
    KH, KW, DW = window[0], window[1], window[7]
    return patches.reshape(len(patches), KH, 1 if DW == 1 else KW, KW * C if DW == 1 else C)


@compiled
def unfold(padded, first, count, WO, window, runs):
    """patches[(y, x), (kh, kw, c)] = padded[y SH + kh DH, x SW + kw DW, c] for some rows y."""
    SH, SW, DH, DW = window[2], window[3], window[6], window[7]
    (_, W, C), (_, KH, pieces, length) = padded.shape, runs.shape
    if pieces == 1 and length <= 4:
        _unfold_four(padded, first, count, WO, window, runs)
        return
    source, target = padded.reshape(padded.size), runs.reshape(runs.size)
    for y in range(count):
        for kh in range(KH):
            for piece in range(pieces):
                q = np.uint64((((first + y) * SH + kh * DH) * W + piece * DW) * C)
                p = np.uint64(((y * WO * KH + kh) * pieces + piece) * length)
                for _ in range(WO):
                    for j in range(length):
                        target[p + np.uint64(j)] = source[q + np.uint64(j)]
                    q += np.uint64(SW * C)
                    p += np.uint64(KH * pieces * length)


@compiled
def fold(runs, first, count, WO, window, padded):
    """The transpose of unfold: add every entry back to where it came from.

    Every second patch of a row comes first, since neighbours overlap and an addition would have to
    wait for the previous one.
    """
    SH, SW, DH, DW = window[2], window[3], window[6], window[7]
    _, KH, pieces, length = runs.shape
    lines, C = padded_rows(padded), padded.shape[2]
    if pieces == 1 and length <= 4:
        _fold_four(runs, first, count, WO, window, padded)
        return
    for y in range(count):
        for kh in range(KH):
            line = lines[(first + y) * SH + kh * DH]
            for piece in range(pieces):
                for odd in range(2):
                    for x in range(odd, WO, 2):
                        start = (x * SW + piece * DW) * C
                        source = runs[y * WO + x, kh, piece]
                        target = rows(line, start, start + length)
                        for j in range(length):
                            target[j] += source[j]


@compiled_inside
def _unfold_four(padded, first, count, WO, window, runs):
    """`unfold` for images with so few channels that a run is at most four numbers.

    A loop over so few costs more than the copies. Four are always copied, as one vector; the next
    run overwrites the surplus. The indices are unsigned because negative ones count from the end,
    and that check would split the vector.
    """
    SH, SW, DH = window[2], window[3], window[6]
    source, target = padded.reshape(padded.size), runs.reshape(runs.size)
    _, W, C = padded.shape
    one, two, three, length = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(runs.shape[3])
    p = np.uint64(0)
    for y in range(count):
        for x in range(WO):
            for kh in range(runs.shape[1]):
                q = np.uint64((((first + y) * SH + kh * DH) * W + x * SW) * C)
                a, b, c, d = source[q], source[q + one], source[q + two], source[q + three]
                target[p], target[p + one], target[p + two], target[p + three] = a, b, c, d
                p += length


@compiled_inside
def _fold_four(runs, first, count, WO, window, padded):
    """The transpose of _unfold_four."""
    SH, SW, DH = window[2], window[3], window[6]
    source, target = runs.reshape(runs.size), padded.reshape(padded.size)
    _, W, C = padded.shape
    one, two, three, length = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(runs.shape[3])
    p = np.uint64(0)
    for y in range(count):
        for x in range(WO):
            for kh in range(runs.shape[1]):
                q = np.uint64((((first + y) * SH + kh * DH) * W + x * SW) * C)
                target[q] += source[p]
                if length > one:
                    target[q + one] += source[p + one]
                if length > two:
                    target[q + two] += source[p + two]
                if length > three:
                    target[q + three] += source[p + three]
                p += length
