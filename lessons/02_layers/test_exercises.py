"""The checks of lesson 2. Results are compared with other formulas, gradients with differences."""

import numpy as np

from minae.course.checking import gradients, same


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def shapes(**arrays):
    """Return how arrays are described in a message: "x (5, 3), bias (4,)"."""
    return ", ".join(f"{name} {x.shape}" for name, x in arrays.items())


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


def test_linear_backward__of_any_leading_dimensions(student):
    """A batch, one vector, a batch of sequences, one row."""
    for leading, outputs, inputs in [((5,), 4, 3), ((), 2, 3), ((2, 3), 4, 2), ((1, 1, 4), 3, 3)]:
        x, weight = normal(*leading, inputs), normal(outputs, inputs, seed=1)
        dy_shape = (*leading, outputs)
        gradients(
            f"linear_backward(dy, x, weight) with dy {dy_shape}, {shapes(x=x, weight=weight)}",
            linear,
            lambda dy, x, weight, bias: student.linear_backward(dy, x, weight),
            x,
            weight,
            normal(outputs, seed=2),
        )


def test_tied_backward__agrees_with_differences(student):
    """Wide and narrow. These seeds make every hidden unit positive for some rows, not for all."""
    for rows, hidden, inputs in [(8, 3, 4), (7, 4, 2), (6, 3, 3)]:
        weight, bias = normal(hidden, inputs, seed=28), normal(hidden, seed=29)
        x = normal(rows, inputs)
        gradients(
            f"tied_backward(dy, x, weight, bias) with {shapes(x=x, weight=weight, bias=bias)}",
            lambda x, weight, bias: np.maximum(x @ weight.T + bias, 0) @ weight,
            student.tied_backward,
            x,
            weight,
            bias,
        )


def by_logaddexp(x, axis):
    """Log-softmax in another way."""
    return x - np.logaddexp.reduce(x, axis=axis, keepdims=True)


def test_log_softmax__along_every_axis(student):
    """Of arrays with one, two and three dimensions."""
    for shape, axis in [((3,), 0), ((3, 4), 1), ((3, 4), 0), ((3, 3), 0), ((2, 3, 4), 1)]:
        x = 3 * normal(*shape)
        before = x.copy()
        call = f"log_softmax(x, axis={axis}) with x = {x.round(2).tolist()}"
        same(student.log_softmax(x, axis), by_logaddexp(before, axis), call)
        assert np.array_equal(x, before), f"{call} writes into x, which is not its own"


def test_log_softmax__of_large_numbers(student):
    """No overflow, no log 0, and rows of very different size do not disturb each other."""
    for row in [[0, -1000], [1000, 1000], [-1000, -1001], [1e300, 0], [5, -800, 5.5]]:
        x = np.array([row, [0.1] * len(row)], dtype=float)
        with np.errstate(all="ignore"):
            y = student.log_softmax(x, 1)
        same(y, by_logaddexp(x, 1), f"log_softmax({x.tolist()}, axis=1)", 1e-12)


def test_log_softmax_backward__of_a_small_row(student):
    """By hand: the probabilities are 1/2, 1/4 and 1/4."""
    dy, y = np.array([4.0, 0, 0]), np.log([0.5, 0.25, 0.25])
    call = "log_softmax_backward([4, 0, 0], log([1/2, 1/4, 1/4]), axis=0)"
    same(student.log_softmax_backward(dy, y, 0), np.array([2, -1, -1]), call)


def test_log_softmax_backward__agrees_with_differences(student):
    """Along every axis, of squares too."""
    for shape, axis in [((4,), 0), ((3, 4), 1), ((3, 4), 0), ((3, 3), 0), ((2, 3, 2), 1)]:
        gradients(
            f"log_softmax_backward(dy, y, axis={axis}) with dy and y {shape}",
            lambda x, axis=axis: by_logaddexp(x, axis),
            lambda dy, x, axis=axis: student.log_softmax_backward(dy, by_logaddexp(x, axis), axis),
            normal(*shape),
        )


def weighted(x, target, ink):
    """The loss entry by entry, in another way."""
    return ink * target * np.logaddexp(0, -x) + (1 - target) * np.logaddexp(0, x)


def loss_and_gradient(student, call, *arguments):
    """Return what weighted_bce returns, once it is a pair."""
    result = student.weighted_bce(*arguments)
    assert isinstance(result, tuple) and len(result) == 2, (  # noqa: PT018
        f"{call} returned {result!r}, not the loss and its gradient"
    )
    return result


def test_weighted_bce__is_right_for_any_logit(student):
    """One logit at a time, so that a tiny loss counts as much as a large one."""
    for logit in (0, 1, -1, 20, -20, 50, -50, 1000, -1000):
        for t in (0.0, 0.25, 1.0):
            x, target = np.array([float(logit)]), np.array([t])
            call = f"weighted_bce([{logit}], [{t}], ink=3)"
            try:
                with np.errstate(over="raise", divide="raise", invalid="raise"):
                    loss, dx = loss_and_gradient(student, call, x, target, 3)
            except FloatingPointError as error:
                raise AssertionError(f"{call}: {error}") from None
            expected = weighted(x, target, 3)[0]
            same(loss, expected, f"the loss of {call}")
            assert np.isclose(loss, expected, rtol=1e-6, atol=0), (
                f"the loss of {call} is {loss:.7g}, expected {expected:.7g}:"
                " where were its digits rounded away?"
            )
            p, not_p = np.exp(-np.logaddexp(0, -x)), np.exp(-np.logaddexp(0, x))
            same(dx, (1 - target) * p - 3 * target * not_p, f"the gradient of {call}", 1e-4)


def test_weighted_bce__is_a_mean_and_has_its_gradient(student):
    """Of arrays of one and two dimensions, with ink more and less than 1."""
    for shape, ink in [((5,), 4.0), ((3, 2), 0.3), ((2, 3), 1.0)]:
        x, target = 2 * normal(*shape), np.random.default_rng(1).random(shape)
        call = f"weighted_bce(x, target, ink={ink}) with x and target {shape}"
        loss, _ = loss_and_gradient(student, call, x, target, ink)
        same(loss, weighted(x, target, ink).mean(), f"the loss of {call}")
        gradients(
            f"the gradient of {call}",
            lambda x, target=target, ink=ink: weighted(x, target, ink).mean(),
            lambda dy, x, target=target, ink=ink: dy * student.weighted_bce(x, target, ink)[1],
            x,
        )


def test_initial_std__is_right(student):
    """Of linear layers and convolutions, for slopes from 0 to 1."""
    cases = [
        ((64, 100), 0, np.sqrt(2 / 100)),
        ((10, 25), 1, 0.2),
        ((32, 16, 3, 5), 0, np.sqrt(2 / 240)),
        ((7, 50), 0.5, np.sqrt(2 / 1.25 / 50)),
    ]
    for shape, slope, expected in cases:
        call = f"initial_std({shape}, negative_slope={slope})"
        same(student.initial_std(shape, slope), expected, call)


def test_initial_std__keeps_the_signal(student):
    """Six layers of width 100: the mean square stays what it was, but for chance."""
    for slope in (0.0, 0.3, 1.0):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(100, 100))
        before = np.mean(x**2)
        for _ in range(6):
            y = x @ rng.normal(size=(100, 100)).T * student.initial_std((100, 100), slope)
            x = np.where(y > 0, y, slope * y)
        ratio = np.mean(x**2) / before
        assert 1 / 3 < ratio < 3, (
            f"with initial_std((100, 100), negative_slope={slope}), six layers multiply the mean"
            f" square by {ratio:.3g}, which should be near 1"
        )
