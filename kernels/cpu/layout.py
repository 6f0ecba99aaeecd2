"""The order of arrays in memory; why images are channels last, `compile/operands.py` explains."""

import numpy as np

from minae.kernels.cpu.compile.calls import copied
from minae.kernels.cpu.compile.operands import covered, pixels, transpose
from minae.kernels.cpu.compile.threads import threads_for


@covered(operands=1)
def channels_last(x):
    if x.ndim != 4 or x.transpose(0, 2, 3, 1).flags.carray:
        return x
    return pixels(x).transpose(0, 3, 1, 2)


@covered(operands=1)
def contiguous(x):
    if x.flags.c_contiguous:
        return x
    if x.ndim != 4 or not (last := x.transpose(0, 2, 3, 1)).flags.carray:
        return copied(x)
    N, C, H, W = x.shape
    y = np.empty((N, C, H * W), x.dtype)
    transpose(threads_for(4 * x.size), last.reshape(N, H * W, C), y)
    return y.reshape(x.shape)
