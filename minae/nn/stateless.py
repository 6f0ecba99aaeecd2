"""Modules without parameters: activations, and changes of shape. Each calls its function in ops."""

from dataclasses import KW_ONLY, dataclass

from minae import ops
from minae.nn.module import Module
from minae.ops.checks import Pair, check_dim
from minae.tensor import Tensor

__all__ = [
    "ACTIVATIONS", "ELU", "GELU", "AdaptiveAvgPool2d", "AvgPool2d", "Flatten", "LeakyReLU",
    "MaxPool2d", "PixelShuffle", "PixelUnshuffle", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus",
    "Tanh", "Unflatten", "Upsample",
]  # fmt: skip


class ReLU(Module):
    """max(x, 0)."""

    forward = staticmethod(ops.relu)


@dataclass(eq=False, repr=False)
class LeakyReLU(Module):
    """x where positive, else negative_slope times x."""

    negative_slope: float = 0.01

    def forward(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, self.negative_slope)


@dataclass(eq=False, repr=False)
class ELU(Module):
    """x where positive, else alpha (e^x - 1)."""

    alpha: float = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return ops.elu(x, self.alpha)


@dataclass(eq=False, repr=False)
class GELU(Module):
    """x Φ(x); see ops.gelu for `approximate`."""

    approximate: str = "none"

    def forward(self, x: Tensor) -> Tensor:
        return ops.gelu(x, approximate=self.approximate)


class SiLU(Module):
    """x sigmoid(x)."""

    forward = staticmethod(ops.silu)


class Softplus(Module):
    """log(1 + e^x)."""

    forward = staticmethod(ops.softplus)


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    forward = staticmethod(ops.sigmoid)


class Tanh(Module):
    """The hyperbolic tangent."""

    forward = staticmethod(ops.tanh)


@dataclass(eq=False, repr=False)
class Softmax(Module):
    """Positive numbers that add up to 1 along `dim`."""

    dim: int

    def forward(self, x: Tensor) -> Tensor:
        return ops.softmax(x, self.dim)


@dataclass(eq=False, repr=False)
class Flatten(Module):
    """Merge the dimensions from start_dim to end_dim; by default (N, ...) to (N, features)."""

    start_dim: int = 1
    end_dim: int = -1

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2 and (self.start_dim, self.end_dim) == (1, -1):
            return x
        return ops.flatten(x, self.start_dim, self.end_dim)


class Unflatten(Module):
    """Split dimension `dim` into the lengths `unflattened_size`."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        dim = check_dim(self.dim, x.ndim)
        return x.reshape(*x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :])


@dataclass(eq=False, repr=False)
class Upsample(Module):
    """Resize images (N, C, H, W) or sequences (N, C, L); see ops.interpolate."""

    size: Pair | None = None
    scale_factor: float | tuple[float, float] | None = None
    mode: str = "nearest"
    align_corners: bool | None = None

    def forward(self, x: Tensor) -> Tensor:
        return ops.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)


@dataclass(eq=False, repr=False)
class PixelShuffle(Module):
    """Trade channels for pixels: (..., C r², H, W) to (..., C, H r, W r), r the factor."""

    upscale_factor: int

    def forward(self, x: Tensor) -> Tensor:
        return ops.pixel_shuffle(x, self.upscale_factor)


@dataclass(eq=False, repr=False)
class PixelUnshuffle(Module):
    """Trade pixels for channels: (..., C, H r, W r) to (..., C r², H, W), r the factor."""

    downscale_factor: int

    def forward(self, x: Tensor) -> Tensor:
        return ops.pixel_unshuffle(x, self.downscale_factor)


@dataclass(eq=False, repr=False)
class MaxPool2d(Module):
    """The largest entry of each window: (N, C, H, W) to (N, C, HO, WO); see ops.max_pool2d."""

    kernel_size: Pair
    stride: Pair | None = None
    padding: Pair = 0
    dilation: Pair = 1
    _: KW_ONLY
    ceil_mode: bool = False

    def forward(self, x: Tensor) -> Tensor:
        window = self.kernel_size, self.stride, self.padding, self.dilation
        return ops.max_pool2d(x, *window, self.ceil_mode)


@dataclass(eq=False, repr=False)
class AvgPool2d(Module):
    """The mean of each window: (N, C, H, W) to (N, C, HO, WO); see ops.avg_pool2d."""

    kernel_size: Pair
    stride: Pair | None = None
    padding: Pair = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def forward(self, x: Tensor) -> Tensor:
        window = self.kernel_size, self.stride, self.padding
        return ops.avg_pool2d(x, *window, self.ceil_mode, self.count_include_pad)


@dataclass(eq=False, repr=False)
class AdaptiveAvgPool2d(Module):
    """The means of as many windows as are asked for: (N, C, H, W) to (N, C, *output_size)."""

    output_size: int | tuple[int | None, int | None]

    def forward(self, x: Tensor) -> Tensor:
        return ops.adaptive_avg_pool2d(x, self.output_size)


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
