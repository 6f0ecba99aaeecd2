"""Sums on several threads; smooth activations and their slopes, which share an exponential.

With a = |x| and the tail Φ(-a), x Φ(x) is max(x, 0) - a Φ(-a) on both sides of 0: nothing cancels.
Of x σ(x), both σ(a) and σ(-a) come from e^-a, and neither as the difference from 1.
"""

import math

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.compile.compiled import compiled, compiled_inside, parallel
from minae.kernels.cpu.compile.operands import covered, plain
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.compile.vector_math import exp, normal_tail

GELU, GELU_TANH, SILU = range(len(shapes.SMOOTH))
FAR = 40.0  # where the tail is 0, and powers of a are not yet infinite
FAR_SILU = 1000.0  # where e^-a is 0
PEAK, CURVE = 1 / math.sqrt(2 * math.pi), 2 * math.sqrt(2 / math.pi)  # the slopes of Φ and 2 z at 0


@compiled
def smooth_in_place(y, kind, slope):
    """y = f(x) and slope = f'(x) for a vector x, which is given in y.

    An array x beside y might overlap it, and then the loops could not be compiled to vectors.
    """
    if kind == SILU:
        _silu_in_place(y, slope)
    else:
        _gelu_in_place(y, kind == GELU_TANH, slope)


@compiled_inside
def _silu_in_place(y, slope):
    real = y.dtype.type
    zero, one, far = real(0), real(1), real(FAR_SILU)
    for i in range(y.size):
        v = y[i]
        a = abs(v)
        a = far if a > far else a
        e = exp(-a)
        large = one / (one + e)  # σ(a)
        small = e * large  # σ(-a)
        y[i] = v * large if v > zero else -a * small
        slope[i] = large * (one + a * small) if v > zero else small * (one - a * large)


@compiled_inside
def _gelu_in_place(y, tanh, slope):
    real = y.dtype.type
    zero, one, far, half = real(0), real(1), real(FAR), real(0.5)
    for i in range(y.size):
        v = y[i]
        a = abs(v)
        a = far if a > far else a
        if tanh:
            square = a * a
            e = exp(-real(CURVE) * a * (one + real(0.044715) * square))
            rest = one / (one + e)
            tail = e * rest
            density = tail * rest * real(CURVE) * (one + real(0.134145) * square)
        else:
            e = exp(-half * a * a)
            tail, density = normal_tail(a, e), real(PEAK) * e
        below = tail - a * density
        y[i] = (v if v > zero else zero) - a * tail
        slope[i] = one - below if v > zero else below


@parallel
def _add(t, T, a, b, y):
    first, last = t * y.size // T, (t + 1) * y.size // T
    a, b, y = a[first:last], b[first:last], y[first:last]
    for i in range(y.size):
        y[i] = a[i] + b[i]


@covered(operands=2)
def add(a, b):
    T = threads_for(4 * a.size)
    if T == 1 or a.shape != b.shape:
        return np.asarray(a + b)  # NumPy is as fast on one thread
    y = np.empty_like(a)
    if not a.strides == b.strides == y.strides:
        return np.add(a, b, out=y)
    _add(T, *[x.ravel("K") for x in (a, b, y)])  # in the order of memory, so nothing is copied
    return y


@parallel
def _smooth(t, T, x, kind, y, slope):
    first, last = t * x.size // T, (t + 1) * x.size // T
    part = y[first:last]
    part[:] = x[first:last]
    smooth_in_place(part, kind, slope[first:last])


@covered(operands=1)
def smooth(x, activation):
    x, kind = plain(x), shapes.check_smooth(activation)
    y, slope = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    _smooth(threads_for(20 * x.size), x.reshape(-1), kind, y.reshape(-1), slope.reshape(-1))
    return y, slope
