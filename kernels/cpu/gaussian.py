"""The diagonal Gaussian of a variational autoencoder, in one pass over memory.

One array operation at a time, each entry would move ten numbers through memory; here it is read
once. On 128 codes of 20 numbers that gains little: a factor of 1.0 for samples, 1.8 for the KL.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.compile.compiled import parallel
from minae.kernels.cpu.compile.operands import covered, plain_rows
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.compile.vector_math import exp, exp_excess


@parallel
def _reparameterise(t, T, mean, log_var, noise, z):
    """z = mean + e^(log_var / 2) noise."""
    N = len(mean)
    half = mean.dtype.type(0.5)
    for i in range(t * N // T, (t + 1) * N // T):
        for j in range(mean.shape[1]):
            z[i, j] = mean[i, j] + exp(half * log_var[i, j]) * noise[i, j]


@parallel
def _reparameterise_dlog_var(t, T, dz, log_var, noise, dlog_var):
    """dlog_var = dz noise e^(log_var / 2) / 2."""
    N = len(dz)
    half = dz.dtype.type(0.5)
    for i in range(t * N // T, (t + 1) * N // T):
        for j in range(dz.shape[1]):
            dlog_var[i, j] = dz[i, j] * noise[i, j] * half * exp(half * log_var[i, j])


@parallel
def _gaussian_kl(t, T, mean, log_var, kl, dlog_var):
    """kl = ½ Σ (mean² + σ² - log σ² - 1) along each row, dlog_var = ½ (σ² - 1)."""
    N = len(mean)
    half = mean.dtype.type(0.5)
    for i in range(t * N // T, (t + 1) * N // T):
        total = mean.dtype.type(0)
        for j in range(mean.shape[1]):
            excess = exp_excess(log_var[i, j])
            total += mean[i, j] * mean[i, j] + excess
            dlog_var[i, j] = half * (excess + log_var[i, j])
        kl[i] = half * total


@covered(operands=3)
def reparameterise(mean, log_var, noise):
    shapes.check_same("reparameterise", mean, log_var)
    shapes.check_same("reparameterise", mean, noise)
    mean, log_var, noise, shape = *_rows(mean, log_var, noise), mean.shape
    z = np.empty_like(mean)
    _reparameterise(threads_for(20 * z.size), mean, log_var, noise, z)
    return z.reshape(shape)


@covered(operands=3)
def reparameterise_dlog_var(dz, log_var, noise):
    dz, log_var, noise, shape = *_rows(dz, log_var, noise), dz.shape
    dlog_var = np.empty_like(dz)
    _reparameterise_dlog_var(threads_for(20 * dz.size), dz, log_var, noise, dlog_var)
    return dlog_var.reshape(shape)


@covered(operands=2)
def gaussian_kl(mean, log_var):
    shapes.check_same("gaussian_kl", mean, log_var)
    mean, log_var, shape = *_rows(mean, log_var), mean.shape
    kl, dlog_var = np.empty(len(mean), mean.dtype), np.empty_like(mean)
    _gaussian_kl(threads_for(20 * mean.size), mean, log_var, kl, dlog_var)
    return kl.reshape(shape[:-1]), dlog_var.reshape(shape)


def _rows(*arrays):
    return [plain_rows(a if a.ndim > 1 else a.reshape(1, -1)) for a in arrays]
