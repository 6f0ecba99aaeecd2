"""exp, log1p, sigmoid, tanh and the normal tail that compile to vector instructions.

The C library's take one number at a time. For float32, with eight to sixteen numbers per
instruction, these are polynomials that are accurate to a few units in the last place. float64,
which is for checking, uses the exact functions.
"""

import math
from collections.abc import Callable

import numpy as np
from numba import types
from numba.extending import overload
from numpy.polynomial import Chebyshev, Polynomial

from minae.kernels.cpu.compile.compiled import OPTIONS

LOWEST, HIGHEST = np.float32(-87), np.float32(88.3)  # e^x is a normal float32 in between
LOG2_E = np.float32(math.log2(math.e))
# ln 2 in two parts, so that n * ln 2 loses nothing (Cody & Waite 1980)
LN2_HIGH = np.float32(0.693359375)
LN2_LOW = np.float32(math.log(2) - 0.693359375)


def _coefficients(function, degree: int, domain: list[float]) -> tuple[np.float32, ...]:
    """Interpolate at Chebyshev points, for nearly the best polynomial; lowest power first."""
    polynomial = Chebyshev.interpolate(function, degree, domain).convert(kind=Polynomial)
    return tuple(np.float32(c) for c in polynomial.coef)


# e^r for |r| <= ln 2 / 2, and log(1 + e) / e for 0 < e <= 1
E0, E1, E2, E3, E4, E5, E6 = _coefficients(np.exp, 6, [-0.35, 0.35])
L0, L1, L2, L3, L4, L5, L6, L7, L8, L9 = _coefficients(lambda e: np.log1p(e) / e, 9, [1e-9, 1.0])

# (e^x - 1 - x) / x² for |x| <= ½, which is positive
C0, C1, C2, C3, C4, C5 = _coefficients(lambda x: (np.expm1(x) - x) / x**2, 5, [-0.5, 0.5])

# Φ(-x) e^(x²/2) for x from 0 to 13.4, where e^(-x²/2) vanishes, in t = 1 / (1 + 0.4 x)
NEAR = np.float32(0.4)
_tail = np.vectorize(lambda x: math.erfc(x * math.sqrt(0.5)) / 2 * math.exp(0.5 * x * x))
T0, T1, T2, T3, T4, T5, T6, T7, T8 = _coefficients(
    lambda t: _tail((1 / t - 1) / 0.4), 8, [1 / (1 + 0.4 * 13.4), 1.0]
)


def exp(x):
    """Return e^x; in float32, 0 below LOWEST and infinity above HIGHEST."""
    return math.exp(x)


def log1p01(x):
    """Return log(1 + x) for x from 0 to 1."""
    return math.log1p(x)


def exp_excess(x):
    """Return e^x - 1 - x, never negative; near 0, it has the digits that a difference loses."""
    return max(math.expm1(x) - x, 0.0)


def sigmoid(x):
    """Return 1 / (1 + e^-x), to its last digits also where it is nearly 0."""
    return 1 / (1 + math.exp(-x))


def tanh(x):
    """Return the hyperbolic tangent, to its last digits also near 0."""
    return math.tanh(x)


def normal_tail(x, e):
    """Return Φ(-x), the tail of the standard normal, for x of at least 0 and e = e^(-x²/2)."""
    return math.erfc(x * math.sqrt(0.5)) / 2


def _in_float32(function: Callable) -> Callable[[Callable], Callable]:
    """Let compiled code that calls the function with a float32 call the decorated one."""

    def decorate(fast: Callable) -> Callable:
        overload(function, jit_options=OPTIONS)(lambda x: fast if x is types.float32 else function)
        return fast

    return decorate


@_in_float32(exp)
def _exp32(x):
    # e^x = 2^n e^r with an integer n and |r| <= ln 2 / 2; 2^n is built from its bits
    limited = min(max(x, LOWEST), HIGHEST)
    n = np.rint(limited * LOG2_E)
    r = (limited - n * LN2_HIGH) - n * LN2_LOW
    p = E0 + r * (E1 + r * (E2 + r * (E3 + r * (E4 + r * (E5 + r * E6)))))
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    if x < LOWEST:
        return np.float32(0)
    return np.float32(np.inf) if x > HIGHEST else (p * power if x == x else x)


@_in_float32(log1p01)
def _log1p01_32(x):
    low = L0 + x * (L1 + x * (L2 + x * (L3 + x * L4)))
    x2 = x * x
    high = L5 + x * (L6 + x * (L7 + x * (L8 + x * L9)))
    return x * (low + x2 * x2 * x * high)


@_in_float32(exp_excess)
def _exp_excess32(x):
    series = x * x * (C0 + x * (C1 + x * (C2 + x * (C3 + x * (C4 + x * C5)))))
    direct = exp(x) - np.float32(1) - x
    return series if abs(x) <= np.float32(0.5) else direct


@_in_float32(sigmoid)
def _sigmoid32(x):
    return np.float32(1) / (np.float32(1) + exp(-x))


@_in_float32(tanh)
def _tanh32(x):
    # with m = e^(-2|x|) - 1, which is 2^n (e^r - 1) + (2^n - 1), it is -m / (2 + m)
    limited = max(np.float32(-2) * abs(x), LOWEST)
    n = np.rint(limited * LOG2_E)
    r = (limited - n * LN2_HIGH) - n * LN2_LOW
    q = r * (E1 + r * (E2 + r * (E3 + r * (E4 + r * (E5 + r * E6)))))
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    m = power * q + (power - np.float32(1))
    t = -m / (np.float32(2) + m)
    return (t if x > 0 else -t) if x == x else x


@overload(normal_tail, jit_options=OPTIONS)
def _normal_tail(x, e):
    return _normal_tail32 if x is types.float32 else normal_tail


def _normal_tail32(x, e):
    t = np.float32(1) / (np.float32(1) + NEAR * x)
    high = T4 + t * (T5 + t * (T6 + t * (T7 + t * T8)))
    return e * (T0 + t * (T1 + t * (T2 + t * (T3 + t * high))))
