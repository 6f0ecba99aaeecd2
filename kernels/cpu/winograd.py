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
from minae.kernels.cpu.patches import finish, pad, repeat
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
TILES = 64  # transformed at a time: they and their products stay in a core's second-level cache
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
def _gather(rows, across, first, d):
    """d[i, j, first + tile] = rows[i, 4 tile + j] with its channels: a row of overlapping tiles."""
    C = d.shape[3]
    for i in range(6):
        for j in range(d.shape[1]):
            for tile in range(across):
                for c in range(C):
                    d[i, j, first + tile, c] = rows[i, 4 * tile + j, c]


@compiled
def _spread(half, across, first, columns):
    """columns[i, 4 tile + j] = half[i, j, first + tile]: tiles that do not overlap, as pixels."""
    O = half.shape[3]  # noqa: E741
    for i in range(6):
        for j in range(4):
            for tile in range(across):
                for o in range(O):
                    columns[i, 4 * tile + j, o] = half[i, j, first + tile, o]


@parallel
def _convolve(t, T, x, kernels, bias, y, relu, PH, PW):
    """y = x convolved, + bias, or the larger of that and 0; kernels (6, 6, C, O), transformed.

    Everything is done to a batch of tiles at once: then the transforms run along thousands of
    numbers, and each of the 36 products has a row for every tile.
    """
    (N, HO, WO, O), C = y.shape, x.shape[3]  # noqa: E741
    down, across = (HO + 3) // 4, (WO + 3) // 4
    tiles = down * across  # of an image
    batch = max(1, TILES // tiles)  # images at a time
    R = batch * tiles
    width = 4 * across + 2
    padded, rows = np.zeros((4 * down + 2, width, C), x.dtype), np.empty((6, width, C), x.dtype)
    d, v = np.zeros((6, 6, R, C), x.dtype), np.empty((6, 6, R, C), x.dtype)
    m, half = np.empty((6, 6, R, O), x.dtype), np.empty((6, 4, R, O), x.dtype)
    columns, out = np.empty((6, width - 2, O), x.dtype), np.empty((4, width - 2, O), x.dtype)
    bias = repeat(bias, WO)
    last = (t + 1) * N // T
    for n in range(t * N // T, last, batch):
        images = min(batch, last - n)
        for b in range(images):
            pad(x[n + b], padded, PH, PW)
            for i in range(down):
                six = padded[4 * i : 4 * i + 6].reshape(6, width * C)
                _transform_input(six, rows.reshape(6, width * C))
                _gather(rows, across, b * tiles + i * across, d)
        for k in range(6):
            _transform_input(d[k].reshape(6, R * C), v[k].reshape(6, R * C))
            for l in range(6):  # noqa: E741
                gemm(v[k, l], False, kernels[k, l], False, m[k, l], 0.0)
            _transform_output(m[k].reshape(6, R * O), half[k].reshape(4, R * O))
        for b in range(images):
            for i in range(down):
                _spread(half, across, b * tiles + i * across, columns)
                line = 4 * across * O
                _transform_output(columns.reshape(6, line), out.reshape(4, line))
                for k in range(min(4, HO - 4 * i)):
                    source = out[k, :WO].reshape(WO * O)
                    finish(source, bias, relu)
                    target = y[n + b, 4 * i + k].reshape(WO * O)
                    for j in range(WO * O):
                        target[j] = source[j]


@parallel
def _dweight(t, T, x, dy, dkernels, PH, PW):
    """dkernels[t] = the gradient by the transformed kernels over the images of share t.

    The transpose of _convolve: each of the 36 products gives its factor's gradient, (C, O).
    """
    (N, HO, WO, O), C = dy.shape, x.shape[3]  # noqa: E741
    down, across = (HO + 3) // 4, (WO + 3) // 4
    tiles = down * across
    batch = max(1, TILES // tiles)
    R = batch * tiles
    width, dy_width = 4 * across + 2, 4 * across
    padded, rows = np.zeros((4 * down + 2, width, C), x.dtype), np.empty((6, width, C), x.dtype)
    dy_padded = np.zeros((4 * down, dy_width, O), x.dtype)
    dy_rows = np.empty((6, dy_width, O), x.dtype)
    d, v = np.zeros((6, 6, R, C), x.dtype), np.empty((6, 6, R, C), x.dtype)
    g, m = np.zeros((6, 4, R, O), x.dtype), np.empty((6, 6, R, O), x.dtype)
    dkernels[t] = 0
    last = (t + 1) * N // T
    for n in range(t * N // T, last, batch):
        images = min(batch, last - n)
        for b in range(images):
            pad(x[n + b], padded, PH, PW)
            pad(dy[n + b], dy_padded, 0, 0)
            for i in range(down):
                first = b * tiles + i * across
                six = padded[4 * i : 4 * i + 6].reshape(6, width * C)
                _transform_input(six, rows.reshape(6, width * C))
                _gather(rows, across, first, d)
                four = dy_padded[4 * i : 4 * i + 4].reshape(4, dy_width * O)
                _transform_gradient(four, dy_rows.reshape(6, dy_width * O))
                _gather(dy_rows, across, first, g)
        g[:, :, images * tiles :] = 0  # a last batch that is not full
        for k in range(6):
            _transform_input(d[k].reshape(6, R * C), v[k].reshape(6, R * C))
            _transform_gradient(g[k].reshape(4, R * O), m[k].reshape(6, R * O))
            for l in range(6):  # noqa: E741
                gemm(v[k, l], True, m[k, l], False, dkernels[t, k, l], 1.0)


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
    C, O = x.shape[3], y.shape[3]  # noqa: E741
    T = threads_for(y.size * C * 9 // 4)
    kernels = np.empty((36, C, O), x.dtype)
    matrix = GG[:, ::-1] if turned else GG
    taps = weight.reshape(*weight.shape[:2], 9)
    _transform_kernels(T, plain(taps), turned, matrix.astype(x.dtype, order="C"), kernels)
    _convolve(T, x, kernels.reshape(6, 6, C, O), bias, y, relu, *padding)


def dweight(x: np.ndarray, dy: np.ndarray, padding: Pair, out: np.ndarray) -> None:
    """out (O, C, 3, 3) = the gradient by the weight; x (N, H, W, C), dy (N, HO, WO, O)."""
    C, O = x.shape[3], dy.shape[3]  # noqa: E741
    T = threads_for(dy.size * C * 9 // 4)
    dkernels = np.empty((T, 6, 6, C, O), x.dtype)
    _dweight(T, x, dy, dkernels, *padding)
    matrix = GG.astype(x.dtype)
    _transform_kernels_back(T, dkernels.reshape(T, 36, C, O), matrix, out.reshape(O, C, 9))
