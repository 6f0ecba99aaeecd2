"""The graph and the walk back: shapes of graphs, accumulation, what is kept and freed."""

import numpy as np
import pytest

import minae
from minae import Tensor
from minae.autograd import unbroadcast


def leaf(*values, shape=None):
    return Tensor(np.array(values).reshape(shape or (len(values),)), requires_grad=True)


# --- graphs of all shapes -----------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 60])
def test_diamonds_are_walked_once_per_op(make_op, depth):
    """A walk that follows every path would take 2**60 steps."""
    calls = []

    def backward(op, dy):
        calls.append(op)
        return dy, dy

    plus = make_op(backward)
    x = leaf(1.0)
    y = x
    for _ in range(depth):
        y = plus.apply(y, y)
    y.sum().backward()
    assert x.grad.item() == 2**depth
    assert len(calls) == len(set(calls)) == depth


def test_a_consumer_far_down_is_waited_for(make_op):
    """x feeds a long way and a short one: its op may go only when both gradients have arrived."""
    calls = []
    plus = make_op(lambda op, dy: (calls.append(op), (dy, dy))[1])
    x = leaf(3.0)
    shared = plus.apply(x, x)
    long = shared
    for _ in range(5):
        long = plus.apply(long, leaf(1.0))
    plus.apply(long, shared).sum().backward()
    assert x.grad.item() == 4
    assert len(calls) == 7


LENGTH = 10_000


def chain(x):
    for _ in range(LENGTH):
        x = x + 1.0
    return x


def test_a_chain_of_ten_thousand_ops():
    x = leaf(1.0)
    y = chain(x)
    y.sum().backward()
    assert (x.grad.item(), y.item()) == (1, LENGTH + 1)


def test_a_chain_that_is_dropped_unwalked_does_not_overflow_the_stack():
    y = chain(leaf(1.0))
    del y


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * x, [4, 6]),
        (lambda x: x + x + x, [3, 3]),
        (lambda x: x / x, [0, 0]),
        (lambda x: x * 2 + x.sum() * x, [2 + 5 + 2 + 3, 2 + 5 + 2 + 3]),
        (lambda x: minae.cat([x, x, x]), [3, 3]),
        (lambda x: minae.where([True, False], x, x), [1, 1]),
    ],
)
def test_an_input_that_is_used_twice_gets_the_sum(f, expected):
    x = leaf(2.0, 3.0)
    f(x).sum().backward()
    np.testing.assert_allclose(x.grad.data, expected)


def test_only_what_requires_a_gradient_gets_one():
    x, constant = leaf(2.0), Tensor(np.array([5.0]))
    y = x * constant
    y.sum().backward()
    assert constant.grad is None
    assert y.grad is None  # not a leaf
    assert x.grad.item() == 5
    assert not (constant * constant).requires_grad


def test_backward_of_a_leaf_is_its_own_gradient():
    x = leaf(2.0)
    x.backward()
    assert x.grad.item() == 1


# --- accumulation and memory --------------------------------------------------------------------


def test_gradients_of_two_walks_add_up():
    x = leaf(2.0)
    (x * x).backward()
    (x * 3).backward()
    assert x.grad.item() == 4 + 3


def test_leaves_do_not_share_one_gradient():
    a, b = leaf(1.0, 1.0), leaf(2.0, 2.0)
    dy = np.ones(2)
    (a + b).backward(dy)
    a.grad.data[...] = 100
    assert b.grad.tolist() == [1, 1]
    assert dy.tolist() == [1, 1]


def test_gradients_can_be_written_into():
    """Broadcast gradients are read-only views; what lands in .grad must be an array of its own."""
    x = leaf(1.0, 2.0)
    x.sum().backward()
    x.grad.data *= 2
    x.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_retained_gradients():
    x = leaf(2.0)
    y = x * 3
    z = y * y
    for t in (x, y, z):
        t.retain_grad()
    (z * 2).sum().backward()
    assert [t.grad.item() for t in (x, y, z)] == [72, 24, 2]


def test_a_retained_gradient_counts_every_path():
    x = leaf(2.0)
    y = x * 1
    y.retain_grad()
    (y * y + y).sum().backward()
    assert y.grad.item() == 5


def test_gradients_come_in_the_dtype_of_their_leaf():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    (x * Tensor(np.ones(2))).sum().backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("dx", "shape"),
    [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((4, 2, 3), (1, 3)), ((2,), ())],
)
def test_unbroadcast_sums_what_was_repeated(dx, shape):
    gradient = np.arange(np.prod(dx), dtype=float).reshape(dx)
    out = unbroadcast(gradient, shape)
    assert out.shape == shape
    places = np.broadcast_to(np.arange(np.prod(shape, dtype=int)).reshape(shape), dx)
    expected = np.bincount(places.ravel(), gradient.ravel()).reshape(shape)
    np.testing.assert_allclose(out, expected)


def test_a_loss_that_is_infinite_still_has_a_gradient():
    """backward() starts with 1, whatever the loss is."""
    x = Tensor(np.array([np.inf, 2.0]), requires_grad=True)
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [3, 3])


# --- walking twice ------------------------------------------------------------------------------


def test_a_second_walk_is_refused():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"walked before.*retain_graph=True"):
        y.backward()
    with pytest.raises(RuntimeError, match="walked before"):
        (y * 2).backward()  # a new op on top of the freed part
    assert x.grad.item() == 4


def test_retain_graph_allows_a_second_walk():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8


# --- grad: gradients as values ------------------------------------------------------------------


def test_grad_returns_gradients_and_leaves_grad_alone():
    x, y = leaf(2.0), leaf(3.0)
    x.grad = Tensor([7.0])
    product = x * y
    dx, dproduct = minae.autograd.grad(product * product, (x, product))
    assert (dx.item(), dproduct.item()) == (36, 12)
    assert (x.grad.item(), y.grad, product.grad) == (7, None, None)


def test_grad_adds_up_outputs_with_their_gradients():
    x = leaf(1.0, 2.0)
    (dx,) = minae.autograd.grad((x * 3, x.sum()), x, (np.array([1.0, 10.0]), None))
    assert dx.tolist() == [4, 31]


def test_grad_with_respect_to_the_output_itself():
    x = leaf(2.0)
    y = x * x
    assert [g.item() for g in minae.autograd.grad(y, (y, x))] == [1, 4]


def test_grad_forgets_that_it_asked_for_a_result_on_the_way():
    x = leaf(2.0)
    y = x * x
    minae.autograd.grad(y * 3, y, retain_graph=True)
    (y * 3).backward()
    assert y.grad is None


def test_grad_of_an_unused_input():
    x, unused = leaf(2.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="do not depend on input 1"):
        minae.autograd.grad(x * x, (x, unused))
    assert minae.autograd.grad(x * x, (x, unused), allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="input 0 does not require gradients"):
        minae.autograd.grad(x * x, Tensor([1.0]))


def test_grad_frees_the_graph_unless_it_is_retained():
    x = leaf(2.0)
    y = x * x
    minae.autograd.grad(y, x, retain_graph=True)
    minae.autograd.grad(y, x)
    with pytest.raises(RuntimeError, match="walked before"):
        minae.autograd.grad(y, x)
