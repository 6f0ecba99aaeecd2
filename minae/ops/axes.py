"""The order of dimensions, and of the entries along them."""

import numpy as np

from minae.op import Op
from minae.ops.checks import Ints, check_dim, check_dims, integers
from minae.tensor import Tensor


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
    dims = [d for d in range(x.ndim) if d not in sources]
    for place, d in sorted(zip(places, sources, strict=True)):
        dims.insert(place, d)
    return Permute.apply(x, dims=tuple(dims[: x.ndim]))


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
