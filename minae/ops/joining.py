"""Joining tensors along a dimension, and cutting them apart."""

from collections.abc import Iterable

import numpy as np

from minae.dtypes import promoted
from minae.op import Op
from minae.ops.arithmetic import Operand
from minae.ops.checks import Ints, check_dim, integer, integers
from minae.ops.shape import unsqueeze
from minae.ops.slicing import part
from minae.tensor import Tensor


class Cat(Op):
    """The inputs one after another along `dim`."""

    def forward(self, *arrays, dim):
        self.save(np.cumsum([x.shape[dim] for x in arrays])[:-1].tolist(), dim)
        dtype = promoted(*arrays)
        return np.concatenate([x.astype(dtype, copy=False) for x in arrays], axis=dim)

    def backward(self, dy):
        borders, dim = self.saved
        return tuple(np.split(dy, borders, axis=dim))

    def examples(self, rng):
        yield rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 2)), {"dim": 1}
        yield rng.normal(size=(1, 3)), rng.normal(size=(0, 3)), {"dim": 0}


def _several(tensors: Iterable[Operand], name: str) -> list[Tensor]:
    if isinstance(tensors, Tensor | np.ndarray):
        raise TypeError(f"{name}: tensors must be a list or a tuple of tensors, not one tensor")
    found = [x if isinstance(x, Tensor) else Tensor(x) for x in tensors]
    if not found:
        raise ValueError(f"{name}: there must be at least one tensor")
    return found


def cat(tensors: Iterable[Operand], dim: int = 0) -> Tensor:
    """Return the tensors joined along `dim`; their other lengths must agree.

    Tensors of different dtypes are joined in the one in which they would be added.
    """
    several = _several(tensors, "cat")
    shapes = [x.shape for x in several]
    if () in shapes:
        raise ValueError("cat: a tensor of shape () has no dimension to be joined along: use stack")
    dim = check_dim(dim, several[0].ndim)
    if len({(*shape[:dim], -1, *shape[dim + 1 :]) for shape in shapes}) > 1:
        raise ValueError(f"cat: the shapes {shapes} may differ along dim {dim} only")
    return Cat.apply(*several, dim=dim)


def stack(tensors: Iterable[Operand], dim: int = 0) -> Tensor:
    """Return the tensors, all of one shape, side by side along a new dimension."""
    several = _several(tensors, "stack")
    shapes = [x.shape for x in several]
    if len(set(shapes)) > 1:
        raise ValueError(f"stack: the shapes {shapes} must be equal")
    return cat([unsqueeze(x, dim) for x in several], check_dim(dim, len(shapes[0]) + 1))


def split(x: Tensor, split_size: Ints, dim: int = 0) -> tuple[Tensor, ...]:
    """Return consecutive parts of x along `dim`, of `split_size` each, or of the sizes listed.

    Raises ValueError for a negative size, or sizes that do not add up to the length of x.
    """
    dim = check_dim(dim, x.ndim)
    length = x.shape[dim]
    if isinstance(split_size, tuple | list):
        sizes = integers((split_size,), "split: split_size")
        if min(sizes, default=0) < 0 or sum(sizes) != length:
            raise ValueError(
                f"split: parts of {list(sizes)} do not add up to the length {length} of {x.shape}"
            )
    else:
        size = integer(split_size, "split: split_size")
        if size <= 0:
            raise ValueError(f"split: split_size must be positive, not {size}")
        sizes = [min(size, length - start) for start in range(0, length, size)] or [0]
    stops = np.cumsum(sizes).tolist()
    return tuple(part(x, dim, stop - size, stop) for size, stop in zip(sizes, stops, strict=True))


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return x cut into `chunks` parts or fewer along `dim`, all of one length but the last."""
    if integer(chunks, "chunk: chunks") <= 0:
        raise ValueError(f"chunk: chunks must be positive, not {chunks}")
    length = x.shape[check_dim(dim, x.ndim)]
    return split(x, -(-length // chunks) if length else [0] * chunks, dim)
