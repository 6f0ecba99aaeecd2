"""The backend that runs on a CPU: loops compiled by Numba around BLAS, in one pool of threads.

What is compiled are float32 and float64. Whatever else comes (integers, half precision, arrays of
two types, empty ones) goes to the reference, by the rule of `_covered` below.

Each file says what loop it replaces, why its own is laid out as it is, and what that gained over
the reference, as measured by `minae bench --kernels` on two cores (`results/kernels.json`).

Read `dense` first, then `patches`, which holds the loops of `conv`.
"""

import functools

import numpy as np

from minae.kernels import reference
from minae.kernels.cpu import (
    conv,
    conv_backward,
    dense,
    dense_pair,
    elementary,
    gaussian,
    indexing,
    layout,
    losses,
    normalisation,
    optimisers,
    pool,
)

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _covered(kernel, operands: int):
    """Call the kernel if its first `operands` arguments suit it, else the reference.

    Arrays suit it that are not empty and share one of FLOATS as their type; so does None.
    """
    specification = getattr(reference, kernel.__name__)

    @functools.wraps(kernel)
    def choose(*args, **options):
        dtype = args[0].dtype
        if dtype not in FLOATS:
            return specification(*args, **options)
        for a in args[:operands]:
            if a is not None and (a.dtype != dtype or not a.size):
                return specification(*args, **options)
        return kernel(*args, **options)

    return choose


matmul = _covered(dense.matmul, 2)
linear = _covered(dense.linear, 3)
linear_backward = _covered(dense.linear_backward, 4)
linear_pair = _covered(dense_pair.linear_pair, 5)
linear_pair_backward = _covered(dense_pair.linear_pair_backward, 6)
conv2d = _covered(conv.conv2d, 3)
conv2d_dx = _covered(conv.conv2d_dx, 2)
conv2d_backward = _covered(conv_backward.conv2d_backward, 4)
conv_transpose2d_backward = _covered(conv_backward.conv_transpose2d_backward, 4)
max_pool2d = _covered(pool.max_pool2d, 1)
max_pool2d_dx = _covered(pool.max_pool2d_dx, 1)
avg_pool2d = _covered(pool.avg_pool2d, 1)
avg_pool2d_dx = _covered(pool.avg_pool2d_dx, 1)
batch_norm = _covered(normalisation.batch_norm, 3)
batch_norm_backward = _covered(normalisation.batch_norm_backward, 5)
mse = _covered(losses.mse, 2)
bce_with_logits = _covered(losses.bce_with_logits, 2)
cross_entropy = _covered(losses.cross_entropy, 1)
reparameterise = _covered(gaussian.reparameterise, 3)
reparameterise_dlog_var = _covered(gaussian.reparameterise_dlog_var, 3)
gaussian_kl = _covered(gaussian.gaussian_kl, 2)
sgd = _covered(optimisers.sgd, 3)
adam = _covered(optimisers.adam, 4)
contiguous = _covered(layout.contiguous, 1)
channels_last = _covered(layout.channels_last, 1)
erf = elementary.erf
index_add = indexing.index_add
