"""Writing into a tensor's array: what is written, and what is refused."""

import operator

import numpy as np
import pytest

from minae import Tensor, no_grad

U8 = np.uint8

UPDATES = {
    "x + y": operator.iadd,
    "x - y": operator.isub,
    "x * y": operator.imul,
    "x / y": operator.itruediv,
    "x ** y": operator.ipow,
}


@pytest.mark.parametrize("spelt_out", UPDATES)
def test_in_place_is_refused_while_recording(spelt_out):
    x = Tensor([3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="no_grad") as error:
        UPDATES[spelt_out](x, 2)
    assert f"write x = {spelt_out}" in str(error.value)
    assert x.item() == 3


def test_in_place_is_refused_where_it_would_lose_a_gradient():
    total, loss = Tensor(0.0), Tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="write x = x"):
        total += loss
    assert total.item() == 0


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_in_place_writes_into_the_same_array(update):
    x = Tensor([3.0, 4.0], requires_grad=True)
    array, expected = x.data, update(x.data.copy(), 2)
    with no_grad():
        assert update(x, 2) is x
    assert x.data is array
    np.testing.assert_allclose(array, expected)
    assert x.is_leaf


def test_a_write_that_cannot_be_is_refused():
    x = Tensor(np.zeros((2, 3), np.uint8))
    refused = {
        "cannot hold these float32": (TypeError, lambda: operator.setitem(x, 0, 1.5)),
        "cannot hold these int64": (TypeError, lambda: operator.setitem(x, 0, Tensor([300]))),
        "300 is out of range": (OverflowError, lambda: operator.setitem(x, 0, 300)),
        r"\(2,\) does not broadcast to \(3,\)": (
            ValueError,
            lambda: operator.setitem(x, 0, Tensor([1, 2])),
        ),
        r"\(4, 2, 3\) does not broadcast to \(2, 3\)": (
            ValueError,
            lambda: operator.iadd(x, Tensor(np.zeros((4, 2, 3), np.uint8))),
        ),
        r"\(1, 2, 3\) does not broadcast to \(2, 3\)": (
            ValueError,
            lambda: operator.iadd(x, Tensor(np.zeros((1, 2, 3), np.uint8))),
        ),
        "read-only, or expanded": (ValueError, lambda: operator.iadd(x[:1].expand(5, 3), 1)),
        "index 2 is out of range": (IndexError, lambda: operator.setitem(x, 2, 1)),
        "bool cannot hold": (TypeError, lambda: operator.iadd(x == 0, 1)),
    }
    for message, (error, write) in refused.items():
        with pytest.raises(error, match=message):
            write()
    assert not x.data.any()


def test_assignment_is_refused_where_it_would_lose_a_gradient():
    x, y = Tensor([1.0, 2.0], requires_grad=True), Tensor([0.0, 0.0])
    for target, value in ((x, 1.0), (y, x[:1])):
        with pytest.raises(RuntimeError, match=r"where backward\(\) cannot follow; use where"):
            target[0] = value
    with no_grad():
        x[0] = 5.0
    assert x.tolist() == [5, 2]


def test_in_place_never_cuts_off_fractions():
    x = Tensor([1, 2])
    x += 1
    assert x.tolist() == [2, 3]
    with pytest.raises(TypeError, match="a tensor of int64 cannot hold these float32"):
        x /= 2
    assert x.tolist() == [2, 3]
