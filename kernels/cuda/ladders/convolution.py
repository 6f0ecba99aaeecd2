"""Convolution on a GPU, climbed rung by rung, and its gradients: which kernel runs, and on what.

    direct          one thread per entry of y, which reads two numbers for each product
    im2col          patches written as the rows of a matrix, for a matrix product. It reads a number
                    once per tile, but the matrix is as large as KH KW inputs
    implicit_gemm   the same product, of a matrix that is never stored: each block gathers its tiles
                    of it directly into shared memory, with tables of all positions, while it
                    multiplies the tiles before. Bias and ReLU come at the end

    direct_dx       the input's gradient by definition: most of the taps a thread tries miss
    implicit_gemm   again, with other tables: the pixels of dx reached by the same taps are a class

    direct_dweight  one block per entry of dweight
    dweight         the third product of the same matrix: the long sum over pixels is split between
                    blocks, and add_splits adds the parts in a fixed order
    dbias           one block per channel and part of the pixels, then add_splits; also computes dz

The functions return what is to be launched for given arrays, NumPy's or CuPy's, of which they use
only the shapes. Tables are NumPy arrays, and the same objects for the same shapes, so that each
moves to the GPU only once. If there are no images, the grid has no blocks; see `device.launch`.

All arrays are contiguous and float32. x (N, C, H, W), weight (O, C / groups, KH, KW), y (N, O, HO,
WO), bias (O,), and gradients of the same shapes. The direct rungs run if groups is not 1, if a
kernel has more taps along an axis than a table's word has bits, or if an array has 2^31 numbers.
"""

from collections.abc import Callable
from math import prod
from typing import Unpack

from minae.kernels import shapes
from minae.kernels.arrays import Array
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
from minae.kernels.cuda.launch.rung import IMAGES, MATRIX, THREADS, Rung, Step, grid_of
from minae.kernels.sizes import Geometry, Pair

Empty = Callable[[tuple[int, ...]], Array]  # makes a float32 workspace

TABLE_TAPS = 64  # dweight's widest tile: its table of taps is a multiple of it
WANTED = 512  # blocks of 128 threads that keep a large GPU busy: about 4 per multiprocessor
LEAST = 256  # pixels that are worth a split

_DIRECT = IMAGES, IMAGES, "float32*", IMAGES, *("int32",) * 9  # geometry, has_bias, relu

#: Grids are of: entries, (pixels, channels, classes), (channels, taps, splits), or blocks.
RUNGS = {
    "direct": Rung(direct, _DIRECT),
    "im2col": Rung(im2col, (IMAGES, MATRIX, *("int32",) * 10)),
    "implicit_gemm_128x64": implicit_gemm(128, 64, 8, blocks=4),
    "implicit_gemm_64x64": implicit_gemm(64, 64, 4, blocks=5),
    "implicit_gemm_128x32": implicit_gemm(128, 32, 4, blocks=4),
    "implicit_gemm_64x32": implicit_gemm(64, 32, 4, blocks=8),
    "direct_dx": Rung(direct_dx, _DIRECT),
    "direct_dweight": Rung(direct_dweight, (IMAGES,) * 3 + ("int32",) * 7, grid=grid_of()),
    "dweight_128x64": weight_gradient(128, 64, 8, blocks=4),
    "dweight_64x64": weight_gradient(64, 64, 4, blocks=5),
    "dweight_32x32": weight_gradient(32, 32, 4, blocks=16),
    "dbias": Rung(bias_gradient, ("float32*",) * 4 + ("int32",) * 5, grid=grid_of()),
    "add_splits": ADD_SPLITS,
}


def conv2d(
    x: Array, weight: Array, bias: Array | None, y: Array,
    activation: str | None = None, rung: str | None = None, **geometry: Unpack[Geometry],
) -> Step:  # fmt: skip
    """Return what computes y, the convolution of x. Without `rung`, the shapes choose it."""
    (N, C, H, W), (O, _, KH, KW), (HO, WO) = x.shape, weight.shape, y.shape[2:]  # noqa: E741
    operands = x, weight, weight if bias is None else bias, y  # a bias of None is not read
    ends = int(bias is not None), int(shapes.check_activation(activation))
    if rung is None:
        rung = _tile(N * HO * WO, O) if _gathers(geometry, weight, x, y) else "direct"
    if rung == "direct":
        return Step(RUNGS[rung], (prod(y.shape),), (*operands, *_numbers(geometry), *ends))
    tables = forward_tables(C, (H, W), (KH, KW), *_pairs(geometry))
    sizes = N, O, C * H * W, O * HO * WO, HO * WO, C * KH * KW
    return Step(RUNGS[rung], (N * HO * WO, O, 1), (*operands, *tables, *sizes, *ends))


def conv2d_dx(
    dy: Array, weight: Array, bias: Array | None, dx: Array,
    activation: str | None = None, rung: str | None = None, **geometry: Unpack[Geometry],
) -> Step:  # fmt: skip
    """Return what computes dx from dy: also a transposed convolution, then with a bias (C,)."""
    (N, C, H, W), (O, _, KH, KW), (HO, WO) = dx.shape, weight.shape, dy.shape[2:]  # noqa: E741
    operands = dy, weight, weight if bias is None else bias, dx
    ends = int(bias is not None), int(shapes.check_activation(activation))
    stride = geometry["stride"]
    classes = min(stride[0], H) * min(stride[1], W)
    pixels = N * -(-H // stride[0]) * -(-W // stride[1])  # of the largest class
    if rung is None:
        gathers = _gathers(geometry, weight, dy, dx)
        rung = _tile(pixels, C, classes) if gathers else "direct_dx"
    if rung == "direct_dx":
        return Step(RUNGS[rung], (prod(dx.shape),), (*operands, *_numbers(geometry), *ends))
    tables = backward_tables(C, O, (H, W), (HO, WO), (KH, KW), *_pairs(geometry))
    sizes = N, C, O * HO * WO, C * H * W, H * W, KH * KW
    return Step(RUNGS[rung], (pixels, C, classes), (*operands, *tables, *sizes, *ends))


def conv2d_dweight(
    x: Array, dy: Array, dweight: Array, empty: Empty,
    rung: str | None = None, **geometry: Unpack[Geometry],
) -> list[Step]:  # fmt: skip
    """Return what computes dweight, step by step."""
    (N, C, H, W), (O, _, KH, KW), P = x.shape, dweight.shape, prod(dy.shape[2:])  # noqa: E741
    T = C * KH * KW
    if rung is None:
        rung = _dweight_tile(O, T) if _gathers(geometry, dweight, x, dy) else "direct_dweight"
    if rung == "direct_dweight":
        return [Step(RUNGS[rung], (prod(dweight.shape),), (x, dy, dweight, *_numbers(geometry)))]
    tables = forward_tables(C, (H, W), (KH, KW), *_pairs(geometry), TABLE_TAPS)
    columns, rows, _ = RUNGS[rung].grid(O, T, 1)
    splits, length = _split(N * P, columns * rows * RUNGS[rung].threads)
    parts = dweight if splits == 1 else empty((splits, O, T))
    arguments = x, dy, parts, tables.pixels, tables.taps, N, O, P, C * H * W, T, length
    return _added_up(Step(RUNGS[rung], (O, T, splits), arguments), parts, dweight)


def conv2d_dbias(
    dy: Array, dbias: Array, empty: Empty, y: Array | None = None, dz: Array | None = None
) -> list[Step]:
    """Return what sums dy over images and pixels into dbias (O,), step by step.

    With y, the output of a ReLU, dz (N, O, HO, WO) is computed, too, and summed in place of dy.
    """
    (N, O), P = dy.shape[:2], prod(dy.shape[2:])  # noqa: E741
    splits, length = _split(N * P, O * THREADS)
    parts = dbias if splits == 1 else empty((splits, O))
    arrays = (dy, dy, dy) if y is None else (dy, y, dz)
    arguments = *arrays, parts, N, O, P, length, int(y is not None)
    return _added_up(Step(RUNGS["dbias"], (O, splits), arguments), parts, dbias)


def patches(
    x: Array, out: Array, kernel_size: Pair, output_size: Pair, *,
    stride: Pair, padding: Pair, dilation: Pair,
) -> Step:  # fmt: skip
    """Return what writes the patches of x to out (N HO WO, C KH KW), to multiply by weightᵀ."""
    geometry = *kernel_size, *output_size, *stride, *padding, *dilation
    return Step(RUNGS["im2col"], (prod(out.shape),), (x, out, *geometry))


def _pairs(geometry: Geometry) -> tuple[Pair, Pair, Pair]:
    return geometry["stride"], geometry["padding"], geometry["dilation"]


def _numbers(geometry: Geometry) -> tuple[int, ...]:
    return (*(number for pair in _pairs(geometry) for number in pair), geometry["groups"])


def _gathers(geometry: Geometry, weight: Array, *arrays: Array) -> bool:
    """Return whether the gathering kernels can run: see above."""
    small = max(prod(a.shape) for a in arrays) < 2**31
    return geometry["groups"] == 1 and max(weight.shape[2:]) <= MOST_TAPS and small


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
    """Return into how many splits a sum is cut, and their pixels, if one takes so many threads.

    They depend only on the shapes, so that results have the same bits on every GPU.
    """
    splits = max(1, min(WANTED * 128 // threads, pixels // LEAST))
    length = max(1, -(-pixels // splits // DEPTH)) * DEPTH
    return max(1, -(-pixels // length)), length


def _added_up(step: Step, parts: Array, total: Array) -> list[Step]:
    """Return the step, and if it computes several parts, the one that adds them up."""
    if parts is total:
        return [step]
    size = prod(total.shape)
    nothing_else = total, size, size, len(parts), 0, 0, 0  # no bias, no ReLU, nothing to add to
    return [step, Step(ADD_SPLITS, (size,), (parts, total, *nothing_else))]
