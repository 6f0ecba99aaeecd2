"""Matrix products in compiled code: BLAS on parts of arrays, and in tiles."""

from typing import Any

import llvmlite.binding
import numpy as np
from numba import types
from numba.extending import get_cython_function_address

from minae.kernels.cpu.compile.compiled import compiled


def _blas(name: str) -> Any:
    """Find SciPy's BLAS function, and give it a name that compiled code on the disk can use."""
    symbol = f"minae_{name}"
    address = get_cython_function_address("scipy.linalg.cython_blas", name)
    llvmlite.binding.add_symbol(symbol, address)
    return types.ExternalFunction(symbol, types.void(*[types.uintp] * 13))


_sgemm, _dgemm = _blas("sgemm"), _blas("dgemm")
NT = np.frombuffer(b"NT", np.uint8)  # not transposed, transposed
ZERO_ONE_32, ZERO_ONE_64 = np.array([0, 1], np.float32), np.array([0, 1], np.float64)


@compiled
def _row_distance(a):
    """Return the distance between rows in numbers; the stride of a single row is undefined."""
    return a.strides[0] // a.itemsize if a.shape[0] > 1 else a.shape[1]


@compiled
def gemm(a, transpose_a, b, transpose_b, c, add):
    """c = op(a) op(b), or c += that if `add`; op transposes if its flag is set.

    Rows must be contiguous but may be any distance apart, so a, b and c may be parts of larger
    matrices. BLAS stores matrices column by column, so it computes cᵀ = op(b)ᵀ op(a)ᵀ.
    """
    m, n = c.shape
    k = a.shape[0] if transpose_a else a.shape[1]
    rows = _row_distance(b), _row_distance(a), _row_distance(c)
    flags = 1 if transpose_b else 0, 1 if transpose_a else 0, 1 if add else 0
    _gemm(c.itemsize, flags, (n, m, k), rows, b.ctypes.data, a.ctypes.data, c.ctypes.data)


@compiled
def _gemm(itemsize, flags, sizes, rows, A, B, C):
    """Call BLAS, which takes pointers. `gemm` is compiled for many layouts, this only once."""
    transpose_a, transpose_b, add = flags
    numbers = np.array((*sizes, *rows), np.int32)
    i, N = numbers.ctypes.data, NT.ctypes.data
    first = N + transpose_a, N + transpose_b, i, i + 4, i + 8
    if itemsize == 4:
        zero = ZERO_ONE_32.ctypes.data
        _sgemm(*first, zero + 4, A, i + 12, B, i + 16, zero + 4 * add, C, i + 20)
    else:
        zero = ZERO_ONE_64.ctypes.data
        _dgemm(*first, zero + 8, A, i + 12, B, i + 16, zero + 8 * add, C, i + 20)
    numbers[0] = 0  # keeps it alive: Numba frees an array after the last use that it sees


@compiled
def tiled(a, transpose_a, b, transpose_b, c):
    """c = op(a) op(b), in tiles so small that BLAS multiplies them in place.

    OpenBLAS first copies large matrices into an order of its own, but not below 10⁶
    multiplications: such tiles are about a sixth faster. That does not hold for transposed tiles
    with few columns, where most of the work is to transpose them.
    """
    m, n = c.shape
    k = a.shape[0] if transpose_a else a.shape[1]
    if m * n * k <= 1_000_000 or (transpose_b and k < 128):
        rows = columns = depth = max(m, n, k)
    elif transpose_a:
        rows, columns, depth = 64, 64, 128
    elif transpose_b:
        rows, columns, depth = 32, 32, 512
    else:
        rows, columns, depth = 32, 64, 392
    for p in range(0, k, depth):
        q = min(p + depth, k)
        for j in range(0, n, columns):
            r = min(j + columns, n)
            bb = b[j:r, p:q] if transpose_b else b[p:q, j:r]
            for i in range(0, m, rows):
                s = min(i + rows, m)
                aa = a[p:q, i:s] if transpose_a else a[i:s, p:q]
                gemm(aa, transpose_a, bb, transpose_b, c[i:s, j:r], p > 0)
