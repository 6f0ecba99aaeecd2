"""Moving tensors between the CPU and the GPU."""

from minae.autograd import Op
from minae.kernels import arrays
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
def to(x: Tensor, device: str) -> Tensor:
    """Return x on a device, "cpu" or "cuda": x itself if it is there.

    Raises:
        RuntimeError: the device cannot be used; says why, and what to do.
    """
    return x if x.device == device else To.apply(x, device=device)


@method()
def cpu(x: Tensor) -> Tensor:
    """Return x on the CPU."""
    return to(x, "cpu")


@method()
def cuda(x: Tensor) -> Tensor:
    """Return x on the GPU."""
    return to(x, "cuda")
