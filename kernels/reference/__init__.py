"""The specification of every kernel, in plain NumPy.

Read this to learn what a kernel computes, and another backend to learn how to make it fast.
"""

from minae.kernels.reference.convolution import (
    conv2d,
    conv2d_backward,
    conv2d_dx,
    conv_transpose2d_backward,
)
from minae.kernels.reference.losses import (
    adam,
    bce_with_logits,
    cross_entropy,
    gaussian_kl,
    mse,
    reparameterise,
    reparameterise_dlog_var,
    sgd,
)
from minae.kernels.reference.matrices import (
    channels_last,
    contiguous,
    erf,
    index_add,
    linear,
    linear_backward,
    linear_stack,
    linear_stack_backward,
    matmul,
)
from minae.kernels.reference.normalisation import batch_norm, batch_norm_backward
from minae.kernels.reference.pooling import (
    avg_pool2d,
    avg_pool2d_dx,
    max_pool2d,
    max_pool2d_dx,
)
from minae.kernels.reference.reductions import sum

__all__ = [
    "adam",
    "avg_pool2d",
    "avg_pool2d_dx",
    "batch_norm",
    "batch_norm_backward",
    "bce_with_logits",
    "channels_last",
    "contiguous",
    "conv2d",
    "conv2d_backward",
    "conv2d_dx",
    "conv_transpose2d_backward",
    "cross_entropy",
    "erf",
    "gaussian_kl",
    "index_add",
    "linear",
    "linear_backward",
    "linear_stack",
    "linear_stack_backward",
    "matmul",
    "max_pool2d",
    "max_pool2d_dx",
    "mse",
    "reparameterise",
    "reparameterise_dlog_var",
    "sgd",
    "sum",
]
