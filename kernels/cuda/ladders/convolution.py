"""Convolution on a GPU, climbed rung by rung, and its gradients: which kernel runs, and on what.

    direct          a thread an entry of y, which reads two numbers for each product
    im2col          patches written down as the rows of a matrix; a matrix product does the rest. It
                    reads a number once for a whole tile, but the matrix is as large as KH KW inputs
    implicit_gemm   the same product, of a matrix that is never written down: each block gathers its
                    tiles of it straight into shared memory, by tables of where everything lies,
                    while it multiplies the tiles before. Bias and ReLU on the way

    direct_dx       the input's gradient by definition: most of a thread's looks are in vain
    implicit_gemm   again, by other tables: pixels of dx that the same taps reach are a class

    direct_dweight  a block an entry of dweight
    dweight         the third product of the same matrix: the long sum over pixels is split between
                    blocks, and add_splits adds the parts in a fixed order
    dbias           a block a channel and part of the pixels, then add_splits; dz on the way

The kernels are in `convolution_direct`, `convolution_gather` and `convolution_dweight`, the tables
in `convolution_tables`. Here are the functions that say for given arrays what is to be launched. Of
arrays they look at nothing but the shape: they may be NumPy's for the simulator, CuPy's for a GPU.
Tables are NumPy arrays, and the same objects for the same shapes: to be moved to the GPU once. A
grid of no blocks, where there are no images, is not to be launched.

All arrays are contiguous and float32. x (N, C, H, W), weight (O, C / groups, KH, KW), y (N, O, HO,
WO), bias (O,), and gradients like what they are of. Where groups is not 1, a kernel has more taps
along an axis than a table's word has bits, or an array has 2^31 numbers, the direct rungs run.
"""

from collections.abc import Callable
from math import prod

from minae.kernels import shapes
from minae.kernels.cuda.ladders.convolution_direct import direct, direct_dx, im2col
from minae.kernels.cuda.ladders.convolution_dweight import (
    bias_gradient,
    direct_dweight,
    weight_gradient,
)
from minae.kernels.cuda.ladders.convolution_gather import implicit_gemm
from minae.kernels.cuda.ladders.convolution_tables import (
    DEPTH,
    MOST_TAPS,
    backward_tables,
    forward_tables,
)
from minae.kernels.cuda.ladders.pipeline import ADD_SPLITS
from minae.kernels.cuda.launch.rung import Rung, Step
from minae.kernels.cuda.reductions import THREADS
from minae.kernels.shapes import Pair

IMAGES = "float32[:, :, :, :]"
TABLE_TAPS = 64  # dweight's widest tile: its table of taps is a multiple of it
WANTED = 512  # blocks of 128 threads that keep a large GPU busy: about 4 for each multiprocessor
LEAST = 256  # pixels that are worth a split


def _threads(count: int) -> tuple[int, ...]:
    """Return the grid for so many threads in blocks of THREADS."""
    return (-(-count // THREADS),)


_REST = ("int32",) * 9  # stride, padding, dilation, groups, has_bias, relu

#: Grids are of: entries, (pixels, channels, classes), (channels, taps, splits), or blocks.
RUNGS = {
    "direct": Rung(direct, (IMAGES, IMAGES, "float32*", IMAGES, *_REST), (THREADS,), _threads),
    "im2col": Rung(im2col, (IMAGES, "float32[:, :]", *("int32",) * 10), (THREADS,), _threads),
    "implicit_gemm_128x64": implicit_gemm(128, 64, 8, blocks=4),
    "implicit_gemm_64x64": implicit_gemm(64, 64, 4, blocks=5),
    "implicit_gemm_128x32": implicit_gemm(128, 32, 4, blocks=4),
    "implicit_gemm_64x32": implicit_gemm(64, 32, 4, blocks=8),
    "direct_dx": Rung(
        direct_dx, (IMAGES, IMAGES, "float32*", IMAGES, *_REST), (THREADS,), _threads
    ),
    "direct_dweight": Rung(
        direct_dweight, (IMAGES, IMAGES, IMAGES, *("int32",) * 7), (THREADS,), lambda n: (n,)
    ),
    "dweight_128x64": weight_gradient(128, 64, 8, blocks=4),
    "dweight_64x64": weight_gradient(64, 64, 4, blocks=5),
    "dweight_32x32": weight_gradient(32, 32, 4, blocks=16),
    "dbias": Rung(
        bias_gradient,
        ("float32*",) * 4 + ("int32",) * 5,
        (THREADS,),
        lambda channels, splits: (channels, splits),
    ),
    "add_splits": ADD_SPLITS,
}


def conv2d(
    x,
    weight,
    bias,
    y,
    activation: str | None = None,
    rung: str | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Step:
    """Return what computes y = the convolution of x. Without `rung`, the shapes choose it."""
    (N, C, H, W), (O, _, KH, KW), (HO, WO) = x.shape, weight.shape, y.shape[2:]  # noqa: E741
    ends = int(bias is not None), int(shapes.check_activation(activation))
    operands = x, weight, weight if bias is None else bias, y  # any array, if none is read
    if rung is None:
        gathers = groups == 1 and _fits_tables(weight, x, y)
        rung = _tile(N * HO * WO, O) if gathers else "direct"
    if rung == "direct":
        geometry = *stride, *padding, *dilation, groups
        return Step(RUNGS[rung], (prod(y.shape),), (*operands, *geometry, *ends))
    tables = forward_tables(C, (H, W), (KH, KW), stride, padding, dilation)
    sizes = N, O, C * H * W, O * HO * WO, HO * WO, C * KH * KW
    return Step(RUNGS[rung], (N * HO * WO, O, 1), (*operands, *tables, *sizes, *ends))


def conv2d_dx(
    dy,
    weight,
    bias,
    dx,
    activation: str | None = None,
    rung: str | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Step:
    """Return what sends dy back to dx: also a transposed convolution, then with a bias (C,)."""
    (N, C, H, W), (O, _, KH, KW), (HO, WO) = dx.shape, weight.shape, dy.shape[2:]  # noqa: E741
    ends = int(bias is not None), int(shapes.check_activation(activation))
    operands = dy, weight, weight if bias is None else bias, dx
    classes = min(stride[0], H) * min(stride[1], W)
    pixels = N * -(-H // stride[0]) * -(-W // stride[1])  # of the largest class
    if rung is None:
        gathers = groups == 1 and _fits_tables(weight, dy, dx)
        rung = _tile(pixels, C, classes) if gathers else "direct_dx"
    if rung == "direct_dx":
        geometry = *stride, *padding, *dilation, groups
        return Step(RUNGS[rung], (prod(dx.shape),), (*operands, *geometry, *ends))
    tables = backward_tables(C, O, (H, W), (HO, WO), (KH, KW), stride, padding, dilation)
    sizes = N, C, O * HO * WO, C * H * W, H * W, KH * KW
    return Step(RUNGS[rung], (pixels, C, classes), (*operands, *tables, *sizes, *ends))


def conv2d_dweight(
    x,
    dy,
    dweight,
    empty: Callable,
    rung: str | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> list[Step]:
    """Return what computes dweight, step after step. empty(shape) makes a float32 workspace."""
    (N, C, H, W), (O, _, KH, KW), P = x.shape, dweight.shape, prod(dy.shape[2:])  # noqa: E741
    T = C * KH * KW
    if rung is None:
        gathers = groups == 1 and _fits_tables(dweight, x, dy)
        rung = _dweight_tile(O, T) if gathers else "direct_dweight"
    if rung == "direct_dweight":
        geometry = *stride, *padding, *dilation, groups
        return [Step(RUNGS[rung], (prod(dweight.shape),), (x, dy, dweight, *geometry))]
    tables = forward_tables(C, (H, W), (KH, KW), stride, padding, dilation, TABLE_TAPS)
    columns, rows, _ = RUNGS[rung].grid(O, T, 1)
    splits, length = _split(N * P, columns * rows * RUNGS[rung].threads)
    parts = dweight if splits == 1 else empty((splits, O, T))
    arguments = x, dy, parts, tables.pixels, tables.taps, N, O, P, C * H * W, T, length
    return [Step(RUNGS[rung], (O, T, splits), arguments), *_additions(parts, dweight, splits)]


def conv2d_dbias(dy, dbias, empty: Callable, y=None, dz=None) -> list[Step]:
    """Return what sums dy over images and pixels into dbias (O,), step after step.

    If a ReLU gave y, dz (N, O, HO, WO) is computed, dy as far as it let it pass, and summed.
    """
    (N, O), P = dy.shape[:2], prod(dy.shape[2:])  # noqa: E741
    splits, length = _split(N * P, O * THREADS)
    parts = dbias if splits == 1 else empty((splits, O))
    arrays = (dy, dy, dy) if y is None else (dy, y, dz)
    arguments = *arrays, parts, N, O, P, length, int(y is not None)
    return [Step(RUNGS["dbias"], (O, splits), arguments), *_additions(parts, dbias, splits)]


def patches(
    x, out, kernel_size: Pair, output_size: Pair, *, stride: Pair, padding: Pair, dilation: Pair
) -> Step:
    """Return what writes patches of x down: out (N HO WO, C KH KW), to multiply by weightᵀ."""
    geometry = *kernel_size, *output_size, *stride, *padding, *dilation
    return Step(RUNGS["im2col"], (prod(out.shape),), (x, out, *geometry))


def _fits_tables(weight, *arrays) -> bool:
    """Return whether a word has a bit for each tap, and every place is below 2^31."""
    return max(weight.shape[2:]) <= MOST_TAPS and max(prod(a.shape) for a in arrays) < 2**31


def _tile(pixels: int, channels: int, classes: int = 1) -> str:
    """Choose a tile: narrow if there are few channels, short if there are few blocks."""
    width = 32 if channels <= 32 else 64
    blocks = classes * -(-pixels // 128) * -(-channels // width)
    return f"implicit_gemm_{128 if blocks >= WANTED // 2 else 64}x{width}"


def _dweight_tile(channels: int, taps: int) -> str:
    if min(channels, taps) <= 32:
        return "dweight_32x32"
    return "dweight_128x64" if channels > 64 else "dweight_64x64"


def _split(pixels: int, threads: int) -> tuple[int, int]:
    """Return into how many splits the sum is cut, and pixels of each, if one needs so many threads.

    It depends on nothing but the shapes: so the result has the same bits on every GPU.
    """
    splits = max(1, min(WANTED * 128 // threads, pixels // LEAST))
    length = max(1, -(-pixels // splits // DEPTH)) * DEPTH
    return max(1, -(-pixels // length)), length


def _additions(parts, total, splits: int) -> list[Step]:
    """Return the step that adds up the parts, if there are several."""
    size = prod(total.shape)
    nothing_else = total, size, size, splits, 0, 0, 0  # no bias, no ReLU, nothing to add to
    return [Step(ADD_SPLITS, (size,), (parts, total, *nothing_else))] if splits > 1 else []
