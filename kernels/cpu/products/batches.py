"""Products of arrays: a matrix, or many of them, which are multiplied where they lie.

A batch of matrices may be parts of a larger array, such as the heads of attention, and their
transposes. Compiled code gets the address of each, so that nothing is copied.
"""

import math

import numpy as np

from minae.kernels.cpu.compile.compiled import parallel
from minae.kernels.cpu.compile.operands import plain_matrix
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.products.multiply import multiply_at, multiply_shares, product_for


@parallel
def multiply_each(t, T, product, a, a_row, transpose_a, b, b_row, transpose_b, c, K):
    """c[i] = op(a[i]) op(b[i]) for matrices at the addresses a and b (B,), and c (B, M, N).

    op transposes if its flag is set. As they lie, rows are a_row and b_row bytes apart.
    """
    B, M, N = c.shape
    for i in range(t * B // T, (t + 1) * B // T):
        of_a, of_b, of_c = (a[i], a_row), (b[i], b_row), (c[i].ctypes.data, N * c.itemsize)
        multiply_at(product, t, of_a, transpose_a, of_b, transpose_b, of_c, (M, N, K), False)


def multiply_matrices(a, b, y):
    """y = a b for matrices."""
    left, right = plain_matrix(a), plain_matrix(b)
    T = threads_for(y.size * len(b))
    multiply_shares(T, product_for(y.itemsize, T), *left, *right, y)


def multiply_batches(a, b):
    """Return the products of pairs of matrices, (..., M, K) (..., K, N) -> (..., M, N)."""
    (M, K), N = a.shape[-2:], b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.empty((*batch, M, N), a.dtype)
    T = threads_for(y.size * K)
    if math.prod(batch) < T:
        left, right = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
        for i in np.ndindex(batch):
            multiply_matrices(left[i], right[i], y[i])
        return y
    a, *of_a = _matrices(a, batch)
    b, *of_b = _matrices(b, batch)
    multiply_each(T, product_for(y.itemsize, T), *of_a, *of_b, y.reshape(-1, M, N), K)
    return y


def _matrices(x, batch):
    """Return x, the addresses of its matrices, the bytes from row to row, and if it is transposed.

    Its matrices then lie in memory as their transposes. x is a copy if rows are contiguous in
    neither way.
    """
    size, (rows, columns) = x.itemsize, x.shape[-2:]
    row, column = x.strides[-2:]
    if size not in (row, column) or not x.flags.aligned:
        x = np.array(x, order="C")
        row, column = columns * size, size
    addresses = np.array(x.ctypes.data)
    apart = np.broadcast_to(x, (*batch, rows, columns)).strides[:-2]
    for length, step in zip(batch, apart, strict=True):
        addresses = addresses[..., None] + step * np.arange(length)
    transposed = column != size
    return x, addresses.ravel(), column if transposed else row, transposed
