"""Arithmetic and comparison of two operands, entry by entry, with broadcasting.

Shapes broadcast as in NumPy; what was broadcast forward is summed backward (`unbroadcast`). A
Python number takes the dtype of the tensor it meets. Between an integer and a float tensor, the
float's dtype wins.
"""

import numbers
import operator

import numpy as np

from minae.autograd import Op, is_grad_enabled, unbroadcast
from minae.tensor import Tensor, method


def operands(x, y) -> tuple[Tensor, Tensor]:
    """Return both as tensors whose dtypes go together. At least one must be a tensor."""
    if not isinstance(x, Tensor):
        x = _like(y, x)
    elif not isinstance(y, Tensor):
        y = _like(x, y)
    if x.data.dtype != y.data.dtype and x.is_floating_point() != y.is_floating_point():
        return (x, cast(y, x.dtype)) if x.is_floating_point() else (cast(x, y.dtype), y)
    return x, y


def _like(tensor: Tensor, value) -> Tensor:
    if not isinstance(value, (numbers.Number, np.generic)):
        return Tensor(value)
    if tensor.is_floating_point() or isinstance(value, (bool, np.bool_)):
        dtype = tensor.dtype
    elif isinstance(value, numbers.Integral):
        dtype = np.int64 if tensor.dtype == bool else tensor.dtype
    else:
        dtype = np.float32
    return Tensor(np.asarray(value, dtype=dtype, like=tensor.data))


def _pairs(rng, low=-2.0, high=2.0):
    """Yield pairs of inputs: same shape, both broadcast, one a scalar, one without entries."""
    for a, b in [((3, 4), (3, 4)), ((3, 1), (2, 1, 4)), ((2, 3), ()), ((0, 3), (1, 3))]:
        yield rng.uniform(low, high, size=a), rng.uniform(low, high, size=b)


class Cast(Op):
    """The same values in another dtype; the gradient comes back in the first one."""

    def forward(self, x, dtype):
        return x.astype(dtype)

    def backward(self, dy):
        return dy

    @staticmethod
    def examples(rng):
        yield rng.normal(size=(2, 3)), {"dtype": np.float64}


def cast(x: Tensor, dtype) -> Tensor:
    """Return `x` in another dtype, or `x` itself if it has that one."""
    return x if x.dtype == dtype else Cast.apply(x, dtype=dtype)


class Add(Op):
    """x + y."""

    def forward(self, x, y):
        self.save(x.shape, y.shape)
        return x + y

    def backward(self, dy):
        x_shape, y_shape = self.saved
        return unbroadcast(dy, x_shape), unbroadcast(dy, y_shape)

    examples = staticmethod(_pairs)


@method("__add__")
def add(x, y) -> Tensor:
    """Return x + y."""
    return Add.apply(*operands(x, y))


class Sub(Op):
    """x - y."""

    def forward(self, x, y):
        self.save(x.shape, y.shape)
        return x - y

    def backward(self, dy):
        x_shape, y_shape = self.saved
        return unbroadcast(dy, x_shape), unbroadcast(-dy, y_shape)

    examples = staticmethod(_pairs)


@method("__sub__")
def sub(x, y) -> Tensor:
    """Return x - y."""
    return Sub.apply(*operands(x, y))


class Mul(Op):
    """x · y; each factor's gradient is the other factor."""

    def forward(self, x, y):
        self.save(x, y)
        return x * y

    def backward(self, dy):
        x, y = self.saved
        need_dx, need_dy = self.needs_input_grad
        return (
            unbroadcast(dy * y, x.shape) if need_dx else None,
            unbroadcast(dy * x, y.shape) if need_dy else None,
        )

    examples = staticmethod(_pairs)


@method("__mul__")
def mul(x, y) -> Tensor:
    """Return x · y, entry by entry."""
    return Mul.apply(*operands(x, y))


class Div(Op):
    """q = x / y, so ∂q/∂x = 1 / y and ∂q/∂y = -x / y² = -q / y."""

    def forward(self, x, y):
        quotient = x / y
        self.save(x.shape, y, quotient)
        return quotient

    def backward(self, dy):
        x_shape, y, quotient = self.saved
        dx = dy / y
        return unbroadcast(dx, x_shape), unbroadcast(-dx * quotient, y.shape)

    @staticmethod
    def examples(rng):
        yield from _pairs(rng, low=0.5)


@method("__truediv__")
def div(x, y) -> Tensor:
    """Return x / y; between integers, in float32."""
    x, y = operands(x, y)
    if not x.is_floating_point():
        x, y = cast(x, np.float32), cast(y, np.float32)
    return Div.apply(x, y)


class Pow(Op):
    """p = x ** y, so ∂p/∂x = y x^(y - 1) and ∂p/∂y = p log x, taken as 0 where x = 0."""

    def forward(self, x, y):
        power = x**y
        self.save(x, y, power)
        return power

    def backward(self, dy):
        x, y, power = self.saved
        dx = dexponent = None
        if self.needs_input_grad[0]:
            # x ** 0 is constant, also at 0, where 0 * 0 ** -1 would be nan
            slope = np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))
            dx = unbroadcast(dy * slope, x.shape)
        if self.needs_input_grad[1]:
            slope = power * np.log(np.where(x == 0, 1, x))
            dexponent = unbroadcast(dy * slope, y.shape)
        return dx, dexponent

    @staticmethod
    def examples(rng):
        yield from _pairs(rng, low=0.5)


@method("__pow__")
def pow(x, y) -> Tensor:
    """Return x to the power of y."""
    return Pow.apply(*operands(x, y))


class _Extremum(Op):
    """The larger (or smaller) of x and y; where they are equal, each gets half of the gradient."""

    def _save_winners(self, x, y, x_wins):
        self.save(x.shape, y.shape, x_wins + 0.5 * (x == y))  # 1, ½ or 0

    def backward(self, dy):
        x_shape, y_shape, x_share = self.saved
        x_share = x_share.astype(dy.dtype)
        return unbroadcast(dy * x_share, x_shape), unbroadcast(dy * (1 - x_share), y_shape)

    examples = staticmethod(_pairs)


class Maximum(_Extremum):
    """max(x, y)."""

    def forward(self, x, y):
        self._save_winners(x, y, x > y)
        return np.maximum(x, y)


@method()
def maximum(x, y) -> Tensor:
    """Return the larger of x and y, entry by entry."""
    return Maximum.apply(*operands(x, y))


class Minimum(_Extremum):
    """min(x, y)."""

    def forward(self, x, y):
        self._save_winners(x, y, x < y)
        return np.minimum(x, y)


@method()
def minimum(x, y) -> Tensor:
    """Return the smaller of x and y, entry by entry."""
    return Minimum.apply(*operands(x, y))


class Where(Op):
    """x where the condition holds, y elsewhere."""

    def forward(self, condition, x, y):
        self.save(condition, x.shape, y.shape)
        return np.where(condition, x, y)

    def backward(self, dy):
        condition, x_shape, y_shape = self.saved
        dx = unbroadcast(np.where(condition, dy, 0), x_shape)
        return None, dx, unbroadcast(np.where(condition, 0, dy), y_shape)

    @staticmethod
    def examples(rng):
        for x, y in _pairs(rng):
            yield rng.random(np.broadcast_shapes(x.shape, y.shape)) < 0.5, x, y


def where(condition, x, y) -> Tensor:
    """Return x where `condition` (boolean) holds, else y."""
    x, y = operands(x, y) if isinstance(x, Tensor) or isinstance(y, Tensor) else (x, y)
    return Where.apply(condition, x, y)


def _comparison(compare):
    """Make the function that compares entry by entry: booleans out, so there is no gradient."""

    def comparison(x, y) -> Tensor:
        x, y = operands(x, y)
        return Tensor(compare(x.data, y.data))

    return comparison


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    method(f"__{_name}__")(_comparison(getattr(operator, _name)))


def _reflected(operation):
    return lambda x, y: operation(y, x)


def _in_place(operation, symbol: str):
    """Make `x += y` and its like write into x's array, as an optimiser's step does."""

    def update(x, y):
        if is_grad_enabled() and (x.requires_grad or getattr(y, "requires_grad", False)):
            raise RuntimeError(
                f"x {symbol}= y writes into the array of x, where backward() cannot follow;"
                f" write x = x {symbol} y, or update inside `with no_grad():`"
            )
        np.copyto(x.data, operation(x, y).data)  # raises TypeError for floats into integers
        x.version += 1
        return x

    return update


for _operation, _name, _symbol in [
    (add, "add", "+"),
    (sub, "sub", "-"),
    (mul, "mul", "*"),
    (div, "truediv", "/"),
    (pow, "pow", "**"),
]:
    method(f"__r{_name}__")(_reflected(_operation))
    method(f"__i{_name}__")(_in_place(_operation, _symbol))
