"""What compiled kernels call: products of parts of arrays, and their cut among threads."""

from functools import cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minae.kernels.cpu.compile.compiled import (
    at_address,
    columns,
    compiled,
    compiled_inside,
    parallel,
    rows,
)
from minae.kernels.cpu.products.product import make_product, room_bytes
from minae.kernels.cpu.products.tile import Shape
from minae.kernels.cpu.products.vectors import LINE, vector_bytes

REGISTER = vector_bytes()
ROWS = Shape(REGISTER, 4).rows
SIGNATURE = types.void(*[types.int64] * 17)
ZERO = np.int64(0)  # in compiled code a literal 0 is of another type, compiled for separately


@cache
def product_for(itemsize: int, T: int, register: int = REGISTER) -> np.ndarray:
    """Return what compiled code needs: (address of the product, of its room, step, itemsize).

    Each thread has a room of its own, `step` bytes after the one before.
    """
    step = -(-room_bytes(Shape(register, itemsize)) // LINE) * LINE
    room = np.empty(T * step + LINE, np.uint8)
    _rooms.append(room)
    start = -(-room.ctypes.data // LINE) * LINE
    return np.array([_product(itemsize, register).address, start, step, itemsize])


_rooms: list[np.ndarray] = []  # so that they are not freed


@cache
def _product(itemsize: int, register: int):
    shape = Shape(register, itemsize)
    return at_address(f"{__name__}.product of {shape}", SIGNATURE, make_product(shape))


@compiled
def cut(t, T, M, N, K, itemsize):
    """Return share t of an (M, N) result as (row, end, column, end); some shares may be empty.

    T is split into two factors, for rows and for columns, such that the largest share has the least
    work. Shares begin where tiles do. Fetching and packing a column of b takes as long as 8 rows of
    the product. If the result is larger than b, rows may have a tenth more work: what a thread has
    written stays in its cache for what comes next, which works on the same rows.
    """
    width, best, least = REGISTER // itemsize, 1, -1
    for across in range(1, T + 1):
        if T % across == 0:
            high, wide = _even(M, T // across, ROWS), _even(N, across, width)
            work = (high + 8) * wide * (11 if across > 1 and M > K else 10)
            if least < 0 or work < least:
                best, least = across, work
    high, wide = _even(M, T // best, ROWS), _even(N, best, width)
    i, j = t // best * high, t % best * wide
    return min(i, M), min(i + high, M), min(j, N), min(j + wide, N)


@compiled
def _even(size, parts, unit):
    """Return the size of an even part, in whole units."""
    return (size + parts * unit - 1) // (parts * unit) * unit


@intrinsic
def _call(typing, address, arguments):
    """Call the function at an address, which takes 64-bit integers and returns nothing."""

    def generate(context, builder, signature, values):
        address, arguments = values[0], cgutils.unpack_tuple(builder, values[1])
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)
        return context.get_dummy_value()

    if not all(isinstance(kind, types.Integer) for kind in arguments):
        return None  # Numba then refuses: it unites int64 and uint64 to float64, which is rounded
    return types.none(address, arguments), generate


@compiled
def _at(a):
    """Return where a matrix begins, and the bytes from row to row.

    NumPy leaves those of a single row undefined.
    """
    row = a.strides[0] if a.shape[0] > 1 else a.shape[1] * a.itemsize
    return np.int64(a.ctypes.data), row


@compiled
def multiply(product, t, a, transpose_a, b, transpose_b, c, add):
    """c = op(a) op(b), or c += that if `add`, in thread t; op transposes if its flag is set.

    Rows must be contiguous but may be any distance apart, so a, b and c may be parts of larger
    matrices.
    """
    K = a.shape[0] if transpose_a else a.shape[1]
    places = _at(a), transpose_a, _at(b), transpose_b, _at(c)
    multiply_at(product, t, *places, (*c.shape, K), add)


@compiled
def affine(product, t, a, b, transpose_b, c, bias, relu):
    """c = a op(b) + bias, or max(that, 0) if `relu`."""
    of_a, of_b = (*_at(a), ZERO), (*_at(b), np.int64(transpose_b))
    finish = ZERO, np.int64(bias.ctypes.data), np.int64(relu), ZERO, ZERO
    _run(product, t, of_a, of_b, _at(c), (*c.shape, a.shape[1]), finish)


@compiled
def masked(product, t, a, b, transpose_b, c, where, masks):
    """c = a op(b), and 0 where `where`, a matrix like c, is not above 0 if it `masks`."""
    address, row = _at(where)
    of_a, of_b = (*_at(a), ZERO), (*_at(b), np.int64(transpose_b))
    finish = ZERO, ZERO, ZERO, address if masks else ZERO, row
    _run(product, t, of_a, of_b, _at(c), (*c.shape, a.shape[1]), finish)


@compiled
def multiply_at(product, t, a, transpose_a, b, transpose_b, c, sizes, add):
    """c = op(a) op(b), or c += that, of matrices (address, bytes from row to row); sizes (M, N, K).

    For rows of an array of many dimensions, which need not be contiguous.
    """
    of_a, of_b = (*a, np.int64(transpose_a)), (*b, np.int64(transpose_b))
    _run(product, t, of_a, of_b, c, sizes, (np.int64(add), ZERO, ZERO, ZERO, ZERO))


@compiled
def _run(product, t, a, b, c, sizes, finish):
    """Call the product for a and b (address, bytes from row to row, if transposed) and c."""
    itemsize, room = product[3], product[1] + t * product[2]
    of_a = (a[0], itemsize, a[1]) if a[2] else (a[0], a[1], itemsize)
    arguments = (*of_a, *b, *c, *sizes, *finish, room)
    _call(product[0], arguments)  # pyright: ignore[reportCallIssue] - Numba passes `typing`


@compiled_inside
def multiply_share(t, T, product, a, transpose_a, b, transpose_b, c, add):
    """Compute some rows and columns of c = op(a) op(b), or c += that: what thread t of T has."""
    i, k, j, l = cut(t, T, *c.shape, a.size // len(c), c.itemsize)  # noqa: E741
    aa = columns(a, i, k) if transpose_a else rows(a, i, k)
    bb = rows(b, j, l) if transpose_b else columns(b, j, l)
    multiply(product, t, aa, transpose_a, bb, transpose_b, columns(rows(c, i, k), j, l), add)


@parallel
def multiply_shares(t, T, product, a, transpose_a, b, transpose_b, c):
    """c = op(a) op(b)."""
    multiply_share(t, T, product, a, transpose_a, b, transpose_b, c, False)
