"""Softmax and its relatives: exponentials that compete along one dimension.

All of them first subtract the largest entry, which changes nothing in the result and keeps e^x from
overflowing.
"""

import numpy as np

from minae.kernels import backend_of
from minae.op import Op
from minae.ops.checks import numpy_names
from minae.ops.reductions import normalise_dims
from minae.ops.shape import check_dim
from minae.tensor import Tensor


def _inputs(rng):
    yield rng.normal(size=(3, 4)), {"dim": 1}
    yield rng.normal(size=(2, 3, 2)), {"dim": 0}
    yield np.array([[1000.0, 1001.0, 998.5], [-1000.0, -1000.5, -999.0]]), {"dim": -1}


def _sum(x, dim):
    """Add up along `dim`, which stays, with length 1."""
    dim %= x.ndim
    return np.expand_dims(backend_of(x).sum(x, (dim,)), dim)


def _largest(x, dim):
    """Return the maximum along `dim`, which stays, with length 1; of no entries, -inf."""
    if x.shape[dim]:
        return x.max(axis=dim, keepdims=True)
    return np.full_like(_sum(x, dim), -np.inf)


def softmax_array(x, dim):
    """Return e^x / Σ e^x along `dim`."""
    e = np.exp(x - _largest(x, dim))
    return e / _sum(e, dim)


def log_softmax_array(x, dim):
    """Return log(e^x / Σ e^x) along `dim`, without the detour through numbers that round to 0."""
    shifted = x - _largest(x, dim)
    with np.errstate(divide="ignore"):  # log 0, of no entries
        return shifted - np.log(_sum(np.exp(shifted), dim))


def softmax_backward(dy, y, dim):
    """Return dx of y = softmax(x): every entry of y depends on every x of its row."""
    return y * (dy - _sum(dy * y, dim))


def _apply(op: type[Op], x: Tensor, dim: int, **options) -> Tensor:
    """Run the op along `dim`, on a tensor without dimensions as on one of a single entry."""
    dim = check_dim(dim, x.ndim or 1)
    if x.ndim:
        return op.apply(x, dim=dim, **options)
    return op.apply(x.reshape(1), dim=dim, **options).reshape(())


class Softmax(Op):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ, so dxᵢ = yᵢ (dyᵢ - Σⱼ dyⱼ yⱼ)."""

    floats = slice(None)

    def forward(self, x, dim):
        y = softmax_array(x, dim)
        self.save(y, dim)
        return y

    def backward(self, dy):
        y, dim = self.saved
        return softmax_backward(dy, y, dim)

    examples = staticmethod(_inputs)


@numpy_names
def softmax(x: Tensor, dim: int) -> Tensor:
    """Return e^x divided by its sum along `dim`: positive numbers that add up to 1."""
    return _apply(Softmax, x, dim)


class LogSoftmax(Op):
    """yᵢ = xᵢ - log Σⱼ e^xⱼ, so dxᵢ = dyᵢ - softmax(x)ᵢ Σⱼ dyⱼ."""

    floats = slice(None)

    def forward(self, x, dim):
        y = log_softmax_array(x, dim)
        self.save(y, dim)
        return y

    def backward(self, dy):
        y, dim = self.saved
        return dy - np.exp(y) * _sum(dy, dim)

    examples = staticmethod(_inputs)


@numpy_names
def log_softmax(x: Tensor, dim: int) -> Tensor:
    """Return the logarithm of softmax(x, dim), finite where softmax itself rounds to 0."""
    return _apply(LogSoftmax, x, dim)


def _log_sum_exp(x, dim):
    """Return log Σ e^x along `dim`, kept as a dimension of length 1."""
    largest = _largest(x, dim)
    largest = np.where(np.isfinite(largest), largest, 0)  # all -inf: no shift, and log 0 = -inf
    with np.errstate(divide="ignore"):
        return largest + np.log(_sum(np.exp(x - largest), dim))


class LogSumExp(Op):
    """y = log Σⱼ e^xⱼ, a smooth maximum; its gradient is softmax(x)."""

    floats = slice(None)

    def forward(self, x, dim, keepdim=False):
        y = _log_sum_exp(x, dim)
        self.save(x, y, dim, keepdim)
        return y if keepdim else y.squeeze(axis=dim)

    def backward(self, dy):
        x, y, dim, keepdim = self.saved
        if not keepdim:
            dy = np.expand_dims(dy, dim)
        return dy * np.exp(x - y)

    @staticmethod
    def examples(rng):
        yield from _inputs(rng)
        yield rng.normal(size=(2, 3)), {"dim": 1, "keepdim": True}


@numpy_names
def logsumexp(x: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """Return log of the sum of e^x over `dim`."""
    dims = normalise_dims(dim, x.ndim)
    if not x.ndim:
        return _apply(LogSumExp, x, 0)
    for d in sorted(dims, reverse=True):  # log Σᵢ Σⱼ e^xᵢⱼ = log Σᵢ e^(log Σⱼ e^xᵢⱼ)
        x = LogSumExp.apply(x, dim=d, keepdim=keepdim)
    return x
