"""The backend `cuda`: the contract on arrays of the GPU, computed by these kernels.

Given NumPy's arrays, it runs the same kernels in the simulator.
"""

from minae.kernels.cuda.attention import attention, attention_backward
from minae.kernels.cuda.conv import conv2d, conv2d_backward, conv2d_dx, conv_transpose2d_backward
from minae.kernels.cuda.elementwise import add, smooth
from minae.kernels.cuda.gaussian import gaussian_kl, reparameterise, reparameterise_dlog_var
from minae.kernels.cuda.indexing import index_add
from minae.kernels.cuda.layout import channels_last, contiguous
from minae.kernels.cuda.linear import (
    linear,
    linear_backward,
    linear_smooth,
    linear_stack,
    linear_stack_backward,
    matmul,
)
from minae.kernels.cuda.losses import bce_with_logits, cross_entropy, mse
from minae.kernels.cuda.norm import (
    batch_norm,
    batch_norm_backward,
    layer_norm,
    layer_norm_backward,
)
from minae.kernels.cuda.optim import adam, sgd
from minae.kernels.cuda.pool import avg_pool2d, avg_pool2d_dx, max_pool2d, max_pool2d_dx
from minae.kernels.cuda.recurrent import gru, gru_backward, lstm, lstm_backward
from minae.kernels.cuda.reductions import sum
