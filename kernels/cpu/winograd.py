"""Convolution with 3 x 3 kernels and stride 1 in a quarter of the multiplications.

Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin & Gray 2016) computes 4 x 4 outputs at a time
from the 6 x 6 inputs that they see. It transforms both the inputs and the kernel so that the
convolution becomes a product of 36 numbers with 36 numbers, instead of 16 times 9:

    Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A

Over all channels and tiles, each of the 36 products is a matrix product (tiles, C) x (C, O).
The constants reach 8, so float32 loses about two digits: the results agree with `patches` to 1e-5
or so, and float64, which is for checking, does not come here.
"""

import numpy as np

from minae.kernels.cpu.blas import gemm
from minae.kernels.cpu.compiled import compiled
from minae.kernels.cpu.layout import plain
from minae.kernels.cpu.parallel import parallel
from minae.kernels.cpu.patches import finish, let_pass, pad, repeat, unpad
from minae.kernels.cpu.threads import threads_for
from minae.kernels.shapes import Pair

G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
TWO, FOUR, FIVE, EIGHT = np.float32(2), np.float32(4), np.float32(5), np.float32(8)
GG = np.kron(G, G)  # (36, 9): the transform of a whole kernel
AT_A_TIME = 2048  # tiles x channels: with their products they stay in a second-level cache
LEAST_CHANNELS = 16  # below this the transforms cost more than the products save


def wins(channels: int, outputs: int, dtype: np.dtype, kernel_size: Pair, **geometry) -> bool:
    """Return whether this is the fastest way to convolve so."""
    fits = tuple(kernel_size) == (3, 3) and max(geometry["padding"]) <= 2
    plain = geometry["stride"] == geometry["dilation"] == (1, 1) and geometry["groups"] == 1
    return fits and plain and dtype == np.float32 and min(channels, outputs) >= LEAST_CHANNELS


@compiled
def _bt(d0, d1, d2, d3, d4, d5):
    """Return Bᵀ d."""
    p, q, u, v = d4 - FOUR * d2, d3 - FOUR * d1, d4 - d2, TWO * (d3 - d1)
    return FOUR * d0 - FIVE * d2 + d4, p + q, p - q, u + v, u - v, FOUR * d1 - FIVE * d3 + d5


@compiled
def _b(v0, v1, v2, v3, v4, v5):
    """Return B v, the transpose of _bt."""
    p, q, u, v = v1 + v2, v1 - v2, v3 + v4, TWO * (v3 - v4)
    r, s = FOUR * (v5 - q) - v, q + v - FIVE * v5
    return FOUR * v0, r, -FIVE * v0 - FOUR * p - u, s, v0 + p + u, v5


@compiled
def _at(m0, m1, m2, m3, m4, m5):
    """Return Aᵀ m."""
    p, q, u, v = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return m0 + p + u, q + TWO * v, p + FOUR * u, q + EIGHT * v + m5


@compiled
def _a(y0, y1, y2, y3):
    """Return A y, the transpose of _at."""
    p, q, u, v = y0 + y2, y1 + y3, y0 + FOUR * y2, TWO * y1 + EIGHT * y3
    return y0, p + q, p - q, u + v, u - v, y3


# The four transforms below work on a row of tiles, or on all tiles where they can: first on whole
# rows of pixels, in one long run, then tile by tile along the channels of a pixel.


@compiled
def _to_v(pixels, rows, across, v, first):
    """v[:, :, first + tile] = Bᵀ d B of each tile d; pixels (6, W, C), rows: to be overwritten."""
    _, W, C = pixels.shape
    d, e = pixels.reshape(6, W * C), rows.reshape(6, W * C)
    for k in range(W * C):
        e0, e1, e2, e3, e4, e5 = _bt(d[0, k], d[1, k], d[2, k], d[3, k], d[4, k], d[5, k])
        e[0, k], e[1, k], e[2, k], e[3, k], e[4, k], e[5, k] = e0, e1, e2, e3, e4, e5
    for i in range(6):
        for tile in range(across):
            p, r = rows[i, 4 * tile : 4 * tile + 6], first + tile
            for c in range(C):
                v0, v1, v2, v3, v4, v5 = _bt(p[0, c], p[1, c], p[2, c], p[3, c], p[4, c], p[5, c])
                v[i, 0, r, c], v[i, 1, r, c], v[i, 2, r, c] = v0, v1, v2
                v[i, 3, r, c], v[i, 4, r, c], v[i, 5, r, c] = v3, v4, v5


@compiled
def _from_v(v, first, across, i, pixels):
    """pixels (W, C), those of row i of a row of tiles, += v B; v (6, 6, tiles, C), already B v."""
    C = v.shape[3]
    for tile in range(across):
        p, r = pixels[4 * tile : 4 * tile + 6], first + tile
        for c in range(C):
            d0, d1, d2, d3, d4, d5 = _b(
                v[i, 0, r, c],
                v[i, 1, r, c],
                v[i, 2, r, c],
                v[i, 3, r, c],
                v[i, 4, r, c],
                v[i, 5, r, c],
            )
            p[0, c] += d0
            p[1, c] += d1
            p[2, c] += d2
            p[3, c] += d3
            p[4, c] += d4
            p[5, c] += d5


@compiled
def _to_m(pixels, rows, across, m, first):
    """m[:, :, first + tile] = A y Aᵀ of each tile y; pixels (4, W, O), rows: to be overwritten."""
    _, W, O = pixels.shape  # noqa: E741
    y, e = pixels.reshape(4, W * O), rows.reshape(6, W * O)
    for k in range(W * O):
        e0, e1, e2, e3, e4, e5 = _a(y[0, k], y[1, k], y[2, k], y[3, k])
        e[0, k], e[1, k], e[2, k], e[3, k], e[4, k], e[5, k] = e0, e1, e2, e3, e4, e5
    for i in range(6):
        for tile in range(across):
            p, r = rows[i, 4 * tile : 4 * tile + 4], first + tile
            for o in range(O):
                m0, m1, m2, m3, m4, m5 = _a(p[0, o], p[1, o], p[2, o], p[3, o])
                m[i, 0, r, o], m[i, 1, r, o], m[i, 2, r, o] = m0, m1, m2
                m[i, 3, r, o], m[i, 4, r, o], m[i, 5, r, o] = m3, m4, m5


@compiled
def _from_m(m, first, across, i, pixels):
    """pixels (W, O), those of row i of a row of tiles, = m A; m (4, 6, tiles, O), already Aᵀ m."""
    O = m.shape[3]  # noqa: E741
    for tile in range(across):
        p, r = pixels[4 * tile : 4 * tile + 4], first + tile
        for o in range(O):
            y0, y1, y2, y3 = _at(
                m[i, 0, r, o],
                m[i, 1, r, o],
                m[i, 2, r, o],
                m[i, 3, r, o],
                m[i, 4, r, o],
                m[i, 5, r, o],
            )
            p[0, o], p[1, o], p[2, o], p[3, o] = y0, y1, y2, y3


@compiled
def _sizes(HO, WO, C, O):  # noqa: E741
    """Return the tiles down and across an image, the images at a time, and the tiles in a plane.

    Those are one more than are used: planes at distances of a power of two would share their
    places in the first-level cache, and push each other out.
    """
    down, across = (HO + 3) // 4, (WO + 3) // 4
    batch = max(1, AT_A_TIME // (down * across * max(C, O)))
    return down, across, batch, batch * down * across + 1


@parallel
def _convolve(t, T, x, kernels, bias, y, relu, PH, PW):
    """y = x convolved, + bias, or the larger of that and 0; kernels (6, 6, C, O), transformed."""
    (N, HO, WO, O), C = y.shape, x.shape[3]  # noqa: E741
    down, across, batch, S = _sizes(HO, WO, C, O)
    padded = np.zeros((4 * down + 2, 4 * across + 2, C), x.dtype)
    rows, out = np.empty((6, 4 * across + 2, C), x.dtype), np.empty((4 * across, O), x.dtype)
    v, m = np.zeros((6, 6, S, C), x.dtype), np.zeros((6, 6, S, O), x.dtype)
    half = np.empty((4, 6, S, O), x.dtype)
    bias, n = repeat(bias, WO), t * N // T
    while n < (t + 1) * N // T:
        images = min(batch, (t + 1) * N // T - n)
        R = images * down * across
        for r in range(0, R, across):
            i, top = n + r // (down * across), 4 * (r // across % down)
            if top == 0:
                pad(x[i], padded, PH, PW)
            _to_v(padded[top : top + 6], rows, across, v, r)
        for k in range(6):
            for l in range(6):  # noqa: E741
                gemm(v[k, l, :R], False, kernels[k, l], False, m[k, l, :R], 0.0)
        a, b = m.reshape(6, 6 * S * O), half.reshape(4, 6 * S * O)
        for k in range(6 * S * O):
            b0, b1, b2, b3 = _at(a[0, k], a[1, k], a[2, k], a[3, k], a[4, k], a[5, k])
            b[0, k], b[1, k], b[2, k], b[3, k] = b0, b1, b2, b3
        for r in range(0, R, across):
            i, top = n + r // (down * across), 4 * (r // across % down)
            for k in range(min(4, HO - top)):
                _from_m(half, r, across, k, out)
                source, target = out[:WO].reshape(WO * O), y[i, top + k].reshape(WO * O)
                finish(source, bias, relu)
                for j in range(WO * O):
                    target[j] = source[j]
        n += images


@parallel
def _gradients(t, T, dy, y, relu, x, kernels, dx, dkernels, dbias, PH, PW):
    """Both gradients: that by x, and that by the transformed kernels over the images of share t.

    The transpose of _convolve: m comes from dy, through the activation; each of the 36 products
    with vᵀ gives its factor's gradient, with kernels (6, 6, O, C) v's. dbias[t] = the sum of dy by
    column and channel, (T, WO * O). A dx that is not wanted is empty.
    """
    (N, HO, WO, O), C = dy.shape, x.shape[3]  # noqa: E741
    down, across, batch, S = _sizes(HO, WO, C, O)
    padded = np.zeros((4 * down + 2, 4 * across + 2, C), x.dtype)
    rows, padded_dx = np.empty((6, 4 * across + 2, C), x.dtype), np.empty_like(padded)
    dz, dz_rows = (
        np.zeros((4 * down, 4 * across, O), x.dtype),
        np.empty((6, 4 * across, O), x.dtype),
    )
    v, m = np.zeros((6, 6, S, C), x.dtype), np.zeros((6, 6, S, O), x.dtype)
    dkernels[t], dbias[t], n = 0, 0, t * N // T
    while n < (t + 1) * N // T:
        images = min(batch, (t + 1) * N // T - n)
        R = images * down * across
        for r in range(0, R, across):
            i, top = n + r // (down * across), 4 * (r // across % down)
            if top == 0:
                pad(x[i], padded, PH, PW)
                for h in range(HO):
                    row = dz[h, :WO].reshape(WO * O)
                    let_pass(dy[i, h].reshape(WO * O), y[i, h].reshape(WO * O), relu, row, dbias[t])
            _to_v(padded[top : top + 6], rows, across, v, r)
            _to_m(dz[top : top + 4], dz_rows, across, m, r)
        for k in range(6):
            for l in range(6):  # noqa: E741
                gemm(v[k, l, :R], True, m[k, l, :R], False, dkernels[t, k, l], 1.0)
                if dx.size:
                    gemm(m[k, l, :R], False, kernels[k, l], False, v[k, l, :R], 0.0)
        if dx.size:
            a = v.reshape(6, 6 * S * C)
            for k in range(6 * S * C):
                a0, a1, a2, a3, a4, a5 = _b(a[0, k], a[1, k], a[2, k], a[3, k], a[4, k], a[5, k])
                a[0, k], a[1, k], a[2, k], a[3, k], a[4, k], a[5, k] = a0, a1, a2, a3, a4, a5
            for r in range(0, R, across):
                i, top = n + r // (down * across), 4 * (r // across % down)
                if top == 0:
                    padded_dx[:] = 0
                for k in range(6):
                    _from_v(v, r, across, k, padded_dx[top + k])
                if top == 4 * down - 4:
                    unpad(padded_dx, PH, PW, dx[i])
        n += images


@parallel
def _transform_kernels(t, T, weight, turned, matrix, kernels):
    """kernels[:, c] = matrix weight[:, c]ᵀ: G g Gᵀ of every kernel, weight (O, C, 9).

    `turned` exchanges inputs and outputs, as the gradient by the input does. BLAS takes the columns
    where they lie, so no weight is ever copied into another order.
    """
    C = kernels.shape[1]
    for c in range(t * C // T, (t + 1) * C // T):
        taps = weight[c] if turned else weight[:, c]
        gemm(matrix, False, taps, True, kernels[:, c], 0.0)


@parallel
def _transform_kernels_back(t, T, dkernels, matrix, dweight):
    """dweight[:, c] = Σ dkernels[:, :, c]ᵀ matrix over the shares; dkernels (shares, 36, C, O)."""
    C = dkernels.shape[2]
    for c in range(t * C // T, (t + 1) * C // T):
        for share in range(len(dkernels)):
            gemm(
                dkernels[share, :, c],
                True,
                matrix,
                False,
                dweight[:, c],
                0.0 if share == 0 else 1.0,
            )


def convolve(
    x: np.ndarray,
    weight: np.ndarray,
    turned: bool,
    bias: np.ndarray,
    padding: Pair,
    y: np.ndarray,
    relu: bool,
) -> None:
    """y = x convolved with weight, + bias, through the activation.

    x (N, H, W, C), weight (O, C, 3, 3), bias (O,), y (N, HO, WO, O). Turned, the kernels are those
    of the gradient: weight (C, O, 3, 3), each upside down and left to right.
    """
    T = threads_for(y.size * x.shape[3] * 9 // 4)
    kernels = _transformed(T, weight, turned, GG[:, ::-1] if turned else GG)
    _convolve(T, x, kernels, bias, y, relu, *padding)


def gradients(
    dy: np.ndarray,
    y: np.ndarray,
    relu: bool,
    x: np.ndarray,
    weight: np.ndarray,
    padding: Pair,
    dx: np.ndarray,
    dweight: np.ndarray,
) -> np.ndarray:
    """Fill dx, unless it is empty, and dweight; return dbias (O,).

    dy and y (N, HO, WO, O), x and dx (N, H, W, C), weight and dweight (O, C, 3, 3).
    """
    O, C = weight.shape[:2]  # noqa: E741
    T = threads_for(dy.size * C * 9 // 4)
    kernels = _transformed(T, weight, True, GG)  # (6, 6, O, C)
    dkernels = np.empty((T, 6, 6, C, O), x.dtype)
    dbias = np.empty((T, dy.shape[2] * O), x.dtype)
    _gradients(T, dy, y, relu, x, kernels, dx, dkernels, dbias, *padding)
    matrix = GG.astype(x.dtype)
    _transform_kernels_back(T, dkernels.reshape(T, 36, C, O), matrix, dweight.reshape(O, C, 9))
    return dbias.reshape(-1, O).sum(axis=0)


def _transformed(T: int, weight: np.ndarray, turned: bool, matrix: np.ndarray) -> np.ndarray:
    """Return the kernels as the products take them: (6, 6, C, O), or (6, 6, O, C) if turned."""
    O, C = weight.shape[:2]  # noqa: E741
    kernels = np.empty((36, O, C) if turned else (36, C, O), weight.dtype)
    matrix = matrix.astype(weight.dtype, order="C")
    _transform_kernels(T, plain(weight.reshape(O, C, 9)), turned, matrix, kernels)
    return kernels.reshape(6, 6, *kernels.shape[1:])
