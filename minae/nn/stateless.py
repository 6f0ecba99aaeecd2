"""Modules without parameters: activations, and changes of shape."""

from minae import ops
from minae.nn.module import Module
from minae.tensor import Tensor


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.relu(x)


class LeakyReLU(Module):
    """x where positive, else negative_slope times x."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x where positive, else alpha (e^x - 1)."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.elu(x, self.alpha)


class GELU(Module):
    """x Φ(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.gelu(x)


class SiLU(Module):
    """x sigmoid(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.silu(x)


class Softplus(Module):
    """log(1 + e^x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.softplus(x)


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every entry."""
        return ops.tanh(x)


class Softmax(Module):
    """Positive numbers that add up to 1 along `dim`."""

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Apply it along `dim`."""
        return ops.softmax(x, self.dim)


class Flatten(Module):
    """Merge all dimensions after the batch: (N, ...) to (N, features)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return one row per image."""
        return x if x.ndim == 2 else ops.flatten(x, 1)


class Unflatten(Module):
    """Split dimension `dim` into the lengths `unflattened_size`."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with that dimension split."""
        dim = self.dim % x.ndim
        return x.reshape(*x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :])


class Upsample(Module):
    """Repeat every pixel of (N, C, H, W) `scale_factor` times along H and W."""

    def __init__(self, scale_factor: int | tuple[int, int]):
        self.scale_factor = scale_factor

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged images."""
        return ops.upsample_nearest(x, self.scale_factor)


class MaxPool2d(Module):
    """The largest entry of each window; see ops.max_pool2d."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, HO, WO)."""
        return ops.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(Module):
    """The mean of each window; see ops.avg_pool2d."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, HO, WO)."""
        return ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


ACTIVATIONS: dict[str, type[Module]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}
