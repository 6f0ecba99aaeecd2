"""New tensors: values, shapes and dtypes are PyTorch's, and what does not fit is refused."""

import numpy as np
import pytest

import minae
from minae import manual_seed, tensor

torch = pytest.importorskip("torch")

SAME = {
    # called on both libraries
    "zeros": lambda m: m.zeros(2, 3),
    "zeros tuple": lambda m: m.zeros((2, 3)),
    "zeros list": lambda m: m.zeros([2, 3]),
    "zeros of one entry": lambda m: m.zeros(()),
    "zeros of none": lambda m: m.zeros(2, 0),
    "ones": lambda m: m.ones(np.int64(2), 3),
    "full int": lambda m: m.full((2, 3), 7),
    "full bool": lambda m: m.full((2,), True),
    "full float": lambda m: m.full([2], 0.1),
    "full scalar of NumPy": lambda m: m.full((2,), np.float64(0.1)),
    "full inf": lambda m: m.full((), float("-inf")),
    "eye": lambda m: m.eye(3),
    "eye wide": lambda m: m.eye(2, 3),
    "eye nothing": lambda m: m.eye(0, 3),
    "arange": lambda m: m.arange(5),
    "arange nothing": lambda m: m.arange(0),
    "arange end": lambda m: m.arange(end=5),
    "arange start": lambda m: m.arange(2, 5),
    "arange step": lambda m: m.arange(1, 8, 3),
    "arange down": lambda m: m.arange(5, 0, -2),
    "arange float": lambda m: m.arange(5.0),
    "arange float step": lambda m: m.arange(0, 1, 0.1),
    "arange float that ends between": lambda m: m.arange(0, 1, 0.3),
    "arange float down": lambda m: m.arange(1, -1, -0.25),
    "linspace": lambda m: m.linspace(-1, 1, 7),
    "linspace down": lambda m: m.linspace(start=3.5, end=-2, steps=4),
    "linspace one": lambda m: m.linspace(2, 5, 1),
    "linspace none": lambda m: m.linspace(2, 5, 0),
    "zeros_like": lambda m: m.zeros_like(m.arange(3)),
    "ones_like": lambda m: m.ones_like(m.full((2, 1), True)),
    "requires_grad": lambda m: m.full((2,), 1.5, requires_grad=True),
}


@pytest.mark.parametrize("name", SAME)
def test_as_in_pytorch(name):
    ours, theirs = SAME[name](minae), SAME[name](torch)
    assert ours.requires_grad == theirs.requires_grad
    array = theirs.detach().numpy()
    assert ours.dtype == array.dtype
    assert ours.shape == array.shape
    np.testing.assert_allclose(ours.data, array, rtol=1e-6, atol=1e-7)


def test_a_dtype_may_be_given():
    assert minae.zeros(2, dtype=np.int32).dtype == np.int32
    assert minae.zeros(2, dtype=None).dtype == np.float32
    assert minae.arange(3, dtype=np.float32).dtype == np.float32
    assert minae.full((2,), 1, dtype=np.float64).dtype == np.float64
    assert minae.linspace(0, 1, 3, dtype=np.float64).tolist() == [0, 0.5, 1]
    assert minae.randn(2, dtype=np.float64).dtype == np.float64
    x = minae.zeros(2, 3, dtype=np.float64)
    assert minae.ones_like(x).dtype == np.float64
    assert minae.ones_like(x, dtype=np.uint8).dtype == np.uint8


def test_whole_numbers_stay_exact():
    assert minae.arange(2**53, 2**53 + 3).tolist() == [2**53, 2**53 + 1, 2**53 + 2]


def test_like_does_not_share_memory_or_history():
    x = minae.ones(3, requires_grad=True)
    y = minae.zeros_like(x.expand(2, 3))
    y += 1
    assert y.tolist() == [[1] * 3] * 2
    assert not y.requires_grad


@pytest.mark.parametrize("name", ["rand", "randn"])
def test_random_like(name):
    x = minae.zeros(200, 3, dtype=np.float64)
    manual_seed(1)
    expected = getattr(minae, name)(200, 3, dtype=np.float64)
    manual_seed(1)
    assert (getattr(minae, f"{name}_like")(x).data == expected.data).all()
    assert getattr(minae, f"{name}_like")(x, dtype=np.float32, requires_grad=True).requires_grad


CALLS = {
    "high and size": lambda: minae.randint(3, (2000,)),
    "size by name": lambda: minae.randint(3, size=[2000]),
    "low": lambda: minae.randint(0, 3, (2000,)),
    "by name": lambda: minae.randint(low=0, high=3, size=(2000,)),
    "high by name": lambda: minae.randint(high=3, size=(2000,)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_randint_draws_each_of_its_numbers(call):
    manual_seed(0)
    drawn = call()
    assert (drawn.shape, drawn.dtype) == ((2000,), np.int64)
    values, counts = np.unique(drawn.data, return_counts=True)
    assert values.tolist() == [0, 1, 2]
    assert counts.min() > 550
    manual_seed(0)
    assert (call().data == drawn.data).all()


def test_randint_of_one_entry_and_of_other_dtypes():
    assert minae.randint(-5, -4, ()).item() == -5
    assert minae.randint(0, 256, (4,), dtype=np.uint8).dtype == np.uint8


REFUSED = {
    r"zeros: size \(-1,\) has a negative length": (ValueError, lambda: minae.zeros(-1)),
    "zeros: size must be an integer, not 2.0": (TypeError, lambda: minae.zeros(2.0)),
    "ones: size must be an integer, not True": (TypeError, lambda: minae.ones(2, True)),
    r"rand: size \(2, -3\)": (ValueError, lambda: minae.rand((2, -3))),
    "rand: dtype must be float32 or float64": (TypeError, lambda: minae.rand(2, dtype=np.int64)),
    "randn_like: dtype must be": (TypeError, lambda: minae.randn_like(tensor([1]))),
    "full: fill_value must be a number": (TypeError, lambda: minae.full((2,), "a")),
    "full: fill_value 2.5 cannot be held": (
        ValueError,
        lambda: minae.full((2,), 2.5, dtype=np.int64),
    ),
    "full: fill_value 300": (ValueError, lambda: minae.full((2,), 300, dtype=np.uint8)),
    r"eye: size \(2, -1\)": (ValueError, lambda: minae.eye(2, -1)),
    "arange: steps of 0 do not lead from 0 to 3": (ValueError, lambda: minae.arange(0, 3, 0)),
    "arange: steps of 1 do not lead from 0 to -3": (ValueError, lambda: minae.arange(-3)),
    "arange: steps of -1": (ValueError, lambda: minae.arange(0, 3, -1)),
    "arange: start 0, end inf": (ValueError, lambda: minae.arange(float("inf"))),
    "arange: start 0.5 cannot be held": (ValueError, lambda: minae.arange(0.5, 3, dtype=np.int64)),
    "arange: end must be a number, not 'a'": (TypeError, lambda: minae.arange("a")),
    "arange: end must be a number, not None": (TypeError, lambda: minae.arange()),
    "linspace: steps must not be negative": (ValueError, lambda: minae.linspace(0, 1, -1)),
    "linspace: steps must be an integer": (TypeError, lambda: minae.linspace(0, 1, 2.5)),
    "linspace: dtype must be": (TypeError, lambda: minae.linspace(0, 1, 3, dtype=np.int64)),
    "randint: low must be less than high, not 5 and 5": (
        ValueError,
        lambda: minae.randint(5, 5, (2,)),
    ),
    "randint: low must be less than high, not 0 and 0": (
        ValueError,
        lambda: minae.randint(0, (2,)),
    ),
    "randint: low must be an integer": (TypeError, lambda: minae.randint(0.5, 3, (2,))),
    "randint: size must be a tuple or a list": (TypeError, lambda: minae.randint(0, 3, 5)),
    "randint: dtype must be one of integers": (
        TypeError,
        lambda: minae.randint(3, (2,), dtype=np.float32),
    ),
    "randint: the number 299": (ValueError, lambda: minae.randint(300, (2,), dtype=np.uint8)),
    "only float tensors can require": (TypeError, lambda: minae.full((2,), 1, requires_grad=True)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    error, call = REFUSED[message]
    with pytest.raises(error, match=message):
        call()
