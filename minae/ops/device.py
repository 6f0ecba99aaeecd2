"""Copies of tensors: on another device, in another dtype, in memory of their own."""

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from minae.kernels import arrays
from minae.op import Op
from minae.ops.arithmetic import cast
from minae.tensor import Tensor


class To(Op):
    """The same numbers on another device; the gradient goes the other way."""

    def forward(self, x, device):
        self.save(arrays.device_of(x))
        return arrays.to_device(x, device)

    def backward(self, dy):
        (source,) = self.saved
        return arrays.to_device(dy, source)

    def examples(self, rng):
        yield rng.normal(size=(3, 4)), {"device": "cpu"}


def to(x: Tensor, target: DTypeLike) -> Tensor:
    """Return x on a device, "cpu" or "cuda", or in another dtype; x itself if it is so already.

    Raises RuntimeError if the device cannot be used; says why, and what to do.
    """
    if not isinstance(target, str) or target in np.sctypeDict:
        return cast(x, target)
    return x if x.device == target else To.apply(x, device=target)


def cpu(x: Tensor) -> Tensor:
    """Return x on the CPU."""
    return to(x, "cpu")


def cuda(x: Tensor) -> Tensor:
    """Return x on the GPU."""
    return to(x, "cuda")


def casting(dtype: DTypeLike) -> Callable[[Tensor], Tensor]:
    """Return the method that gives x in a dtype, such as `x.float()`."""
    return lambda x: cast(x, dtype)


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
