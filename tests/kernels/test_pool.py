"""Poolings on every backend, against PyTorch, the reference, and their own adjoints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.kernels import cpu, reference

from .cases import LAYOUTS, assert_close, examples, normal, poolings, read_only


@examples
@given(case=poolings(), ties=st.booleans(), seed=st.integers(0, 999))
def test_pooling_is_torchs(kernels, dtype, torch, case, ties, seed):
    x, dy = normal(seed, *case.x_shape, dtype=dtype), normal(seed + 1, *case.y_shape, dtype=dtype)
    x = read_only(np.round(x) - 3) if ties else x  # all below 0: padding must not be chosen
    tx, tdy = torch.tensor(x, requires_grad=True), torch.tensor(dy)
    functional = torch.nn.functional

    y, index = kernels.max_pool2d(x, **case.options)
    ty, tindex = functional.max_pool2d(tx, **case.options, return_indices=True)
    assert_close(y, ty.detach(), dtype)
    assert index.dtype == np.int64
    np.testing.assert_array_equal(index, tindex)
    ty.backward(tdy)
    assert_close(kernels.max_pool2d_dx(dy, index, x.shape[2:]), tx.grad, dtype)

    tx.grad = None
    ty = functional.avg_pool2d(tx, **case.options)
    ty.backward(tdy)
    assert_close(kernels.avg_pool2d(x, **case.options), ty.detach(), dtype)
    assert_close(kernels.avg_pool2d_dx(dy, x.shape[2:], **case.options), tx.grad, dtype)


@examples
@given(case=poolings(), layouts=st.tuples(LAYOUTS, LAYOUTS), seed=st.integers(0, 999))
def test_pooling_in_any_layout(dtype, case, layouts, seed):
    x = read_only(layouts[0](normal(seed, *case.x_shape, dtype=dtype)))
    dy = read_only(layouts[1](normal(seed + 1, *case.y_shape, dtype=dtype)))
    size = x.shape[2:]

    y, index = cpu.max_pool2d(x, **case.options)
    expected_y, expected_index = reference.max_pool2d(x, **case.options)
    assert_close(y, expected_y, dtype)
    np.testing.assert_array_equal(index, expected_index)
    for places in (read_only(index), read_only(expected_index)):
        dx = cpu.max_pool2d_dx(dy, places, size)
        assert_close(dx, reference.max_pool2d_dx(dy, places, size), dtype)

    y, expected_y = (b.avg_pool2d(x, **case.options) for b in (cpu, reference))
    assert_close(y, expected_y, dtype)
    dx, expected_dx = (b.avg_pool2d_dx(dy, size, **case.options) for b in (cpu, reference))
    assert_close(dx, expected_dx, dtype)


@examples
@given(case=poolings(), seed=st.integers(0, 999))
def test_average_pooling_and_its_gradient_are_adjoint(kernels, case, seed):
    x, dy = normal(seed, *case.x_shape), normal(seed + 1, *case.y_shape)
    dx = kernels.avg_pool2d_dx(dy, x.shape[2:], **case.options)
    expected = np.vdot(kernels.avg_pool2d(x, **case.options), dy)
    assert np.vdot(x, dx) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_max_pooling_lets_a_nan_win(kernels, dtype):
    x = np.arange(16, dtype=dtype).reshape(1, 1, 4, 4)
    x[0, 0, 1, 0] = np.nan  # in the first window only
    y, index = kernels.max_pool2d(x, kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    np.testing.assert_array_equal(y, np.array([[[[np.nan, 7], [13, 15]]]]))
    np.testing.assert_array_equal(index, [[[[4, 7], [13, 15]]]])


def test_max_pooling_of_minus_infinity_stays_inside(kernels, dtype):
    x = np.full((1, 1, 3, 3), -np.inf, dtype)
    y, index = kernels.max_pool2d(x, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), -np.inf))
    np.testing.assert_array_equal(index, [[[[0, 1], [3, 4]]]])
