"""Sums and GELU, number by number."""

import math

import numpy as np

FAR = 40.0  # beyond it on either side, Φ is 0 or 1, and x times its derivative 0


def add(a, b):
    return np.asarray(a + b)


def gelu(x, tanh=False):
    inside = np.clip(x, -FAR, FAR)
    if tanh:
        z = math.sqrt(2 / math.pi) * (inside + 0.044715 * inside**3)
        e = np.exp(-2 * np.abs(z))  # ½ (1 + tanh z) = 1 / (1 + e^-2z), without the cancellation
        share = np.where(z > 0, 1, e) / (1 + e)
        density = 2 * e / (1 + e) ** 2 * math.sqrt(2 / math.pi) * (1 + 0.134145 * inside**2)
    else:
        share = np.vectorize(lambda v: math.erfc(-v * math.sqrt(0.5)) / 2, otypes=[x.dtype])(x)
        density = np.exp(-0.5 * inside * inside) / math.sqrt(2 * math.pi)
    y, slope = np.maximum(x, -FAR) * share, share + inside * density
    return np.asarray(y, x.dtype), np.asarray(slope, x.dtype)
