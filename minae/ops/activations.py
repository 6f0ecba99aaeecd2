"""The functions between the layers, each with the derivative written out.

Where the textbook formula overflows for large |x|, the form used here does not, and says so.
"""

import numpy as np

from minae.kernels.arrays import Array
from minae.ops.checks import real
from minae.ops.pointwise import _Elementwise
from minae.tensor import Tensor


def stable_sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e^-x), raising e to negative powers only, so that nothing overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


class ReLU(_Elementwise):
    """max(x, 0)."""

    floats = None  # integers stay integers

    def forward(self, x):
        y = np.maximum(x, 0)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * (y > 0)


def relu(x: Tensor) -> Tensor:
    """Return max(x, 0)."""
    return ReLU.apply(x)


class LeakyReLU(_Elementwise):
    """x for x > 0, else x times a small slope (Maas et al. 2013)."""

    def forward(self, x, negative_slope):
        slope = np.where(x > 0, 1, negative_slope).astype(x.dtype)
        self.save(slope)
        return x * slope

    def backward(self, dy):
        (slope,) = self.saved
        return dy * slope

    def examples(self, rng):
        for (x,) in super().examples(rng):
            yield x, {"negative_slope": 0.1}


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return x where it is positive, else `negative_slope` times x."""
    slope = real(negative_slope, "leaky_relu: negative_slope")
    return LeakyReLU.apply(x, negative_slope=slope)


class ELU(_Elementwise):
    """x for x > 0, else α (e^x - 1) (Clevert et al. 2016)."""

    def forward(self, x, alpha):
        y = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
        self.save(x > 0, y, alpha)
        return y

    def backward(self, dy):
        positive, y, alpha = self.saved
        return dy * np.where(positive, 1, y + alpha)  # α e^x = y + α

    def examples(self, rng):
        for (x,) in super().examples(rng):
            yield x, {"alpha": 0.7}


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive, else alpha (e^x - 1)."""
    return ELU.apply(x, alpha=real(alpha, "elu: alpha"))


class _Smooth(_Elementwise):
    """One of SMOOTH, whose kernels compute the slope from the same exponential."""

    def forward(self, x, activation):
        y, slope = self.kernels.smooth(x, activation)
        self.save(slope)
        return y

    def backward(self, dy):
        (slope,) = self.saved
        return dy * slope


class GELU(_Smooth):
    """x Φ(x) (Hendrycks & Gimpel 2016)."""

    def examples(self, rng):
        for (x,) in super().examples(rng):
            yield x, {"activation": "gelu"}
            yield x, {"activation": "gelu_tanh"}


def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """Return x Φ(x), where Φ is the distribution function of the standard normal.

    `approximate` is "none" for Φ itself, or "tanh" for ½ (1 + tanh z) in its place, where
    z = √(2/π) (x + 0.044715 x³), as in GPT-2. The result is off by at most 0.0005.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return GELU.apply(x, activation="gelu_tanh" if approximate == "tanh" else "gelu")


class SiLU(_Smooth):
    """x σ(x), also called swish (Ramachandran et al. 2017)."""

    def examples(self, rng):
        for (x,) in super().examples(rng):
            yield x, {"activation": "silu"}


def silu(x: Tensor) -> Tensor:
    """Return x sigmoid(x)."""
    return SiLU.apply(x, activation="silu")


class Softplus(_Elementwise):
    """log(1 + e^x), a smooth ReLU whose derivative is the sigmoid."""

    def forward(self, x):
        self.save(x)
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # as e^x may overflow

    def backward(self, dy):
        (x,) = self.saved
        return dy * stable_sigmoid(x)


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + e^x); neither end overflows."""
    return Softplus.apply(x)


class Sigmoid(_Elementwise):
    """y = 1 / (1 + e^-x), so dx = dy y (1 - y)."""

    def forward(self, x):
        y = stable_sigmoid(x)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * y * (1 - y)


def sigmoid(x: Tensor) -> Tensor:
    """Return 1 / (1 + e^-x)."""
    return Sigmoid.apply(x)


class Tanh(_Elementwise):
    """y = tanh x, so dx = dy (1 - y²)."""

    def forward(self, x):
        y = np.tanh(x)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * (1 - y * y)


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent of x."""
    return Tanh.apply(x)
