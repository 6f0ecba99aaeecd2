"""Every refusal of operands that do not fit together, by its full sentence."""

import re
from types import SimpleNamespace

import pytest

from minae.kernels import shapes, shapes_images

UNIT = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}


def of(*shape):
    """Anything with a shape will do: these functions look at nothing else."""
    return SimpleNamespace(shape=shape)


def refusal(sentence):
    return pytest.raises(ValueError, match="^" + re.escape(sentence) + "$")


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (of(2, 3), of(4, 5), "3 columns against 4 rows"),
        (of(3), of(4), "3 columns against 4 rows"),
        (of(5, 2, 3), of(2, 3), "3 columns against 2 rows"),
        (of(2, 2, 3), of(5, 3, 4), "batches (2,) and (5,) do not broadcast"),
        (of(7, 2, 2, 3), of(4, 1, 3, 1), "batches (7, 2) and (4, 1) do not broadcast"),
        (of(), of(3), "a scalar has no rows"),
        (of(3), of(), "a scalar has no rows"),
    ],
)
def test_matmul_operands_must_multiply(a, b, why):
    with refusal(f"matmul: {a.shape} and {b.shape} do not multiply: {why}"):
        shapes.check_matmul(a, b)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "sentence"),
    [
        (of(5, 3), of(4, 2), None, "x (5, 3) has 3 features, but weight (4, 2) takes 2"),
        (of(), of(4, 2), None, "x () has no features, but weight (4, 2) takes 2"),
        (of(5, 3), of(3), None, "weight (3,) must have 2 dimensions (O, I)"),
        (of(5, 3), of(4, 3), of(3), "bias (3,) must be (4,) to go with weight (4, 3)"),
        (of(5, 3), of(4, 3), of(1, 4), "bias (1, 4) must be (4,) to go with weight (4, 3)"),
    ],
)
def test_linear_operands_must_fit(x, weight, bias, sentence):
    with refusal(f"linear: {sentence}"):
        shapes.check_linear(x, weight, bias)


X, X4 = (2, 3, 8, 8), (2, 4, 8, 8)
CONV2D_REFUSALS = {  # x, weight, bias, groups
    "x {x} has 3 channels, but weight {w} with groups=1 takes 5": (X, (4, 5, 3, 3), None, 1),
    "x {x} has 4 channels, but weight {w} with groups=2 takes 8": (X4, (4, 4, 3, 3), None, 2),
    "groups=2 does not divide the 5 output channels of weight {w}": (X4, (5, 2, 3, 3), None, 2),
    "groups=0 does not divide the 4 output channels of weight {w}": (X, (4, 3, 3, 3), None, 0),
    "groups=2 does not divide the 3 channels of x {x}": (X, (4, 1, 3, 3), None, 2),
    "bias (3,) must be (4,) to go with weight {w}": (X, (4, 3, 3, 3), of(3), 1),
    "x {x} must have 4 dimensions (N, C, H, W)": (X[1:], (4, 3, 3, 3), None, 1),
    "weight {w} must have 4 dimensions (channels, channels / groups, KH, KW)": (
        X,
        (4, 27),
        None,
        1,
    ),
}


@pytest.mark.parametrize("sentence", CONV2D_REFUSALS)
def test_conv2d_operands_must_fit(sentence):
    x, weight, bias, groups = CONV2D_REFUSALS[sentence]
    with refusal(f"conv2d: {sentence.format(x=x, w=weight)}"):
        shapes_images.check_conv2d(of(*x), of(*weight), bias, **UNIT, groups=groups)


@pytest.mark.parametrize(
    ("dy", "sentence"),
    [
        (of(2, 3, 6, 6), "dy (2, 3, 6, 6) has 3 channels, but weight (4, 3, 3, 3) gives 4"),
        (
            of(2, 4, 5, 6),
            "dy (2, 4, 5, 6) holds 5x6 positions, but an input of 8x8 under kernel_size (3, 3) "
            "gives 6x6",
        ),
    ],
)
def test_conv2d_dx_operands_must_fit(dy, sentence):
    with refusal(f"conv2d_dx: {sentence}"):
        shapes_images.check_conv2d_dx(dy, of(4, 3, 3, 3), (8, 8), None, **UNIT, groups=1)


@pytest.mark.parametrize(
    ("dy", "y"),
    [((3, 4, 6, 6), (2, 4, 6, 6)), ((2, 4, 6, 6), (2, 4, 6, 7)), ((2, 5, 6, 6), (2, 5, 6, 6))],
)
def test_gradients_of_convolutions_must_fit(dy, y):
    sentence = f"dy {dy} and y {y} must both be (2, 4, 6, 6) to go with"
    with refusal(f"conv2d_backward: {sentence} x (2, 3, 8, 8) and weight (4, 3, 3, 3)"):
        x, weight = of(2, 3, 8, 8), of(4, 3, 3, 3)
        shapes_images.check_conv2d_backward(of(*dy), x, weight, of(*y), **UNIT, groups=1)
    with refusal(f"conv_transpose2d_backward: {sentence} x (2, 3, 4, 4) and weight (3, 4, 3, 3)"):
        x, weight = of(2, 3, 4, 4), of(3, 4, 3, 3)
        dy = (*dy[:2], 6, 6)
        shapes_images.check_conv_transpose2d_backward(of(*dy), x, weight, of(*y), **UNIT, groups=1)


def test_conv_transpose2d_operands_fit():
    options = {**UNIT, "stride": (2, 2), "output_padding": (1, 0), "groups": 2}
    x, weight, bias = of(2, 4, 5, 5), of(4, 3, 3, 3), of(6)
    assert shapes_images.check_conv_transpose2d(x, weight, bias, **options) == (12, 11)


@pytest.mark.parametrize(
    ("weight", "bias", "sentence"),
    [
        (of(6, 3, 3, 3), None, "x (2, 4, 5, 5) has 4 channels, but weight {} takes 6"),
        (of(5, 3, 3, 3), None, "groups=2 does not divide the 5 input channels of weight {}"),
        (of(4, 3, 3, 3), of(3), "bias (3,) must be (6,) to go with weight {}"),
    ],
)
def test_conv_transpose2d_operands_must_fit(weight, bias, sentence):
    options = {**UNIT, "output_padding": (0, 0), "groups": 2}
    with refusal(f"conv_transpose2d: {sentence.format(weight.shape)}"):
        shapes_images.check_conv_transpose2d(of(2, 4, 5, 5), weight, bias, **options)


def test_pooling_gradients_must_fit():
    with refusal("max_pool2d_dx: dy (1, 1, 2, 2) and index (1, 1, 2, 3) must agree"):
        shapes_images.check_max_pool2d_dx(of(1, 1, 2, 2), of(1, 1, 2, 3))
    with refusal(
        "avg_pool2d_dx: dy (1, 1, 2, 3) holds 2x3 positions, but an input of 4x4 under kernel_size "
        "(2, 2) gives 2x2"
    ):
        shapes_images.check_avg_pool2d_dx(
            of(1, 1, 2, 3), (4, 4), kernel_size=(2, 2), stride=(2, 2), padding=(0, 0)
        )
