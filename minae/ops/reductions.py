"""Reductions over one, several or all dimensions.

`dim` is one dimension, several, or None for all; `keepdim=True` leaves the reduced dimensions in
place with length 1. Backward spreads the gradient over what was reduced.
"""

import math

import numpy as np

from minae.op import Op
from minae.ops.checks import Ints, check_dims, numpy_names
from minae.tensor import Tensor

Dims = Ints | None


def normalise_dims(dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return the dimensions as a tuple of numbers from 0 to ndim - 1; None and () are all.

    A tensor without dimensions can be reduced over dimension 0, to itself. Raises IndexError for a
    dimension that does not exist, ValueError for one given twice.
    """
    if dim is None:
        return tuple(range(ndim))
    dims = check_dims(dim if isinstance(dim, tuple | list) else (dim,), ndim or 1, "a reduction")
    return (dims if ndim else ()) or tuple(range(ndim))


class _Reduction(Op):
    """What reductions share: which dimensions are reduced, and how to bring them back."""

    def _over(self, x, dim):
        self.shape, self.dims = x.shape, normalise_dims(dim, x.ndim)
        self.count = math.prod(x.shape[d] for d in self.dims)

    def _sum(self, x):
        """Add up over the dimensions, which stay, each of length 1."""
        return self._restore(self.kernels.sum(x, self.dims))

    def _reduced(self, y, keepdim):
        """Return y without the reduced dimensions, unless they are to be kept."""
        return y if keepdim else y.squeeze(axis=self.dims)

    def _restore(self, dy):
        """Return dy with the reduced dimensions back, each of length 1."""
        return dy.reshape([1 if d in self.dims else n for d, n in enumerate(self.shape)])

    def examples(self, rng):
        x = rng.normal(size=(2, 3, 4))
        yield x, {"dim": None}
        yield x, {"dim": 1}
        yield x, {"dim": (0, -1), "keepdim": True}


class Sum(_Reduction):
    """y = Σ x; every x counts once."""

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        return self._reduced(self._sum(x), keepdim)

    def backward(self, dy):
        return np.broadcast_to(self._restore(dy), self.shape)


@numpy_names
def sum(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the sum over `dim`; of integers and booleans in int64."""
    return Sum.apply(x, dim=dim, keepdim=keepdim)


class Mean(_Reduction):
    """y = Σ x / n; every x counts 1 / n."""

    floats = slice(None)

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        return self._reduced(self._sum(x), keepdim) / (self.count or math.nan)

    def backward(self, dy):
        return np.broadcast_to(self._restore(dy) / (self.count or math.nan), self.shape)


@numpy_names
def mean(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the mean over `dim`; of no entries, nan."""
    return Mean.apply(x, dim=dim, keepdim=keepdim)


class Var(_Reduction):
    """y = Σ (x - mean)² / (n - correction). The mean's gradient cancels, as Σ (x - mean) = 0."""

    floats = slice(None)

    def _centre(self, x, dim, correction):
        """Save x - mean, and what the sum of its squares is multiplied by."""
        self._over(x, dim)
        free = self.count - correction  # degrees of freedom
        self.scale = 1 / free if free > 0 else math.inf
        self.save(x - self._sum(x) / (self.count or math.nan))

    def forward(self, x, dim, keepdim=False, correction=1):
        self._centre(x, dim, correction)
        (centred,) = self.saved
        with np.errstate(invalid="ignore"):  # 0 · inf
            return self._reduced(self._sum(centred * centred), keepdim) * self.scale

    def backward(self, dy):
        (centred,) = self.saved
        with np.errstate(invalid="ignore"):
            return self._restore(dy) * centred * (2 * self.scale)


@numpy_names
def var(x: Tensor, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the variance over `dim`: Σ (x - mean)² divided by n - correction.

    If n is not above the correction, that is a division by 0.
    """
    return Var.apply(x, dim=dim, keepdim=keepdim, correction=correction)


class Std(Var):
    """y = √variance, so dx is the variance's over 2 y; at y = 0, where it has none, 0 is taken.

    x - mean is divided by its largest entry before it is squared, and the root multiplied by it:
    the squares themselves may overflow or underflow.
    """

    def forward(self, x, dim, keepdim=False, correction=1):
        self._centre(x, dim, correction)
        (centred,) = self.saved
        with np.errstate(invalid="ignore"):  # 0 · inf
            if self.count:
                size = np.abs(centred).max(axis=self.dims, keepdims=True)
                unit = centred / np.where((size == 0) | ~np.isfinite(size), 1, size)
                y = size * np.sqrt(self._sum(unit * unit) * self.scale)
            else:
                y = self._sum(x) * math.nan
        self.save(centred, y)
        return self._reduced(y, keepdim)

    def backward(self, dy):
        centred, y = self.saved
        divisor = np.where(y == 0, 1, y)  # where y = 0, every centred x is 0 too
        with np.errstate(invalid="ignore"):
            return self._restore(dy) * (centred / divisor) * self.scale


@numpy_names
def std(x: Tensor, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the standard deviation over `dim`: the square root of var."""
    return Std.apply(x, dim=dim, keepdim=keepdim, correction=correction)


class Prod(_Reduction):
    """y = Π x, so each dx is dy times the product of all the others.

    That is y / x, but not at x = 0: the product of the entries before one, times the product of
    those after it, needs no division.
    """

    def forward(self, x, dim, keepdim=False):
        self._over(x, dim)
        self.save(x)
        dtype = x.dtype if x.dtype.kind == "f" else np.result_type(x.dtype, np.int64)
        return x.prod(axis=self.dims, keepdims=keepdim, dtype=dtype)

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

    def examples(self, rng):
        yield from super().examples(rng)
        with_zeros = rng.normal(size=(3, 4))
        with_zeros[0, 1] = with_zeros[1, 0] = with_zeros[1, 3] = 0
        yield with_zeros, {"dim": 1}


@numpy_names
def prod(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the product over `dim`; of integers and booleans in int64."""
    return Prod.apply(x, dim=dim, keepdim=keepdim)


class Norm(_Reduction):
    """y = (Σ |x|ᵖ)^(1 / p), so dx = sign(x) (|x| / y)^(p - 1), taken as 0 at x = 0.

    What is raised to the power p is |x| / max |x|, so that it cannot overflow. For p = ∞, y is
    max |x|; ties share the gradient equally.
    """

    def forward(self, x, p, dim, keepdim=False):
        self._over(x, dim)
        if not x.size:
            return self._reduced(self._sum(x), keepdim)
        size = np.abs(x)
        y = size.max(axis=self.dims, keepdims=True)
        if p < math.inf:
            unit = np.where((y == 0) | np.isinf(y), 1, y)
            y = unit * self._sum((size / unit) ** p) ** (1 / p)
        self.save(x, y, p)
        return self._reduced(y, keepdim)

    def backward(self, dy):
        dy = self._restore(dy)
        if not self.saved:
            return np.zeros(self.shape, dy.dtype, like=dy)
        x, y, p = self.saved
        size = np.abs(x)
        if p == math.inf:
            winners = (size == y).astype(dy.dtype)
            return dy * np.sign(x) * winners / self._sum(winners)
        ratio = size / np.where(y == 0, 1, y)
        if p < 1:
            ratio = np.where(x == 0, 1, ratio)  # 0 to a negative power is infinite
        return dy * np.sign(x) * ratio ** (p - 1)

    def examples(self, rng):
        x = rng.normal(size=(2, 3, 4))
        for p in (0.5, 1, 2, 3.5, math.inf):
            yield x, {"p": p, "dim": 1}
        yield x, {"p": 2, "dim": None}
        yield x, {"p": 3, "dim": (0, -1), "keepdim": True}
        yield rng.normal(size=(2, 0)), {"p": 2, "dim": 1}


def norm(x: Tensor, p: float | str = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return (Σ |x|ᵖ)^(1 / p) over `dim`, of the entries as one vector.

    x holds floats, else TypeError. p is a number > 0, inf for the largest |x|, of at least one, or
    "fro", another name for 2; anything else raises ValueError.
    """
    if not x.is_floating_point():
        raise TypeError(f"norm: x must hold floats, not {x.dtype}")
    p = 2 if p == "fro" else p
    if isinstance(p, str | bool) or not p > 0:
        raise ValueError(f"norm: p must be a number > 0 or 'fro', not {p!r}")
    if p == math.inf and not all(x.shape[d] for d in normalise_dims(dim, x.ndim)):
        raise ValueError(f"norm: no largest among no entries: the shape is {x.shape}")
    return Norm.apply(x, p=p, dim=dim, keepdim=keepdim)
