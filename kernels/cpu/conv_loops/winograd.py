"""Convolution with 3 x 3 kernels and stride 1 in a quarter of the multiplications.

Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin & Gray 2016) computes 4 x 4 outputs at a time
from the 6 x 6 inputs that they see. It transforms the inputs and the kernel so that the convolution
takes 36 multiplications instead of 16 times 9:

    Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A

Over all channels and tiles, each of the 36 products is a matrix product (tiles, C) x (C, O).
Gained over `patches`, for 32 channels on images of 14 x 14: a factor of 1.9. The constants reach 8,
so float32 loses about two digits: results agree with `patches` to about 1e-5. float64, which is for
checking, does not use it.
"""

from typing import Unpack

import numpy as np

from minae.kernels.arrays import Array
from minae.kernels.cpu.compile.compiled import compiled, parallel, rows
from minae.kernels.cpu.compile.operands import plain
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.conv_loops import winograd_tiles as tiles
from minae.kernels.cpu.conv_loops.patches import finish, let_pass, pad, repeat, unpad
from minae.kernels.cpu.conv_loops.unfolding import padded_rows
from minae.kernels.cpu.products.multiply import multiply, product_for
from minae.kernels.sizes import Geometry, Pair

G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
GG = np.kron(G, G)  # (36, 9): the transform of a whole kernel
AT_A_TIME = 2048  # tiles x channels: with their products, they stay in the second-level cache
LEAST_CHANNELS = 16  # with fewer, the transforms cost more than the products save


def wins(
    channels: int, outputs: int, dtype: np.dtype, kernel_size: Pair, **geometry: Unpack[Geometry]
) -> bool:
    """Return whether this is the fastest way to compute such a convolution."""
    fits = tuple(kernel_size) == (3, 3) and max(geometry["padding"]) <= 2
    plain = geometry["stride"] == geometry["dilation"] == (1, 1) and geometry["groups"] == 1
    return fits and plain and dtype == np.float32 and min(channels, outputs) >= LEAST_CHANNELS


@compiled
def _sizes(HO, WO, C, O):  # noqa: E741
    """Return the tiles down and across an image, the images at a time, and the tiles in a plane.

    A plane has one tile more than are used: planes whose distance is a power of two would evict
    each other from the first-level cache.
    """
    down, across = (HO + 3) // 4, (WO + 3) // 4
    batch = max(1, AT_A_TIME // (down * across * max(C, O)))
    return down, across, batch, batch * down * across + 1


@parallel
def _convolve(t, T, product, x, kernels, bias, y, relu, PH, PW):
    """y = x convolved + bias, or max(that, 0); kernels (6, 6, C, O), transformed."""
    (N, HO, WO, O), C = y.shape, x.shape[3]  # noqa: E741
    down, across, batch, S = _sizes(HO, WO, C, O)
    padded = np.zeros((4 * down + 2, 4 * across + 2, C), x.dtype)
    room, out = np.empty((6, 4 * across + 2, C), x.dtype), np.empty((4 * across, O), x.dtype)
    v, m = np.zeros((6, 6, S, C), x.dtype), np.zeros((6, 6, S, O), x.dtype)
    half = np.empty((4, 6, S, O), x.dtype)
    out_row, targets = out.reshape(4 * across * O)[: WO * O], y.reshape(N, HO, WO * O)
    bias, n = repeat(bias, WO), t * N // T
    while n < (t + 1) * N // T:
        images = min(batch, (t + 1) * N // T - n)
        R = images * down * across
        for r in range(0, R, across):
            i, top = n + r // (down * across), 4 * (r // across % down)
            if top == 0:
                pad(x[i], padded, PH, PW)
            tiles.to_v(rows(padded, top, top + 6), room, across, v, r)
        for k in range(6):
            for l in range(6):  # noqa: E741
                of_v, of_m = rows(v[k, l], 0, R), rows(m[k, l], 0, R)
                multiply(product, t, of_v, False, kernels[k, l], False, of_m, False)
        tiles.columns_of_m(m, half)
        for r in range(0, R, across):
            i, top = n + r // (down * across), 4 * (r // across % down)
            for k in range(min(4, HO - top)):
                tiles.from_m(half, r, across, k, out)
                finish(out_row, bias, relu, targets[i, top + k])
        n += images


@parallel
def _gradients(t, T, product, dy, y, relu, x, kernels, dx, dkernels, dbias, PH, PW):
    """The gradients dx and dkernels[t], of the transformed kernels, over the images of share t.

    This is the transpose of _convolve: m comes from dy, passed back through the activation. Each of
    the 36 products with vᵀ gives the gradient of the kernels, with kernels (6, 6, O, C) that of v.
    dbias[t] = Σ dz per column and channel, (T, WO * O). A dx that is not wanted is empty.
    """
    (N, HO, WO, O), C = dy.shape, x.shape[3]  # noqa: E741
    down, across, batch, S = _sizes(HO, WO, C, O)
    padded = np.zeros((4 * down + 2, 4 * across + 2, C), x.dtype)
    room, padded_dx = np.empty((6, 4 * across + 2, C), x.dtype), np.empty_like(padded)
    dz = np.zeros((4 * down, 4 * across, O), x.dtype)
    dz_room = np.empty((6, 4 * across, O), x.dtype)
    v, m = np.zeros((6, 6, S, C), x.dtype), np.zeros((6, 6, S, O), x.dtype)
    dy_lines, y_lines = dy.reshape(N, HO, WO * O), y.reshape(N, HO, WO * O)
    dz_lines = padded_rows(dz)
    dkernels[t], dbias[t], n = 0, 0, t * N // T
    while n < (t + 1) * N // T:
        images = min(batch, (t + 1) * N // T - n)
        R = images * down * across
        for r in range(0, R, across):
            i, top = n + r // (down * across), 4 * (r // across % down)
            if top == 0:
                pad(x[i], padded, PH, PW)
                for h in range(HO):
                    line = rows(dz_lines[h], 0, WO * O)
                    let_pass(dy_lines[i, h], y_lines[i, h], relu, line, dbias[t])
            tiles.to_v(rows(padded, top, top + 6), room, across, v, r)
            tiles.to_m(rows(dz, top, top + 4), dz_room, across, m, r)
        for k in range(6):
            for l in range(6):  # noqa: E741
                of_v, of_m = rows(v[k, l], 0, R), rows(m[k, l], 0, R)
                multiply(product, t, of_v, True, of_m, False, dkernels[t, k, l], True)
                if dx.size:
                    multiply(product, t, of_m, False, kernels[k, l], False, of_v, False)
        if dx.size:
            tiles.columns_of_v(v)
            for r in range(0, R, across):
                i, top = n + r // (down * across), 4 * (r // across % down)
                if top == 0:
                    padded_dx[:] = 0
                for k in range(6):
                    tiles.from_v(v, r, across, k, padded_dx[top + k])
                if top == 4 * down - 4:
                    unpad(padded_dx, PH, PW, dx[i])
        n += images


@parallel
def _transform_kernels(t, T, product, weight, turned, matrix, kernels):
    """kernels[:, c] = matrix weight[:, c]ᵀ: G g Gᵀ of every kernel, weight (O, C, 9).

    `turned` exchanges inputs and outputs, as dx does. The product takes rows at any distance, so no
    weight is copied into another order.
    """
    C = kernels.shape[1]
    for c in range(t * C // T, (t + 1) * C // T):
        taps = weight[c] if turned else weight[:, c]
        multiply(product, t, matrix, False, taps, True, kernels[:, c], False)


@parallel
def _transform_kernels_back(t, T, product, dkernels, matrix, dweight):
    """dweight[:, c] = Σ dkernels[:, :, c]ᵀ matrix over the shares; dkernels (shares, 36, C, O)."""
    C = dkernels.shape[2]
    for c in range(t * C // T, (t + 1) * C // T):
        for share in range(len(dkernels)):
            multiply(
                product, t, dkernels[share, :, c], True, matrix, False, dweight[:, c], share > 0
            )


def convolve(
    x: Array, weight: Array, turned: bool, bias: Array, padding: Pair, y: Array, relu: bool
) -> None:
    """y = x convolved with weight + bias, or max(that, 0).

    x (N, H, W, C), weight (O, C, 3, 3), bias (O,), y (N, HO, WO, O). If `turned`, it computes dx:
    weight is (C, O, 3, 3), and each kernel is turned by 180°.
    """
    T = threads_for(y.size * x.shape[3] * 9 // 4)
    kernels = _transformed(T, weight, turned, GG[:, ::-1] if turned else GG)
    product = product_for(x.itemsize, T)
    _convolve(T, product, x, kernels, bias, y, relu, *padding)


def gradients(
    dy: Array,
    y: Array,
    relu: bool,
    x: Array,
    weight: Array,
    padding: Pair,
    dx: Array,
    dweight: Array,
) -> Array:
    """Fill dx, unless it is empty, and dweight; return parts of dbias (T, WO * O), in float64.

    dy and y (N, HO, WO, O), x and dx (N, H, W, C), weight and dweight (O, C, 3, 3).
    """
    O, C = weight.shape[:2]  # noqa: E741
    T = threads_for(dy.size * C * 9 // 4)
    kernels = _transformed(T, weight, True, GG)  # (6, 6, O, C)
    dkernels = np.empty((T, 6, 6, C, O), x.dtype)
    dbias = np.empty((T, dy.shape[2] * O))  # there are many pixels
    product = product_for(x.itemsize, T)
    _gradients(T, product, dy, y, relu, x, kernels, dx, dkernels, dbias, *padding)
    matrix = GG.astype(x.dtype)
    _transform_kernels_back(
        T, product, dkernels.reshape(T, 36, C, O), matrix, dweight.reshape(O, C, 9)
    )
    return dbias


def _transformed(T, weight, turned, matrix):
    """Return the kernels for the products: (6, 6, C, O), or (6, 6, O, C) if turned."""
    O, C = weight.shape[:2]  # noqa: E741
    kernels = np.empty((36, O, C) if turned else (36, C, O), weight.dtype)
    matrix = matrix.astype(weight.dtype, order="C")
    product = product_for(weight.itemsize, T)
    _transform_kernels(T, product, plain(weight).reshape(O, C, 9), turned, matrix, kernels)
    return kernels.reshape(6, 6, *kernels.shape[1:])
