"""The innermost loop of a matrix product: one tile of the result, kept in registers.

A tile is 8 rows x 3 vectors of 16 numbers with AVX-512. For each k it takes 3 loads, 8 broadcasts
and 24 multiply-adds, which is what the processor can do in 12 cycles: nothing waits for memory.
Only the loop over k is in the compiled code; those over rows and vectors run while it is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minae.kernels.cpu.products.vectors import LINE, WORD, Vectors

# bytes of a register -> rows and vectors of a tile, which must leave registers for its factors:
# AVX-512 has 32, AVX2 and SSE have 16. Rows divide columns, so that a packed panel is whole tiles.
TILES = {64: (8, 3), 32: (4, 3), 16: (4, 2)}


@dataclass(frozen=True)
class Shape:
    """What the code of a product is written for."""

    register: int  # bytes of a vector register: 64, 32 or 16
    itemsize: int  # bytes of a number: 4 or 8

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.register // self.itemsize

    @property
    def rows(self) -> int:
        """Rows of a tile."""
        return TILES[self.register][0]

    @property
    def vectors(self) -> int:
        """Vectors in a row of a tile."""
        return TILES[self.register][1]

    @property
    def columns(self) -> int:
        """Numbers in a row of a tile, and of a panel."""
        return self.vectors * self.width

    def instructions(self, builder: Any) -> Vectors:
        """Vectors of this shape, written where the builder is."""
        return Vectors(builder, self.width, self.itemsize)


class Finish(NamedTuple):
    """What happens to a tile's sums when they are written: c = positive(relu(c + sums + bias))."""

    add: Any  # 1 to add to c, else 0
    bias: Any  # address of the first column's bias, or 0
    relu: Any  # 1 to write 0 in place of what is negative, else 0
    where: (
        Any  # address of the matrix that must be above 0 where c is not to be 0, or no address: 0
    )
    where_row: Any  # bytes from row to row of it


class Operands(NamedTuple):
    """A tile's factors and result: addresses, and in bytes how far apart rows and k's are."""

    a: Any
    a_row: Any
    a_k: Any
    b: Any
    b_k: Any
    panel: Any
    c: Any
    c_row: Any
    depth: Any
    height: Any
    columns: Any


def make_tile(shape: Shape, rows: int, keep: bool = False) -> Callable:
    """Return tile(operands, finish) for compiled code: c = a b, of up to `rows` rows.

    Only `height` rows and `columns` columns are written, but whole vectors of b are read. With
    `keep`, all columns must be wanted, and the rows of b go into the panel as they are read: writes
    are free there, and the next tiles find b in the cache.
    """

    @intrinsic
    def tile(typing, operands, finish):
        def generate(context, builder, signature, values):
            operands, finish = (cgutils.unpack_tuple(builder, value) for value in values)
            operands, finish = Operands(*operands), Finish(*finish)
            v = shape.instructions(builder)
            if keep:
                sums = _sums(v, operands, rows, shape.vectors, keep)
                _write(v, operands, finish, sums, None)
                return context.get_dummy_value()
            for n in range(1, shape.vectors + 1):
                numbers = WORD(n * v.width)
                needed = builder.icmp_signed("<", WORD((n - 1) * v.width), operands.columns)
                enough = builder.icmp_signed("<=", operands.columns, numbers)
                with builder.if_then(builder.and_(needed, enough)):
                    sums = _sums(v, operands, rows, n, keep)
                    whole = builder.icmp_signed("==", operands.columns, numbers)
                    with builder.if_else(whole) as (all_of_them, some):
                        with all_of_them:
                            _write(v, operands, finish, sums, None)
                        with some:
                            last = builder.sub(operands.columns, WORD((n - 1) * v.width))
                            _write(v, operands, finish, sums, v.first(last))
            return context.get_dummy_value()

        return types.none(operands, finish), generate

    return tile


def _row_addresses(v, first, step, rows, height):
    """Addresses of a tile's rows. Beyond `height` the last one repeats: computed, written again."""
    addresses = [first]
    for i in range(1, rows):
        wanted = v.builder.icmp_signed("<", WORD(i), height)
        step_or_stay = v.builder.select(wanted, step, WORD(0))
        addresses.append(v.builder.add(addresses[-1], step_or_stay))
    return addresses


def _sums(v, operands, rows, n, keep):
    """Write the loop over k. Return the tile's sums: for each row, n vectors."""
    builder, plus = v.builder, v.builder.add
    # LLVM keeps these variables in registers
    sums = [[cgutils.alloca_once_value(builder, v.zero()) for _ in range(n)] for _ in range(rows)]
    a_rows = _row_addresses(v, operands.a, operands.a_row, rows, operands.height)
    # while the sums are computed, other cores give up the lines that these will be written to
    for row in _row_addresses(v, operands.c, operands.c_row, rows, operands.height):
        for offset in range(0, n * v.bytes, LINE):
            v.prefetch(plus(row, WORD(offset)), to_write=True)
    starts = WORD(0), operands.b, operands.panel
    places = [cgutils.alloca_once_value(builder, start) for start in starts]

    with cgutils.for_range(builder, operands.depth):
        from_a, from_b, to = map(builder.load, places)
        bs = [v.load(plus(from_b, WORD(j * v.bytes))) for j in range(n)]
        if keep:
            for j in range(n):
                v.store(bs[j], plus(to, WORD(j * v.bytes)))
        for i in range(rows):
            a = v.broadcast(plus(a_rows[i], from_a))
            for j in range(n):
                builder.store(v.fma(a, bs[j], builder.load(sums[i][j])), sums[i][j])
        steps = operands.a_k, operands.b_k, WORD(n * v.bytes)
        for place, now, step in zip(places, (from_a, from_b, to), steps, strict=True):
            builder.store(plus(now, step), place)
    return [[builder.load(s) for s in row] for row in sums]


def _write(v, operands, finish, sums, mask):
    """Write the sums into c; the mask says which numbers of a row's last vector."""
    builder, n = v.builder, len(sums[0])
    masks = [None] * (n - 1) + [mask]
    offsets = [WORD(j * v.bytes) for j in range(n)]
    sums = [[cgutils.alloca_once_value(builder, s) for s in row] for row in sums]

    def each_row(start, step):
        rows = _row_addresses(v, start, step, len(sums), operands.height)
        for i, row in enumerate(rows):
            for j in range(n):
                yield sums[i][j], builder.add(row, offsets[j]), masks[j]

    def wanted(flag):
        return builder.if_then(builder.icmp_signed("!=", flag, WORD(0)))

    with wanted(finish.add):
        for s, address, m in each_row(operands.c, operands.c_row):
            builder.store(v.add(v.load(address, m), builder.load(s)), s)
    with wanted(finish.bias):
        bias = [v.load(builder.add(finish.bias, offsets[j]), masks[j]) for j in range(n)]
        for row in sums:
            for j in range(n):
                builder.store(v.add(builder.load(row[j]), bias[j]), row[j])
    with wanted(finish.relu):
        for row in sums:
            for s in row:
                builder.store(v.relu(builder.load(s)), s)
    with wanted(finish.where):
        for s, address, m in each_row(finish.where, finish.where_row):
            builder.store(v.positive_or_zero(builder.load(s), v.load(address, m)), s)
    for s, address, m in each_row(operands.c, operands.c_row):
        v.store(builder.load(s), address, m)
