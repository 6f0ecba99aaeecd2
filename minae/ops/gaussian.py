"""Gaussians: likelihood, divergence and sampling, as the variational autoencoder needs them.

A diagonal Gaussian is given by its mean and by log_var, the logarithm of its variance σ². So
σ = exp(log_var / 2), and any real number is a valid log_var.
"""

import math

import numpy as np

from minae import random
from minae.op import Op, unbroadcast
from minae.ops.losses import check_reduction, reduced
from minae.tensor import Tensor


class GaussianNLL(Op):
    """½ (log_var + (x - mean)² / σ² + log 2π), the negative log density of each entry of x."""

    floats = slice(None)

    def forward(self, mean, x, log_var):
        difference = x - mean
        precision = np.exp(-log_var)
        squared = difference * difference * precision
        self.save(difference, precision, squared, mean.shape, log_var.shape)
        return 0.5 * (log_var + squared + math.log(2 * math.pi))

    def backward(self, dy):
        difference, precision, squared, mean_shape, log_var_shape = self.saved
        dx = dy * difference * precision
        dlog_var = dy * (0.5 - 0.5 * squared)
        return unbroadcast(-dx, mean_shape), dx, unbroadcast(dlog_var, log_var_shape)

    def examples(self, rng):
        for log_var in ((3, 4), (), (4,)):
            yield rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=log_var)
        yield rng.normal(size=4), rng.normal(size=(3, 4)), rng.normal(size=(3, 1))


def gaussian_nll(mean: Tensor, x: Tensor, log_var: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return -log N(x; mean, exp(log_var)), the constant ½ log 2π included.

    mean and log_var broadcast to the shape of x, the observed values, else ValueError.
    """
    check_reduction(reduction, "gaussian_nll")
    if np.broadcast_shapes(mean.shape, x.shape, log_var.shape) != x.shape:
        raise ValueError(
            f"gaussian_nll: mean {mean.shape} and log_var {log_var.shape} for x {x.shape}"
        )
    return reduced(GaussianNLL.apply(mean, x, log_var), reduction)


class GaussianKL(Op):
    """½ Σ (mean² + σ² - log_var - 1) over the last dimension (Kingma & Welling 2014, appendix B)"""

    floats = slice(None)

    def forward(self, mean, log_var):
        kl, dlog_var = self.kernels.gaussian_kl(mean, log_var)
        self.save(mean, dlog_var)
        return kl

    def backward(self, dy):
        mean, dlog_var = self.saved
        dy = dy[..., None]
        return dy * mean, dy * dlog_var

    def examples(self, rng):
        yield rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
        yield rng.normal(size=2), rng.normal(size=2)


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_var)) || N(0, 1)) in nats, summed over the last dimension.

    Both are (..., Z), else ValueError; the result is (...) and never negative.
    """
    _check_same(mean, log_var, "gaussian_kl")
    return GaussianKL.apply(mean, log_var)


class Reparameterise(Op):
    """z = mean + σ · noise: gradients flow to mean and σ, around the random draw.

    With σ = exp(log_var / 2), ∂z/∂log_var = ½ σ · noise (Kingma & Welling 2014, section 2.4).
    """

    floats = slice(2)

    def forward(self, mean, log_var, noise):
        self.save(log_var, noise)
        return self.kernels.reparameterise(mean, log_var, noise)

    def backward(self, dy):
        log_var, noise = self.saved
        dlog_var = self.kernels.reparameterise_dlog_var(dy, log_var, noise)
        return dy, dlog_var, dy * np.exp(0.5 * log_var) if self.needs_input_grad[2] else None

    def examples(self, rng):
        yield tuple(rng.normal(size=(3, 4)) for _ in range(3))


def reparameterise(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return a differentiable draw from N(mean, exp(log_var)); ValueError if the shapes differ."""
    _check_same(mean, log_var, "reparameterise")
    wide = np.float64 in (mean.dtype, log_var.dtype)
    noise = random.normal(mean.shape, np.float64 if wide else np.float32, mean.device)
    return Reparameterise.apply(mean, log_var, noise)


def _check_same(mean: Tensor, log_var: Tensor, name: str) -> None:
    if mean.shape != log_var.shape:
        raise ValueError(f"{name}: mean has shape {mean.shape}, but log_var {log_var.shape}")
