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
GG = np.kron(G, G)  # (36, 9): the transform of a whole kernel
AT_A_TIME = 1024  # tiles x channels: with their products they stay in a second-level cache
LEAST_CHANNELS = 16  # below this the transforms cost more than the products save


def wins(channels: int, outputs: int, dtype: np.dtype, kernel_size: Pair, **geometry) -> bool:
    """Return whether this is the fastest way to convolve so."""
    fits = tuple(kernel_size) == (3, 3) and max(geometry["padding"]) <= 2
    plain = geometry["stride"] == geometry["dilation"] == (1, 1) and geometry["groups"] == 1
    return fits and plain and dtype == np.float32 and min(channels, outputs) >= LEAST_CHANNELS


@compiled
def _transform_input(d, out):
    """out = Bᵀ d, column by column; d (6, n), out (6, n)."""
    two, four, five = d.dtype.type(2), d.dtype.type(4), d.dtype.type(5)
    for k in range(d.shape[1]):
        d0, d1, d2, d3, d4, d5 = d[0, k], d[1, k], d[2, k], d[3, k], d[4, k], d[5, k]
        p, q = d4 - four * d2, d3 - four * d1
        u, v = d4 - d2, two * (d3 - d1)
        out[0, k] = four * d0 - five * d2 + d4
        out[1, k] = p + q
        out[2, k] = p - q
        out[3, k] = u + v
        out[4, k] = u - v
        out[5, k] = four * d1 - five * d3 + d5


@compiled
def _transform_output(m, out):
    """out = Aᵀ m, column by column; m (6, n), out (4, n)."""
    two, four, eight = m.dtype.type(2), m.dtype.type(4), m.dtype.type(8)
    for k in range(m.shape[1]):
        p, q = m[1, k] + m[2, k], m[1, k] - m[2, k]
        u, v = m[3, k] + m[4, k], m[3, k] - m[4, k]
        out[0, k] = m[0, k] + p + u
        out[1, k] = q + two * v
        out[2, k] = p + four * u
        out[3, k] = q + eight * v + m[5, k]


@compiled
def _transform_gradient(g, out):
    """out = A g, column by column; g (4, n), out (6, n): the transpose of _transform_output."""
    two, four, eight = g.dtype.type(2), g.dtype.type(4), g.dtype.type(8)
    for k in range(g.shape[1]):
        g0, g1, g2, g3 = g[0, k], g[1, k], g[2, k], g[3, k]
        p, q = g0 + g2, g1 + g3
        u, v = g0 + four * g2, two * g1 + eight * g3
        out[0, k] = g0
        out[1, k] = p + q
        out[2, k] = p - q
        out[3, k] = u + v
        out[4, k] = u - v
        out[5, k] = g3


@compiled
def _gather(x, gate, gated, top, left, across, d):
    """d[i, j] = pixel (i, j) of every tile in one row of tiles, image by image; outside x it is 0.

    The row begins at pixel (top, left) of the images x (n, H, W, C). Gated, what is not above 0 in
    `gate` becomes 0 in x: a ReLU's gradient. d (6 or 4, 6 or 4, at least n * across, C).
    """
    images, H, W, C = x.shape
    zero = x.dtype.type(0)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            for n in range(images):
                for tile in range(across):
                    h, w, target = top + i, left + j + 4 * tile, d[i, j, n * across + tile]
                    if 0 <= h < H and 0 <= w < W:
                        source, opening = x[n, h, w], gate[n, h, w]
                        if gated:
                            for c in range(C):
                                target[c] = source[c] if opening[c] > zero else zero
                        else:
                            for c in range(C):
                                target[c] = source[c]
                    else:
                        for c in range(C):
                            target[c] = zero


@compiled
def _scatter(out, across, bias, relu, y, h):
    """y[n, h, 4 tile + j] = out[j, tile] + bias, or the larger of that and 0."""
    zero = y.dtype.type(0)
    images, _, WO, O = y.shape  # noqa: E741
    for n in range(images):
        for w in range(WO):
            source, target = out[w % 4, n * across + w // 4], y[n, h, w]
            for o in range(O):
                value = source[o] + bias[o]
                target[o] = zero if relu and value <= zero else value


@compiled
def _sizes(WO, C, O):  # noqa: E741
    """Return the tiles across an image, images at a time, the tiles in a row of theirs, one more.

    The last is the length of a plane of tiles. Planes at distances of a power of two would share
    their places in the first-level cache, and push each other out.
    """
    across = (WO + 3) // 4
    batch = max(1, AT_A_TIME // (across * max(C, O)))
    return across, batch, batch * across, batch * across + 1


@parallel
def _convolve(t, T, x, gate, gated, kernels, bias, y, relu, PH, PW):
    """y = x convolved, + bias, or the larger of that and 0; kernels (6, 6, C, O), transformed.

    Everything is done to a row of tiles of several images at once: then the transforms run along
    thousands of numbers, and each of the 36 products has a row for every tile.
    """
    (N, HO, WO, O), C = y.shape, x.shape[3]  # noqa: E741
    across, batch, R, S = _sizes(WO, C, O)
    d, v = np.zeros((6, 6, S, C), x.dtype), np.zeros((6, 6, S, C), x.dtype)
    m, half = np.zeros((6, 6, S, O), x.dtype), np.empty((4, 6, S, O), x.dtype)
    out = np.empty((4, S, O), x.dtype)
    last = (t + 1) * N // T
    for n in range(t * N // T, last, batch):
        stop = min(n + batch, last)
        for top in range(0, HO, 4):
            _gather(x[n:stop], gate[n:stop], gated, top - PH, -PW, across, d)
            _transform_input(d.reshape(6, 6 * S * C), v.reshape(6, 6 * S * C))
            for k in range(6):
                _transform_input(v[k].reshape(6, S * C), d[k].reshape(6, S * C))
                for l in range(6):  # noqa: E741
                    gemm(d[k, l, :R], False, kernels[k, l], False, m[k, l, :R], 0.0)
            _transform_output(m.reshape(6, 6 * S * O), half.reshape(4, 6 * S * O))
            for k in range(min(4, HO - top)):
                _transform_output(half[k].reshape(6, S * O), out.reshape(4, S * O))
                _scatter(out, across, bias, relu, y[n:stop], top + k)


@parallel
def _dweight(t, T, x, dy, y, relu, dkernels, dbias, PH, PW):
    """dkernels[t] = the gradient by the transformed kernels over the images of share t.

    The transpose of _convolve: each of the 36 products gives its factor's gradient, (C, O).
    dbias[t] = the sum of dy, through the activation whose output is y.
    """
    (N, HO, WO, O), C = dy.shape, x.shape[3]  # noqa: E741
    across, batch, R, S = _sizes(WO, C, O)
    d, v = np.zeros((6, 6, S, C), x.dtype), np.zeros((6, 6, S, C), x.dtype)
    g, half = np.zeros((4, 4, S, O), x.dtype), np.zeros((6, 4, S, O), x.dtype)
    m, total = np.empty((6, S, O), x.dtype), np.zeros(S * O, x.dtype)
    dkernels[t] = 0
    last = (t + 1) * N // T
    for n in range(t * N // T, last, batch):
        stop = min(n + batch, last)
        if stop < n + batch:
            g[:] = 0  # the last images are fewer
        for top in range(0, HO, 4):
            _gather(x[n:stop], x[n:stop], False, top - PH, -PW, across, d)
            _gather(dy[n:stop], y[n:stop], relu, top, 0, across, g)
            for plane in g.reshape(16, S * O):
                for k in range(S * O):
                    total[k] += plane[k]
            _transform_input(d.reshape(6, 6 * S * C), v.reshape(6, 6 * S * C))
            _transform_gradient(g.reshape(4, 4 * S * O), half.reshape(6, 4 * S * O))
            for k in range(6):
                _transform_input(v[k].reshape(6, S * C), d[k].reshape(6, S * C))
                _transform_gradient(half[k].reshape(4, S * O), m.reshape(6, S * O))
                for l in range(6):  # noqa: E741
                    gemm(d[k, l, :R], True, m[l, :R], False, dkernels[t, k, l], 1.0)
    dbias[t] = 0
    for row in total.reshape(S, O):
        for o in range(O):
            dbias[t, o] += row[o]


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
    relu: bool = False,
    gate: np.ndarray | None = None,
) -> None:
    """y = x convolved with weight, + bias, through the activation.

    x (N, H, W, C), weight (O, C, 3, 3), bias (O,), y (N, HO, WO, O). Turned, the kernels are those
    of the gradient: weight (C, O, 3, 3), each upside down and left to right. Where a gate, of x's
    shape, is not above 0, x counts as 0.
    """
    C, O = x.shape[3], y.shape[3]  # noqa: E741
    T = threads_for(y.size * C * 9 // 4)
    kernels = np.empty((36, C, O), x.dtype)
    matrix = GG[:, ::-1] if turned else GG
    taps = weight.reshape(*weight.shape[:2], 9)
    _transform_kernels(T, plain(taps), turned, matrix.astype(x.dtype, order="C"), kernels)
    kernels, gated = kernels.reshape(6, 6, C, O), gate is not None
    _convolve(T, x, gate if gated else x, gated, kernels, bias, y, relu, *padding)


def dweight(
    x: np.ndarray, dy: np.ndarray, y: np.ndarray, relu: bool, padding: Pair, out: np.ndarray
) -> np.ndarray:
    """out (O, C, 3, 3) = the gradient by the weight; return that by the bias, (O,).

    x (N, H, W, C), dy and y (N, HO, WO, O).
    """
    C, O = x.shape[3], dy.shape[3]  # noqa: E741
    T = threads_for(dy.size * C * 9 // 4)
    dkernels, dbias = np.empty((T, 6, 6, C, O), x.dtype), np.empty((T, O), x.dtype)
    _dweight(T, x, dy, y, relu, dkernels, dbias, *padding)
    matrix = GG.astype(x.dtype)
    _transform_kernels_back(T, dkernels.reshape(T, 36, C, O), matrix, out.reshape(O, C, 9))
    return dbias.sum(axis=0)
