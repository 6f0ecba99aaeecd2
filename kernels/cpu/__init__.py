"""The backend that runs on a CPU: loops compiled by Numba around BLAS, in one pool of threads.

What is compiled are float32 and float64. Whatever else comes (integers, half precision, arrays of
two types, empty ones) goes to the reference, by the rule in `covered`.

Each file says what loop it replaces, why its own is laid out as it is, and what that gained over
the reference, as measured by `minae bench --kernels` on two cores (`results/kernels.json`).

Read `dense` first, then `patches`, which holds the loops of `conv`.
"""

from minae.kernels.cpu.conv import conv2d, conv2d_dx
from minae.kernels.cpu.conv_backward import conv2d_backward, conv_transpose2d_backward
from minae.kernels.cpu.dense import linear, linear_backward, matmul
from minae.kernels.cpu.dense_stack import linear_stack, linear_stack_backward
from minae.kernels.cpu.elementary import erf
from minae.kernels.cpu.gaussian import gaussian_kl, reparameterise, reparameterise_dlog_var
from minae.kernels.cpu.indexing import index_add
from minae.kernels.cpu.layout import channels_last, contiguous
from minae.kernels.cpu.losses import bce_with_logits, cross_entropy, mse
from minae.kernels.cpu.normalisation import batch_norm, batch_norm_backward
from minae.kernels.cpu.optimisers import adam, sgd
from minae.kernels.cpu.pool import avg_pool2d, avg_pool2d_dx, max_pool2d, max_pool2d_dx
from minae.kernels.cpu.reductions import sum

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
