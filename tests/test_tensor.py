"""What a tensor is: its dtype, its array, what it refuses, and what may be written into."""

import copy
import operator

import numpy as np
import pytest

from minae import Tensor, tensor

F32, F64, I64, I32, U8 = np.float32, np.float64, np.int64, np.int32, np.uint8

DATA = {
    # what a tensor is made of, and the dtype it then has
    "float": (1.5, F32),
    "int": (2, I64),
    "bool": (True, bool),
    "floats": ([1.0, 2.0], F32),
    "ints": ([[1], [2]], I64),
    "mixed": ([1, 2.5], F32),
    "nothing": ([], F32),
    "float64 array": (np.zeros(2), F64),
    "float32 array": (np.zeros(2, F32), F32),
    "int32 array": (np.zeros(2, I32), I32),
    "float64 scalar": (np.float64(1), F64),
    "uint8 scalar": (np.uint8(1), U8),
    "tensor": (Tensor(np.zeros(2)), F64),
}


@pytest.mark.parametrize("make", [Tensor, tensor])
@pytest.mark.parametrize("name", DATA)
def test_dtype_of_data(name, make):
    data, dtype = DATA[name]
    assert make(data).dtype == dtype


RESULTS = {
    # one operand's dtype, the other operand, the dtype of sum and product
    "float32 and float": (F32, 2.5, F32),
    "float32 and float64 scalar": (F32, np.float64(2.5), F32),
    "float32 and int": (F32, 2, F32),
    "float32 and bool": (F32, True, F32),
    "float64 and float": (F64, 2.5, F64),
    "float64 and float32": (F64, np.ones(2, F32), F64),
    "float32 and ints": (F32, np.ones(2, I64), F32),
    "float32 and list": (F32, [1.0, 2.0], F32),
    "float32 and bools": (F32, np.ones(2, bool), F32),
    "int64 and int": (I64, 2, I64),
    "int32 and int": (I32, 2, I32),
    "int64 and float": (I64, 2.5, F32),
    "uint8 and float32": (U8, np.ones(2, F32), F32),
    "bool and int": (bool, 2, I64),
    "bool and float": (bool, 2.5, F32),
    "bool and bool": (bool, True, bool),
}


@pytest.mark.parametrize("name", RESULTS)
def test_dtype_of_results(name):
    dtype, other, expected = RESULTS[name]
    x = Tensor(np.ones(2, dtype))
    operand = other if np.isscalar(other) else Tensor(other)
    for y in (x + operand, operand + x, x * operand, operand * x):
        assert y.dtype == expected
    np.testing.assert_array_equal((x * operand).data, np.ones(2) * np.asarray(other))


def test_division_between_integers_is_in_float32():
    y = Tensor([7, 1]) / 2
    assert y.dtype == F32
    assert y.tolist() == [3.5, 0.5]


@pytest.mark.parametrize("data", ["text", None, 1j, object()])
def test_what_is_not_numeric_is_refused(data):
    with pytest.raises(TypeError, match="a tensor holds numbers or booleans, not"):
        Tensor(data)


@pytest.mark.parametrize("data", [1, True, np.zeros(2, I32)])
def test_only_floats_require_gradients(data):
    with pytest.raises(TypeError, match="only float tensors can require gradients"):
        Tensor(data, requires_grad=True)
    with pytest.raises(TypeError, match="only float tensors can require gradients"):
        Tensor(data).requires_grad_()


def test_requires_grad_is_an_attribute_of_float_leaves():
    x = Tensor([1.0])
    x.requires_grad = True
    (x * x).backward()
    assert x.grad.item() == 2
    with pytest.raises(TypeError, match="only float tensors can require gradients"):
        Tensor([1]).requires_grad = True
    with pytest.raises(RuntimeError, match="leaf tensors only"):
        (x * 2).requires_grad = False


ODD_ARRAYS = {
    "matrix": np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix),
    "big-endian": np.array([[1, 2], [3, 4]], ">f8"),
    "masked": np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=False),
}


@pytest.mark.parametrize("name", ODD_ARRAYS)
def test_subclasses_and_foreign_byte_orders_become_plain_arrays(name):
    x = Tensor(ODD_ARRAYS[name])
    assert type(x.data) is np.ndarray
    assert x.dtype == F64
    assert x.dtype.isnative
    assert (x * x).tolist() == [[1, 4], [9, 16]]  # entry by entry, unlike a matrix


def test_masked_entries_are_refused():
    with pytest.raises(ValueError, match="no masked entries"):
        Tensor(np.ma.array([1.0, 2.0], mask=[False, True]))


def test_long_doubles_are_refused():
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError, match="64 bits at most"):
            Tensor(np.ones(2, np.longdouble))


def test_ragged_lists_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="rows must have one length") as error:
        Tensor([[1, 2], [3]])
    assert error.value.__cause__ is None


def test_tensor_refuses_what_the_dtype_does_not_hold():
    for data, dtype in [([300, -1], U8), ([1.5], I64), ([float("nan")], I64)]:
        with pytest.raises(ValueError, match="does not hold all of these"):
            tensor(data, dtype=dtype)
    assert tensor([1.0, 2.0], dtype=I64).tolist() == [1, 2]


def test_a_number_is_formatted_and_counts_as_an_index():
    assert f"{Tensor(2.5):.2f} {Tensor([3.25]):.1f} {Tensor(3)}" == "2.50 3.2 3"
    assert f"{Tensor([1, 2])}" == "tensor([1, 2])"
    assert ["a", "b", "c"][Tensor([0.1, 0.9]).argmax()] == "b"
    assert list(range(Tensor(2))) == [0, 1]
    assert Tensor([1, 2, 3])[Tensor(1) :].tolist() == [2, 3]
    assert Tensor([[1, 2], [3, 4]]).sum(Tensor(0)).tolist() == [4, 6]
    with pytest.raises(TypeError):
        [1, 2][Tensor(1.0)]


def test_comparison_with_what_is_no_number():
    x = Tensor(np.array([1, 200], U8))
    assert (x == None) is False  # noqa: E711
    assert (x != "text") is True
    assert (x != 300).tolist() == [True, True]
    assert (x > -1).tolist() == [True, True]
    assert (Tensor([0.1]) == np.float64(0.1)).tolist() == [True]  # as with 0.1 itself
    with pytest.raises(TypeError):
        operator.lt(x, None)


def test_a_tensor_keeps_the_array_and_tensor_copies_it():
    array = np.zeros(3)
    assert Tensor(array).data is array
    assert not np.shares_memory(tensor(array).data, array)
    assert tensor([1, 2], dtype=F64, requires_grad=True).requires_grad


def test_sizes():
    x = Tensor(np.zeros((2, 3)))
    assert (x.shape, x.size(), x.size(-1), x.ndim, x.dim(), x.numel(), len(x)) == (
        (2, 3),
        (2, 3),
        3,
        2,
        2,
        6,
        2,
    )


def test_numpy_is_the_array_of_what_needs_no_gradient():
    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="this tensor requires gradients; use"):
        x.numpy()
    with pytest.raises(RuntimeError, match="requires gradients"):
        (x * 2).numpy()
    assert x.detach().numpy() is x.data


def test_detach_shares_memory_and_has_no_history():
    x = Tensor([1.0, 2.0], requires_grad=True) * 3
    y = x.detach()
    y.data[0] = 7
    assert x.tolist() == [7, 6]
    assert not y.requires_grad
    assert y.is_leaf
    assert not x.is_leaf


def test_item_is_the_only_entry():
    assert Tensor([[2.5]]).item() == 2.5
    assert isinstance(Tensor(3).item(), int)
    assert Tensor(True).item() is True
    with pytest.raises(ValueError, match=r"single entry, but the shape is \(2, 1\)"):
        Tensor([[1], [2]]).item()


def test_numbers():
    assert float(Tensor([1.5])) == 1.5
    assert int(Tensor(2.7)) == 2
    assert bool(Tensor([3]))
    assert not Tensor(0.0)
    for convert in (float, int, bool):
        with pytest.raises(ValueError, match=r"shape is \(2,\)"):
            convert(Tensor([1, 2]))


REPRS = {
    "tensor(3)": Tensor(3),
    "tensor([1. , 2.5])": Tensor([1, 2.5]),
    "tensor([ True, False])": Tensor([True, False]),
    "tensor([1.], dtype=float64)": Tensor(np.ones(1)),
    "tensor([1.], requires_grad=True)": Tensor([1.0], requires_grad=True),
    "tensor([2.], grad_fn=<Mul>)": Tensor([1.0], requires_grad=True) * 2,
    "tensor([[1, 2],\n        [3, 4]])": Tensor([[1, 2], [3, 4]]),
}


@pytest.mark.parametrize("text", REPRS)
def test_repr(text):
    assert repr(REPRS[text]) == text


def test_iteration_gives_tensors_along_the_first_dimension():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * second).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2]]
    with pytest.raises(TypeError, match=r"shape \(\) has no length"):
        list(Tensor(1.0))


def test_a_tensor_hashes_by_identity():
    x, same = Tensor([1.0]), Tensor([1.0])
    assert len({x: 1, same: 2}) == 2
    assert (x == same).tolist() == [True]


ON_THE_LEFT = ["add", "sub", "mul", "truediv", "pow", "matmul", "eq", "lt"]


@pytest.mark.parametrize("name", ON_THE_LEFT)
def test_an_array_on_the_left_gives_a_tensor(name):
    apply = getattr(operator, name)
    array, x = np.array([1.0, 2.0]), Tensor([3.0, 4.0], requires_grad=True)
    y = apply(array, x)
    assert isinstance(y, Tensor)
    np.testing.assert_allclose(y.data, apply(array, x.data))
    assert y.requires_grad == (name not in ("eq", "lt"))


def test_copies_are_independent():
    x = Tensor([1.0], requires_grad=True)
    y = copy.deepcopy(x)
    y.data += 1
    assert (x.item(), y.item(), y.requires_grad) == (1, 2, True)


def test_requires_grad_can_be_switched_on_leaves_only():
    x = Tensor([1.0])
    assert x.requires_grad_() is x
    assert x.requires_grad
    assert not x.requires_grad_(False).requires_grad
    y = Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="leaf tensors only"):
        y.requires_grad_(False)


def test_a_list_of_tensors_never_loses_its_gradients():
    assert tensor([tensor(1.0), tensor(2.0)]).tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="detach"):
        tensor([tensor(1.0, requires_grad=True)])


def test_numpy_functions_take_tensors():
    x = tensor([1.0, 2.0])
    assert np.asarray(x) is x.data
    np.testing.assert_array_equal(np.array(x, dtype=np.float64), [1.0, 2.0])
    with pytest.raises(RuntimeError, match="detach"):
        np.asarray(tensor([1.0], requires_grad=True))
