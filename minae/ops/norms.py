"""Norms: the length of a vector, measured in one of several ways."""

import math

import numpy as np

from minae.ops.reductions import Dims, _Reduction, normalise_dims
from minae.tensor import Tensor


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

    @staticmethod
    def examples(rng):
        x = rng.normal(size=(2, 3, 4))
        for p in (0.5, 1, 2, 3.5, math.inf):
            yield x, {"p": p, "dim": 1}
        yield x, {"p": 2, "dim": None}
        yield x, {"p": 3, "dim": (0, -1), "keepdim": True}
        yield rng.normal(size=(2, 0)), {"p": 2, "dim": 1}


def norm(x: Tensor, p: float | str = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return (Σ |x|ᵖ)^(1 / p) over `dim`, of the entries as one vector.

    Args:
        x: floats, else TypeError; of any shape.
        p: a number > 0; inf for the largest |x|, of at least one; "fro" is another name for 2.
            Anything else raises ValueError.
        dim: a dimension, several or, if None, all.
        keepdim: leave these dimensions in place, with length 1.
    """
    if not x.is_floating_point():
        raise TypeError(f"norm: x must hold floats, not {x.dtype}")
    p = 2 if p == "fro" else p
    if isinstance(p, str | bool) or not p > 0:
        raise ValueError(f"norm: p must be a number > 0 or 'fro', not {p!r}")
    if p == math.inf and not all(x.shape[d] for d in normalise_dims(dim, x.ndim)):
        raise ValueError(f"norm: no largest among no entries: the shape is {x.shape}")
    return Norm.apply(x, p=p, dim=dim, keepdim=keepdim)
