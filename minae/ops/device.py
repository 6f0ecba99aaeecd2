"""Moving tensors between the CPU and the GPU, and from one dtype to another."""

import numpy as np

from minae.kernels import arrays
from minae.op import Op
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


def _casting(name: str, dtype):
    """Make the method that returns x in a dtype."""

    @method(name)
    def to_dtype(x: Tensor) -> Tensor:
        return cast(x, dtype)


for _name, _dtype in [
    ("half", np.float16),
    ("float", np.float32),
    ("double", np.float64),
    ("int", np.int32),
    ("long", np.int64),
    ("bool", np.bool_),
]:
    _casting(_name, _dtype)
