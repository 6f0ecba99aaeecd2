"""Products of matrices that begin or end where memory does: reading or writing further crashes."""

import ctypes
import mmap
from itertools import product as every

import numpy as np
from calls import SHAPES, call, dtype_of

from minae.kernels.cpu.products.product import DEPTH, PAGE, REUSES

mprotect = ctypes.CDLL(None).mprotect
mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int


def beside_a_gap(values, step, at_end):
    """Return a copy of a matrix that fills its pages from the start, or to the end."""
    rows, columns = values.shape
    size = (rows - 1) * step + columns * values.itemsize
    pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, mmap.PAGESIZE + pages + mmap.PAGESIZE)
    start = np.frombuffer(memory, np.uint8).ctypes.data
    for gap in start, start + mmap.PAGESIZE + pages:
        assert mprotect(gap, mmap.PAGESIZE, 0) == 0
    offset = mmap.PAGESIZE + (pages - size if at_end else 0)
    matrix = np.ndarray(values.shape, values.dtype, memory, offset, (step, values.itemsize))
    matrix[...] = values
    return matrix


def multiply(shape, M, N, K, transposed, turned, page, at_end):
    def matrix(rows, columns):
        values = np.ones((rows, columns), dtype_of(shape))
        step = columns * shape.itemsize
        return beside_a_gap(values, -(-step // PAGE) * PAGE if page else step, at_end)

    a = matrix(K, M).T if transposed else matrix(M, K)
    b = matrix(N, K) if turned else matrix(K, N)
    c, where, bias = matrix(M, N), matrix(M, N), matrix(1, N)
    call(shape, a, b, c, turned, add=True, bias=bias, relu=True, where=where)
    assert (c == K + 2).all()


if __name__ == "__main__":
    for shape in SHAPES:
        rows, columns, width = shape.rows, shape.columns, shape.width
        sizes = [
            (1, 1, 1),
            (rows // 2, columns, width),
            (rows + 1, columns + 1, width + 1),
            (rows, columns + width, DEPTH),
            (2 * rows, 2 * columns, DEPTH),
            (2 * rows + 1, REUSES * columns + 1, DEPTH + 1),
        ]
        for (M, N, K), *flags in every(sizes, *[(False, True)] * 4):
            multiply(shape, M, N, K, *flags)
