"""The product, called from Python as compiled kernels call it, on matrices anywhere in memory."""

import ctypes

import numpy as np

from minae.kernels.cpu.products.multiply import SIGNATURE, product_for
from minae.kernels.cpu.products.product import LINE, room_bytes
from minae.kernels.cpu.products.tile import Shape

SHAPES = [Shape(register, itemsize) for register in (64, 32, 16) for itemsize in (4, 8)]
FUNCTION = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(SIGNATURE.args))
FILL = 255  # in every byte around a matrix: numbers of such bytes are nan
MARGIN = 4 * LINE  # more than a tile reads or writes at once


def dtype_of(shape):
    return np.dtype(f"f{shape.itemsize}")


def call(shape, a, b, c, turned=False, add=False, bias=None, relu=False, where=None):
    """c = a b, or a bᵀ if `turned`; a may be the transpose of a matrix with contiguous rows."""
    room = filled(room_bytes(shape) + MARGIN)
    address = int(product_for(shape.itemsize, 1, shape.register)[0])
    FUNCTION(address)(
        *(a.ctypes.data, *a.strides),
        *(b.ctypes.data, b.strides[0], turned),
        *(c.ctypes.data, c.strides[0], *c.shape, a.shape[1]),
        *(add, 0 if bias is None else bias.ctypes.data, relu),
        *((0, 0) if where is None else (where.ctypes.data, where.strides[0])),
        room.ctypes.data,
    )
    assert (room[-MARGIN:] == FILL).all()


def filled(size):
    """Return so many bytes, FILL in each, from the start of a cache line on."""
    memory = np.full(size + LINE, FILL, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size]


def place(values, offset=0, step=None):
    """Return a copy of a matrix with FILL around it, and the memory that holds both.

    It begins `offset` bytes after the start of a cache line; its rows are `step` bytes apart.
    """
    rows, columns = values.shape
    step = columns * values.itemsize if step is None else step
    memory = filled(MARGIN + offset + rows * step + MARGIN)
    matrix = np.ndarray(
        values.shape, values.dtype, memory, MARGIN + offset, (step, values.itemsize)
    )
    matrix[...] = values
    return matrix, memory


def product(shape, a, b, **finish):
    """Return what the product writes for plain matrices a and b."""
    N = len(b) if finish.get("turned") else b.shape[1]
    c, _ = place(np.zeros((len(a), N), dtype_of(shape)))
    call(shape, a, b, c, **finish)
    return c
