"""Layers that own parameters, initialised as PyTorch does it."""

import math

import numpy as np

from minae import ops
from minae.kernels.arrays import Array
from minae.nn import init
from minae.nn.module import Buffer, Module, Parameter
from minae.ops.indexing import check_row
from minae.tensor import Tensor

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "Dropout", "Embedding", "GroupNorm", "LayerNorm", "Linear",
    "VectorQuantizer",
]  # fmt: skip


class Weighted(Module):
    """A layer with a weight and perhaps a bias; each output sums over `fan_in` inputs."""

    fan_in: float
    weight: Parameter
    bias: Parameter | None

    def draw(self, shape: tuple[int, ...], outputs: int, bias: bool) -> None:
        """Draw weight (*shape,) and bias (outputs,) from U(-1/√n, 1/√n), n = weight[0].size."""
        n = math.prod(shape[1:])
        self.weight = init.uniform(shape, n)
        self.bias = init.uniform((outputs,), n) if bias else None


class Linear(Weighted):
    """y = x Wᵀ + b, (..., in_features) to (..., out_features), with W (out, in) and b (out,)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        self.fan_in = in_features
        self.draw((out_features, in_features), out_features, bias)

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        return ops.linear(x, self.weight, self.bias, activation=activation)

    def extra_repr(self) -> str:
        out_features, in_features = self.weight.shape
        return f"{in_features}, {out_features}, bias={self.bias is not None}"


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
        if x.ndim not in self.ndims:
            ndims = " or ".join(map(str, self.ndims))
            raise ValueError(f"{type(self).__name__} takes {ndims} dimensions, not {x.shape}")
        if self.training:
            self.num_batches_tracked.data += 1
        momentum = self.momentum
        if momentum is None:  # the running statistics are the mean over all batches
            momentum = 1 / max(self.num_batches_tracked.item(), 1)
        state = self.running_mean, self.running_var, self.weight, self.bias
        return ops.batch_norm(x, *state, self.training, momentum, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}"


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of rows (N, C) or sequences (N, C, L)."""

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W)."""

    ndims = (4,)


class GroupNorm(Module):
    """Normalise groups of channels of each image (N, C, ...), then scale and shift each channel."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True):
        check_groups("GroupNorm", num_channels, num_channels, num_groups)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(np.ones(num_channels, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_channels, np.float32)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:2] != (self.num_channels,):
            raise ValueError(f"GroupNorm takes (N, {self.num_channels}, ...), not {x.shape}")
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}"


class LayerNorm(Module):
    """Normalise (..., *normalized_shape) over the last dimensions, then scale and shift."""

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
        bias = elementwise_affine and bias
        self.weight = Parameter(np.ones(shape, np.float32)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}"


class Embedding(Module):
    """Look integers (...) up in weight (num_embeddings, embedding_dim): (..., embedding_dim).

    Row `padding_idx`, which stands for padding, is 0 at first, and stays so: its gradient is 0.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None):
        self.padding_idx = check_row(padding_idx, num_embeddings, "Embedding")
        self.weight = init.normal((num_embeddings, embedding_dim))
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, index: Tensor) -> Tensor:
        return ops.embedding(index, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        sizes = ", ".join(map(str, self.weight.shape))
        return sizes if self.padding_idx is None else f"{sizes}, padding_idx={self.padding_idx}"


class VectorQuantizer(Module):
    """Replace each vector by the nearest one of a codebook: weight (num_embeddings, embedding_dim).

    Vector quantisation, van den Oord et al. 2017: a code is one of a few vectors.
    Finding the nearest is a step function, whose slope is 0 or undefined. So the gradient of the
    result is passed to the input unchanged ("straight through"), and the loss adds two squared
    distances: one pulls the vectors of the codebook towards the inputs, the other, times
    `commitment`, the inputs towards their vectors.

    `used` (num_embeddings,) is a running mean over steps of how often each vector was the nearest,
    relative to equal use. In training, a vector that is hardly ever used is moved to an input; so
    the first batch fills the whole codebook.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, commitment: float = 1.0):
        self.commitment = commitment
        self.weight = init.normal((num_embeddings, embedding_dim))
        self.used = Buffer(np.zeros(num_embeddings, np.float32))

    def nearest(self, z: Tensor) -> Tensor:
        """Return the index of the nearest vector to each row of z (M, D): int64 (M,)."""
        z, weight = z.detach(), self.weight.detach()
        # |z - e|² without |z|², which is the same for all e: (M, num_embeddings)
        return ((weight**2).sum(1) - 2 * (z @ weight.T)).argmin(1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nearest vector to each row of z (M, D), its index (M,), and the summed loss.

        Its gradients are those of Σ |e - z|² for the weight, and of commitment Σ |z - e|² for z.
        """
        if self.training:
            self._move_unused(z.data)
        index = self.nearest(z)
        if self.training:
            self._count(index.data)
        vectors = ops.embedding(index, self.weight)
        to_inputs = ops.mse_loss(vectors, z.detach(), reduction="sum")
        to_vectors = ops.mse_loss(z, vectors.detach(), reduction="sum")
        straight_through = z + (vectors - z).detach()
        return straight_through, index, to_inputs + to_vectors * self.commitment

    def _move_unused(self, z: Array) -> None:
        K = len(self.used)
        enough = np.concatenate([z] * -(-K // len(z)))  # at least K rows
        some = enough[:: len(enough) // K][:K]  # (K, D), spread over the batch
        unused = self.used.data < 0.05  # (K,)
        self.weight.data[...] = np.where(unused[:, None], some, self.weight.data)
        self.weight.written()
        self.used.data[...] = np.where(unused, 1, self.used.data)

    def _count(self, index: Array) -> None:
        K = len(self.used)
        share = (index[:, None] == np.arange(K, like=index)).mean(axis=0)  # (K,)
        decay = 0.9
        self.used.data[...] = decay * self.used.data + (1 - decay) * K * share

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Dropout(Module):
    """Set entries to zero with probability p while training; do nothing in evaluation."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return ops.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def check_groups(name: str, c_in: int, c_out: int, groups: int) -> None:
    """Raise ValueError unless `groups` divides both numbers of channels."""
    if groups < 1 or c_in % groups or c_out % groups:
        raise ValueError(f"{name}: groups={groups} does not divide {c_in} and {c_out} channels")
