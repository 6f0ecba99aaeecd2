"""The diagonal Gaussian of a variational autoencoder."""

import numpy as np

from minae.kernels.reference.reductions import sum
from minae.kernels.shapes import check_same


def reparameterise(mean, log_var, noise):
    check_same("reparameterise", mean, log_var)
    check_same("reparameterise", mean, noise)
    return mean + np.exp(0.5 * log_var) * noise


def reparameterise_dlog_var(dz, log_var, noise):
    return dz * noise * (0.5 * np.exp(0.5 * log_var))


def gaussian_kl(mean, log_var):
    check_same("gaussian_kl", mean, log_var)
    change = np.expm1(log_var)  # e^log_var - 1, exact even if log_var is near 0
    excess = np.maximum(change - log_var, 0)  # e^v >= 1 + v, which rounding might break
    return 0.5 * sum(mean * mean + excess, (mean.ndim - 1,)), 0.5 * change
