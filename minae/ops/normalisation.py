"""Normalisation: subtract the mean, divide by the standard deviation, then scale and shift.

With x̂ = (x - mean) / √(var + eps), the statistics taken over some axes and so depending on every x,

    y = x̂ · weight + bias        dx = (dx̂ - mean(dx̂) - x̂ mean(dx̂ x̂)) / √(var + eps)

where dx̂ = dy · weight (Ioffe & Szegedy 2015, section 3, its sums written as means).
"""

import numpy as np

from minae.autograd import Op, unbroadcast
from minae.tensor import Tensor


class LayerNorm(Op):
    """Normalise each row over its last dimensions (Ba et al. 2016)."""

    def forward(self, x, weight, bias, ndim, eps):
        axes = tuple(range(-ndim, 0))
        centred = x - x.mean(axis=axes, keepdims=True)
        inverse_std = 1 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + eps)
        normalised = centred * inverse_std
        self.save(normalised, inverse_std, weight, axes)
        return normalised if weight is None else normalised * weight + bias

    def backward(self, dy):
        normalised, inverse_std, weight, axes = self.saved
        need_dx, need_dweight, need_dbias = self.needs_input_grad
        dx = dweight = dbias = None
        if need_dx:
            dx = dy if weight is None else dy * weight
            along = (dx * normalised).mean(axis=axes, keepdims=True)
            dx = (dx - dx.mean(axis=axes, keepdims=True) - normalised * along) * inverse_std
        if need_dweight:
            dweight = unbroadcast(dy * normalised, weight.shape)
        if need_dbias:
            dbias = unbroadcast(dy, weight.shape)
        return dx, dweight, dbias

    @staticmethod
    def examples(rng):
        x = rng.normal(size=(2, 3, 4))
        yield x, rng.normal(size=4), rng.normal(size=4), {"ndim": 1, "eps": 1e-5}
        yield x, rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), {"ndim": 2, "eps": 1e-5}
        yield x, None, None, {"ndim": 1, "eps": 1e-5}


def layer_norm(
    x: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last dimensions.

    Args:
        x: (..., *normalized_shape)
        normalized_shape: lengths of the dimensions that the statistics are taken over.
        weight, bias: both of `normalized_shape`, or both None.
        eps: added to the variance.

    Raises:
        ValueError: x does not end in `normalized_shape`, or the parameters are not of that shape.
    """
    shape = tuple(normalized_shape)
    if x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"layer_norm: x has shape {x.shape}, which does not end in {shape}")
    _check_parameters("layer_norm", weight, bias, shape)
    return LayerNorm.apply(x, weight, bias, ndim=len(shape), eps=eps)


class BatchNorm(Op):
    """Normalise each channel over the batch and all positions (Ioffe & Szegedy 2015)."""

    def forward(self, x, weight, bias, eps, running=None, momentum=0.1):
        y, mean, var = self.kernels.batch_norm(x, weight, bias, eps)
        self.save(x, weight, mean, var, eps)
        if running is not None:
            running_mean, running_var = running
            n = x.size // x.shape[1]
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (var * (n / (n - 1)) - running_var)
        return y

    def backward(self, dy):
        dx, dweight, dbias = self.kernels.batch_norm_backward(dy, *self.saved)
        return (dx, None, None) if self.saved[1] is None else (dx, dweight, dbias)

    @staticmethod
    def examples(rng):
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

    Args:
        x: (N, C) or (N, C, ...)
        running_mean, running_var: (C,), moved towards the batch's in training (the variance
            unbiased, as in PyTorch).
        weight, bias: both (C,), or both None.
        training: which statistics to use.
        momentum: how far the running statistics move.
        eps: added to the variance.

    Raises:
        ValueError: the shapes do not go together, there is one value per channel to train on, or no
            running statistics to evaluate with.
    """
    channels = x.shape[1:2]
    _check_parameters("batch_norm", weight, bias, channels)
    _check_parameters("batch_norm", running_mean, running_var, channels)
    if training:
        if x.numel() <= x.shape[1]:
            raise ValueError(
                f"batch_norm: x {x.shape} has one value per channel; the variance needs two"
            )
        running = None if running_mean is None else (running_mean.data, running_var.data)
        return BatchNorm.apply(x, weight, bias, eps=eps, running=running, momentum=momentum)
    if running_mean is None:
        raise ValueError("batch_norm: evaluation needs running_mean and running_var")
    affine = (1, *channels) + (1,) * (x.ndim - 2)
    scale = (running_var + eps) ** -0.5
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale if bias is None else bias - running_mean * scale
    return x * scale.reshape(affine) + shift.reshape(affine)


def _check_parameters(name: str, first: Tensor | None, second: Tensor | None, shape) -> None:
    if (first is None) != (second is None):
        raise ValueError(f"{name}: give both parameters of shape {shape}, or neither")
    for parameter in (first, second):
        if parameter is not None and parameter.shape != shape:
            raise ValueError(f"{name}: a parameter has shape {parameter.shape}, expected {shape}")
