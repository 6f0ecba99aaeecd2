"""The loops behind all six passes of convolution and transposed convolution.

A convolution visits patches of its input; each of its passes is a product with the matrix that has
a patch in every row (im2col):

    y = patches(x) w         conv2d forward, and the dx of a transposed one      unfold_dot
    x = patchesᵀ(y wᵀ)       conv2d's dx, and a transposed one forward           dot_fold
    dw = patches(x)ᵀ dy      the dweight of both

`gradients` and `transposed_gradients` compute a layer's dx and dw on one visit to its patches.

As plain loops, forward is seven deep (image, two of output, channel out, channel in, two of kernel)
and multiplies one number at a time. The matrix turns it into BLAS, but is KH * KW times the input.
So a thread unfolds some rows of one image at a time: few enough that the patches stay in its cache
and the product stays below the size up to which BLAS works on matrices where they lie.

Gained: a factor of about 20 forward and 100 backward, of the reference, which loops over positions
in Python.

x (N, H, W, C), y (N, HO, WO, O), w (KH * KW * C, O); window holds KH, KW, SH, SW, PH, PW, DH, DW:
kernel, stride, padding and dilation.
"""

import numpy as np

from minae.kernels.cpu.blas import gemm
from minae.kernels.cpu.compiled import compiled
from minae.kernels.cpu.parallel import parallel

SURPLUS = 3  # numbers that _unfold_four may read behind an image, and write behind its patches


@compiled
def _rows_at_once(y, w):
    HO, WO = y.shape[1:3]
    return max(1, min(HO, 1_000_000 // (WO * w.size)))


@compiled
def _padded(x, window):
    """Return an image of zeros (H + 2 PH, W + 2 PW, C), with SURPLUS behind it."""
    H, W, C = x.shape[1] + 2 * window[4], x.shape[2] + 2 * window[5], x.shape[3]
    return np.zeros(H * W * C + SURPLUS, x.dtype)[: H * W * C].reshape(H, W, C)


@compiled
def _patches(x, rows, columns):
    """Return room for patches, with SURPLUS behind it."""
    return np.empty(rows * columns + SURPLUS, x.dtype)[: rows * columns].reshape(rows, columns)


@compiled
def padded_rows(padded):
    """View an image (H, W, C) as rows (H, W * C), once: to reshape each row takes as long as it."""
    H, W, C = padded.shape
    return padded.reshape(H, W * C)


@compiled
def pad(image, padded, PH, PW):
    """Copy an image (H, W, C) into the middle of a padded one."""
    H, W, C = image.shape
    rows, targets = image.reshape(H, W * C), padded_rows(padded)
    for i in range(H):
        row, target = rows[i], targets[PH + i, PW * C : (PW + W) * C]
        for j in range(W * C):
            target[j] = row[j]


@compiled
def unpad(padded, PH, PW, image):
    """Copy the middle of a padded image into an image (H, W, C)."""
    H, W, C = image.shape
    rows, targets = padded_rows(padded), image.reshape(H, W * C)
    for i in range(H):
        row, target = rows[PH + i, PW * C : (PW + W) * C], targets[i]
        for j in range(W * C):
            target[j] = row[j]


@compiled
def repeat(bias, times):
    """Return the bias of every pixel of a row: one long run of numbers instead of many short."""
    row = np.empty((times, bias.size), bias.dtype)
    for i in range(times):
        for j in range(bias.size):  # row[i] = bias would take Numba seconds to compile
            row[i, j] = bias[j]
    return row.reshape(times * bias.size)


@compiled
def finish(row, bias, relu):
    """Add the bias to pixels in a row, and replace what is then below 0 by 0."""
    zero = row.dtype.type(0)
    for j in range(row.size):
        value = row[j] + bias[j]
        row[j] = zero if relu and value <= zero else value


@compiled
def let_pass(dy, y, relu, dz, dbias):
    """dz = dy where y > 0, else 0; dz = dy without ReLU. dbias += dz. All one run of pixels."""
    zero = dy.dtype.type(0)
    for j in range(dbias.size):
        value = dy[j]
        if relu:
            value = value if y[j] > zero else zero
        dz[j] = value
        dbias[j] += value


@compiled
def _runs(patches, C, window):
    """View patches (rows, KH * KW * C) as (rows, KH, runs, length).

    A run is what lies side by side both in a patch and in the image: a kernel's row of pixels, or
    one pixel where the kernel is dilated.
    """
    KH, KW, DW = window[0], window[1], window[7]
    return patches.reshape(len(patches), KH, 1 if DW == 1 else KW, KW * C if DW == 1 else C)


@compiled
def _unfold(padded, first, count, WO, window, runs):
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
def _fold(runs, first, count, WO, window, padded):
    """The transpose of _unfold: add every entry back to where it came from.

    Every other patch of a row first, for neighbours overlap: what was just written would have to
    be waited for.
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
                        source, target = runs[y * WO + x, kh, piece], line[start : start + length]
                        for j in range(length):
                            target[j] += source[j]


@compiled
def _unfold_four(padded, first, count, WO, window, runs):
    """_unfold for images of so few channels that a run is at most four numbers.

    A loop over so few costs more than the copies. Always four are copied, as one vector: what is
    too much is overwritten by the next run. Only unsigned indices are free of Python's rule that
    negative ones count from the end, which would split the vector.
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


@compiled
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


@parallel
def unfold_dot(t, T, x, w, bias, y, relu, window):
    """y = patches(x) w + bias, or the larger of that and 0."""
    (N, HO, WO, O), C = y.shape, x.shape[3]  # noqa: E741
    block = _rows_at_once(y, w)
    padded = _padded(x, window)
    patches = _patches(x, block * WO, len(w))
    runs = _runs(patches, C, window)
    bias = repeat(bias, block * WO)
    for n in range(t * N // T, (t + 1) * N // T):
        pad(x[n], padded, window[4], window[5])
        for first in range(0, HO, block):
            count = min(block, HO - first)
            _unfold(padded, first, count, WO, window, runs)
            out = y[n, first : first + count].reshape(count * WO, O)
            gemm(patches[: count * WO], False, w, False, out, False)
            finish(out.reshape(count * WO * O), bias, relu)


@parallel
def dot_fold(t, T, y, wt, bias, x, relu, window):
    """x = patchesᵀ(y wt) + bias, or the larger of that and 0: the transpose of unfold_dot.

    wt (O, KH * KW * C) is wᵀ: BLAS multiplies small matrices faster without transposing one.
    """
    (N, HO, WO, O), (H, W, C) = y.shape, x.shape[1:]  # noqa: E741
    PH, PW = window[4], window[5]
    block = _rows_at_once(y, wt)
    padded = _padded(x, window)
    patches = _patches(x, block * WO, wt.shape[1])
    runs = _runs(patches, C, window)
    bias, sources, targets = repeat(bias, W), padded_rows(padded), x.reshape(N, H, W * C)
    for n in range(t * N // T, (t + 1) * N // T):
        padded[:] = 0
        for first in range(0, HO, block):
            count = min(block, HO - first)
            rows = y[n, first : first + count].reshape(count * WO, O)
            gemm(rows, False, wt, False, patches[: count * WO], False)
            _fold(runs, first, count, WO, window, padded)
        for i in range(H):
            source, target = sources[PH + i, PW * C : (PW + W) * C], targets[n, i]
            finish(source, bias, relu)
            for j in range(W * C):
                target[j] = source[j]


@parallel
def gradients(t, T, dy, y, relu, x, wt, dx, dw, dbias, window):
    """Both gradients of a convolution: dx = patchesᵀ(dz wt), dw[t] = patches(x)ᵀ dz.

    dz is dy through the activation, computed where it is used; dw (T, KH * KW * C, O);
    dbias[t] = Σ dz by column and channel, (T, WO * O), for long runs. A dx or dw that is not
    wanted is empty.
    """
    (N, HO, WO, O), C = dy.shape, x.shape[3]  # noqa: E741
    PH, PW = window[4], window[5]
    block = _rows_at_once(dy, wt)
    padded, padded_dx = _padded(x, window), _padded(x, window)
    patches, dz = _patches(x, block * WO, wt.shape[1]), np.empty((block * WO, O), x.dtype)
    runs, dz_rows = _runs(patches, C, window), dz.reshape(block, WO * O)
    dy_rows, y_rows = dy.reshape(N, HO, WO * O), y.reshape(N, HO, WO * O)
    dbias[t] = 0
    if dw.size:
        dw[t] = 0
    for n in range(t * N // T, (t + 1) * N // T):
        pad(x[n], padded, PH, PW)
        if dx.size:
            padded_dx[:] = 0
        for first in range(0, HO, block):
            count = min(block, HO - first)
            for i in range(count):
                let_pass(dy_rows[n, first + i], y_rows[n, first + i], relu, dz_rows[i], dbias[t])
            part, dpart = patches[: count * WO], dz[: count * WO]
            if dw.size:
                _unfold(padded, first, count, WO, window, runs)
                gemm(part, True, dpart, False, dw[t], True)
            if dx.size:
                gemm(dpart, False, wt, False, part, False)
                _fold(runs, first, count, WO, window, padded_dx)
        if dx.size:
            unpad(padded_dx, PH, PW, dx[n])


@parallel
def transposed_gradients(t, T, dy, y, relu, x, w, dx, dw, dbias, window):
    """Both gradients of a transposed convolution: dx = patches(dz) w, dw[t] = patches(dz)ᵀ x.

    dy, y (N, H, W, C) and x, dx (N, HO, WO, O), for it makes the small image large; the rest is as
    in `gradients`, dbias (T, W * C).
    """
    (N, HO, WO, O), (H, W, C) = x.shape, dy.shape[1:]  # noqa: E741
    PH, PW = window[4], window[5]
    block = _rows_at_once(x, w)
    padded = _padded(dy, window)
    patches = _patches(x, block * WO, len(w))
    runs = _runs(patches, C, window)
    dy_rows, y_rows = dy.reshape(N, H, W * C), y.reshape(N, H, W * C)
    dz_rows = padded_rows(padded)
    dbias[t] = 0
    if dw.size:
        dw[t] = 0
    for n in range(t * N // T, (t + 1) * N // T):
        for i in range(H):
            dz = dz_rows[PH + i, PW * C : (PW + W) * C]
            let_pass(dy_rows[n, i], y_rows[n, i], relu, dz, dbias[t])
        for first in range(0, HO, block):
            count = min(block, HO - first)
            _unfold(padded, first, count, WO, window, runs)
            part = patches[: count * WO]
            if dw.size:
                rows = x[n, first : first + count].reshape(count * WO, O)
                gemm(part, True, rows, False, dw[t], True)
            if dx.size:
                out = dx[n, first : first + count].reshape(count * WO, O)
                gemm(part, False, w, False, out, False)
