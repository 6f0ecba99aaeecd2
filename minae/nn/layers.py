"""Layers that own parameters, drawn at first as PyTorch does: from U(-1/√fan_in, 1/√fan_in)."""

import math

import numpy as np

from minae import ops
from minae.nn import init
from minae.nn.module import Buffer, Module, Parameter
from minae.ops.geometry import pair
from minae.tensor import Tensor


class Linear(Module):
    """y = x Wᵀ + b with weight (out_features, in_features) and bias (out_features,)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        bound = init.fan_in_bound(in_features)
        self.fan_in = in_features
        self.weight = init.uniform((out_features, in_features), bound)
        self.bias = init.uniform((out_features,), bound) if bias else None

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        """Map (..., in_features) to (..., out_features), and apply the activation."""
        return ops.linear(x, self.weight, self.bias, activation=activation)

    def extra_repr(self) -> str:
        """Return the sizes."""
        out_features, in_features = self.weight.shape
        return f"{in_features}, {out_features}, bias={self.bias is not None}"


class Conv2d(Module):
    """2-D convolution with weight (O, C / groups, KH, KW) and bias (O,); see ops.conv2d."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups: int = 1,
        bias: bool = True,
    ):
        _check_groups("Conv2d", in_channels, out_channels, groups)
        kernel_size = pair(kernel_size, "Conv2d: kernel_size")
        shape = (out_channels, in_channels // groups, *kernel_size)
        self.fan_in = math.prod(shape[1:])
        bound = init.fan_in_bound(self.fan_in)
        self.weight = init.uniform(shape, bound)
        self.bias = init.uniform((out_channels,), bound) if bias else None
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.groups = groups

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, O, HO, WO), and apply the activation."""
        return ops.conv2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            activation=activation,
        )

    def extra_repr(self) -> str:
        """Return the sizes."""
        o, c, *kernel_size = self.weight.shape
        return (
            f"{c * self.groups}, {o}, kernel_size={tuple(kernel_size)}, stride={self.stride},"
            f" padding={self.padding}"
        )


class ConvTranspose2d(Module):
    """Transposed convolution with weight (C, O / groups, KH, KW); see ops.conv_transpose2d."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups: int = 1,
        bias: bool = True,
        dilation=1,
    ):
        _check_groups("ConvTranspose2d", in_channels, out_channels, groups)
        steps = pair(stride, "ConvTranspose2d: stride")
        if min(steps) < 1:
            raise ValueError(f"ConvTranspose2d: stride {stride} must be at least 1")
        kernel_size = pair(kernel_size, "ConvTranspose2d: kernel_size")
        shape = (in_channels, out_channels // groups, *kernel_size)
        # stride s spreads the kernel: an output gets 1 / s of its taps along each dimension
        self.fan_in = in_channels // groups * math.prod(kernel_size) / math.prod(steps)
        bound = init.fan_in_bound(math.prod(shape[1:]))
        self.weight = init.uniform(shape, bound)
        self.bias = init.uniform((out_channels,), bound) if bias else None
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.groups, self.dilation = groups, dilation

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, O, HO, WO), and apply the activation."""
        return ops.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
            activation=activation,
        )

    def extra_repr(self) -> str:
        """Return the sizes."""
        c, o, *kernel_size = self.weight.shape
        return (
            f"{c}, {o * self.groups}, kernel_size={tuple(kernel_size)}, stride={self.stride},"
            f" padding={self.padding}"
        )


class _BatchNorm(Module):
    """Normalise each channel; running statistics are kept for evaluation."""

    ndims: tuple[int, ...]  # that the input may have

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine else None
        self.running_mean = Buffer(np.zeros(num_features, np.float32))
        self.running_var = Buffer(np.ones(num_features, np.float32))
        self.num_batches_tracked = Buffer(np.array(0, np.int64))  # PyTorch's state has it too

    def forward(self, x: Tensor) -> Tensor:
        """Return x normalised, in its shape."""
        if x.ndim not in self.ndims:
            ndims = " or ".join(map(str, self.ndims))
            raise ValueError(f"{type(self).__name__} takes {ndims} dimensions, not {x.shape}")
        momentum = self.momentum
        if self.training:
            self.num_batches_tracked.data += 1
            if momentum is None:  # the running statistics are the mean of all batches'
                momentum = 1 / self.num_batches_tracked.item()
        return ops.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """Return the number of channels."""
        return f"{self.num_features}"


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of rows (N, C) or sequences (N, C, L)."""

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W)."""

    ndims = (4,)


class GroupNorm(Module):
    """Normalise groups of channels of each image by itself, then scale and shift each channel."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True):
        _check_groups("GroupNorm", num_channels, num_channels, num_groups)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(np.ones(num_channels, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_channels, np.float32)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Return x (N, num_channels, ...) normalised."""
        if x.shape[1:2] != (self.num_channels,):
            raise ValueError(f"GroupNorm takes (N, {self.num_channels}, ...), not {x.shape}")
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the numbers of groups and channels."""
        return f"{self.num_groups}, {self.num_channels}"


class LayerNorm(Module):
    """Normalise over the last dimensions, then scale and shift."""

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ):
        several = isinstance(normalized_shape, tuple | list)
        shape = tuple(normalized_shape) if several else (normalized_shape,)
        self.normalized_shape, self.eps = shape, eps
        bias = bias and elementwise_affine
        self.weight = Parameter(np.ones(shape, np.float32)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return x (..., *normalized_shape) normalised."""
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the shape."""
        return f"{self.normalized_shape}"


class Embedding(Module):
    """A table of vectors, looked up by number: weight (num_embeddings, embedding_dim)."""

    def __init__(self, num_embeddings: int, embedding_dim: int):
        self.weight = init.normal((num_embeddings, embedding_dim))

    def forward(self, index: Tensor) -> Tensor:
        """Map integers (...) to rows (..., embedding_dim)."""
        return ops.embedding(index, self.weight)

    def extra_repr(self) -> str:
        """Return the sizes of the table."""
        return ", ".join(map(str, self.weight.shape))


class Dropout(Module):
    """Zero entries with probability p while training; do nothing in evaluation."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Return x, thinned out while training."""
        return ops.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"


def _check_groups(name: str, in_channels: int, out_channels: int, groups: int) -> None:
    """Raise ValueError unless both numbers of channels divide into so many groups."""
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{name}: groups={groups} does not divide {in_channels} and {out_channels} channels"
        )
