"""The diagonal Gaussian of a variational autoencoder."""

import math

from minae.kernels import shapes
from minae.kernels.cuda.elementwise import entrywise
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import MATRIX, VECTOR, Rung, Step
from minae.kernels.cuda.layout import rows_of
from minae.kernels.simulator import cuda, float32


def reparameterise_kernel(mean, log_var, noise, z):
    """z = mean + exp(log_var / 2) noise."""
    i = cuda.grid(1)
    if i < z.shape[0]:
        z[i] = mean[i] + float32(math.exp(float32(0.5) * log_var[i])) * noise[i]


def dlog_var_kernel(dz, log_var, noise, dlog_var):
    """dlog_var = dz noise exp(log_var / 2) / 2."""
    i = cuda.grid(1)
    if i < dz.shape[0]:
        half = float32(0.5)
        dlog_var[i] = dz[i] * noise[i] * half * float32(math.exp(half * log_var[i]))


def kl_kernel(mean, log_var, kl, dlog_var):
    """kl[n] = KL(N(mean, exp(log_var)) || N(0, 1)) of row n, dlog_var = (exp(log_var) - 1) / 2."""
    row = cuda.grid(1)
    N, Z = mean.shape
    if row < N:
        total, half = float32(0), float32(0.5)
        for i in range(Z):
            m, v = mean[row, i], log_var[row, i]
            change = float32(math.expm1(v))  # exp(v) - 1, accurate near v = 0, too
            total += m * m + max(change - v, float32(0))  # negative only by rounding
            dlog_var[row, i] = half * change
        kl[row] = half * total


RUNGS = {
    "reparameterise": Rung(reparameterise_kernel, (VECTOR,) * 4),
    "reparameterise_dlog_var": Rung(dlog_var_kernel, (VECTOR,) * 4),
    "gaussian_kl": Rung(kl_kernel, (MATRIX, MATRIX, VECTOR, MATRIX)),
}


@covered(operands=3)
def reparameterise(mean, log_var, noise):
    shapes.check_same("reparameterise", mean, log_var)
    shapes.check_same("reparameterise", mean, noise)
    return entrywise(RUNGS["reparameterise"], mean, log_var, noise)


@covered(operands=3)
def reparameterise_dlog_var(dz, log_var, noise):
    return entrywise(RUNGS["reparameterise_dlog_var"], dz, log_var, noise)


@covered(operands=2)
def gaussian_kl(mean, log_var):
    shapes.check_same("gaussian_kl", mean, log_var)
    kl, dlog_var = empty(mean.shape[:-1], mean), empty(mean.shape, mean)
    arrays = rows_of(mean), rows_of(log_var), kl.reshape(-1), rows_of(dlog_var)
    launch(Step(RUNGS["gaussian_kl"], (kl.size,), arrays))
    return kl, dlog_var
