"""Parts of a matrix in the order in which tiles read them: packed into panels, k after k.

A panel is as wide as a tile, so the loop over k reads it from one end to the other. Wherever the
matrix lies, its panel fills few cache lines, and those completely.
"""

from collections.abc import Callable

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minae.kernels.cpu.products.tile import Shape
from minae.kernels.cpu.products.vectors import WORD, Vectors


def make_turn(shape: Shape, columns: int) -> Callable:
    """Return turn(source, step, panel, count, depth) for compiled code: panel[k, o] = source[o, k].

    Rows of the source are `step` bytes apart; up to `columns` of them are wanted. Whole vectors are
    written, so what a panel holds beyond `count` is of no use, and some of it lies behind its end.
    """

    @intrinsic
    def turn(typing, source, step, panel, count, depth):
        def generate(context, builder, signature, values):
            source, step, panel, count, depth = values
            v = shape.instructions(builder)
            plus, times, W = builder.add, builder.mul, v.width
            panel_row, size = WORD(columns * v.itemsize), WORD(v.itemsize)
            last = builder.sub(count, WORD(1))
            blocks = builder.sdiv(depth, WORD(W))
            with cgutils.for_range(builder, builder.sdiv(plus(last, WORD(W)), WORD(W))) as square:
                first = times(square.index, WORD(W))
                to_square = plus(panel, times(first, size))
                rows = []
                for o in range(W):
                    row = plus(first, WORD(o))
                    row = builder.select(builder.icmp_signed("<", row, last), row, last)
                    rows.append(plus(source, times(row, step)))
                with cgutils.for_range(builder, blocks) as block:
                    k = times(block.index, WORD(W))
                    to, at = plus(to_square, times(k, panel_row)), times(k, size)
                    for column in v.transpose([v.load(plus(row, at)) for row in rows]):
                        v.store(column, to)
                        to = plus(to, panel_row)
                done = times(blocks, WORD(W))
                with cgutils.for_range(builder, builder.sub(depth, done)) as rest:
                    k = plus(done, rest.index)
                    to, at = plus(to_square, times(k, panel_row)), times(k, size)
                    for o in range(W):
                        v.store_number(
                            v.load_number(plus(rows[o], at)), plus(to, WORD(o * v.itemsize))
                        )
            return context.get_dummy_value()

        return types.none(*[types.int64] * 5), generate

    return turn


def make_copy(shape: Shape, columns: int) -> Callable:
    """Return copy(source, step, panel, count, depth) for compiled code: panel[k, o] = source[k, o].

    Rows of the source are `step` bytes apart; up to `columns` numbers of each are wanted. As above,
    whole vectors are written.
    """

    @intrinsic
    def copy(typing, source, step, panel, count, depth):
        def generate(context, builder, signature, values):
            source, step, panel, count, depth = values
            v = shape.instructions(builder)
            vectors = -(-columns // v.width)
            masks = [v.first(builder.sub(count, WORD(j * v.width))) for j in range(vectors)]
            with cgutils.for_range(builder, depth) as loop:
                row = builder.add(source, builder.mul(loop.index, step))
                to = builder.add(panel, builder.mul(loop.index, WORD(columns * v.itemsize)))
                for j, mask in enumerate(masks):
                    offset = WORD(j * v.bytes)
                    v.store(v.load(builder.add(row, offset), mask), builder.add(to, offset))
            return context.get_dummy_value()

        return types.none(*[types.int64] * 5), generate

    return copy


def make_prefetch(to_write: bool) -> Callable:
    """Return prefetch(address) for compiled code, which asks for a line; it need not exist."""

    @intrinsic
    def prefetch(typing, address):
        def generate(context, builder, signature, values):
            Vectors(builder, 1, 4).prefetch(values[0], to_write)
            return context.get_dummy_value()

        return types.none(types.int64), generate

    return prefetch


prefetch, prefetch_to_write = make_prefetch(False), make_prefetch(True)
