"""Functions of one number."""

import math

from minae.kernels.arrays import Array
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import VECTOR, Rung, Step
from minae.kernels.cuda.layout import flat
from minae.kernels.simulator import cuda, float32


def erf_kernel(x, y):
    """y = erf(x)."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = float32(math.erf(x[i]))


RUNGS = {"erf": Rung(erf_kernel, (VECTOR, VECTOR))}


@covered(operands=1)
def erf(x):
    return entrywise(RUNGS["erf"], x)


def entrywise(rung: Rung, *arrays: Array) -> Array:
    """Run a kernel that computes each entry of its last argument from those at the same place."""
    out = empty(arrays[0].shape, arrays[0])
    launch(Step(rung, (out.size,), (*map(flat, arrays), out.reshape(-1))))
    return out
