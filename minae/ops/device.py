"""Moving tensors between the CPU and the GPU."""

import numpy as np

from minae.autograd import Op
from minae.kernels import arrays
from minae.ops.arithmetic import cast
from minae.tensor import Tensor, method


class To(Op):
    """The same numbers on another device; the gradient goes the other way."""

    def forward(self, x, device):
        self.save(arrays.device_of(x))
        return arrays.to_device(x, device)

    def backward(self, dy):
        (source,) = self.saved
        return arrays.to_device(dy, source)

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(3, 4)), {"device": "cpu"}


@method()
def to(x: Tensor, target) -> Tensor:
    """Return x on a device, "cpu" or "cuda", or in another dtype: x itself if it is so already.

    Raises:
        RuntimeError: the device cannot be used; says why, and what to do.
    """
    if not isinstance(target, str) or target in np.sctypeDict:
        return cast(x, target)
    return x if x.device == target else To.apply(x, device=target)


@method()
def cpu(x: Tensor) -> Tensor:
    """Return x on the CPU."""
    return to(x, "cpu")


@method()
def cuda(x: Tensor) -> Tensor:
    """Return x on the GPU."""
    return to(x, "cuda")
