"""The backend that runs on a CPU: loops compiled by Numba around BLAS, in one pool of threads.

What is compiled are float32 and float64. Whatever else comes (integers, half precision, arrays of
two types, empty ones) goes to the reference, by the rule of `_covered` below.

Read `dense` first, then `patches`, which holds the loops of `conv`.
"""

import functools

import numpy as np

from minae.kernels import reference
from minae.kernels.cpu import (
    conv,
    dense,
    elementary,
    gaussian,
    indexing,
    layout,
    losses,
    optimisers,
    pool,
)

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _covered(kernel, operands: int | None = None):
    """Call the kernel if its first `operands` arguments (all, if None) suit it, else the reference.

    Arrays suit it that are not empty and share one of FLOATS as their type.
    """
    specification = getattr(reference, kernel.__name__)

    @functools.wraps(kernel)
    def choose(*args, **options):
        dtype = args[0].dtype
        if dtype not in FLOATS:
            return specification(*args, **options)
        for a in args[:operands]:
            if isinstance(a, np.ndarray) and not (a.dtype == dtype and a.size):
                return specification(*args, **options)
        return kernel(*args, **options)

    return choose


matmul = _covered(dense.matmul)
linear = _covered(dense.linear)
linear_backward = _covered(dense.linear_backward)
conv2d = _covered(conv.conv2d)
conv2d_dx = _covered(conv.conv2d_dx)
conv2d_dweight = _covered(conv.conv2d_dweight)
activation_backward = _covered(conv.activation_backward)
max_pool2d = _covered(pool.max_pool2d)
max_pool2d_dx = _covered(pool.max_pool2d_dx, operands=1)
avg_pool2d = _covered(pool.avg_pool2d)
avg_pool2d_dx = _covered(pool.avg_pool2d_dx)
mse = _covered(losses.mse)
bce_with_logits = _covered(losses.bce_with_logits)
cross_entropy = _covered(losses.cross_entropy, operands=1)
reparameterise = _covered(gaussian.reparameterise)
reparameterise_dlog_var = _covered(gaussian.reparameterise_dlog_var)
gaussian_kl = _covered(gaussian.gaussian_kl)
sgd = _covered(optimisers.sgd)
adam = _covered(optimisers.adam)
contiguous = _covered(layout.contiguous)
erf = elementary.erf
index_add = indexing.index_add
