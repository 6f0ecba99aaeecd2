"""Sizes against PyTorch and against each other; every refusal by its full sentence."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minae.kernels import sizes

examples = settings(derandomize=True, deadline=None, max_examples=150)


def refusal(sentence):
    return pytest.raises(ValueError, match="^" + re.escape(sentence) + "$")


@st.composite
def geometries(draw):
    """Draw input size, kernel size, stride, padding, dilation; the same along both axes."""
    axis = [st.integers(low, high) for low, high in ((1, 9), (1, 4), (1, 4), (0, 3), (1, 3))]
    return [(n, n) for n in draw(st.tuples(*axis))]


@examples
@given(geometry=geometries())
def test_conv2d_output_size_counts_the_positions(geometry):
    size, kernel, stride, padding, dilation = geometry
    span, padded = dilation[0] * (kernel[0] - 1) + 1, size[0] + 2 * padding[0]
    positions = [start for start in range(0, padded, stride[0]) if start + span <= padded]
    if positions:
        assert sizes.conv2d_output_size(*geometry) == (len(positions), len(positions))
    else:
        with pytest.raises(ValueError, match="does not fit into an input"):
            sizes.conv2d_output_size(*geometry)


@examples
@given(geometry=geometries(), output_padding=st.integers(0, 3))
def test_conv_transpose2d_output_size_is_torchs(torch, geometry, output_padding):
    size, kernel, stride, padding, dilation = geometry
    assume(output_padding < stride[0])
    extra = (output_padding, output_padding)
    length = (size[0] - 1) * stride[0] - 2 * padding[0]
    length += dilation[0] * (kernel[0] - 1) + output_padding + 1
    assume(length > 0)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    x, weight = torch.zeros(1, 1, *size), torch.zeros(1, 1, *kernel)
    y = torch.conv_transpose2d(x, weight, output_padding=extra, **options)
    result = sizes.conv_transpose2d_output_size(size, kernel, stride, padding, extra, dilation)
    assert result == tuple(y.shape[2:])
    assert sizes.conv2d_output_size(result, kernel, stride, padding, dilation) == size


def test_sizes_along_the_two_axes_are_independent():
    geometry = (3, 2), (2, 1), (1, 2), (2, 1)
    assert sizes.conv2d_output_size((8, 10), *geometry) == (3, 13)
    assert sizes.pool2d_output_size((8, 10), (3, 2), (2, 1), (1, 0)) == (4, 9)
    transposed = (3, 2), (2, 1), (1, 2), (1, 0), (2, 1)
    assert sizes.conv_transpose2d_output_size((3, 13), *transposed) == (8, 10)


@pytest.mark.parametrize(
    ("what", "value", "least"),
    [
        ("kernel_size", (0, 3), 1),
        ("stride", (1, 0), 1),
        ("padding", (-1, 0), 0),
        ("dilation", (1, 0), 1),
    ],
)
def test_geometry_has_lower_bounds(what, value, least):
    geometry = {
        "kernel_size": (3, 3),
        "stride": (1, 1),
        "padding": (0, 0),
        "dilation": (1, 1),
        what: value,
    }
    with refusal(f"conv2d: {what} {value} must be at least {least}"):
        sizes.conv2d_output_size((8, 8), **geometry)


def test_a_kernel_must_fit_into_the_padded_input():
    with refusal(
        "conv2d: a kernel that spans 5x5 pixels (kernel_size (3, 3), dilation (2, 2)) does not fit "
        "into an input of 2x6 that padding (1, 0) makes 4x6"
    ):
        sizes.conv2d_output_size((2, 6), (3, 3), (1, 1), (1, 0), (2, 2))


def test_pooling_padding_is_at_most_half_of_the_kernel():
    assert sizes.pool2d_output_size((4, 4), (2, 3), (1, 1), (1, 1)) == (5, 4)
    with refusal("pool2d: padding (1, 2) is more than half of kernel_size (2, 3)"):
        sizes.pool2d_output_size((4, 4), (2, 3), (1, 1), (1, 2))


def test_output_padding_is_below_the_stride():
    with refusal(
        "conv_transpose2d: output_padding (0, 2) must be at least 0 and below stride (2, 2)"
    ):
        sizes.conv_transpose2d_output_size((4, 4), (3, 3), (2, 2), (1, 1), (0, 2), (1, 1))


def test_a_transposed_convolution_leaves_something():
    with refusal(
        "conv_transpose2d: padding (2, 0) cuts everything away: an input of 2x2 under kernel_size "
        "(3, 3) leaves 0x4"
    ):
        sizes.conv_transpose2d_output_size((2, 2), (3, 3), (1, 1), (2, 0), (0, 0), (1, 1))
    with refusal("conv_transpose2d: an input of 0x2 has no pixels to spread"):
        sizes.conv_transpose2d_output_size((0, 2), (3, 3), (1, 1), (0, 0), (0, 0), (1, 1))


def test_pooling_needs_pixels():
    with refusal("pool2d: an input of 0x4 has no pixels to pool"):
        sizes.pool2d_output_size((0, 4), (2, 2), (2, 2), (1, 1))
