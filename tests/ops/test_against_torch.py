"""Forward and backward of every function in minae.ops against PyTorch's, on random inputs.

The tables in cases_*.py say what is called with what; here it is called and compared.
"""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae import Tensor, ops

from . import (
    cases_images,
    cases_indexing,
    cases_inplace,
    cases_layers,
    cases_losses,
    cases_ordering,
    cases_pointwise,
    cases_reductions,
    cases_shape,
)
from .cases import torch

TABLES = [
    cases_pointwise,
    cases_reductions,
    cases_shape,
    cases_indexing,
    cases_inplace,
    cases_ordering,
    cases_layers,
    cases_images,
    cases_losses,
]
CASES = {name: case for table in TABLES for name, case in table.CASES.items()}

RELATIVE = {np.dtype(t): e for t, e in [(np.float16, 2e-3), (np.float32, 1e-4), (np.float64, 1e-9)]}
dtypes = st.sampled_from([np.float32, np.float64])


def as_tuple(outputs):
    return tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)


def leaves(arrays, dtype, make):
    """Return the arrays as tensors of one library; floats require gradients."""
    for x in arrays:
        if x is not None and x.dtype.kind == "f":
            yield make(x.astype(dtype)).requires_grad_()
        else:
            yield x if x is None else make(x)


def assert_close(actual, expected, what):
    """Compare values, shape and dtype, allowing rounding on the scale of the largest entry."""
    assert actual.dtype == expected.dtype, what
    assert actual.shape == expected.shape, what
    if actual.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected, what)
        return
    tolerance = RELATIVE[actual.dtype]
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.01)
    np.testing.assert_allclose(actual, expected, tolerance, 0.1 * tolerance * scale, err_msg=what)


def assert_same_gradients(ours, theirs):
    for i, (x, t) in enumerate(zip(ours, theirs, strict=True)):
        if x is not None and x.requires_grad:
            assert (x.grad is None) == (t.grad is None), f"gradient of input {i}"
            if x.grad is not None:
                assert_close(x.grad.data, t.grad.numpy(), f"gradient of input {i}")


@pytest.mark.filterwarnings("ignore:grad and param do not obey")  # torch's, about empty tensors
@pytest.mark.parametrize("name", CASES)
@given(data=st.data(), dtype=dtypes)
def test_forward_and_backward(name, data, dtype):
    case = CASES[name]
    arrays, options = data.draw(case.inputs)
    # copies: neither library may see what the other one writes
    ours = list(leaves(arrays, dtype, lambda x: Tensor(x.copy())))
    theirs = list(leaves(arrays, dtype, lambda x: torch.tensor(x)))
    our_outputs = as_tuple(case.ours(*ours, **options))
    their_outputs = as_tuple(case.theirs(*theirs, **options))
    assert len(our_outputs) == len(their_outputs)
    rng = np.random.default_rng(1)
    for y, t in zip(our_outputs, their_outputs, strict=True):
        assert_close(y.data, t.detach().numpy(), "output")
        assert y.requires_grad == t.requires_grad
        if y.requires_grad:
            dy = np.asarray(rng.normal(size=y.shape)).astype(y.dtype)
            y.backward(dy, retain_graph=True)  # outputs may share a part of the graph
            t.backward(torch.tensor(dy), retain_graph=True)
    assert_same_gradients(ours, theirs)


def test_no_function_is_left_out():
    functions = {name for name, value in vars(ops).items() if inspect.isfunction(value)}
    assert functions == set(ops.__all__)
    assert len(functions) > 60
    missing = functions - {name.split()[0] for name in CASES}
    assert not missing, f"{missing}: add cases to a file tests/ops/cases_*.py"
