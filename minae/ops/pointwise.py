"""Functions of one operand, entry by entry."""

import numpy as np

from minae.autograd import Op
from minae.tensor import Tensor, method


class Neg(Op):
    """-x."""

    def forward(self, x):
        return -x

    def backward(self, dy):
        return -dy

    @staticmethod
    def examples(rng):
        yield (rng.normal(size=(2, 3)),)


@method("__neg__")
def neg(x: Tensor) -> Tensor:
    """Return -x."""
    return Neg.apply(x)


class Abs(Op):
    """|x|; at 0, where it has no derivative, 0 is taken."""

    def forward(self, x):
        self.save(np.sign(x))
        return np.abs(x)

    def backward(self, dy):
        (sign,) = self.saved
        return dy * sign

    @staticmethod
    def examples(rng):
        yield (rng.normal(size=(2, 3)),)


@method("abs", "__abs__")
def abs(x: Tensor) -> Tensor:
    """Return |x|."""
    return Abs.apply(x)


class Exp(Op):
    """e to the x, which is its own derivative."""

    def forward(self, x):
        y = np.exp(x)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * y

    @staticmethod
    def examples(rng):
        yield (rng.normal(size=(2, 3)),)


@method()
def exp(x: Tensor) -> Tensor:
    """Return e to the power of x."""
    return Exp.apply(x)


class Log(Op):
    """The natural logarithm; its derivative is 1 / x."""

    def forward(self, x):
        self.save(x)
        return np.log(x)

    def backward(self, dy):
        (x,) = self.saved
        return dy / x

    @staticmethod
    def examples(rng):
        yield (rng.uniform(0.2, 3, size=(2, 3)),)


@method()
def log(x: Tensor) -> Tensor:
    """Return the natural logarithm of x."""
    return Log.apply(x)


class Sqrt(Op):
    """√x; its derivative is 1 / (2 √x)."""

    def forward(self, x):
        y = np.sqrt(x)
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy / (2 * y)

    @staticmethod
    def examples(rng):
        yield (rng.uniform(0.2, 3, size=(2, 3)),)


@method()
def sqrt(x: Tensor) -> Tensor:
    """Return the square root of x."""
    return Sqrt.apply(x)


class Sin(Op):
    """sin x."""

    def forward(self, x):
        self.save(x)
        return np.sin(x)

    def backward(self, dy):
        (x,) = self.saved
        return dy * np.cos(x)

    @staticmethod
    def examples(rng):
        yield (rng.normal(size=(2, 3)),)


@method()
def sin(x: Tensor) -> Tensor:
    """Return the sine of x (radians)."""
    return Sin.apply(x)


class Cos(Op):
    """cos x."""

    def forward(self, x):
        self.save(x)
        return np.cos(x)

    def backward(self, dy):
        (x,) = self.saved
        return -dy * np.sin(x)

    @staticmethod
    def examples(rng):
        yield (rng.normal(size=(2, 3)),)


@method()
def cos(x: Tensor) -> Tensor:
    """Return the cosine of x (radians)."""
    return Cos.apply(x)


class Clip(Op):
    """x limited to [min, max]; no gradient where it was cut."""

    def forward(self, x, min, max):
        self.save(
            (x >= (-np.inf if min is None else min)) & (x <= (np.inf if max is None else max))
        )
        return np.clip(x, min, max)

    def backward(self, dy):
        (inside,) = self.saved
        return dy * inside

    @staticmethod
    def examples(rng):
        x = rng.normal(size=(3, 4))
        yield x, {"min": -0.5, "max": 0.5}
        yield x, {"min": None, "max": 0.2}
        yield x, {"min": 0.1, "max": None}


@method("clip", "clamp")
def clip(x: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """Return x limited to [min, max]; None leaves that side open."""
    return Clip.apply(x, min=min, max=max)
