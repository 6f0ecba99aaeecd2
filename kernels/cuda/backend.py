"""The backend `cuda`: the functions of `minae.kernels` on arrays of the GPU, by these kernels.

Given NumPy's arrays, it runs the very same kernels in the simulator.
"""

from minae.kernels.cuda.conv import (
    conv2d,
    conv2d_backward,
    conv2d_dx,
    conv_transpose2d_backward,
)
from minae.kernels.cuda.indexing import index_add
from minae.kernels.cuda.linear import (
    channels_last,
    contiguous,
    linear,
    linear_backward,
    linear_stack,
    linear_stack_backward,
    matmul,
)
from minae.kernels.cuda.pool import avg_pool2d, avg_pool2d_dx, max_pool2d, max_pool2d_dx
from minae.kernels.cuda.training import (
    adam,
    bce_with_logits,
    cross_entropy,
    erf,
    gaussian_kl,
    mse,
    reparameterise,
    reparameterise_dlog_var,
    sgd,
)
from minae.kernels.reference import batch_norm, batch_norm_backward, sum

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
