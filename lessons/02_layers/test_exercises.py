"""The checks of lesson 2. Results are compared with other formulas, gradients with minae's own."""

import numpy as np

from minae import ops
from minae.course.checking import same, same_gradient, values_of
from minae.tensor import Tensor


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def shapes(**arrays):
    """Return how arrays are described in a message: "x (5, 3), bias (4,)"."""
    return ", ".join(f"{name} {x.shape}" for name, x in arrays.items())


def by_engine(forward, dy, *arrays):
    """Return the gradients of a function of tensors with respect to each of these arrays."""
    leaves = [Tensor(array, requires_grad=True) for array in arrays]
    forward(*leaves).backward(dy)
    return [leaf.grad.data.copy() for leaf in leaves]


def same_gradients(found, names, expected, call):
    """Raise unless a student's gradients are the expected ones, in the order of their names."""
    found = values_of(found, len(expected), call)
    for got, name, gradient in zip(found, names, expected, strict=True):
        same_gradient(got, gradient, f"{name} of {call}", 1e-9)


def linear(x, weight, bias):
    """The forward pass that linear_backward belongs to."""
    return x @ weight.T + bias


def test_linear_backward__of_a_small_batch(student):
    """By hand: two rows, three inputs, one output."""
    dy, weight = np.array([[10.0], [1]]), np.array([[7.0, 8, 9]])
    x = np.array([[1.0, 2, 3], [4, 5, 6]])
    expected = np.array([[70, 80, 90], [7, 8, 9]]), np.array([[14, 25, 36]]), np.array([11])
    call = "linear_backward([[10], [1]], [[1, 2, 3], [4, 5, 6]], [[7, 8, 9]])"
    same(student.linear_backward(dy, x, weight), expected, call)


LINEAR = [  # leading dimensions, outputs, inputs
    ((5,), 4, 3), ((), 2, 3), ((2, 3), 4, 2), ((1, 1, 4), 3, 3), ((2, 3, 2, 2), 2, 3), ((1,), 3, 2),
    ((3, 3), 3, 3), ((3,), 3, 3), ((4, 2), 1, 1), ((), 1, 1), ((0,), 2, 3), ((2, 0), 3, 2),
]  # fmt: skip


def test_linear_backward__of_any_leading_dimensions(student):
    """A batch, one vector, a batch of sequences, one row, no row."""
    for leading, outputs, inputs in LINEAR:
        dy, x = normal(*leading, outputs, seed=2), normal(*leading, inputs)
        weight = normal(outputs, inputs, seed=1)
        expected = by_engine(linear, dy, x, weight, np.zeros(outputs))
        call = f"linear_backward(dy, x, weight) with {shapes(dy=dy, x=x, weight=weight)}"
        found = student.linear_backward(dy, x, weight)
        same_gradients(found, ["dx", "dweight", "dbias"], expected, call)


TIED = [
    (8, 3, 4),
    (7, 4, 2),
    (3, 3, 3),
    (4, 4, 2),
    (1, 4, 3),
    (1, 1, 1),
    (5, 1, 2),
    (2, 6, 2),
    (0, 2, 3),
]


def test_tied_backward__agrees_with_automatic_differentiation(student):
    """Wide and narrow, one row, no row. Hidden units are positive for some rows, not for all."""
    for rows, hidden, inputs in TIED:
        for seed in (28, 1):
            weight, bias = normal(hidden, inputs, seed=seed), normal(hidden, seed=seed + 1)
            x, dy = normal(rows, inputs), normal(rows, inputs, seed=3)
            expected = by_engine(
                lambda x, weight, bias: ops.relu(x @ weight.T + bias) @ weight, dy, x, weight, bias
            )
            call = (
                f"tied_backward(dy, x, weight, bias) with {shapes(x=x, weight=weight, bias=bias)}"
            )
            found = student.tied_backward(dy, x, weight, bias)
            same_gradients(found, ["dx", "dweight", "dbias"], expected, call)


def by_logaddexp(x, axis):
    """Log-softmax in another way."""
    return x - np.logaddexp.reduce(x, axis=axis, keepdims=True)


AXES = [
    (shape, axis)
    for shape in [(3,), (3, 4), (3, 3), (1, 2), (2, 1), (2, 3, 4), (2, 2, 2), (2, 1, 3, 2)]
    for axis in range(-len(shape), len(shape))
    if shape[axis] > 1
]


def test_log_softmax__along_every_axis(student):
    """Counted from the first, and from the last."""
    for shape, axis in AXES:
        x = 3 * normal(*shape)
        expected = by_logaddexp(x, axis)
        call = f"log_softmax(x, axis={axis}) with x = {x.round(2).tolist()}"
        same(student.log_softmax(x, axis), expected, call, 1e-9)


ROWS = [
    [0.0, -1000], [1000.0, 1000], [-1000.0, -1001], [-800.0, -800, -800], [1e300, 0], [-1e300, 0],
    [1e300, -1e300], [5.0, -800, 5.5], [709.0, 710, 711], [-745.0, 0, 0], [1e6, 1e6 + 1, -1e6],
]  # fmt: skip


def test_log_softmax__of_large_numbers(student):
    """No overflow, no log 0, and rows of very different size do not disturb each other."""
    for row in ROWS:
        for x, axis in [
            (np.array([row, [0.1] * len(row)]), 1),
            (np.array([row, [0.1] * len(row)]).T, 0),
            (np.array(row), 0),
        ]:
            call, expected = f"log_softmax({x.tolist()}, axis={axis})", by_logaddexp(x, axis)
            with np.errstate(all="ignore"):
                y = student.log_softmax(x, axis)
            same(y, expected, call, 1e-10)
            if x.ndim == 2:  # what is large in the first row must not hide the second
                even = np.take(y, 1, axis=1 - axis)
                same(even, np.full(len(row), -np.log(len(row))), f"the second row of {call}", 1e-9)


def test_log_softmax_backward__of_a_small_row(student):
    """By hand: the probabilities are 1/2, 1/4 and 1/4."""
    dy, y = np.array([4.0, 0, 0]), np.log([0.5, 0.25, 0.25])
    call = "log_softmax_backward([4, 0, 0], log([1/2, 1/4, 1/4]), axis=0)"
    same(student.log_softmax_backward(dy, y, 0), np.array([2, -1, -1]), call)


def test_log_softmax_backward__agrees_with_automatic_differentiation(student):
    """Along every axis, counted from the first and from the last."""
    for shape, axis in AXES:
        x, dy = normal(*shape), normal(*shape, seed=1)
        (expected,) = by_engine(lambda x, axis=axis: ops.log_softmax(x, axis), dy, x)
        call = f"log_softmax_backward(dy, y, axis={axis}) with dy and y {shape}"
        found = student.log_softmax_backward(dy, by_logaddexp(x, axis), axis)
        same_gradient(found, expected, call, 1e-9)


def test_log_softmax_backward__where_a_probability_is_zero(student):
    """An entry of y may be so low that e^y is 0."""
    dy, y = np.array([[3.0, 5.0], [1.0, 2.0]]), np.array([[0.0, -1000.0], [-800.0, 0.0]])
    expected = np.array([[-5.0, 5.0], [1.0, -1.0]])
    call = f"log_softmax_backward({dy.tolist()}, {y.tolist()}, axis=1)"
    with np.errstate(all="ignore"):
        found = student.log_softmax_backward(dy, y, 1)
    same_gradient(found, expected, call, 1e-9)


def weighted(x, target, ink):
    """The loss entry by entry, in another way."""
    return ink * target * np.logaddexp(0, -x) + (1 - target) * np.logaddexp(0, x)


def slope(x, target, ink):
    """The derivative of `weighted`, entry by entry."""
    p, not_p = np.exp(-np.logaddexp(0, -x)), np.exp(-np.logaddexp(0, x))
    return (1 - target) * p - ink * target * not_p


def loss_and_gradient(student, call, *arguments):
    """Return what weighted_bce returns, once it is a pair with the right gradient."""
    x = arguments[0]
    expected = slope(*arguments) / x.size
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            result = student.weighted_bce(*arguments)
    except FloatingPointError as error:
        raise AssertionError(f"{call}: {error}") from None
    pair = isinstance(result, tuple | list) and len(result) == 2
    assert pair, f"{call} returned {result!r}, not the loss and its gradient"
    size = max(np.abs(expected).max(), 1e-12)
    tolerance = max(1e-6, 1e-14 / size)  # what is left of 1 - p has few digits
    same_gradient(result[1], expected, f"the gradient of {call}", tolerance)
    return result[0]


LOGITS = 0, 1, 3, 8, 15, 20, 25, 29, 33, 36, 37, 40, 50, 100, 700, 709, 710, 745, 1000, 1e6, 1e300


def test_weighted_bce__is_right_for_any_logit(student):
    """One logit at a time, so that a tiny loss counts as much as a large one."""
    for logit in [sign * size for size in LOGITS for sign in (1, -1)]:
        for t, ink in [(0.0, 3), (0.25, 0.5), (1.0, 3)]:
            x, target = np.array([float(logit)]), np.array([t])
            call = f"weighted_bce([{logit}], [{t}], ink={ink})"
            expected = weighted(x, target, ink)[0]
            loss = loss_and_gradient(student, call, x, target, ink)
            same(loss, expected, f"the loss of {call}")
            assert np.isclose(loss, expected, rtol=1e-6, atol=0), (
                f"the loss of {call} is {loss:.7g}, expected {expected:.7g}:"
                " where were its digits rounded away?"
            )


def test_weighted_bce__is_a_mean_and_has_its_gradient(student):
    """Of arrays of one to four dimensions, with ink more and less than 1."""
    for shape, ink in [
        ((5,), 4.0), ((3, 2), 0.3), ((2, 3), 1.0), ((1,), 2), ((1, 4), 7), ((4, 1), 0.01),
        ((2, 3, 2), 100.0), ((2, 1, 3, 2), 2.5),
    ]:  # fmt: skip
        x, target = 2 * normal(*shape), np.random.default_rng(1).random(shape)
        target.flat[0] = np.round(target.flat[0])
        call = f"weighted_bce(x, target, ink={ink}) with x and target {shape}"
        expected = weighted(x, target, ink).mean()
        loss = loss_and_gradient(student, call, x, target, ink)
        same(loss, expected, f"the loss of {call}", 1e-9)


def test_initial_std__is_right(student):
    """Of linear layers and convolutions, small and large, for any slope."""
    cases = [
        ((64, 100), 0, np.sqrt(2 / 100)),
        ((10, 25), 1, 0.2),
        ((32, 16, 3, 5), 0, np.sqrt(2 / 240)),
        ((7, 50), 0.5, np.sqrt(2 / 1.25 / 50)),
        ((1, 1), 0.01, np.sqrt(2 / 1.0001)),
        ((5, 8), -1, np.sqrt(1 / 8)),
        ((5, 8), 2.0, np.sqrt(2 / 5 / 8)),
        ((8, 4000, 1, 1), 0.2, np.sqrt(2 / 1.04 / 4000)),
        ((8, 1, 7, 2), -0.3, np.sqrt(2 / 1.09 / 14)),
        ((3, 70_000, 200, 300), 0.0, np.sqrt(2 / 4.2e9)),
    ]
    for shape, slope, expected in cases:
        call = f"initial_std({shape}, negative_slope={slope})"
        same(student.initial_std(shape, slope), expected, call, 1e-9)
