"""What every backend promises, and how one is chosen."""

import numpy as np
import pytest

import minae.kernels
from minae.kernels import backend_of, cpu, reference, use_backend

from .cases import normal


def test_results_are_new_arrays(kernels, dtype):
    """Even if a result equals an input, since callers may write to it."""
    x, one = normal(0, 2, 1, 3, 3, dtype=dtype), np.ones((1, 1, 1, 1), dtype)
    options = {"stride": (1, 1), "padding": (0, 0)}
    conv = {**options, "dilation": (1, 1), "groups": 1}
    pool = {**options, "kernel_size": (1, 1)}
    y, index = kernels.max_pool2d(x, **pool)
    results = [
        y,
        index,
        kernels.max_pool2d_dx(x, index, (3, 3)),
        kernels.avg_pool2d(x, **pool),
        kernels.avg_pool2d_dx(x, (3, 3), **pool),
        kernels.conv2d(x, one, **conv),
        kernels.conv2d_dx(x, one, (3, 3), **conv),
        *kernels.conv2d_backward(x, x, one, x, **conv),
        *kernels.conv_transpose2d_backward(x, x, one, x, **conv),
        kernels.matmul(x, np.eye(3, dtype=dtype)),
        kernels.linear(x, np.eye(3, dtype=dtype)),
        kernels.index_add(x.shape, ..., x),
        kernels.add(x, x),
        *kernels.smooth(x, "gelu"),
        *kernels.smooth(x, "silu"),
    ]
    for result in results:
        assert result.flags.writeable
        assert not np.shares_memory(result, x)


UNIT = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
POOL = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
BAD_CALLS = {
    "matmul: (2, 3) and (4, 5) do not multiply": ("matmul", [(2, 3), (4, 5)], {}),
    "linear: x (5, 3) has 3 features": ("linear", [(5, 3), (4, 2)], {}),
    "conv2d: x (2, 3, 8, 8) has 3 channels": ("conv2d", [(2, 3, 8, 8), (4, 5, 3, 3)], UNIT),
    "conv2d_dx: dy (1, 4, 5, 5) holds 5x5": ("conv2d_dx", [(1, 4, 5, 5), (4, 2, 3, 3), 8], UNIT),
    "conv2d_backward: dy (1, 4, 5, 5) and y (1, 4, 6, 6) must both be (1, 4, 6, 6)": (
        "conv2d_backward",
        [(1, 4, 5, 5), (1, 2, 8, 8), (4, 2, 3, 3), (1, 4, 6, 6)],
        UNIT,
    ),
    "conv_transpose2d_backward: dy (1, 2, 8, 8) and y (2, 2, 8, 8) must both be (1, 2, 8, 8)": (
        "conv_transpose2d_backward",
        [(1, 2, 8, 8), (1, 4, 6, 6), (4, 2, 3, 3), (2, 2, 8, 8)],
        UNIT,
    ),
    "batch_norm: weight (4,) and bias (3,) must both be (3,)": (
        "batch_norm",
        [(2, 3), (4,), (3,)],
        {"eps": 1e-5},
    ),
    "max_pool2d: x (4, 4) must have 4 dimensions": ("max_pool2d", [(4, 4)], POOL),
    "max_pool2d_dx: dy (1, 1, 2, 2) and index (1, 1, 2, 3)": (
        "max_pool2d_dx",
        [(1, 1, 2, 2), (1, 1, 2, 3), 4],
        {},
    ),
    "avg_pool2d: a kernel that spans 2x2": ("avg_pool2d", [(1, 1, 1, 4)], POOL),
    "avg_pool2d_dx: dy (1, 1, 3, 2) holds 3x2": ("avg_pool2d_dx", [(1, 1, 3, 2), 4], POOL),
}


@pytest.mark.parametrize("sentence", BAD_CALLS)
def test_backends_refuse_what_does_not_fit(kernels, sentence):
    name, arguments, options = BAD_CALLS[sentence]
    arguments = [(a, a) if isinstance(a, int) else np.ones(a) for a in arguments]
    with pytest.raises(ValueError, match="^" + sentence.replace("(", r"\(").replace(")", r"\)")):
        getattr(kernels, name)(*arguments, **options)


def test_a_numpy_array_is_computed_on_the_cpu():
    assert backend_of(np.zeros(3)) is cpu


@pytest.mark.parametrize("thing", [[1.0, 2.0], 1.0, None])
def test_other_types_have_no_backend(thing):
    with pytest.raises(TypeError, match=f"no backend computes on builtins.{type(thing).__name__}"):
        backend_of(thing)


def test_use_backend_holds_inside_the_block_only():
    array = np.zeros(3)
    with use_backend("reference") as backend:
        assert backend is reference
        assert backend_of(array) is reference
        with use_backend("cpu"):
            assert backend_of(array) is cpu
        assert backend_of(array) is reference
    assert backend_of(array) is cpu


def test_use_backend_ends_with_an_exception():
    with pytest.raises(RuntimeError, match="stop"), use_backend("reference"):
        raise RuntimeError("stop")
    assert backend_of(np.zeros(3)) is cpu


def test_an_unknown_backend_is_refused():
    known = ", ".join(sorted(minae.kernels.BACKENDS))
    with (
        pytest.raises(ValueError, match=f"unknown backend 'gpu'; there are: {known}"),
        use_backend("gpu"),
    ):
        pass
