"""Picking entries by position. Backward puts gradients back, and adds up those of one entry."""

import numpy as np

from minae.autograd import Op
from minae.kernels.arrays import beside
from minae.ops.shape import check_dim
from minae.tensor import Tensor, method


class GetItem(Op):
    """x[index], with everything that NumPy takes as an index."""

    def forward(self, x, index):
        self.save(x.shape, index)
        return x[index]

    def backward(self, dy):
        shape, index = self.saved
        return self.kernels.index_add(shape, index, dy)

    @staticmethod
    def examples(rng):
        x = rng.normal(size=(3, 4, 2))
        yield x, {"index": 1}
        yield x, {"index": (slice(None, None, 2), None, Ellipsis, -1)}
        yield x, {"index": (np.array([0, 2, 0]), np.array([1, 3, 1]))}  # one entry twice
        yield x, {"index": x > 0}
        yield x, {"index": (np.array([[0], [1]]), slice(1, 3))}


@method("__getitem__")
def getitem(x: Tensor, index) -> Tensor:
    """Return x[index]: ints, slices, None, Ellipsis, integer arrays and boolean masks."""
    return GetItem.apply(x, index=_unwrap(index, x.data))


def _unwrap(index, x):
    """Return an index without tensors, its arrays where x is."""
    if isinstance(index, tuple):
        return tuple(_unwrap(i, x) for i in index)
    index = index.data if isinstance(index, Tensor) else index
    return beside(index, x) if isinstance(index, np.ndarray) else index


class Gather(Op):
    """y[i, j] = x[i, index[i, j]] for dim=1, and so on."""

    def forward(self, x, index, dim):
        position = [beside(i, index) for i in np.indices(index.shape, sparse=True)]
        self.save(x.shape, (*position[:dim], index, *position[dim + 1 :]))
        return x[self.saved[1]]

    def backward(self, dy):
        shape, position = self.saved
        return self.kernels.index_add(shape, position, dy), None

    @staticmethod
    def examples(rng):
        x = rng.normal(size=(3, 4))
        yield x, np.array([[0, 0, 3], [1, 2, 1]]), {"dim": 1}
        yield x, np.array([[0, 2, 2, 0]]), {"dim": 0}


@method()
def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the entries of x at `index` along `dim`.

    Args:
        x: any shape.
        dim: the dimension that `index` counts in.
        index: integers, with as many dimensions as x, nowhere longer than x but along `dim`.

    Raises:
        ValueError: index has more or fewer dimensions than x.
        IndexError: an index lies outside x.
    """
    if index.ndim != x.ndim:
        raise ValueError(f"gather: index {index.shape} must have as many dimensions as x {x.shape}")
    return Gather.apply(x, index, dim=check_dim(dim, x.ndim))


class Embedding(Op):
    """Row `index` of a table: y[...] = weight[index[...]]."""

    def forward(self, weight, index):
        self.save(weight.shape, index)
        return weight[index]

    def backward(self, dy):
        shape, index = self.saved
        return self.kernels.index_add(shape, index, dy), None

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(5, 3)), np.array([[1, 4], [1, 0]])


def embedding(index: Tensor, weight: Tensor) -> Tensor:
    """Return the rows of a table.

    Args:
        index: integers (...), each from 0 to rows - 1.
        weight: the table (rows, features).

    Returns:
        (..., features)

    Raises:
        IndexError: an index lies outside the table.
    """
    low, high = (index.data.min(), index.data.max()) if index.numel() else (0, 0)
    if low < 0 or high >= len(weight):
        raise IndexError(
            f"embedding: indices from {low} to {high}, but weight has {len(weight)} rows"
        )
    return Embedding.apply(weight, index)
