"""Reductions over one, several or all dimensions.

`dim` is an int, a tuple of ints, or None for all; `keepdim=True` leaves the reduced dimensions in
place with length 1. Backward spreads the gradient over what was reduced.
"""

import math
from typing import NamedTuple

import numpy as np

from minae.autograd import Op
from minae.ops.indexing import gather
from minae.ops.shape import check_dim, unsqueeze
from minae.tensor import Tensor, method

Dims = int | tuple[int, ...] | None


def normalise_dims(dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return the dimensions as a tuple of numbers from 0 to ndim - 1."""
    dims = range(ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return tuple(check_dim(d, ndim) for d in dims)


class _Reduction(Op):
    """What reductions share: the names of the reduced dimensions, and the way back to them."""

    def _over(self, x, dim):
        self.shape, self.dims = x.shape, normalise_dims(dim, x.ndim)
        self.count = math.prod(x.shape[d] for d in self.dims)

    def _restore(self, dy):
        """Return dy with the reduced dimensions back, each of length 1."""
        return dy.reshape([1 if d in self.dims else n for d, n in enumerate(self.shape)])

    @staticmethod
    def examples(rng):
        x = rng.normal(size=(2, 3, 4))
        yield x, {"dim": None}
        yield x, {"dim": 1}
        yield x, {"dim": (0, -1), "keepdim": True}


class Sum(_Reduction):
    """y = Σ x; every x counts once."""

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        return x.sum(axis=self.dims, keepdims=keepdim)

    def backward(self, dy):
        return np.broadcast_to(self._restore(dy), self.shape)


@method()
def sum(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the sum over `dim`."""
    return Sum.apply(x, dim=dim, keepdim=keepdim)


class Mean(_Reduction):
    """y = Σ x / n; every x counts 1 / n."""

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        return x.mean(axis=self.dims, keepdims=keepdim)

    def backward(self, dy):
        return np.broadcast_to(self._restore(dy) / self.count, self.shape)


@method()
def mean(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the mean over `dim`."""
    return Mean.apply(x, dim=dim, keepdim=keepdim)


class Var(_Reduction):
    """y = Σ (x - mean)² / (n - correction). The mean's gradient cancels, as Σ (x - mean) = 0."""

    def forward(self, x, dim, keepdim=False, correction=1):
        self._over(x, dim)
        self.scale = 1 / (self.count - correction) if self.count > correction else math.nan
        centred = x - x.mean(axis=self.dims, keepdims=True)
        self.save(centred)
        return (centred * centred).sum(axis=self.dims, keepdims=keepdim) * self.scale

    def backward(self, dy):
        (centred,) = self.saved
        return self._restore(dy) * centred * (2 * self.scale)


@method()
def var(x: Tensor, dim: Dims = None, keepdim: bool = False, correction: int = 1) -> Tensor:
    """Return the variance over `dim`, dividing by n - correction; nan if that is not positive."""
    return Var.apply(x, dim=dim, keepdim=keepdim, correction=correction)


class Std(Var):
    """y = √variance, so dx is the variance's over 2 y; at y = 0, where it has none, 0 is taken."""

    def forward(self, x, dim, keepdim=False, correction=1):
        y = np.sqrt(super().forward(x, dim, keepdim, correction))
        self.save(*self.saved, y)
        return y

    def backward(self, dy):
        centred, y = self.saved
        divisor = np.where(y == 0, 1, y)  # where y = 0, every centred x is 0 too
        return self._restore(dy / divisor) * centred * self.scale


@method()
def std(x: Tensor, dim: Dims = None, keepdim: bool = False, correction: int = 1) -> Tensor:
    """Return the standard deviation over `dim`: the square root of var."""
    return Std.apply(x, dim=dim, keepdim=keepdim, correction=correction)


class _Extreme(_Reduction):
    """The largest or smallest entry; where several tie, they share the gradient equally."""

    def _mark(self, x, y):
        winners = x == self._restore(y)
        self.save((winners / winners.sum(axis=self.dims, keepdims=True)).astype(x.dtype))
        return y

    def backward(self, dy):
        (shares,) = self.saved
        return self._restore(dy) * shares


class AMax(_Extreme):
    """y = max x."""

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        return self._mark(x, x.max(axis=self.dims, keepdims=keepdim))


@method()
def amax(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the largest entry over `dim`."""
    return AMax.apply(x, dim=dim, keepdim=keepdim)


class AMin(_Extreme):
    """y = min x."""

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        return self._mark(x, x.min(axis=self.dims, keepdims=keepdim))


@method()
def amin(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the smallest entry over `dim`."""
    return AMin.apply(x, dim=dim, keepdim=keepdim)


class Prod(_Reduction):
    """y = Π x, so each dx is dy times the product of all the others.

    That is y / x only where no x is 0. The product of the entries before one, times the product of
    those after it, needs no division.
    """

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        self.save(x)
        return x.prod(axis=self.dims, keepdims=keepdim)

    def backward(self, dy):
        (x,) = self.saved
        last = range(-len(self.dims), 0)
        moved = np.moveaxis(x, self.dims, last)  # (kept dimensions, reduced dimensions)
        kept = moved.shape[: x.ndim - len(self.dims)]
        rows = moved.reshape(*kept, self.count)
        ones = np.ones_like(rows[..., :1])
        before = np.concatenate([ones, rows[..., :-1]], axis=-1).cumprod(axis=-1)
        after = np.concatenate([ones, rows[..., :0:-1]], axis=-1).cumprod(axis=-1)[..., ::-1]
        others = np.moveaxis((before * after).reshape(moved.shape), last, self.dims)
        return self._restore(dy) * others

    @staticmethod
    def examples(rng):
        yield from _Reduction.examples(rng)
        with_zeros = rng.normal(size=(3, 4))
        with_zeros[0, 1] = with_zeros[1, 0] = with_zeros[1, 3] = 0
        yield with_zeros, {"dim": 1}


@method()
def prod(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the product over `dim`. Zeros among the factors do no harm to the gradient."""
    return Prod.apply(x, dim=dim, keepdim=keepdim)


@method()
def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the int64 position of the first largest entry along `dim`, or in the flat tensor."""
    return Tensor(x.data.argmax(axis=dim, keepdims=keepdim))


@method()
def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the int64 position of the first smallest entry along `dim`, or in the flat tensor."""
    return Tensor(x.data.argmin(axis=dim, keepdims=keepdim))


class ValuesAndIndices(NamedTuple):
    """What max and min along one dimension return."""

    values: Tensor
    indices: Tensor


def _along(x: Tensor, indices: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
    values = gather(x, dim, unsqueeze(indices, dim))
    return (
        ValuesAndIndices(values, unsqueeze(indices, dim))
        if keepdim
        else ValuesAndIndices(values.squeeze(dim), indices)
    )


@method()
def max(x: Tensor, dim: int | None = None, keepdim: bool = False):
    """Return the largest entry; with `dim`, (values, indices) along it.

    With `dim` the gradient goes to the first of equal entries. For several dimensions, use `amax`.
    """
    return amax(x) if dim is None else _along(x, argmax(x, dim), dim, keepdim)


@method()
def min(x: Tensor, dim: int | None = None, keepdim: bool = False):
    """Return the smallest entry; with `dim`, (values, indices) along it. See `max`."""
    return amin(x) if dim is None else _along(x, argmin(x, dim), dim, keepdim)
