"""Parameters and gradients side by side in memory: nobody who holds one sees it change."""

import copy
import pickle

import numpy as np
import pytest

from minae import Tensor, nn, ops, optim


def train_once(model, optimizer, seed):
    x = Tensor(np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32))
    optimizer.zero_grad()
    y = model(x)
    loss = ops.mse_loss(y, x)
    loss.backward()
    optimizer.step()
    return x, y, loss


@pytest.fixture
def trained():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 4))
    optimizer = optim.Adam(model.parameters())
    train_once(model, optimizer, 0)
    return model, optimizer


HELD = {
    "tensor": lambda p: p.grad,
    "array": lambda p: p.grad.numpy(),
    "part of it": lambda p: p.grad.data[1:],
    "part of a part": lambda p: p.grad.data.T[1:][..., :2],
    "memory": lambda p: memoryview(p.grad.data),
    "flat": lambda p: p.grad.data.ravel(),
}


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("number", range(4))
def test_a_gradient_that_is_held_keeps_its_value(trained, kind, number):
    model, optimizer = trained
    held = HELD[kind](list(model.parameters())[number])
    value = np.array(held.data if isinstance(held, Tensor) else held)
    for seed in range(1, 4):
        train_once(model, optimizer, seed)
    np.testing.assert_array_equal(np.asarray(held), value)


def test_holding_gradients_changes_nothing_else(trained):
    model, optimizer = trained
    other = copy.deepcopy(model)
    second = optim.Adam(other.parameters())
    second.load_state_dict({k: v.copy() for k, v in optimizer.state_dict().items()})
    kept = []
    for seed in range(1, 5):
        train_once(model, optimizer, seed)
        train_once(other, second, seed)
        kept.append([p.grad for p in list(other.parameters())[seed % 2 :: 2]])
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-6)


def test_outputs_that_are_held_keep_their_values(trained):
    model, optimizer = trained
    held = train_once(model, optimizer, 1)
    values = [t.data.copy() for t in held]
    for seed in range(2, 5):
        train_once(model, optimizer, seed)
    for t, value in zip(held, values, strict=True):
        np.testing.assert_array_equal(t.data, value)


def test_gradients_are_written_in_place(trained):
    model, optimizer = trained
    places = [p.grad.data.ctypes.data for p in model.parameters()]
    train_once(model, optimizer, 1)
    assert [p.grad.data.ctypes.data for p in model.parameters()] == places


def test_gradients_add_up_over_several_backwards(trained):
    model, _ = trained
    x = Tensor(np.ones((2, 4), np.float32))
    model.zero_grad()
    model(x).sum().backward()
    once = [p.grad.data.copy() for p in model.parameters()]
    model(x).sum().backward()
    for p, gradient in zip(model.parameters(), once, strict=True):
        np.testing.assert_allclose(p.grad.data, 2 * gradient)


def test_one_parameter_in_two_inputs_of_one_operation():
    p = nn.Parameter(np.array([[1.0, 2], [3, 4]]))
    optim.SGD([p], lr=0.1)
    ops.linear(p, p).sum().backward()
    np.testing.assert_allclose(p.grad.data, [[8, 12], [8, 12]])


def test_a_parameter_whose_array_was_replaced(trained):
    model, optimizer = trained
    weight = next(model.parameters())
    weight.data = np.ones((3, 4), np.float32)
    train_once(model, optimizer, 1)
    np.testing.assert_allclose(weight.data, 1, atol=2e-3)


def test_two_optimisers_of_one_model(trained):
    model, first = trained
    second = optim.SGD(model.parameters(), lr=0.0)
    before = [p.data.copy() for p in model.parameters()]
    train_once(model, first, 1)
    moved = [p.data.copy() for p in model.parameters()]
    assert not np.array_equal(before[0], moved[0])
    train_once(model, second, 2)  # lr 0: stays
    for p, value in zip(model.parameters(), moved, strict=True):
        np.testing.assert_array_equal(p.data, value)


def test_a_parameter_given_twice_is_refused():
    p = nn.Parameter(np.zeros(2))
    with pytest.raises(ValueError, match="one parameter twice"):
        optim.SGD([p, p])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent(trained, copied):
    model, optimizer = trained
    other = copied(model)
    values = [p.data.copy() for p in other.parameters()]
    train_once(model, optimizer, 1)
    for p, value in zip(other.parameters(), values, strict=True):
        np.testing.assert_array_equal(p.data, value)
    train_once(other, optim.Adam(other.parameters()), 1)
