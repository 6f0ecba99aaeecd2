"""The largest and the smallest: of two operands, entry by entry, and over dimensions.

Equal entries share the gradient; but with one `dim`, `max` and `min` give it to the first of them,
whose index they return.
"""

from typing import Any, NamedTuple, overload

import numpy as np

from minae.op import unbroadcast
from minae.ops.arithmetic import Operand, _OfTwo, operands
from minae.ops.checks import check_dim, numpy_names
from minae.ops.device import clone
from minae.ops.indexing import Gather
from minae.ops.reductions import Dims, _Reduction
from minae.ops.shape import unsqueeze
from minae.tensor import Tensor


class _OneOfTwo(_OfTwo):
    """The larger or smaller of two. Equal ones share the gradient; if one is nan, both get all."""

    choose: np.ufunc
    loses: np.ufunc  # loses(x, y) says where y is chosen, and x is not

    def forward(self, x, y):
        losses = self.loses(x, y), self.loses(y, x)
        shares = [(1 - lost - 0.5 * (x == y)).astype(x.dtype) for lost in losses]  # 1, ½ or 0
        self.save(x.shape, y.shape, *shares)
        return self.choose(x, y)

    def backward(self, dy):
        x_shape, y_shape, x_share, y_share = self.saved
        return unbroadcast(dy * x_share, x_shape), unbroadcast(dy * y_share, y_shape)


class Maximum(_OneOfTwo):
    """max(x, y)."""

    choose, loses = np.maximum, np.less


def maximum(x: Operand, y: Operand) -> Tensor:
    """Return the larger of x and y, entry by entry; nan where either is nan."""
    return Maximum.apply(*operands(x, y))


class Minimum(_OneOfTwo):
    """min(x, y)."""

    choose, loses = np.minimum, np.greater


def minimum(x: Operand, y: Operand) -> Tensor:
    """Return the smaller of x and y, entry by entry; nan where either is nan."""
    return Minimum.apply(*operands(x, y))


class _OfMany(_Reduction):
    """The largest or the smallest entry; ties share the gradient equally."""

    choose: str  # the name of an array's method

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        if not self.count:
            name = type(self).__name__.lower()
            raise ValueError(f"{name}: no entries to choose from over dim={dim} of {x.shape}")
        y = getattr(x, self.choose)(axis=self.dims, keepdims=keepdim)
        winners = x == self._restore(y)
        with np.errstate(invalid="ignore"):  # nothing equals nan: the gradient is nan as well
            self.save((winners / winners.sum(axis=self.dims, keepdims=True)).astype(x.dtype))
        return y

    def backward(self, dy):
        (shares,) = self.saved
        return self._restore(dy) * shares


class AMax(_OfMany):
    """y = max x."""

    choose = "max"


@numpy_names
def amax(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the largest entry over `dim`."""
    return AMax.apply(x, dim=dim, keepdim=keepdim)


class AMin(_OfMany):
    """y = min x."""

    choose = "min"


@numpy_names
def amin(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the smallest entry over `dim`."""
    return AMin.apply(x, dim=dim, keepdim=keepdim)


def _position(name: str, x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    """Return the int64 positions that NumPy's method of this name finds."""
    if dim is not None:
        dim = check_dim(dim, x.ndim or 1)
    if not (x.numel() if dim is None or not x.ndim else x.shape[dim]):
        raise ValueError(f"{name}: no entries to choose from over dim={dim} of {x.shape}")
    return Tensor(getattr(x.data, name)(axis=dim if x.ndim else None, keepdims=keepdim))


@numpy_names
def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the int64 position of the first largest entry along `dim`, or in the flat tensor."""
    return _position("argmax", x, dim, keepdim)


@numpy_names
def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the int64 position of the first smallest entry along `dim`, or in the flat tensor."""
    return _position("argmin", x, dim, keepdim)


class ValuesAndIndices(NamedTuple):
    """What max and min along one dimension return."""

    values: Tensor
    indices: Tensor


def _extreme(x: Tensor, dim, keepdim: bool, of_two, of_all, position):
    """Return the result of `max` or `min` for a `dim` that is a tensor, None or a dimension."""
    if isinstance(dim, Tensor):
        return of_two(x, dim)
    if dim is None:
        if keepdim:
            raise TypeError("keepdim goes with a dim; for all dimensions at once, use amax or amin")
        return of_all(x)
    indices = position(x, dim)
    if not x.ndim:
        return ValuesAndIndices(clone(x), indices)
    kept = unsqueeze(indices, dim)
    values = Gather.apply(x, kept, dim=check_dim(dim, x.ndim))
    return ValuesAndIndices(*((values, kept) if keepdim else (values.squeeze(dim), indices)))


@overload
def max(x: Tensor, dim: Tensor | None = None) -> Tensor: ...
@overload
def max(x: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
@numpy_names
def max(x: Tensor, dim: Tensor | int | None = None, keepdim: bool = False) -> Any:
    """Return the largest entry; with `dim`, (values, indices) along it.

    With `dim`, the gradient goes to the first of equal entries. For several dimensions, use `amax`.
    With another tensor, max(x, y) is `maximum`.
    """
    return _extreme(x, dim, keepdim, maximum, amax, argmax)


@overload
def min(x: Tensor, dim: Tensor | None = None) -> Tensor: ...
@overload
def min(x: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
@numpy_names
def min(x: Tensor, dim: Tensor | int | None = None, keepdim: bool = False) -> Any:
    """Return the smallest entry; with `dim`, (values, indices) along it. See `max`."""
    return _extreme(x, dim, keepdim, minimum, amin, argmin)
