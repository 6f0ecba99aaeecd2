"""Losses with their gradient in one pass, the Gaussians of a VAE, and optimiser steps.

All move memory and compute little: what counts is that every number is read once and written once,
by neighbouring threads side by side. A loss leaves a sum per block, for `reductions.total`.
"""

import math

from minae.kernels.cuda.launch.rung import Rung
from minae.kernels.cuda.reductions import THREADS, VECTOR, block_sum
from minae.kernels.simulator import cuda, float32

MATRIX = "float32[:, :]"


def mse(x, target, scale, parts, dx):
    """parts = the sums of (x - target)², dx = 2 scale (x - target)."""
    value = float32(0)
    for i in range(cuda.grid(1), x.shape[0], cuda.gridDim.x * THREADS):
        difference = x[i] - target[i]
        dx[i] = float32(2) * scale * difference
        value += difference * difference
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = value


def bce_with_logits(x, target, scale, parts, dx):
    """parts = the sums of x ([x > 0] - t) + log(1 + e^-|x|), dx = scale (sigmoid(x) - t)."""
    value = float32(0)
    for i in range(cuda.grid(1), x.shape[0], cuda.gridDim.x * THREADS):
        v, t = x[i], target[i]
        e = float32(math.exp(-abs(v)))
        slope = (e if v < float32(0) else float32(1)) / (float32(1) + e)
        dx[i] = scale * (slope - t)
        value += v * ((float32(0) if v < float32(0) else float32(1)) - t) + float32(math.log1p(e))
    value = block_sum(value)
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = value


def cross_entropy(x, target, scale, parts, dx):
    """parts[n] = -log softmax(x[n])[target[n]], dx = scale (softmax(x) - 1 at the target).

    x, dx (N, K), target (N,): a thread a row, for there are few classes.
    """
    row = cuda.grid(1)
    N, K = x.shape
    if row < N:
        largest = x[row, 0]
        for k in range(1, K):
            largest = largest if x[row, k] <= largest else x[row, k]  # nan stays
        total = float32(0)
        for k in range(K):
            e = float32(math.exp(x[row, k] - largest))
            dx[row, k] = e
            total += e
        share = scale / total
        for k in range(K):
            dx[row, k] *= share
        dx[row, target[row]] -= scale
        parts[row] = float32(math.log(total)) + largest - x[row, target[row]]


def reparameterise(mean, log_var, noise, z):
    """z = mean + exp(log_var / 2) noise."""
    i = cuda.grid(1)
    if i < z.shape[0]:
        z[i] = mean[i] + float32(math.exp(float32(0.5) * log_var[i])) * noise[i]


def reparameterise_dlog_var(dz, log_var, noise, dlog_var):
    """dlog_var = dz noise exp(log_var / 2) / 2."""
    i = cuda.grid(1)
    if i < dz.shape[0]:
        half = float32(0.5)
        dlog_var[i] = dz[i] * noise[i] * half * float32(math.exp(half * log_var[i]))


def gaussian_kl(mean, log_var, kl, dlog_var):
    """kl[n] = KL(N(mean, exp(log_var)) || N(0, 1)) of row n, dlog_var = (exp(log_var) - 1) / 2."""
    row = cuda.grid(1)
    N, Z = mean.shape
    if row < N:
        total, half = float32(0), float32(0.5)
        for i in range(Z):
            m, v = mean[row, i], log_var[row, i]
            change = float32(math.expm1(v))  # exp(v) - 1, exact also where v is next to 0
            total += m * m + max(change - v, float32(0))  # never negative, but for rounding
            dlog_var[row, i] = half * change
        kl[row] = half * total


def sgd(x, dx, velocity, lr, momentum, weight_decay, nesterov):
    """v = momentum v + g, x -= lr v with g = dx + weight_decay x; nesterov: x -= lr (g + m v)."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        g = dx[i] + weight_decay * x[i]
        v = momentum * velocity[i] + g
        velocity[i] = v
        x[i] -= lr * (g + momentum * v if nesterov else v)


def adam(x, dx, exp_avg, exp_avg_sq, beta1, beta2, rest1, rest2, eps, size, root, decay, shrink):
    """m and v: running means of g and g²; x -= size m / (√v root + eps), g = dx + decay x.

    x is multiplied by `shrink` before. rest1 and rest2 are 1 - beta1 and 1 - beta2.
    """
    i = cuda.grid(1)
    if i < x.shape[0]:
        value = x[i] * shrink
        g = dx[i] + decay * value
        m = beta1 * exp_avg[i] + rest1 * g
        v = beta2 * exp_avg_sq[i] + rest2 * g * g
        exp_avg[i] = m
        exp_avg_sq[i] = v
        x[i] = value - size * m / (float32(math.sqrt(v)) * root + eps)


def adam_counted(
    x,
    dx,
    exp_avg,
    exp_avg_sq,
    beta1,
    beta2,
    rest1,
    rest2,
    eps,
    step,
    lr,
    log_beta1,
    log_beta2,
    decay,
    shrink,
):
    """The same for step number step[0]: a captured launch gets the same arguments each time.

    1 - βᵗ is -expm1(t log β): it keeps its digits where βᵗ is almost 1.
    """
    count = float32(step[0])
    size = lr / float32(-math.expm1(count * log_beta1))
    root = float32(1) / float32(math.sqrt(float32(-math.expm1(count * log_beta2))))
    adam(x, dx, exp_avg, exp_avg_sq, beta1, beta2, rest1, rest2, eps, size, root, decay, shrink)


def count_up(step):
    """step[0] += 1: the first launch of a captured step."""
    step[0] += 1


def error_function(x, y):
    """y = erf(x)."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = float32(math.erf(x[i]))


def _each(size: int) -> tuple[int]:
    """Return the grid that has a thread for each number, or row."""
    return (-(-size // THREADS),)


def _some(size: int) -> tuple[int]:
    """Return a grid of at most 264 blocks, twice what an H100 runs at once: so few leave sums."""
    return (min(264, -(-size // THREADS)),)


_LOSS = (VECTOR, VECTOR, "float32", VECTOR, VECTOR)
RUNGS = {
    "mse": Rung(mse, _LOSS, (THREADS,), _some),
    "bce_with_logits": Rung(bce_with_logits, _LOSS, (THREADS,), _some),
    "cross_entropy": Rung(
        cross_entropy, (MATRIX, "int64[:]", "float32", VECTOR, MATRIX), (THREADS,), _each
    ),
    "reparameterise": Rung(reparameterise, (VECTOR,) * 4, (THREADS,), _each),
    "reparameterise_dlog_var": Rung(reparameterise_dlog_var, (VECTOR,) * 4, (THREADS,), _each),
    "gaussian_kl": Rung(gaussian_kl, (MATRIX, MATRIX, VECTOR, MATRIX), (THREADS,), _each),
    "sgd": Rung(sgd, (VECTOR,) * 3 + ("float32",) * 3 + ("int32",), (THREADS,), _each),
    "adam": Rung(adam, (VECTOR,) * 4 + ("float32",) * 9, (THREADS,), _each),
    "adam_counted": Rung(
        adam_counted,
        (VECTOR,) * 4 + ("float32",) * 5 + ("int32[:]",) + ("float32",) * 5,
        (THREADS,),
        _each,
    ),
    "count_up": Rung(count_up, ("int32[:]",), (1,), lambda: (1,)),
    "erf": Rung(error_function, (VECTOR, VECTOR), (THREADS,), _each),
}
