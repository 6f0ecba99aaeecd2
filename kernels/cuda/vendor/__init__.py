"""The backend `vendor`: products by NVIDIA's cuBLAS, to time our own kernels against.

It is array code, which CuPy hands to cuBLAS; what is not a product is as in the backend `cuda`. It
takes float32 and float64, and NumPy's arrays as well.
"""

from minae.kernels.cuda.backend import *  # noqa: F403
from minae.kernels.cuda.vendor.conv import (
    conv2d,
    conv2d_backward,
    conv2d_dx,
    conv_transpose2d_backward,
)
from minae.kernels.cuda.vendor.linear import (
    linear,
    linear_backward,
    linear_smooth,
    linear_stack,
    linear_stack_backward,
    matmul,
)
