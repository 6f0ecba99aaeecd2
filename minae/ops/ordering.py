"""Sorting and running sums along a dimension."""

import numpy as np

from minae.op import Op
from minae.ops.checks import check_dim, integer
from minae.ops.extremes import ValuesAndIndices
from minae.ops.indexing import Gather
from minae.ops.shape import reshape
from minae.ops.slicing import part
from minae.tensor import Tensor


def argsort(x: Tensor, dim: int = -1, descending: bool = False) -> Tensor:
    """Return int64 positions that put the entries along `dim` in order.

    Equal entries keep their order in x. nan counts as larger than all numbers.
    """
    dim = check_dim(dim, x.ndim or 1)
    rows = x.data if x.ndim else x.data.reshape(1)
    if descending:  # sorted from the end, so that equal entries keep their order
        backwards = np.argsort(np.flip(rows, dim), axis=dim, kind="stable")
        return Tensor(rows.shape[dim] - 1 - np.flip(backwards, dim)).reshape(x.shape)
    return Tensor(np.argsort(rows, axis=dim, kind="stable").reshape(x.shape))


def sort(x: Tensor, dim: int = -1, descending: bool = False) -> ValuesAndIndices:
    """Return (values, indices) with the entries along `dim` in order; see `argsort`."""
    if not x.ndim:
        return ValuesAndIndices(*(reshape(y, ()) for y in sort(reshape(x, 1), dim, descending)))
    indices = argsort(x, dim, descending)
    return ValuesAndIndices(Gather.apply(x, indices, dim=check_dim(dim, x.ndim)), indices)


def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True) -> ValuesAndIndices:
    """Return (values, indices) of the k largest or smallest along `dim`, in the order of `sort`."""
    dim = check_dim(dim, x.ndim or 1)
    least, most = (0, x.shape[dim]) if x.ndim else (1, 1)
    if not least <= integer(k, "topk: k") <= most:
        raise ValueError(f"topk: k must be from {least} to {most} for the shape {x.shape}, not {k}")
    if not x.ndim:
        return sort(x)
    indices = part(argsort(x, dim, descending=largest), dim, 0, k)
    return ValuesAndIndices(Gather.apply(x, indices, dim=dim), indices)


class CumSum(Op):
    """yᵢ = x₀ + ... + xᵢ, so that dxᵢ = dyᵢ + dyᵢ₊₁ + ...

    Float32 is summed in float64: in float32, adding 1 to 2²⁴ does nothing.
    """

    def forward(self, x, dim):
        self.save(dim)
        if x.dtype.kind != "f":
            return np.cumsum(x, axis=dim, dtype=np.int64)
        return np.cumsum(x, axis=dim, dtype=np.float64).astype(x.dtype)

    def backward(self, dy):
        (dim,) = self.saved
        backwards = np.cumsum(np.flip(dy, dim), axis=dim, dtype=np.float64)
        return np.flip(backwards, dim).astype(dy.dtype)

    def examples(self, rng):
        yield rng.normal(size=(2, 3, 4)), {"dim": 1}
        yield rng.normal(size=(5,)), {"dim": 0}
        yield rng.normal(size=(2, 0)), {"dim": 1}


def cumsum(x: Tensor, dim: int) -> Tensor:
    """Return the sums of the entries along `dim` up to each; int64 of integers and booleans."""
    dim = check_dim(dim, x.ndim or 1)
    return CumSum.apply(x, dim=dim) if x.ndim else reshape(cumsum(reshape(x, 1), dim), ())
