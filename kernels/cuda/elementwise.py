"""Smooth activations, and functions of entries at the same place."""

import math

from minae.kernels import shapes
from minae.kernels.arrays import Array
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import VECTOR, Rung, Step
from minae.kernels.cuda.layout import flat
from minae.kernels.simulator import cuda, float32

GELU, GELU_TANH, SILU = range(len(shapes.SMOOTH))
FAR, ROOT = 40.0, math.sqrt(0.5)  # FAR: the tail is 0, and powers of a are not yet infinite
FAR_SILU = 1000.0  # where e^-a is 0
PEAK, CURVE = 1 / math.sqrt(2 * math.pi), 2 * math.sqrt(2 / math.pi)  # the slopes of Φ and 2 z at 0


def gelu_kernel(x, tanh, y, slope):
    """y = max(x, 0) - a Φ(-a) with a = |x|, slope = dy/dx; if `tanh`, with the approximate Φ."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        v, one, half, curve = x[i], float32(1), float32(0.5), float32(CURVE)
        a = abs(v)
        if a > float32(FAR):
            a = float32(FAR)
        if tanh:
            square = a * a
            e = float32(math.exp(-curve * a * (one + float32(0.044715) * square)))
            rest = one / (one + e)
            tail = e * rest
            density = tail * rest * curve * (one + float32(0.134145) * square)
        else:
            tail = half * float32(math.erfc(a * float32(ROOT)))
            density = float32(PEAK) * float32(math.exp(-half * a * a))
        below = tail - a * density
        y[i] = (v if v > float32(0) else float32(0)) - a * tail
        slope[i] = one - below if v > float32(0) else below


def silu_kernel(x, y, slope):
    """y = x σ(x) and slope = dy/dx, with σ(a) and σ(-a) from e^-a for a = |x|."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        v, one = x[i], float32(1)
        a = abs(v)
        if a > float32(FAR_SILU):
            a = float32(FAR_SILU)
        e = float32(math.exp(-a))
        large = one / (one + e)
        small = e * large
        y[i] = v * large if v > float32(0) else -a * small
        slope[i] = large * (one + a * small) if v > float32(0) else small * (one - a * large)


RUNGS = {
    "gelu": Rung(gelu_kernel, (VECTOR, "int32", VECTOR, VECTOR)),
    "silu": Rung(silu_kernel, (VECTOR, VECTOR, VECTOR)),
}


def add(a, b):
    return a + b  # by CuPy's kernel, which does as much for each number as it can


@covered(operands=1)
def smooth(x, activation):
    kind = shapes.check_smooth(activation)
    y, slope = empty(x.shape, x), empty(x.shape, x)
    into = y.reshape(-1), slope.reshape(-1)
    if kind == SILU:
        launch(Step(RUNGS["silu"], (x.size,), (flat(x), *into)))
    else:
        launch(Step(RUNGS["gelu"], (x.size,), (flat(x), int(kind == GELU_TANH), *into)))
    return y, slope


def entrywise(rung: Rung, *arrays: Array) -> Array:
    """Run a kernel that computes each entry of its last argument from those at the same place."""
    out = empty(arrays[0].shape, arrays[0])
    launch(Step(rung, (out.size,), (*map(flat, arrays), out.reshape(-1))))
    return out
