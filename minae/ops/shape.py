"""Operations that move entries around and compute nothing.

Backward moves the gradients back. Where NumPy returns a view, so do these: the result shares its
memory with the input, which is why no op ever writes into an input.
"""

import math

import numpy as np

from minae.op import Op, unbroadcast
from minae.ops.checks import Ints, check_dim, check_dims, integers
from minae.tensor import Tensor


class Reshape(Op):
    """The same entries in the same order, in another shape."""

    def forward(self, x, shape):
        self.save(x.shape)
        return self._reshape(x, shape)

    def backward(self, dy):
        (shape,) = self.saved
        return self._reshape(dy, shape)

    def _reshape(self, x, shape):
        """Return x in the shape: a view if its layout allows that, else a copy, made in threads."""
        if not x.flags.c_contiguous and isinstance(x, np.ndarray):
            try:
                return np.reshape(x, shape, copy=False)
            except ValueError:
                x = self.kernels.contiguous(x)
        return x.reshape(shape)

    def examples(self, rng):
        yield rng.normal(size=(2, 6)), {"shape": (3, -1)}
        yield rng.normal(size=(1,)), {"shape": ()}


def reshape(x: Tensor, *shape: Ints) -> Tensor:
    """Return x in another shape, -1 being what the others leave; ValueError if it does not fit."""
    shape = integers(shape, "reshape: shape")
    try:
        return Reshape.apply(x, shape=shape)
    except ValueError:
        raise ValueError(
            f"reshape: the {x.numel()} entries of {x.shape} do not fit into {shape}"
        ) from None


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return x with the dimensions from start_dim to end_dim merged, or x itself if it is one."""
    start, end = check_dim(start_dim, x.ndim or 1), check_dim(end_dim, x.ndim or 1)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if start == end and x.ndim:
        return x
    merged = math.prod(x.shape[start : end + 1])
    return Reshape.apply(x, shape=(*x.shape[:start], merged, *x.shape[end + 1 :]))


def squeeze(x: Tensor, dim: Ints | None = None) -> Tensor:
    """Return x without its dimensions of length 1: all of them, or those that `dim` names."""
    dims = range(x.ndim) if dim is None else dim if isinstance(dim, tuple | list) else (dim,)
    drop = check_dims(dims, x.ndim or 1, "squeeze")
    kept = tuple(n for d, n in enumerate(x.shape) if n != 1 or d not in drop)
    return Reshape.apply(x, shape=kept)


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """Return x with a new dimension of length 1 at `dim`."""
    dim = check_dim(dim, x.ndim + 1)
    return Reshape.apply(x, shape=(*x.shape[:dim], 1, *x.shape[dim:]))


class Clone(Op):
    """The same entries, in memory of their own."""

    def forward(self, x):
        return x.copy()

    def backward(self, dy):
        return dy

    def examples(self, rng):
        yield (rng.normal(size=(2, 3)),)
        yield (rng.normal(size=()),)


def clone(x: Tensor) -> Tensor:
    """Return a copy of x, through which gradients flow back to x."""
    return Clone.apply(x)


def contiguous(x: Tensor) -> Tensor:
    """Return x if its entries lie in order in memory, else a copy in which they do."""
    return x if x.data.flags.c_contiguous else Clone.apply(x)


class Permute(Op):
    """The dimensions in another order."""

    def forward(self, x, dims):
        self.save(dims)
        return x.transpose(dims)

    def backward(self, dy):
        (dims,) = self.saved
        return dy.transpose([dims.index(d) for d in range(len(dims))])

    def examples(self, rng):
        yield rng.normal(size=(2, 3, 4)), {"dims": (2, 0, 1)}


def permute(x: Tensor, *dims: Ints) -> Tensor:
    """Return x with its dimensions in the order `dims`."""
    order = integers(dims, "permute: dims")
    if len(order) != x.ndim:
        raise ValueError(f"permute: dims {order} must name each of the {x.ndim} dimensions of x")
    return Permute.apply(x, dims=check_dims(order, x.ndim, "permute"))


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return x with two dimensions swapped."""
    dims = list(range(x.ndim or 1))
    dim0, dim1 = check_dim(dim0, len(dims)), check_dim(dim1, len(dims))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return Permute.apply(x, dims=tuple(dims[: x.ndim]))


def movedim(x: Tensor, source: Ints, destination: Ints) -> Tensor:
    """Return x with the dimensions `source` moved to the places `destination`."""
    ends = [d if isinstance(d, tuple | list) else (d,) for d in (source, destination)]
    if len(ends[0]) != len(ends[1]):
        raise ValueError(f"movedim: source {source} and destination {destination} differ in length")
    sources, places = (check_dims(dims, x.ndim or 1, "movedim") for dims in ends)
    if not x.ndim:
        return reshape(x, ())
    dims = [d for d in range(x.ndim) if d not in sources]
    for place, d in sorted(zip(places, sources, strict=True)):
        dims.insert(place, d)
    return Permute.apply(x, dims=tuple(dims))


@property
def T(x: Tensor) -> Tensor:  # noqa: N802
    """x with its dimensions reversed: a matrix transposed, a vector as it is."""
    return Permute.apply(x, dims=tuple(reversed(range(x.ndim))))


@property
def mT(x: Tensor) -> Tensor:  # noqa: N802
    """x with its last two dimensions swapped."""
    if x.ndim < 2:
        raise ValueError(f"mT is for one or more matrices, not for the shape {x.shape}")
    return transpose(x, -2, -1)


class Expand(Op):
    """Repeat along dimensions of length 1, as broadcasting does, without copying."""

    def forward(self, x, shape):
        self.save(x.shape)
        return np.broadcast_to(x, shape)

    def backward(self, dy):
        (shape,) = self.saved
        return unbroadcast(dy, shape)

    def examples(self, rng):
        yield rng.normal(size=(3, 1)), {"shape": (2, 3, 4)}


def expand(x: Tensor, *shape: Ints) -> Tensor:
    """Return x repeated to `shape`; -1 keeps a length. The result is a view: do not write to it.

    Raises ValueError if a length of x is neither 1 nor the one asked for.
    """
    asked = integers(shape, "expand: shape")
    new = len(asked) - x.ndim  # dimensions in front of those of x, which have no length to keep
    own = (-1,) * new + x.shape
    found = tuple(b if a == -1 else a for a, b in zip(asked, own, strict=False))
    if new < 0 or any(a < 0 or b not in (-1, 1, a) for a, b in zip(found, own, strict=True)):
        raise ValueError(
            f"expand: {x.shape} does not expand to {asked}: only a length of 1 becomes another one"
        )
    return Expand.apply(x, shape=found)


def repeat(x: Tensor, *sizes: Ints) -> Tensor:
    """Return x repeated along each dimension as often as `sizes` says; new ones come in front.

    repeat(2, 3) turns (N, M) into (2 N, 3 M). The result is always a copy.
    """
    times = integers(sizes, "repeat: sizes")
    new = len(times) - x.ndim
    if new < 0 or min(times, default=0) < 0:
        raise ValueError(f"repeat: {times} needs a number >= 0 for each dimension of {x.shape}")
    lengths = (1,) * new + x.shape
    pairs = list(zip(times, lengths, strict=True))
    apart = Reshape.apply(x, shape=tuple(i for n in lengths for i in (1, n)))  # (1, N, 1, M)
    repeated = Clone.apply(Expand.apply(apart, shape=tuple(i for pair in pairs for i in pair)))
    return Reshape.apply(repeated, shape=tuple(math.prod(pair) for pair in pairs))


class Flip(Op):
    """The entries in reverse order along some dimensions."""

    def forward(self, x, dims):
        self.save(dims)
        return np.flip(x, dims).copy()

    def backward(self, dy):
        (dims,) = self.saved
        return np.flip(dy, dims)

    def examples(self, rng):
        yield rng.normal(size=(2, 3, 4)), {"dims": (0, 2)}


def flip(x: Tensor, *dims: Ints) -> Tensor:
    """Return a copy of x that is reversed along `dims`."""
    found = check_dims(integers(dims, "flip: dims"), x.ndim or 1, "flip")
    return Flip.apply(x, dims=found if x.ndim else ())
