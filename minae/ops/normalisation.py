"""Normalisation: subtract the mean, divide by the standard deviation, then scale and shift.

With x̂ = (x - mean) / √(var + eps), the statistics taken over some axes and so depending on every x,

    y = x̂ · weight + bias        dx = (dx̂ - mean(dx̂) - x̂ mean(dx̂ x̂)) / √(var + eps)

where dx̂ = dy · weight (Ioffe & Szegedy 2015, section 3, its sums written as means).
"""

import math

import numpy as np

from minae.op import Op
from minae.ops.checks import integer
from minae.tensor import Tensor


class LayerNorm(Op):
    """Normalise each row over its last dimensions (Ba et al. 2016)."""

    floats = slice(None)

    def forward(self, x, weight, bias, ndim, eps):
        K = math.prod(x.shape[x.ndim - ndim :])
        rows = x.reshape(x.size // K, K)
        weight, bias = (None if p is None else p.reshape(K) for p in (weight, bias))
        y, mean, rstd = self.kernels.layer_norm(rows, weight, bias, eps)
        self.save(rows, weight, mean, rstd, x.shape[x.ndim - ndim :])
        return y.reshape(x.shape)

    def backward(self, dy):
        rows, *statistics, shape = self.saved
        dx, *gradients = self.kernels.layer_norm_backward(dy.reshape(rows.shape), rows, *statistics)
        wanted = zip(gradients, self.needs_input_grad[1:], strict=True)
        return dx.reshape(dy.shape), *(g.reshape(shape) if need else None for g, need in wanted)

    def examples(self, rng):
        x = rng.normal(size=(2, 3, 4))
        yield x, rng.normal(size=4), rng.normal(size=4), {"ndim": 1, "eps": 1e-5}
        yield x, rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), {"ndim": 2, "eps": 1e-5}
        yield x, rng.normal(size=4), None, {"ndim": 1, "eps": 1e-5}
        yield x, None, rng.normal(size=4), {"ndim": 1, "eps": 1e-5}
        yield x, None, None, {"ndim": 1, "eps": 1e-5}


def layer_norm(
    x: Tensor,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise x (..., *normalized_shape) over the last dimensions; an int stands for one.

    weight and bias are of `normalized_shape`, or None; eps is added to the variance. Raises
    ValueError if the shapes do not go together.
    """
    given = normalized_shape
    shape = tuple(given) if isinstance(given, tuple | list) else (given,)
    if not shape or x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"layer_norm: x has shape {x.shape}, which does not end in {shape}")
    if 0 in shape:
        raise ValueError(f"layer_norm: normalized_shape {shape} leaves nothing to normalise")
    _check("layer_norm", weight, bias, shape)
    return LayerNorm.apply(x, weight, bias, ndim=len(shape), eps=eps)


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels over all positions, each image by itself (Wu & He 2018).

    The C channels of x (N, C, ...) are cut into num_groups groups of neighbours: an int that
    divides C, else TypeError or ValueError. weight and bias are (C,), else ValueError, or None; eps
    is added to the variance.
    """
    groups = integer(num_groups, "group_norm: num_groups")
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups:
        raise ValueError(f"group_norm: x {x.shape} must be (N, C, ...), {groups} dividing C")
    weight, bias = _both("group_norm", weight, bias, x.shape[1:2])
    length = math.prod(x.shape[1:]) // groups
    y = layer_norm(x.reshape(len(x), groups, length), length, eps=eps).reshape(x.shape)
    if weight is None or bias is None:  # both are, then
        return y
    along = (-1,) + (1,) * (x.ndim - 2)
    return y * weight.reshape(along) + bias.reshape(along)


class BatchNorm(Op):
    """Normalise each channel over the batch and all positions (Ioffe & Szegedy 2015)."""

    floats = slice(None)

    def forward(self, x, weight, bias, eps, running=(), momentum=0.1):
        y, mean, var = self.kernels.batch_norm(x, weight, bias, eps)
        self.save(x, weight, mean, var, eps)
        if running:
            running_mean, running_var = running
            n = x.size // x.shape[1]
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (var * (n / (n - 1)) - running_var)
        return y

    def backward(self, dy):
        dx, dweight, dbias = self.kernels.batch_norm_backward(dy, *self.saved)
        return (dx, None, None) if self.saved[1] is None else (dx, dweight, dbias)

    def examples(self, rng):
        yield rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3), {"eps": 1e-5}
        yield rng.normal(size=(2, 3, 4, 2)), rng.normal(size=3), rng.normal(size=3), {"eps": 1e-5}
        yield rng.normal(size=(4, 3)), None, None, {"eps": 1e-5}


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel: by the batch's statistics in training, else by the running ones.

    x is (N, C) or (N, C, ...); weight and bias are (C,) or None. The running statistics, (C,), of
    floats, move in training by the share `momentum` towards the batch's (its variance unbiased, as
    in PyTorch). eps is added to the variance. Raises ValueError if the shapes do not go together,
    eps is negative or, in training, 0, there is one value per channel to train on, or there are no
    running statistics to evaluate with.
    """
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x {x.shape} must be (N, C) or (N, C, ...)")
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"batch_norm: eps must be positive, not {eps}")
    channels = x.shape[1:2]
    weight, bias = _both("batch_norm", weight, bias, channels)
    given = {"running_mean": running_mean, "running_var": running_var}
    running = {name: statistic for name, statistic in given.items() if statistic is not None}
    if len(running) == 1:
        raise ValueError("batch_norm: give both running_mean and running_var, or neither")
    if not (running or training):
        raise ValueError("batch_norm: evaluation needs running_mean and running_var")
    for name, statistic in running.items():
        if statistic.shape != channels:
            raise ValueError(f"batch_norm: {name} has shape {statistic.shape}, expected {channels}")
        if not statistic.is_floating_point():
            raise TypeError(f"batch_norm: {name} must hold floats, not {statistic.dtype}")
    if training:
        if x.numel() <= x.shape[1]:
            raise ValueError(
                f"batch_norm: x {x.shape} has one value per channel; the variance needs two"
            )
        moved = [statistic.data for statistic in running.values()]
        y = BatchNorm.apply(x, weight, bias, eps=eps, running=moved, momentum=momentum)
        for statistic in running.values():
            statistic.written()
        return y
    mean, var = running.values()
    affine = (1, *channels) + (1,) * (x.ndim - 2)
    scale = (var + eps) ** -0.5
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return x * scale.reshape(affine) + shift.reshape(affine)


def _check(name: str, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless weight and bias have this shape, or are None."""
    for parameter in (weight, bias):
        if parameter is not None and parameter.shape != shape:
            raise ValueError(f"{name}: a parameter has shape {parameter.shape}, expected {shape}")


def _both(
    name: str, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]
) -> tuple[Tensor | None, Tensor | None]:
    """Return weight and bias, or None twice; if one is missing, a weight of 1 or a bias of 0."""
    _check(name, weight, bias, shape)
    if weight is None and bias is not None:
        weight = Tensor(np.ones_like(bias.data))
    elif bias is None and weight is not None:
        bias = Tensor(np.zeros_like(weight.data))
    return weight, bias
