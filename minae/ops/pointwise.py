"""Functions of one operand, entry by entry."""

import numbers
from collections.abc import Iterator

import numpy as np

from minae.op import Op
from minae.tensor import Tensor


class Exp(Op):
    """e to the x, which is its own derivative."""

    floats = slice(None)

    def forward(self, x):
        y = np.exp(x)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * y

    def examples(self, rng):
        yield (rng.normal(size=(2, 3)),)


def exp(x: Tensor) -> Tensor:
    """Return e to the power of x."""
    return Exp.apply(x)


class _Elementwise(Op):
    """A function computed in floats, and checked on both sides of 0 and far out on both."""

    floats = slice(None)

    def examples(self, rng) -> Iterator[tuple]:
        yield (rng.normal(size=(3, 4)),)
        yield (np.array([-30.0, -5.0, 5.0, 30.0]),)


class _OfPositive(_Elementwise):
    def examples(self, rng):
        yield (rng.uniform(0.2, 3, size=(2, 3)),)


class Neg(_Elementwise):
    """-x."""

    floats = None  # integers stay integers

    def forward(self, x):
        return -x

    def backward(self, dy):
        return -dy


def neg(x: Tensor) -> Tensor:
    """Return -x. Raises TypeError for booleans, whose opposite is ~x."""
    if x.dtype == bool:
        raise TypeError("neg: booleans have no negative; use ~, or cast them to integers")
    return Neg.apply(x)


class Abs(_Elementwise):
    """|x|; at 0, where it has no derivative, 0 is taken."""

    floats = None

    def forward(self, x):
        self.save(np.sign(x))
        return np.abs(x)

    def backward(self, dy):
        (sign,) = self.saved
        return dy * sign


def abs(x: Tensor) -> Tensor:
    """Return |x|."""
    return Abs.apply(x)


class Log(_OfPositive):
    """The natural logarithm; its derivative is 1 / x."""

    def forward(self, x):
        self.save(x)
        return np.log(x)

    def backward(self, dy):
        (x,) = self.saved
        return dy / x


def log(x: Tensor) -> Tensor:
    """Return the natural logarithm of x."""
    return Log.apply(x)


class Sqrt(_OfPositive):
    """√x; its derivative is 1 / (2 √x)."""

    def forward(self, x):
        y = np.sqrt(x)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy / (2 * y)


def sqrt(x: Tensor) -> Tensor:
    """Return the square root of x."""
    return Sqrt.apply(x)


class Sin(_Elementwise):
    """sin x."""

    def forward(self, x):
        self.save(x)
        return np.sin(x)

    def backward(self, dy):
        (x,) = self.saved
        return dy * np.cos(x)


def sin(x: Tensor) -> Tensor:
    """Return the sine of x (radians)."""
    return Sin.apply(x)


class Cos(_Elementwise):
    """cos x."""

    def forward(self, x):
        self.save(x)
        return np.cos(x)

    def backward(self, dy):
        (x,) = self.saved
        return -dy * np.sin(x)


def cos(x: Tensor) -> Tensor:
    """Return the cosine of x (radians)."""
    return Cos.apply(x)


class Clip(Op):
    """x limited to [min, max]; no gradient where it was cut."""

    def forward(self, x, min, max):
        low, high = -np.inf if min is None else min, np.inf if max is None else max
        self.save((x >= low) & (x <= high))
        return np.clip(x, min, max)

    def backward(self, dy):
        (inside,) = self.saved
        return dy * inside

    def examples(self, rng):
        x = rng.normal(size=(3, 4))
        yield x, {"min": -0.5, "max": 0.5}
        yield x, {"min": None, "max": 0.2}
        yield x, {"min": 0.1, "max": None}


def clip(x: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """Return x limited to [min, max]; None leaves that side open. Where min > max, it is max.

    Raises ValueError if both are None, TypeError if a limit is not a number: for a limit that
    differs from entry to entry, see maximum and minimum.
    """
    limits = [number for number in (min, max) if number is not None]
    if not limits:
        raise ValueError("clip: give min, max or both")
    if not all(isinstance(limit, numbers.Real | np.generic) for limit in limits):
        raise TypeError(f"clip: min and max are numbers, not {min!r} and {max!r}")
    if not x.is_floating_point() and any(not isinstance(n, numbers.Integral) for n in limits):
        x = x.to(np.float32)
    return Clip.apply(x, min=min, max=max)


class _Step(Op):
    """A step function, constant between its jumps: the derivative is 0 wherever it exists."""

    rounded: np.ufunc  # what becomes of floats; integers and booleans are whole already

    def forward(self, x):
        return self.rounded(x) if x.dtype.kind == "f" else x.copy()

    def backward(self, dy):
        return np.zeros_like(dy)

    def examples(self, rng):
        yield (rng.uniform(-3, 3, size=(3, 4)),)


class Sign(_Step):
    """-1, 0 or 1."""

    def forward(self, x):
        return np.sign(x) if x.dtype.kind != "b" else x.copy()


def sign(x: Tensor) -> Tensor:
    """Return -1, 0 or 1 for negative numbers, 0 and positive ones."""
    return Sign.apply(x)


class Round(_Step):
    """The nearest integer; of two that are equally near, the even one."""

    rounded = np.rint


def round(x: Tensor) -> Tensor:
    """Return the nearest integers, in the dtype of x; halves go to the even neighbour."""
    return Round.apply(x)


class Floor(_Step):
    """The largest integer that is not above x."""

    rounded = np.floor


def floor(x: Tensor) -> Tensor:
    """Return x rounded down, in the dtype of x."""
    return Floor.apply(x)


class Ceil(_Step):
    """The smallest integer that is not below x."""

    rounded = np.ceil


def ceil(x: Tensor) -> Tensor:
    """Return x rounded up, in the dtype of x."""
    return Ceil.apply(x)
