"""Convolutions on every backend, against PyTorch, the reference, and their own adjoints."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.kernels import reference
from minae.kernels.cpu.conv_loops import winograd

from .cases import (
    LAYOUTS,
    assert_close,
    assert_same,
    convolutions,
    cut_into,
    examples,
    normal,
    read_only,
)


@examples
@given(case=convolutions(), with_bias=st.booleans(), seed=st.integers(0, 999))
def test_convolution_is_torchs(kernels, dtype, torch, case, with_bias, seed):
    x, weight, bias, dy = case.arrays(seed, dtype)
    bias = bias if with_bias else None
    tx, tweight, tdy = (torch.tensor(a, requires_grad=True) for a in (x, weight, dy))
    ty = torch.conv2d(tx, tweight, torch.tensor(bias) if with_bias else None, **case.options)
    ty.backward(tdy)

    y = kernels.conv2d(x, weight, bias, **case.options)
    dx, dweight, dbias = kernels.conv2d_backward(dy, x, weight, y, **case.options)

    assert_close(y, ty.detach(), dtype)
    assert_close(dx, tx.grad, dtype)
    assert_close(dweight, tweight.grad, dtype)
    assert_close(dbias, dy.sum(axis=(0, 2, 3)), dtype)
    assert_close(kernels.conv2d_dx(dy, weight, x.shape[2:], **case.options), tx.grad, dtype)


@examples
@given(
    case=convolutions(),
    layouts=st.tuples(LAYOUTS, LAYOUTS, LAYOUTS),
    activation=st.sampled_from([None, "relu"]),
    needs=st.tuples(st.booleans(), st.booleans()),
    shares=st.integers(1, 3),
    least_channels=st.sampled_from([1, 100]),  # for Winograd's way
    seed=st.integers(0, 999),
)
def test_convolution_in_any_layout(
    dtype, case, layouts, activation, needs, shares, least_channels, seed
):
    x, weight, bias, dy = case.arrays(seed, dtype)
    x, weight, dy = (read_only(f(a)) for f, a in zip(layouts, (x, weight, dy), strict=True))
    calls = [
        ("conv2d", (x, weight, bias, activation)),
        ("conv2d_dx", (dy, weight, x.shape[2:])),
        ("conv2d_backward", (dy, x, weight, dy[::-1], activation, needs)),
        ("conv_transpose2d_backward", (x, dy, weight, x[::-1], activation, needs)),
    ]
    with cut_into(shares), mock.patch.object(winograd, "LEAST_CHANNELS", least_channels):
        for name, arguments in calls:
            assert_same(name, dtype, *arguments, **case.options)


@examples
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(3, 11), st.integers(3, 11)),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    activation=st.sampled_from([None, "relu"]),
    needs=st.tuples(st.booleans(), st.booleans()),
    shares=st.integers(1, 3),
)
def test_winograd(sizes, channels, padding, activation, needs, shares):
    """Images are cut into tiles: sizes are around multiples of 4, and batches need not divide."""
    (N, H, W), (C, O) = sizes, channels  # noqa: E741
    options = {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1}
    x, weight = normal(0, N, C, H, W, dtype=np.float32), normal(1, O, C, 3, 3, dtype=np.float32)
    y = reference.conv2d(x, weight, None, activation, **options)
    dy, bias = normal(2, *y.shape, dtype=np.float32), normal(3, O, dtype=np.float32)
    with cut_into(shares), mock.patch.object(winograd, "LEAST_CHANNELS", 1):
        assert winograd.wins(C, O, x.dtype, (3, 3), **options)
        assert_same("conv2d", np.float32, x, weight, bias, activation, **options)
        assert_same("conv2d_backward", np.float32, dy, x, weight, y, activation, needs, **options)
        assert_same("conv2d_dx", np.float32, dy, weight, (H, W), **options)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", range(1, 7))
@pytest.mark.parametrize("dilation", [1, 2])
def test_patches_of_short_runs(dtype, channels, width, dilation):
    """Runs of up to four numbers are copied as one vector."""
    options = {"stride": (1, 2), "padding": (1, 0), "dilation": (1, dilation), "groups": 1}
    x = normal(0, 3, channels, 4, 14, dtype=dtype)
    weight, bias = normal(1, 2, channels, 2, width, dtype=dtype), normal(2, 2, dtype=dtype)
    y = reference.conv2d(x, weight, bias, **options)
    dy = normal(3, *y.shape, dtype=dtype)
    assert_same("conv2d", dtype, x, weight, bias, **options)
    assert_same("conv2d_dx", dtype, dy, weight, x.shape[2:], **options)
    assert_same("conv2d_backward", dtype, dy, x, weight, y, **options)
    assert_same("conv_transpose2d_backward", dtype, x, dy, weight, x[::-1], **options)


def test_images_too_large_for_one_product(dtype):
    """Their products take three rows of positions, then three more, then the last."""
    options = {"stride": (1, 2), "padding": (1, 0), "dilation": (1, 1), "groups": 1}
    x, weight = normal(0, 2, 40, 7, 29, dtype=dtype), normal(1, 50, 40, 3, 3, dtype=dtype)
    bias, of_x = normal(2, 50, dtype=dtype), normal(3, 40, dtype=dtype)
    y = reference.conv2d(x, weight, bias, "relu", **options)
    dy = normal(4, *y.shape, dtype=dtype)
    assert 1_000_000 // (y.shape[3] * weight.size) == 3
    assert_same("conv2d", dtype, x, weight, bias, "relu", **options)
    assert_same("conv2d_dx", dtype, dy, weight, x.shape[2:], of_x, "relu", **options)
    assert_same("conv2d_backward", dtype, dy, x, weight, y, "relu", **options)
    assert_same("conv_transpose2d_backward", dtype, x, dy, weight, x[::-1], "relu", **options)


@examples
@given(case=convolutions(), seed=st.integers(0, 999))
def test_convolution_and_its_gradients_are_adjoint(kernels, case, seed):
    """<conv(x, w), dy> is linear in x and in w, so both gradients must give it back."""
    x, weight, _, dy = case.arrays(seed)
    y = kernels.conv2d(x, weight, None, **case.options)
    expected = np.vdot(y, dy)

    dx, dweight, _ = kernels.conv2d_backward(dy, x, weight, y, **case.options)

    assert np.vdot(x, dx) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert np.vdot(weight, dweight) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("output_padding", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(6, 2, 1), (6, 10, 2), (1, 16, 1)])
def test_transposed_convolution_is_torchs(
    kernels, dtype, torch, inputs, outputs, groups, output_padding
):
    x = normal(0, 2, inputs, 5, 4, dtype=dtype)
    weight = normal(1, inputs, outputs // groups, 3, 4, dtype=dtype)
    options = {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1), "groups": groups}
    expected = torch.nn.functional.conv_transpose2d(
        torch.tensor(x), torch.tensor(weight), output_padding=output_padding, **options
    )
    assert_close(kernels.conv2d_dx(x, weight, expected.shape[2:], **options), expected, dtype)


def test_convolution_of_no_channels_is_its_bias(kernels, dtype):
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    x, weight = np.zeros((2, 0, 4, 4), dtype), np.zeros((3, 0, 3, 3), dtype)
    bias, dy = np.arange(3, dtype=dtype), np.ones((2, 3, 2, 2), dtype)
    y = kernels.conv2d(x, weight, bias, **options)
    assert_close(y, np.broadcast_to(bias[:, None, None], (2, 3, 2, 2)), dtype)
    dx, dweight, dbias = kernels.conv2d_backward(dy, x, weight, y, **options)
    assert_close(dx, x, dtype)
    assert_close(dweight, weight, dtype)
    assert_close(dbias, np.full(3, 8), dtype)


def test_convolution_to_no_channels_is_empty(kernels, dtype):
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    x, weight = np.ones((2, 9, 4, 4), dtype), np.zeros((0, 9, 3, 3), dtype)
    y = kernels.conv2d(x, weight, np.zeros(0, dtype), **options)
    assert_close(y, np.zeros((2, 0, 2, 2)), dtype)
    assert_close(kernels.conv2d_dx(y, weight, (4, 4), **options), np.zeros_like(x), dtype)
    dx, dweight, dbias = kernels.conv2d_backward(y, x, weight, y, **options)
    assert_close(dx, np.zeros_like(x), dtype)
    assert_close(dweight, weight, dtype)
    assert_close(dbias, np.zeros(0), dtype)
