"""Picking entries by position. Backward adds the gradients up at the entries they came from."""

import numpy as np

from minae.kernels.arrays import beside
from minae.op import Op
from minae.ops.arithmetic import add
from minae.ops.checks import check_dim, check_index, check_range, integer
from minae.ops.shape import reshape
from minae.ops.slicing import ALL, ARRAY, GetItem, getitem
from minae.tensor import Tensor


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the entries of x at `index` along `dim`: integers (N,) within x, which may repeat."""
    dim, index = check_dim(dim, x.ndim), check_index(index, "index_select")
    if index.ndim > 1:
        raise ValueError(
            f"index_select: index must have one dimension, not the shape {index.shape}"
        )
    check_range(index.data, x.shape, dim, "index_select")
    return GetItem.apply(x, reshape(index, -1), index=(*[ALL] * dim, ARRAY))


def _positions(index, dim: int) -> tuple:
    """Return where the entries of `index` point: along dim to index, else to their own place."""
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

    def examples(self, rng):
        x = rng.normal(size=(3, 4))
        yield x, np.array([[0, 0, 3], [1, 2, 1]]), {"dim": 1}
        yield x, np.array([[0, 2, 2, 0]]), {"dim": 0}


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the entries of x at `index` along `dim`.

    The index holds integers within x, else IndexError. It has as many dimensions as x, and is
    nowhere longer than x but along `dim`, else ValueError.
    """
    if x.ndim == 0:  # a single entry counts as a row of one
        index = check_index(index, "gather")
        row = gather(reshape(x, 1), dim, reshape(index, *index.shape or (1,)))
        return reshape(row, index.shape)
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
    """Gather backwards: zeros of `shape`, with src added at the places that index names."""

    def forward(self, src, index, shape, dim):
        self.save(_positions(index, dim))
        return self.kernels.index_add(shape, self.saved[0], src)

    def backward(self, dy):
        (positions,) = self.saved
        return dy[positions], None

    def examples(self, rng):
        index = np.array([[0, 0, 3], [1, 2, 1]])
        yield rng.normal(size=(2, 3)), index, {"shape": (3, 4), "dim": 1}
        yield rng.normal(size=(1, 4)), np.array([[0, 2, 2, 0]]), {"shape": (3, 4), "dim": 0}


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return x with the entries of src added at `index` along `dim`; for these, see `gather`.

    src is of the dtype of x, else TypeError. It has as many dimensions as index and is nowhere
    shorter, else ValueError. What is longer is left out.
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
    """Row `index` of a table, y[...] = weight[index[...]]; the row for padding learns nothing."""

    def forward(self, weight, index, padding_idx=None):
        self.save(weight.shape, index, padding_idx)
        return weight.take(index, axis=0)  # faster than weight[index]

    def backward(self, dy):
        shape, index, padding_idx = self.saved
        dweight = self.kernels.index_add(shape, index, dy)
        if padding_idx is not None:
            dweight[padding_idx] = 0
        return dweight, None

    def examples(self, rng):
        yield rng.normal(size=(5, 3)), np.array([[1, 4], [1, 0]])


def embedding(index: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Return rows of a table, weight (rows, features): (..., features).

    index (...) holds integers, else TypeError; from 0 to rows - 1, else IndexError. Row
    `padding_idx`, which may count from the end, gets no gradient; ValueError if there is none such.
    """
    index = check_index(index, "embedding")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be (rows, features), not {weight.shape}")
    check_range(index.data, weight.shape, 0, "embedding")
    padding_idx = check_row(padding_idx, len(weight), "embedding")
    return Embedding.apply(weight, index, padding_idx=padding_idx)


def check_row(padding_idx: int | None, rows: int, name: str) -> int | None:
    """Return `padding_idx`, counted from 0; ValueError unless it is None or one of the rows."""
    if padding_idx is None:
        return None
    row = integer(padding_idx, f"{name}: padding_idx")
    if not -rows <= row < rows:
        raise ValueError(f"{name}: padding_idx {row} is none of the {rows} rows")
    return row % rows
