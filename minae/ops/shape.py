"""Operations that move entries around and compute nothing.

Backward moves the gradients back along the same way. Where NumPy gives a view, so do these: the
result shares its memory with the input, and so no op ever writes into an input.
"""

import math

import numpy as np

from minae.autograd import Op, unbroadcast
from minae.tensor import Tensor, method


def _sizes(args) -> tuple[int, ...]:
    """Return f(2, 3) and f((2, 3)) as the same (2, 3)."""
    return tuple(args[0]) if len(args) == 1 and not isinstance(args[0], int) else args


def check_dim(dim: int, ndim: int) -> int:
    """Return `dim` as a number from 0 to ndim - 1, or raise IndexError."""
    if not -ndim <= dim < ndim:
        raise IndexError(f"dimension {dim} of a tensor that has {ndim} dimensions")
    return dim % ndim


class Reshape(Op):
    """The same entries in the same order, in another shape."""

    def forward(self, x, shape):
        self.save(x.shape)
        return (x if x.flags.c_contiguous else self.kernels.contiguous(x)).reshape(shape)

    def backward(self, dy):
        (shape,) = self.saved
        return (dy if dy.flags.c_contiguous else self.kernels.contiguous(dy)).reshape(shape)

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(2, 6)), {"shape": (3, -1)}
        yield rng.normal(size=(1,)), {"shape": ()}


@method("reshape", "view")
def reshape(x: Tensor, *shape) -> Tensor:
    """Return the entries in another shape; one length may be -1 and is worked out.

    Raises:
        ValueError: the number of entries does not go into that shape.
    """
    return Reshape.apply(x, shape=_sizes(shape))


@method()
def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return x with the dimensions from start_dim to end_dim merged into one; x, if that is one."""
    start, end = check_dim(start_dim, x.ndim or 1), check_dim(end_dim, x.ndim or 1)
    if start == end and x.ndim:
        return x
    merged = math.prod(x.shape[start : end + 1])
    return reshape(x, *x.shape[:start], merged, *x.shape[end + 1 :])


@method()
def squeeze(x: Tensor, dim: int | None = None) -> Tensor:
    """Return x without its dimensions of length 1, or without `dim` if that has length 1."""
    drop = range(x.ndim) if dim is None else (check_dim(dim, x.ndim or 1),)
    return reshape(x, tuple(n for d, n in enumerate(x.shape) if n != 1 or d not in drop))


@method()
def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """Return x with a dimension of length 1 put in at `dim`."""
    dim = check_dim(dim, x.ndim + 1)
    return reshape(x, *x.shape[:dim], 1, *x.shape[dim:])


class Permute(Op):
    """The dimensions in another order."""

    def forward(self, x, dims):
        self.save(dims)
        return x.transpose(dims)

    def backward(self, dy):
        (dims,) = self.saved
        return dy.transpose([dims.index(d) for d in range(len(dims))])

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(2, 3, 4)), {"dims": (2, 0, 1)}


@method()
def permute(x: Tensor, *dims) -> Tensor:
    """Return x with its dimensions in the order `dims`."""
    return Permute.apply(x, dims=tuple(check_dim(d, x.ndim) for d in _sizes(dims)))


@method()
def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return x with two dimensions swapped."""
    dims = list(range(x.ndim))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return permute(x, dims)


Tensor.T = property(
    lambda x: permute(x, tuple(reversed(range(x.ndim)))), doc="x, dimensions reversed."
)
Tensor.mT = property(lambda x: transpose(x, -2, -1), doc="x, its last two dimensions swapped.")


class Expand(Op):
    """Repeat along dimensions of length 1, as broadcasting does, without copying."""

    def forward(self, x, shape):
        self.save(x.shape)
        return np.broadcast_to(x, shape)

    def backward(self, dy):
        (shape,) = self.saved
        return unbroadcast(dy, shape)

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(3, 1)), {"shape": (2, 3, 4)}


@method()
def expand(x: Tensor, *shape) -> Tensor:
    """Return x repeated to `shape`; -1 keeps a length. The result is a view: do not write to it."""
    shape = _sizes(shape)
    lengths = (1,) * (len(shape) - x.ndim) + x.shape
    return Expand.apply(
        x, shape=tuple(b if a == -1 else a for a, b in zip(shape, lengths, strict=True))
    )


class Flip(Op):
    """The entries in reverse order along some dimensions."""

    def forward(self, x, dims):
        self.save(dims)
        return np.flip(x, dims)

    def backward(self, dy):
        (dims,) = self.saved
        return np.flip(dy, dims)

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(2, 3, 4)), {"dims": (0, 2)}


@method()
def flip(x: Tensor, *dims) -> Tensor:
    """Return x reversed along `dims`."""
    return Flip.apply(x, dims=_sizes(dims))


class Pad(Op):
    """A constant border around x."""

    def forward(self, x, widths, value):
        self.save(
            tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
        )
        return np.pad(x, widths, constant_values=value)

    def backward(self, dy):
        (inside,) = self.saved
        return dy[inside]

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(2, 3)), {"widths": ((0, 0), (1, 2)), "value": 5.0}
        yield rng.normal(size=(2, 3)), {"widths": ((2, 0), (0, 1)), "value": 0.0}


def pad(x: Tensor, pad: tuple[int, ...], value: float = 0.0) -> Tensor:
    """Return x with a border of `value`.

    Args:
        x: any shape.
        pad: (left, right) of the last dimension, then (top, bottom) of the one before, and so on.
        value: what the border holds.
    """
    if len(pad) % 2 or len(pad) > 2 * x.ndim or (pad and np.min(pad) < 0):
        raise ValueError(
            f"pad {pad} needs two widths >= 0 a dimension, for up to {x.ndim} dimensions"
        )
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    return Pad.apply(x, widths=((0, 0),) * (x.ndim - len(pairs)) + tuple(pairs), value=value)


class Cat(Op):
    """The inputs one after another along `dim`."""

    def forward(self, *arrays, dim):
        self.save(np.cumsum([x.shape[dim] for x in arrays])[:-1].tolist(), dim)
        return np.concatenate(arrays, axis=dim)

    def backward(self, dy):
        borders, dim = self.saved
        return tuple(np.split(dy, borders, axis=dim))

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 2)), {"dim": 1}
        yield rng.normal(size=(1, 3)), rng.normal(size=(0, 3)), {"dim": 0}


def cat(tensors, dim: int = 0) -> Tensor:
    """Return the tensors joined along `dim`; their other lengths must agree."""
    return Cat.apply(*tensors, dim=dim)


def stack(tensors, dim: int = 0) -> Tensor:
    """Return the tensors, all of one shape, side by side along a new dimension."""
    return cat([unsqueeze(x, dim) for x in tensors], dim)


@method()
def split(x: Tensor, split_size: int | list[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return consecutive parts of x along `dim`, of `split_size` each, or of the sizes listed."""
    length = x.shape[dim]
    if isinstance(split_size, int):
        borders = range(split_size, length, split_size)
    elif np.sum(split_size) == length:
        borders = np.cumsum(split_size)[:-1].tolist()
    else:
        raise ValueError(f"parts of {split_size} do not add up to the length {length} of {x.shape}")
    before = (slice(None),) * (dim % x.ndim)
    return tuple(
        x[(*before, slice(start, stop))]
        for start, stop in zip([0, *borders], [*borders, length], strict=True)
    )


@method()
def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return x cut into `chunks` parts along `dim`, equal but for a shorter last one."""
    return split(x, -(-x.shape[dim] // chunks), dim)
