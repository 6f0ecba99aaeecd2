"""The gradient check: it passes what is right, and catches planted mistakes and names them."""

import re

import numpy as np
import pytest

from minae import Tensor, ops
from minae.gradcheck import GradcheckError, gradcheck, numeric_gradient

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
SQUARE, OTHER = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))


def refused(f, *inputs, **options):
    """Return the message with which the check fails."""
    with pytest.raises(GradcheckError) as error:
        gradcheck(f, *inputs, **options)
    return str(error.value)


# --- right gradients ----------------------------------------------------------------------------


def mlp(x, w1, b1, w2):
    return ops.linear(ops.tanh(ops.linear(x, w1, b1)), w2)


RIGHT = {
    "expression": (lambda x, y: x * y + x.exp() / (1 + y * y), X, Y),
    "network": (mlp, X, RNG.normal(size=(5, 4)), RNG.normal(size=5), RNG.normal(size=(2, 5))),
    "integers and None": (
        lambda x, i, nothing: ops.embedding(i, x) * 2,
        X,
        np.array([0, 2, 2]),
        None,
    ),
    "tensors": (lambda x: x.sum(0), Tensor(X)),
    "a number": (lambda x: x**3, np.array(0.7)),
    "no entries": (lambda x: x * 2, np.zeros((0, 3))),
    "an input that has no influence": (lambda x, y: x * 1, X, Y),
    "large and small": (lambda x: x * np.array([1e-8, 1.0, 1e3, 1e8]), X),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name):
    f, *inputs = RIGHT[name]
    assert 0 <= gradcheck(f, *inputs) < 1e-6


def test_the_callers_arrays_are_left_alone():
    x = X.copy()
    gradcheck(lambda x: x * x, x)
    np.testing.assert_array_equal(x, X)


def test_numeric_gradient():
    gradient = numeric_gradient(lambda x, y: x**3 * y, [X, Y], 0, dy=2 * np.ones_like(X))
    np.testing.assert_allclose(gradient, 6 * X**2 * Y, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_coarse_inputs_are_refused(dtype):
    with pytest.raises(TypeError, match=f"float64, but input 1 is {np.dtype(dtype)}"):
        gradcheck(lambda x, y: x * y, X, Y.astype(dtype))


# --- wrong gradients ----------------------------------------------------------------------------


def square(op, x):
    op.save(x)
    return x * x


def slope(op):
    return 2 * op.saved[0]


def product(op, x, y):
    op.save(x, y)
    return x * y


def matrices(op, x, y):
    op.save(x, y)
    return x @ y


def pick(op, x):
    op.save(x)
    return x[[0, 2, 0]]


def overwrite(op, dy):
    dx = np.zeros_like(op.saved[0])
    dx[[0, 2, 0]] = dy  # row 0 was used twice
    return dx


def scaled(factor, index=...):
    """Return the rule of `square`, its result times a factor at some entries."""

    def backward(op, dy):
        dx = dy * slope(op)
        dx[index] = factor * dx[index]
        return dx

    return backward


def moved(move):
    """Return the rule of `square`, its result's entries moved around."""
    return lambda op, dy: move(dy * slope(op))


def over(function, dim=None):
    """Return a forward that reduces x over dim 0 or all."""
    return lambda op, x: (op.save(x), function(x, axis=dim))[1]


def spread(factor):
    """Return the rule of a reduction over dim 0 or all, up to its factor."""
    return lambda op, dy: factor * np.broadcast_to(dy, op.saved[0].shape)


X5 = RNG.normal(size=(5, 2))
EXCHANGED = [0, 2, 1, *range(3, 12)]

WRONG = {
    # the diagnosis: (forward, its wrong backward, inputs)
    "ratio -1 everywhere: the sign is wrong": (square, scaled(-1), X),
    "ratio 1/2 everywhere: a factor 2 is missing": (square, scaled(0.5), X),
    "ratio 2.0 everywhere: a factor ½ is missing": (square, scaled(2), X),
    "ratio 3.0 everywhere: a factor 1/3 is missing": (square, scaled(3), X),
    "ratio 0.71 everywhere: a constant factor is wrong": (square, scaled(0.71), X),
    "a small term is missing": (square, scaled(1.0001), X),
    "ratio 12 everywhere, the number of entries: a sum where a mean belongs?": (
        over(np.mean),
        spread(1),
        X,
    ),
    "ratio 1/12 everywhere, 12 being the number of entries: a mean where a sum belongs?": (
        over(np.sum),
        spread(1 / 12),
        X,
    ),
    "ratio 5 everywhere, the length of dimension 0: a sum where a mean belongs?": (
        over(np.mean, 0),
        spread(1),
        X5,
    ),
    "rows and columns swapped: transposed?": (
        matrices,
        lambda op, dy: (dy @ op.saved[1].T, (op.saved[0].T @ dy).T),
        SQUARE,
        OTHER,
    ),
    "no simple pattern": (
        matrices,
        lambda op, dy: (dy @ op.saved[1], op.saved[0].T @ dy),
        SQUARE,
        OTHER,
    ),
    "zero where numeric is not: this path's gradient is dropped": (
        product,
        lambda op, dy: (dy * op.saved[1], 0 * dy),
        X,
        Y,
    ),
    "zero where numeric is not, at 4 entries: the gradient of a part is dropped": (
        square,
        scaled(0, index=1),
        X,
    ),
    "wrong only at 0 along dimension 0": (pick, overwrite, X),
    "wrong only at 3 along dimension 1": (square, scaled(1.5, index=(slice(None), 3)), X),
    "shifted by 1 along dimension 1: off by one?": (square, moved(lambda g: np.roll(g, 1, 1)), X),
    "shifted by -1 along dimension 1: off by one?": (square, moved(lambda g: np.roll(g, -1, 1)), X),
    "in reverse order along dimension 1": (square, moved(np.fliplr), X),
    "right values in the wrong places": (
        square,
        moved(lambda g: g.ravel()[EXCHANGED].reshape(3, 4)),
        X,
    ),
    "every entry is off by the same 0.25: a term too many or too few": (
        square,
        moved(lambda g: g + 0.25),
        X,
    ),
    "right size, wrong sign at some entries": (lambda op, x: abs(x), lambda op, dy: dy, X),
    "1 entries are nan or infinite": (square, scaled(np.inf, index=(0, 0)), X),
}


@pytest.mark.parametrize("diagnosis", WRONG)
def test_a_wrong_gradient_is_caught_and_diagnosed(make_op, diagnosis):
    forward, backward, *inputs = WRONG[diagnosis]
    message = refused(make_op(backward, forward).apply, *inputs)
    assert diagnosis in message.split("guess: ")[1]
    assert len(message.splitlines()) == 3
    assert "?." not in message


SAME_FOR_ONES = {
    # right if the upstream gradient is all ones, or the factor ±1
    "divided by dy": (square, lambda op, dy: slope(op) / dy, X),
    "dy forgotten": (square, lambda op, dy: slope(op), X),
    "dy squared": (square, lambda op, dy: slope(op) * dy * dy, X),
    "divided by the factor": (
        product,
        lambda op, dy: (dy / op.saved[1], dy * op.saved[0]),
        X,
        np.sign(Y) * 1.001,
    ),
}


@pytest.mark.parametrize("name", SAME_FOR_ONES)
def test_the_upstream_gradient_tells_products_from_quotients(make_op, name):
    forward, backward, *inputs = SAME_FOR_ONES[name]
    assert "is wrong at 12 of 12 entries" in refused(make_op(backward, forward).apply, *inputs)


def test_the_message_names_the_input_and_the_worst_entry(make_op):
    def backward(op, dy):
        dweight = dy * op.saved[0]
        dweight[0, 1] *= 1.5
        dweight[1, 2] *= 3
        return dy * op.saved[1], dweight

    op = make_op(backward, product)
    message = refused(lambda x, weight: op.apply(x, weight), X, Y)
    assert message.startswith(
        "the gradient of input 1 (weight), shape (3, 4), is wrong at 2 of 12 entries\n"
        "worst at [1, 2]: backward gives "
    )
    analytic, numeric = (float(x.split(",")[0]) for x in re.split(r"gives? ", message)[1:])
    assert analytic == pytest.approx(3 * numeric)
    assert abs(numeric) == pytest.approx(abs(X[1, 2]), rel=0.5)  # times dy
    assert ", ratio 3\nguess: " in message


def test_an_input_without_a_name_or_an_index(make_op):
    op = make_op(lambda op, dy: dy, square)
    message = refused(op.apply, np.array(0.7))  # apply takes *inputs: their names are unknown
    assert "the gradient of input 0, shape ()" in message
    assert "worst at its only entry" in message


# --- what finite differences cannot see ---------------------------------------------------------


def write(function, *arguments):
    """Return a forward that writes its result over its input."""
    return lambda op, x: (op.save(x.copy()), function(x, *arguments, out=x))[1].copy()


def backward_into_dy(op, dy):
    dy *= slope(op)
    return dy


def backward_into_input(op, dy):
    dx = dy * slope(op)
    op.saved[0][...] = 0
    return dx


SIDE_EFFECTS = {
    # name: (forward, backward, words)
    "forward doubles": (
        write(np.multiply, 2),
        lambda op, dy: dy * 2,
        "forward writes into input 0; it may only read it",
    ),
    # writes the same each time, so that looking only at the second call shows nothing
    "forward clips": (
        write(np.maximum, 0),
        lambda op, dy: dy * (op.saved[0] > 0),
        "forward writes into input 0",
    ),
    "backward into dy": (
        square,
        backward_into_dy,
        "backward writes into the upstream gradient; it may only read it",
    ),
    "backward into x": (square, backward_into_input, "backward writes into input 0"),
    "layout": (
        lambda op, x: (op.save(x), x * x if x.flags.c_contiguous else x * 3)[1],
        lambda op, dy: dy * slope(op),
        "a non-contiguous array as input 0 gives another result than a copy of it",
    ),
    "layout in backward": (
        square,
        lambda op, dy: dy * slope(op) * (1 if 0 not in op.saved[0].strides else 2),
        "a broadcast array as input 0 gives another result than a copy of it",
    ),
}


@pytest.mark.parametrize("name", SIDE_EFFECTS)
def test_side_effects_are_caught(make_op, name):
    forward, backward, words = SIDE_EFFECTS[name]
    assert words in refused(make_op(backward, forward).apply, X)


def test_a_random_function_is_refused():
    rng = np.random.default_rng(0)
    message = refused(lambda x: x * rng.normal(), X)
    assert "two results for the same inputs: draw random numbers outside" in message


def test_gradients_that_overwrite_each_other_are_caught():
    def f(a, b):
        """Lose one of both gradients if both inputs are the same tensor."""
        return a * (b.detach() if a is b else b)

    message = refused(f, X, Y)
    assert "the same tensor given as input 0 (a) and input 1 (b) must get the sum" in message


def test_a_missing_rule_is_an_error_not_a_pass(make_op):
    with pytest.raises(NotImplementedError, match="Bare has no gradient rule"):
        gradcheck(make_op(None, square, "Bare").apply, X)
    with pytest.raises(RuntimeError, match="returned no gradient for input 0"):
        gradcheck(make_op(lambda op, dy: None, square).apply, X)
