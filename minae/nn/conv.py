"""Convolutional layers, of sequences (1d) and of images (2d), initialised as PyTorch does it."""

import math
from collections.abc import Callable
from typing import Any

from minae import ops
from minae.nn.layers import Weighted, check_groups
from minae.ops.checks import Pair, lengths
from minae.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]


class _Convolution(Weighted):
    """What all convolutions share: they map (N, C, ...) to (N, O, ...)."""

    dims: int  # along how many dimensions the kernel slides
    convolve: Callable[..., Tensor]  # the operation

    def _set(
        self, channels: tuple[int, int], stride: Any, padding: Any, dilation: Any, groups: int
    ) -> None:
        check_groups(type(self).__name__, *channels, groups)
        self.in_channels, self.out_channels = channels
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def _lengths(self, what: str, value: Any) -> tuple[int, ...]:
        """Return an argument as one int for each of the dimensions, else raise TypeError."""
        return lengths(value, self.dims, f"{type(self).__name__}: {what}")

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.weight.shape[2:]},"
            f" stride={self.stride}, padding={self.padding}"
        )


class _Conv(_Convolution):
    """Convolution in one or two dimensions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        self._set((in_channels, out_channels), stride, padding, dilation, groups)
        size = self._lengths("kernel_size", kernel_size)
        self.fan_in = in_channels // groups * math.prod(size)
        self.draw((out_channels, in_channels // groups, *size), out_channels, bias)

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        window = self.stride, self.padding, self.dilation, self.groups
        return self.convolve(x, self.weight, self.bias, *window, activation=activation)


class Conv1d(_Conv):
    """1-D convolution with weight (O, C / groups, K) and bias (O,); see ops.conv1d."""

    dims, convolve = 1, staticmethod(ops.conv1d)


class Conv2d(_Conv):
    """2-D convolution with weight (O, C / groups, KH, KW) and bias (O,); see ops.conv2d."""

    dims, convolve = 2, staticmethod(ops.conv2d)


class _ConvTranspose(_Convolution):
    """Transposed convolution in one or two dimensions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
    ):
        self._set((in_channels, out_channels), stride, padding, dilation, groups)
        self.output_padding = output_padding
        size, steps = self._lengths("kernel_size", kernel_size), self._lengths("stride", stride)
        if min(steps) < 1:
            raise ValueError(f"{type(self).__name__}: stride {stride} must be at least 1")
        # stride s spreads the kernel: an output gets 1 / s of its taps along each dimension
        self.fan_in = in_channels // groups * math.prod(size) / math.prod(steps)
        self.draw((in_channels, out_channels // groups, *size), out_channels, bias)

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        window = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return self.convolve(x, self.weight, self.bias, *window, activation=activation)


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution with weight (C, O / groups, K); see ops.conv_transpose1d."""

    dims, convolve = 1, staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution with weight (C, O / groups, KH, KW); see ops.conv_transpose2d."""

    dims, convolve = 2, staticmethod(ops.conv_transpose2d)
