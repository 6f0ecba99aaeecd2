"""Dropout: noise that keeps a network from leaning on any single unit (Srivastava et al. 2014)."""

import numpy as np

from minae import random
from minae.op import Op
from minae.ops.arithmetic import in_floats
from minae.ops.checks import real
from minae.tensor import Tensor


class Dropout(Op):
    """y = x · mask, where the mask, drawn outside, holds 0 or 1 / (1 - p)."""

    def forward(self, x, mask):
        self.save(mask)
        return x * mask

    def backward(self, dy):
        (mask,) = self.saved
        return dy * mask, None

    def examples(self, rng):
        yield rng.normal(size=(3, 4)), rng.random((3, 4)) < 0.5


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Return x with each entry zeroed with probability p, the others divided by 1 - p.

    So the expected value stays x. Outside of training, x itself is returned. Raises ValueError if p
    is not in [0, 1].
    """
    if not 0 <= real(p, "dropout: p") <= 1:
        raise ValueError(f"dropout: p is a probability, and {p} is not")
    if not training or p == 0:
        return x
    x = in_floats(x)
    if p == 1:
        return x * 0
    keep = random.uniform(x.shape, device=x.device) >= p
    return Dropout.apply(x, np.where(keep, 1 / (1 - p), 0).astype(x.dtype))
