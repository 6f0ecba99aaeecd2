"""The backend that runs on a CPU: loops compiled by Numba, in one pool of threads.

Compiled code takes float32 and float64. Whatever else comes (integers, half precision, arrays of
two dtypes, empty ones) goes to the reference; `compile/operands.py` decides.

Each family's file says which loop it replaces, why its own is laid out as it is, and what that
gained over the reference, as measured by `minae bench --kernels` on two cores
(`results/kernels.json`). The loops of `conv` are in `conv_loops/`, those of `linear` in
`linear_loops`; what all families need to be compiled and run on threads is in `compile/`, the
matrix product in `products/`. Read `ladders/matmul.py` first, which builds up to it, then
`linear_loops` and `conv_loops/patches.py`.
"""

from minae.kernels.cpu.attention import attention, attention_backward
from minae.kernels.cpu.conv import conv2d, conv2d_backward, conv2d_dx, conv_transpose2d_backward
from minae.kernels.cpu.elementwise import add, smooth
from minae.kernels.cpu.gaussian import gaussian_kl, reparameterise, reparameterise_dlog_var
from minae.kernels.cpu.indexing import index_add
from minae.kernels.cpu.layout import channels_last, contiguous
from minae.kernels.cpu.linear import (
    linear,
    linear_backward,
    linear_smooth,
    linear_stack,
    linear_stack_backward,
    matmul,
)
from minae.kernels.cpu.losses import bce_with_logits, cross_entropy, mse
from minae.kernels.cpu.norm import (
    batch_norm,
    batch_norm_backward,
    layer_norm,
    layer_norm_backward,
)
from minae.kernels.cpu.optim import adam, sgd
from minae.kernels.cpu.pool import avg_pool2d, avg_pool2d_dx, max_pool2d, max_pool2d_dx
from minae.kernels.cpu.recurrent import gru, gru_backward, lstm, lstm_backward
from minae.kernels.cpu.reductions import sum
