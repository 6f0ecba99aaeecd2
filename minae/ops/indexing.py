"""Picking entries by position. Backward puts gradients back, and adds up those of one entry."""

import numpy as np

from minae.kernels.arrays import beside
from minae.op import Op
from minae.ops.arithmetic import add
from minae.ops.checks import check_dim, check_index, check_range
from minae.ops.shape import reshape
from minae.ops.slicing import ALL, ARRAY, GetItem, getitem
from minae.tensor import Tensor


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return x with, along `dim`, the entries at `index`: integers (N,), which may repeat.

    Raises IndexError if an index lies outside x.
    """
    dim, index = check_dim(dim, x.ndim), check_index(index, "index_select")
    if index.ndim > 1:
        raise ValueError(
            f"index_select: index must have one dimension, not the shape {index.shape}"
        )
    check_range(index.data, x.shape, dim, "index_select")
    return GetItem.apply(x, reshape(index, -1), index=(*[ALL] * dim, ARRAY))


def _positions(index, dim: int) -> tuple:
    """Return for every entry of `index` where it points: at index along dim, else at itself."""
    own = [beside(i, index) for i in np.indices(index.shape, sparse=True)]
    return (*own[:dim], index, *own[dim + 1 :])


class Gather(Op):
    """y[i, j] = x[i, index[i, j]] for dim=1, and so on."""

    def forward(self, x, index, dim):
        self.save(x.shape, _positions(index, dim))
        return x[self.saved[1]]

    def backward(self, dy):
        shape, positions = self.saved
        return self.kernels.index_add(shape, positions, dy), None

    @staticmethod
    def examples(rng):
        x = rng.normal(size=(3, 4))
        yield x, np.array([[0, 0, 3], [1, 2, 1]]), {"dim": 1}
        yield x, np.array([[0, 2, 2, 0]]), {"dim": 0}


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the entries of x at `index` along `dim`.

    Args:
        x: any shape.
        dim: the dimension that `index` counts in.
        index: integers, with as many dimensions as x, nowhere longer than x but along `dim`.

    Raises:
        ValueError: index has more or fewer dimensions than x, or is longer.
        IndexError: an index lies outside x.
    """
    if x.ndim == 0:  # a single entry counts as a row of one
        index = check_index(index, "gather")
        return reshape(
            gather(reshape(x, 1), dim, reshape(index, *index.shape or (1,))), index.shape
        )
    dim, index = _check_gather("gather", x, dim, index)
    return Gather.apply(x, index, dim=dim)


def _check_gather(name: str, x: Tensor, dim: int, index) -> tuple[int, Tensor]:
    dim, index = check_dim(dim, x.ndim), check_index(index, name)
    if index.ndim != x.ndim:
        raise ValueError(f"{name}: index {index.shape} must have as many dimensions as x {x.shape}")
    if any(n > m for d, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)) if d != dim):
        raise ValueError(f"{name}: index {index.shape} is longer than x {x.shape} beside dim {dim}")
    check_range(index.data, x.shape, dim, name)
    return dim, index


class ScatterAdd(Op):
    """The way back of Gather: zeros of `shape`, with src added at the places that index names."""

    def forward(self, src, index, shape, dim):
        self.save(_positions(index, dim))
        return self.kernels.index_add(shape, self.saved[0], src)

    def backward(self, dy):
        (positions,) = self.saved
        return dy[positions], None

    @staticmethod
    def examples(rng):
        index = np.array([[0, 0, 3], [1, 2, 1]])
        yield rng.normal(size=(2, 3)), index, {"shape": (3, 4), "dim": 1}
        yield rng.normal(size=(1, 4)), np.array([[0, 2, 2, 0]]), {"shape": (3, 4), "dim": 0}


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return x with the entries of src added at `index` along `dim`.

    Args:
        x: any shape.
        dim: the dimension that `index` counts in.
        index: as in `gather`.
        src: of the dtype of x, nowhere shorter than index; what is longer is left out.

    Raises:
        TypeError: src has another dtype than x.
        ValueError: index or src has more or fewer dimensions than x, or does not fit.
        IndexError: an index lies outside x.
    """
    dim, index = _check_gather("scatter_add", x, dim, index)
    src = src if isinstance(src, Tensor) else Tensor(src)
    if src.dtype != x.dtype:
        raise TypeError(f"scatter_add: src is {src.dtype}, but x {x.dtype}")
    if src.ndim != index.ndim or any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise ValueError(f"scatter_add: src {src.shape} is shorter than index {index.shape}")
    if src.shape != index.shape:
        src = getitem(src, tuple(slice(n) for n in index.shape))
    return add(x, ScatterAdd.apply(src, index, shape=x.shape, dim=dim))


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
        TypeError: index does not hold integers.
        IndexError: an index lies outside the table.
    """
    index = check_index(index, "embedding")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be (rows, features), not {weight.shape}")
    check_range(index.data, weight.shape, 0, "embedding")
    return Embedding.apply(weight, index)
