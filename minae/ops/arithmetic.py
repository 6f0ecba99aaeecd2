"""Arithmetic of two operands, entry by entry, with broadcasting.

Shapes broadcast as in NumPy; backward sums over what forward broadcast (`unbroadcast`). Operands of
different dtypes are brought to one by the rules in `minae.dtypes`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minae.dtypes import number, promoted
from minae.op import Op, unbroadcast
from minae.tensor import Tensor

Operand = Tensor | np.ndarray | np.generic | float | list  # a list of numbers, or of such lists
BinaryMethod = Callable[[Tensor, Operand], Tensor]


def operands(x: Operand, y: Operand) -> tuple[Tensor, Tensor]:
    """Return both as tensors of one dtype; a Python number takes the other's if it can."""
    if not isinstance(x, Tensor):
        x = beside(y, x) if isinstance(y, Tensor) else Tensor(x)
    if not isinstance(y, Tensor):
        y = beside(x, y)
    if x.data.dtype != y.data.dtype:
        dtype = promoted(x.data, y.data)
        return cast(x, dtype), cast(y, dtype)
    return x, y


def beside(tensor: Tensor, value: Any) -> Tensor:
    """Return a number, or whatever Tensor takes, as an operand that goes with `tensor`."""
    if not np.isscalar(value):
        return Tensor(value)
    return Tensor(np.asarray(number(value, tensor.dtype), like=tensor.data))


class _OfTwo(Op):
    """An operation of two operands, checked on examples from `low` to 2."""

    low = -2.0

    def examples(self, rng) -> Iterator[tuple]:
        # the same shape, both broadcast, one a scalar, one without entries
        for a, b in [((3, 4), (3, 4)), ((3, 1), (2, 1, 4)), ((2, 3), ()), ((0, 3), (1, 3))]:
            yield rng.uniform(self.low, 2, size=a), rng.uniform(self.low, 2, size=b)


class Cast(Op):
    """The same values in another dtype; the gradient has the dtype of the input."""

    def forward(self, x, dtype):
        return x.astype(dtype)

    def backward(self, dy):
        return dy

    def examples(self, rng):
        yield rng.normal(size=(2, 3)), {"dtype": np.float64}


def cast(x: Tensor, dtype: DTypeLike) -> Tensor:
    """Return `x` in another dtype, or `x` itself if it has that one."""
    if dtype is None:
        raise TypeError("cast: dtype is one of NumPy's, not None")
    return x if x.dtype == dtype else Cast.apply(x, dtype=dtype)


def in_floats(x: Tensor) -> Tensor:
    """Return x itself, or integers and booleans as float32."""
    return x if x.is_floating_point() else cast(x, np.float32)


class Add(_OfTwo):
    """x + y."""

    def forward(self, x, y):
        self.save(x.shape, y.shape)
        return self.kernels.add(x, y)

    def backward(self, dy):
        x_shape, y_shape = self.saved
        return unbroadcast(dy, x_shape), unbroadcast(dy, y_shape)


def add(x: Operand, y: Operand) -> Tensor:
    """Return x + y."""
    return Add.apply(*operands(x, y))


class Sub(_OfTwo):
    """x - y."""

    def forward(self, x, y):
        self.save(x.shape, y.shape)
        return x - y

    def backward(self, dy):
        x_shape, y_shape = self.saved
        return unbroadcast(dy, x_shape), unbroadcast(-dy, y_shape)


def sub(x: Operand, y: Operand) -> Tensor:
    """Return x - y. Raises TypeError for booleans, whose difference could mean several things."""
    x, y = operands(x, y)
    if x.data.dtype.kind == "b":
        raise TypeError("sub: booleans have no difference; use ^ or ~, or cast them to integers")
    return Sub.apply(x, y)


class Mul(_OfTwo):
    """x · y; each factor's gradient is the other factor."""

    def forward(self, x, y):
        need_dx, need_dy = self.needs_input_grad
        self.save(x if need_dy else None, y if need_dx else None, x.shape, y.shape)
        return x * y

    def backward(self, dy):
        x, y, x_shape, y_shape = self.saved
        dx = None if y is None else unbroadcast(dy * y, x_shape)
        return dx, None if x is None else unbroadcast(dy * x, y_shape)


def mul(x: Operand, y: Operand) -> Tensor:
    """Return x · y, entry by entry."""
    return Mul.apply(*operands(x, y))


class Div(_OfTwo):
    """q = x / y, so ∂q/∂x = 1 / y and ∂q/∂y = -x / y² = -q / y."""

    floats = slice(None)
    low = 0.5

    def forward(self, x, y):
        quotient = x / y
        self.save(x.shape, y, quotient if self.needs_input_grad[1] else None)
        return quotient

    def backward(self, dy):
        x_shape, y, quotient = self.saved
        dx = dy / y
        dy_divisor = None if quotient is None else unbroadcast(-dx * quotient, y.shape)
        return unbroadcast(dx, x_shape), dy_divisor


def div(x: Operand, y: Operand) -> Tensor:
    """Return x / y; between integers, in float32."""
    return Div.apply(*operands(x, y))


class Pow(_OfTwo):
    """p = x ** y, so ∂p/∂x = y x^(y - 1) and ∂p/∂y = p log x."""

    low = 0.5

    def forward(self, x, y):
        power = (x**y).astype(x.dtype, copy=False)  # of booleans it would be int8
        self.save(x, y, power if self.needs_input_grad[1] else None)
        return power

    def backward(self, dy):
        x, y, power = self.saved
        dx = dexponent = None
        with np.errstate(divide="ignore", invalid="ignore"):  # at 0 the slopes may be infinite
            if self.needs_input_grad[0]:
                # x ** 0 is constant, also at 0, where 0 * 0 ** -1 would be nan
                slope = np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))
                dx = unbroadcast(dy * slope, x.shape)
            if self.needs_input_grad[1]:
                # 0 ** y is constant for y > 0, and taken to be so at 0
                constant = (x == 0) & (y >= 0)
                slope = np.where(constant, 0, power * np.log(np.where(constant, 1, x)))
                dexponent = unbroadcast(dy * slope, y.shape)
        return dx, dexponent


def pow(x: Operand, y: Operand) -> Tensor:
    """Return x to the power of y; ValueError for an integer to the power of a negative one."""
    x, y = operands(x, y)
    if y.dtype.kind == "i" and (y.data < 0).any():
        raise ValueError(
            "pow: an integer to a negative power is a fraction: cast x to a float type"
        )
    return Pow.apply(x, y)


class Remainder(_OfTwo):
    """r = x - y ⌊x / y⌋, which has the sign of y; so ∂r/∂x = 1 and ∂r/∂y = -⌊x / y⌋."""

    low = 0.5

    def forward(self, x, y):
        self.save(x.shape, *((x, y) if self.needs_input_grad[1] else (None, None)))
        return x % y

    def backward(self, dy):
        x_shape, x, y = self.saved
        dy_divisor = None if y is None else unbroadcast(-dy * (x // y), y.shape)
        return unbroadcast(dy, x_shape), dy_divisor


def remainder(x: Operand, y: Operand) -> Tensor:
    """Return x % y, with the sign of y. Raises ZeroDivisionError for integers divided by 0."""
    x, y = operands(x, y)
    _check_divisor("remainder", x, y)
    return Remainder.apply(x, y)


def floor_divide(x: Operand, y: Operand) -> Tensor:
    """Return x // y, rounded down and so without a gradient; for errors, see `remainder`."""
    x, y = operands(x, y)
    _check_divisor("floor_divide", x, y)
    return Tensor(x.data // y.data)


def _check_divisor(name: str, x: Tensor, y: Tensor) -> None:
    if not y.is_floating_point() and x.numel() and not y.data.all():
        raise ZeroDivisionError(f"{name}: an integer divided by 0 is no integer")


class Where(_OfTwo):
    """x where the condition holds, y elsewhere."""

    def forward(self, condition, x, y):
        self.save(condition, x.shape, y.shape)
        return np.where(condition, x, y)

    def backward(self, dy):
        condition, x_shape, y_shape = self.saved
        dx = unbroadcast(np.where(condition, dy, 0), x_shape)
        return None, dx, unbroadcast(np.where(condition, 0, dy), y_shape)

    def examples(self, rng):
        for x, y in super().examples(rng):
            yield rng.random(np.broadcast_shapes(x.shape, y.shape)) < 0.5, x, y


def where(condition: Operand, x: Operand, y: Operand) -> Tensor:
    """Return x where `condition` holds, else y. Raises TypeError unless it is of booleans."""
    condition = condition if isinstance(condition, Tensor) else Tensor(condition)
    if condition.dtype != bool:
        raise TypeError(f"where: the condition is of booleans, not {condition.dtype}")
    return Where.apply(condition, *operands(x, y))


def where_method(x: Tensor, condition: Operand, y: Operand) -> Tensor:
    """Return x where `condition` holds, else y."""
    return where(condition, x, y)


def reflected(operation: Callable[[Operand, Operand], Tensor]) -> BinaryMethod:
    """Return the method behind `y + x` and the like, where x is a tensor and y is not."""
    return lambda x, y: operation(y, x)
