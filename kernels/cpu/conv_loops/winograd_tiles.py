"""Winograd's transforms of tiles, and of all the tiles in a row of an image.

    Bᵀ d B    6 x 6 pixels of x, as the products take them        A y Aᵀ    its counterpart for dy
    Aᵀ m A    4 x 4 pixels of y, from the products                B v Bᵀ    its counterpart for dx

Each is the same formula twice, along columns and along rows. A formula is written once, for single
numbers; given `Lanes` in their place, it writes vector instructions. Left to itself, the compiler
checks at every tile whether any of the twelve runs of numbers overlap, which takes longer than the
formula.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minae.kernels.cpu.compile.compiled import compiled, compiled_inside
from minae.kernels.cpu.products.multiply import REGISTER
from minae.kernels.cpu.products.tile import Shape
from minae.kernels.cpu.products.vectors import WORD, Vectors

FLOAT32 = Shape(REGISTER, 4)


def input_transform(d0, d1, d2, d3, d4, d5):
    """Return Bᵀ d."""
    p, q, u, v = d4 - 4 * d2, d3 - 4 * d1, d4 - d2, 2 * (d3 - d1)
    return 4 * d0 - 5 * d2 + d4, p + q, p - q, u + v, u - v, 4 * d1 - 5 * d3 + d5


def input_transposed(v0, v1, v2, v3, v4, v5):
    """Return B v, the transpose of input_transform."""
    p, q, u, v = v1 + v2, v1 - v2, v3 + v4, 2 * (v3 - v4)
    r, s = 4 * (v5 - q) - v, q + v - 5 * v5
    return 4 * v0, r, -5 * v0 - 4 * p - u, s, v0 + p + u, v5


def output_transform(m0, m1, m2, m3, m4, m5):
    """Return Aᵀ m."""
    p, q, u, v = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return m0 + p + u, q + 2 * v, p + 4 * u, q + 8 * v + m5


def output_transposed(y0, y1, y2, y3):
    """Return A y, the transpose of output_transform."""
    p, q, u, v = y0 + y2, y1 + y3, y0 + 4 * y2, 2 * y1 + 8 * y3
    return y0, p + q, p - q, u + v, u - v, y3


class Lanes:
    """A vector in a formula: its sums, differences and multiples are instructions."""

    def __init__(self, v: Vectors, value: Any):
        self.v, self.value = v, value

    def __add__(self, other: "Lanes") -> "Lanes":
        return Lanes(self.v, self.v.builder.fadd(self.value, other.value, flags=["contract"]))

    def __sub__(self, other: "Lanes") -> "Lanes":
        return Lanes(self.v, self.v.builder.fsub(self.value, other.value, flags=["contract"]))

    def __rmul__(self, factor: int) -> "Lanes":
        factors = ir.Constant(self.v.vector, [float(factor)] * self.v.width)
        return Lanes(self.v, self.v.builder.fmul(factors, self.value, flags=["contract"]))


def make_transform(formula: Callable, add: bool = False) -> Any:
    """Return transform(source, source_step, target, target_step, count) for compiled code.

    The formula turns runs of `count` numbers, `source_step` bytes apart, into the runs of the
    target, to which they are added if `add`.
    """

    @intrinsic
    def transform(typing, source, source_step, target, target_step, count):
        def generate(context, builder, signature, values):
            source, source_step, target, target_step, count = values
            v, plus, times = FLOAT32.instructions(builder), builder.add, builder.mul

            def compute(start, mask=None):
                offset = times(start, WORD(v.itemsize))

                def run(first, step, i):
                    return plus(plus(first, offset), times(step, WORD(i)))

                runs = range(formula.__code__.co_argcount)
                inputs = [Lanes(v, v.load(run(source, source_step, i), mask)) for i in runs]
                for i, result in enumerate(formula(*inputs)):
                    to = run(target, target_step, i)
                    if add:
                        result += Lanes(v, v.load(to, mask))
                    v.store(result.value, to, mask)

            whole = builder.sdiv(count, WORD(v.width))
            with cgutils.for_range(builder, whole) as loop:
                compute(times(loop.index, WORD(v.width)))
            done = times(whole, WORD(v.width))
            rest = builder.sub(count, done)
            with builder.if_then(builder.icmp_signed(">", rest, WORD(0))):
                compute(done, v.first(rest))
            return context.get_dummy_value()

        return types.none(*[types.int64] * 5), generate

    return transform


_input, _output_transposed = make_transform(input_transform), make_transform(output_transposed)
_output, _input_transposed = make_transform(output_transform), make_transform(input_transposed)
_add_input_transposed = make_transform(input_transposed, add=True)


# Tiles are transformed along their columns first, all neighbours in memory at once, and then along
# their rows, tile by tile, where the runs are the channels of a pixel.


@compiled
def to_v(pixels, rows, across, v, first):
    """v[:, :, first + tile] = Bᵀ d B of each tile d; pixels (6, W, C); rows is overwritten."""
    _, W, C = pixels.shape
    line, pixel, plane = pixels.strides[0], pixels.strides[1], v.strides[1]
    _input(pixels.ctypes.data, line, rows.ctypes.data, line, W * C)
    for i in range(6):
        for tile in range(across):
            source = rows.ctypes.data + i * line + 4 * tile * pixel
            target = v.ctypes.data + i * v.strides[0] + (first + tile) * v.strides[2]
            _input(source, pixel, target, plane, C)


@compiled_inside
def columns_of_v(v):
    """v = B v, in place, for all tiles; v (6, 6, tiles, C)."""
    plane = v.strides[0]
    _input_transposed(v.ctypes.data, plane, v.ctypes.data, plane, plane // v.itemsize)


@compiled_inside
def from_v(v, first, across, i, pixels):
    """pixels += v B for pixels (W, C), row i of a row of tiles, which overlap by two pixels.

    v (6, 6, tiles, C) is the result of columns_of_v.
    """
    pixel = pixels.strides[0]
    for tile in range(across):
        source = v.ctypes.data + i * v.strides[0] + (first + tile) * v.strides[2]
        target = pixels.ctypes.data + 4 * tile * pixel
        _add_input_transposed(source, v.strides[1], target, pixel, pixels.shape[1])


@compiled_inside
def to_m(pixels, rows, across, m, first):
    """m[:, :, first + tile] = A y Aᵀ of each tile y; pixels (4, W, O); rows is overwritten."""
    _, W, O = pixels.shape  # noqa: E741
    line, pixel, plane = pixels.strides[0], pixels.strides[1], m.strides[1]
    _output_transposed(pixels.ctypes.data, line, rows.ctypes.data, line, W * O)
    for i in range(6):
        for tile in range(across):
            source = rows.ctypes.data + i * line + 4 * tile * pixel
            target = m.ctypes.data + i * m.strides[0] + (first + tile) * m.strides[2]
            _output_transposed(source, pixel, target, plane, O)


@compiled_inside
def columns_of_m(m, half):
    """half = Aᵀ m, for all tiles; m (6, 6, tiles, O), half (4, 6, tiles, O)."""
    plane = m.strides[0]
    _output(m.ctypes.data, plane, half.ctypes.data, plane, plane // m.itemsize)


@compiled_inside
def from_m(m, first, across, i, pixels):
    """pixels = m A for pixels (W, O), row i of a row of tiles; m (4, 6, tiles, O)."""
    pixel = pixels.strides[0]
    for tile in range(across):
        source = m.ctypes.data + i * m.strides[0] + (first + tile) * m.strides[2]
        _output(source, m.strides[1], pixels.ctypes.data + 4 * tile * pixel, pixel, pixels.shape[1])
