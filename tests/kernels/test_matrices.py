"""Matrix products and the error function on every backend."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minae.kernels import cpu

from .cases import (
    assert_close,
    contiguous,
    cut_into,
    every_second,
    examples,
    normal,
    one_number_for_all,
    read_only,
    reversed_rows,
)

sizes = st.integers(0, 4)


@examples
@given(
    batches=st.sampled_from(
        [((), ()), ((3,), ()), ((), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0,), (1,))]
    ),
    rows=st.one_of(st.none(), sizes),
    inner=sizes,
    columns=st.one_of(st.none(), sizes),
    layouts=st.tuples(*[st.sampled_from([contiguous, every_second, one_number_for_all])] * 2),
    seed=st.integers(0, 999),
)
def test_matmul_is_numpys(kernels, dtype, batches, rows, inner, columns, layouts, seed):
    assume(rows is not None or not batches[0])
    assume(columns is not None or not batches[1])
    a_shape = (*batches[0], *([] if rows is None else [rows]), inner)
    b_shape = (*batches[1], inner, *([] if columns is None else [columns]))
    a = read_only(layouts[0](normal(seed, *a_shape, dtype=dtype)))
    b = read_only(layouts[1](normal(seed + 1, *b_shape, dtype=dtype)))
    assert_close(kernels.matmul(a, b), np.asarray(np.matmul(a, b)), dtype)


@pytest.mark.parametrize("shares", [1, 2, 5])
@pytest.mark.parametrize("a_shape", [(3, 4, 20), (2, 3, 4, 20), (1, 4, 20), (4, 20)])
@pytest.mark.parametrize("turned", [False, True])
def test_batches_are_shared_by_threads(dtype, shares, a_shape, turned):
    a, b = normal(0, *a_shape, dtype=dtype), normal(1, 3, 20, 7, dtype=dtype)
    if turned:  # transposes of plain matrices, as in attention
        a, b = (np.array(x.swapaxes(-1, -2)).swapaxes(-1, -2) for x in (a, b))
    with cut_into(shares):
        assert_close(cpu.matmul(a, b), np.matmul(a, b), dtype)


def test_matmul_of_transposed_batches(kernels, dtype):
    a = normal(0, 5, 3, 4, dtype=dtype).transpose(1, 0, 2)
    b = normal(1, 6, 4, dtype=dtype).T
    assert_close(kernels.matmul(a, b), np.stack([matrix @ b for matrix in a]), dtype)


@examples
@given(
    leading=st.lists(sizes, max_size=3),
    inputs=sizes,
    outputs=sizes,
    with_bias=st.booleans(),
    layout=st.sampled_from([contiguous, every_second, one_number_for_all]),
    seed=st.integers(0, 999),
)
def test_linear_is_torchs(kernels, dtype, torch, leading, inputs, outputs, with_bias, layout, seed):
    x = read_only(layout(normal(seed, *leading, inputs, dtype=dtype)))
    weight = normal(seed + 1, outputs, inputs, dtype=dtype)
    bias = normal(seed + 2, outputs, dtype=dtype) if with_bias else None
    expected = torch.tensor(x) @ torch.tensor(weight).T
    if with_bias:
        expected = expected + torch.tensor(bias)
    assert_close(kernels.linear(x, weight, bias), expected, dtype)


# --- error function ---------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [contiguous, every_second, reversed_rows, one_number_for_all])
def test_erf_is_torchs(kernels, dtype, torch, layout):
    x = read_only(layout(3 * normal(0, 2, 3, 50, dtype=dtype)))
    assert_close(kernels.erf(x), torch.erf(torch.tensor(x.copy())), dtype)


def test_erf_at_the_ends(kernels, dtype):
    x = np.array([-np.inf, -30, 0, 30, np.inf], dtype)
    assert_close(kernels.erf(x), np.array([-1, -1, 0, 1, 1]), dtype)
    assert np.isnan(kernels.erf(np.array([np.nan], dtype))).all()
    for empty in (np.zeros((0, 3), dtype), np.zeros((), dtype)):
        assert_close(kernels.erf(empty), empty, dtype)
