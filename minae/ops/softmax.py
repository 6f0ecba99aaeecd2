"""Softmax and its relatives: exponentials that compete along one dimension.

All of them first subtract the largest entry, which changes nothing in the result and keeps e^x from
overflowing.
"""

import numpy as np

from minae.autograd import Op
from minae.tensor import Tensor, method


def _inputs(rng):
    yield rng.normal(size=(3, 4)), {"dim": 1}
    yield rng.normal(size=(2, 3, 2)), {"dim": 0}
    yield np.array([[1000.0, 1001.0, 998.5], [-1000.0, -1000.5, -999.0]]), {"dim": -1}


def _log_sum_exp(x, dim):
    """Return log Σ e^x along `dim`, kept as a dimension of length 1."""
    largest = x.max(axis=dim, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)  # all -inf: no shift, and log 0 = -inf
    with np.errstate(divide="ignore"):
        return largest + np.log(np.exp(x - largest).sum(axis=dim, keepdims=True))


def softmax_array(x, dim):
    """Return e^x / Σ e^x along `dim`."""
    e = np.exp(x - x.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


def log_softmax_array(x, dim):
    """Return log(e^x / Σ e^x) along `dim`, without the detour through numbers that round to 0."""
    return x - _log_sum_exp(x, dim)


def softmax_backward(dy, y, dim):
    """Return dx of y = softmax(x): every entry of y depends on every x of its row."""
    return y * (dy - (dy * y).sum(axis=dim, keepdims=True))


class Softmax(Op):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ, so dxᵢ = yᵢ (dyᵢ - Σⱼ dyⱼ yⱼ)."""

    def forward(self, x, dim):
        y = softmax_array(x, dim)
        self.save(y, dim)
        return y

    def backward(self, dy):
        y, dim = self.saved
        return softmax_backward(dy, y, dim)

    examples = staticmethod(_inputs)


@method()
def softmax(x: Tensor, dim: int) -> Tensor:
    """Return e^x divided by its sum along `dim`: positive numbers that add up to 1."""
    return Softmax.apply(x, dim=dim)


class LogSoftmax(Op):
    """yᵢ = xᵢ - log Σⱼ e^xⱼ, so dxᵢ = dyᵢ - softmax(x)ᵢ Σⱼ dyⱼ."""

    def forward(self, x, dim):
        y = log_softmax_array(x, dim)
        self.save(y, dim)
        return y

    def backward(self, dy):
        y, dim = self.saved
        return dy - np.exp(y) * dy.sum(axis=dim, keepdims=True)

    examples = staticmethod(_inputs)


@method()
def log_softmax(x: Tensor, dim: int) -> Tensor:
    """Return the logarithm of softmax(x, dim), finite where softmax itself rounds to 0."""
    return LogSoftmax.apply(x, dim=dim)


class LogSumExp(Op):
    """y = log Σⱼ e^xⱼ, a smooth maximum; its gradient is softmax(x)."""

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


@method()
def logsumexp(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """Return log of the sum of e^x along `dim`."""
    return LogSumExp.apply(x, dim=dim, keepdim=keepdim)
