"""Softmax and its relatives: exponentials that compete along one dimension.

All of them first subtract the largest entry: the result is the same, and e^x does not overflow.
"""

import numpy as np

from minae.kernels import backend_of
from minae.op import Op
from minae.ops.checks import check_dim, numpy_names
from minae.ops.reductions import Dims, normalise_dims
from minae.tensor import Tensor


class _AlongDim(Op):
    """What is computed in floats along one dimension."""

    floats = slice(None)

    def examples(self, rng):
        yield rng.normal(size=(3, 4)), {"dim": 1}
        yield rng.normal(size=(2, 3, 2)), {"dim": 0}
        yield np.array([[1000.0, 1001.0, 998.5], [-1000.0, -1000.5, -999.0]]), {"dim": -1}


def _sum(x, dim):
    """Return the sums along `dim`, which stays, with length 1."""
    dim %= x.ndim
    return np.expand_dims(backend_of(x).sum(x, (dim,)), dim)


def _largest(x, dim):
    """Return the maximum along `dim`, which stays, with length 1; of no entries, -inf."""
    if x.shape[dim]:
        return x.max(axis=dim, keepdims=True)
    return np.full_like(_sum(x, dim), -np.inf)


def _apply(op: type[Op], x: Tensor, dim: int, **options) -> Tensor:
    """Apply the op along `dim`; a tensor without dimensions counts as a vector of one entry."""
    dim = check_dim(dim, x.ndim or 1)
    if x.ndim:
        return op.apply(x, dim=dim, **options)
    return op.apply(x.reshape(1), dim=dim, **options).reshape(())


class Softmax(_AlongDim):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ, so dxᵢ = yᵢ (dyᵢ - Σⱼ dyⱼ yⱼ)."""

    def forward(self, x, dim):
        e = np.exp(x - _largest(x, dim))
        y = e / _sum(e, dim)
        self.save(y, dim)
        return y

    def backward(self, dy):
        y, dim = self.saved
        return y * (dy - _sum(dy * y, dim))


@numpy_names
def softmax(x: Tensor, dim: int) -> Tensor:
    """Return e^x divided by its sum along `dim`: positive numbers that add up to 1."""
    return _apply(Softmax, x, dim)


class LogSoftmax(_AlongDim):
    """yᵢ = xᵢ - log Σⱼ e^xⱼ, so dxᵢ = dyᵢ - softmax(x)ᵢ Σⱼ dyⱼ."""

    def forward(self, x, dim):
        shifted = x - _largest(x, dim)
        with np.errstate(divide="ignore"):  # log 0, of no entries
            y = shifted - np.log(_sum(np.exp(shifted), dim))  # finite where softmax rounds to 0
        self.save(y, dim)
        return y

    def backward(self, dy):
        y, dim = self.saved
        return dy - np.exp(y) * _sum(dy, dim)


@numpy_names
def log_softmax(x: Tensor, dim: int) -> Tensor:
    """Return the logarithm of softmax(x, dim), finite where softmax itself rounds to 0."""
    return _apply(LogSoftmax, x, dim)


class LogSumExp(_AlongDim):
    """y = log Σⱼ e^xⱼ, a smooth maximum; its gradient is softmax(x)."""

    def forward(self, x, dim, keepdim=False):
        largest = _largest(x, dim)
        largest = np.where(np.isfinite(largest), largest, 0)  # all -inf: no shift, log 0 = -inf
        with np.errstate(divide="ignore"):
            y = largest + np.log(_sum(np.exp(x - largest), dim))
        self.save(x, y, dim, keepdim)
        return y if keepdim else y.squeeze(axis=dim)

    def backward(self, dy):
        x, y, dim, keepdim = self.saved
        if not keepdim:
            dy = np.expand_dims(dy, dim)
        return dy * np.exp(x - y)

    def examples(self, rng):
        yield from super().examples(rng)
        yield rng.normal(size=(2, 3)), {"dim": 1, "keepdim": True}


@numpy_names
def logsumexp(x: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """Return log of the sum of e^x over `dim`."""
    dims = normalise_dims(dim, x.ndim)
    if not x.ndim:
        return _apply(LogSumExp, x, 0)
    for d in sorted(dims, reverse=True):  # log Σᵢ Σⱼ e^xᵢⱼ = log Σᵢ e^(log Σⱼ e^xᵢⱼ)
        x = LogSumExp.apply(x, dim=d, keepdim=keepdim)
    return x
