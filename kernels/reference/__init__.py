"""The specification of every kernel, in plain NumPy.

Read this to learn what a kernel computes, and another backend to learn how to make it fast.
"""

from minae.kernels.reference.attention import attention, attention_backward
from minae.kernels.reference.conv import (
    conv2d,
    conv2d_backward,
    conv2d_dx,
    conv_transpose2d_backward,
)
from minae.kernels.reference.elementwise import add, smooth
from minae.kernels.reference.gaussian import gaussian_kl, reparameterise, reparameterise_dlog_var
from minae.kernels.reference.indexing import index_add
from minae.kernels.reference.layout import channels_last, contiguous
from minae.kernels.reference.linear import (
    linear,
    linear_backward,
    linear_smooth,
    linear_stack,
    linear_stack_backward,
    matmul,
)
from minae.kernels.reference.losses import bce_with_logits, cross_entropy, mse
from minae.kernels.reference.norm import (
    batch_norm,
    batch_norm_backward,
    layer_norm,
    layer_norm_backward,
)
from minae.kernels.reference.optim import adam, sgd
from minae.kernels.reference.pool import avg_pool2d, avg_pool2d_dx, max_pool2d, max_pool2d_dx
from minae.kernels.reference.recurrent import gru, gru_backward, lstm, lstm_backward
from minae.kernels.reference.reductions import sum
