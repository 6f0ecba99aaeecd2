"""Convolution, pooling, resizing and normalisation refuse what does not fit, and say what."""

import numpy as np
import pytest

from minae import Tensor, nn, ops, zeros


def conv2d(**options):
    return ops.conv2d(zeros(1, 2, 5, 5), zeros(4, 2, 3, 3), **options)


def conv1d(**options):
    return ops.conv1d(zeros(1, 2, 5), zeros(4, 2, 3), **options)


def conv_transpose1d(**options):
    return ops.conv_transpose1d(zeros(1, 2, 5), zeros(2, 4, 3), **options)


def conv_transpose2d(**options):
    return ops.conv_transpose2d(zeros(1, 2, 5, 5), zeros(2, 4, 3, 3), **options)


def max_pool2d(kernel_size=2, **options):
    return ops.max_pool2d(zeros(1, 2, 5, 5), kernel_size, **options)


def avg_pool2d(kernel_size=2, **options):
    return ops.avg_pool2d(zeros(1, 2, 5, 5), kernel_size, **options)


def interpolate(size=None, scale_factor=None, **options):
    return ops.interpolate(zeros(1, 2, 5, 4), size, scale_factor, **options)


VALUES = {
    # the message: the call
    r"conv2d: stride \(0, 0\) must be at least 1": lambda: conv2d(stride=0),
    r"conv2d: padding \(-1, 0\) must be at least 0": lambda: conv2d(padding=(-1, 0)),
    r"conv2d: dilation \(1, 0\) must be at least 1": lambda: conv2d(dilation=(1, 0)),
    "conv2d: groups=0 does not divide the 4 output channels": lambda: conv2d(groups=0),
    "conv2d: padding is 'same', 'valid', an int or a pair, not 'full'": lambda: conv2d(
        padding="full"
    ),
    r"conv2d: padding='same' needs stride 1, not \(1, 2\)": lambda: conv2d(
        padding="same", stride=(1, 2)
    ),
    r"conv2d: weight \(4, 2, 3\) must have 4": lambda: ops.conv2d(
        zeros(1, 2, 5, 5), zeros(4, 2, 3), padding="same"
    ),
    r"conv2d: kernel_size \(0, 3\) must be at least 1": lambda: ops.conv2d(
        zeros(2, 5, 5), zeros(4, 2, 0, 3), padding="same"
    ),
    r"conv2d: x \(5, 5\) must have 4 dimensions": lambda: ops.conv2d(
        zeros(5, 5), zeros(4, 2, 3, 3)
    ),
    r"conv1d: x \(1, 2, 5, 5\) must be \(N, C, L\)": lambda: ops.conv1d(
        zeros(1, 2, 5, 5), zeros(4, 2, 3)
    ),
    r"conv1d: x \(1, 3, 5\) must .* weight \(4, 2, 3\) \(O, C / groups, K\) with groups=1": (
        lambda: ops.conv1d(zeros(1, 3, 5), zeros(4, 2, 3))
    ),
    r"conv1d: .* weight \(4, 2, 3, 3\) \(O, C / groups, K\)": lambda: ops.conv1d(
        zeros(1, 2, 5), zeros(4, 2, 3, 3)
    ),
    r"conv_transpose1d: x \(1, 3, 5\) must .* weight \(2, 4, 3\) \(C, O / groups, K\)": (
        lambda: ops.conv_transpose1d(zeros(1, 3, 5), zeros(2, 4, 3))
    ),
    r"conv_transpose1d: .* weight \(2, 4, 3, 3\) \(C, O / groups, K\)": (
        lambda: ops.conv_transpose1d(zeros(1, 2, 5), zeros(2, 4, 3, 3))
    ),
    r"conv_transpose2d: stride \(2, 0\) must be at least 1": lambda: conv_transpose2d(
        stride=(2, 0)
    ),
    r"conv_transpose2d: padding \(-1, -1\) must be at least 0": lambda: conv_transpose2d(
        padding=-1
    ),
    "conv_transpose2d: groups=0 does not divide": lambda: conv_transpose2d(groups=0),
    r"conv_transpose2d: output_padding \(2, 2\) must be at least 0 and below stride": (
        lambda: conv_transpose2d(stride=2, output_padding=2)
    ),
    "max_pool2d: dilation must be 1, not 2": lambda: max_pool2d(dilation=2),
    r"max_pool2d: stride \(0, 0\) must be at least 1": lambda: max_pool2d(stride=0),
    r"avg_pool2d: stride \(0, 1\) must be at least 1": lambda: avg_pool2d(
        stride=(0, 1), ceil_mode=True
    ),
    r"max_pool2d: kernel_size \(0, 2\) must be at least 1": lambda: max_pool2d(
        (0, 2), stride=1, ceil_mode=True
    ),
    r"avg_pool2d: padding \(2, 0\) is more than half": lambda: avg_pool2d(
        padding=(2, 0), count_include_pad=False
    ),
    r"max_pool2d: padding \(-1, -1\) must be at least 0": lambda: max_pool2d(
        padding=-1, ceil_mode=True
    ),
    r"max_pool2d: a kernel that spans 9x9 .* input of 5x5": lambda: max_pool2d(9),
    r"avg_pool2d: a kernel that spans 9x9 .* input of 5x5": lambda: avg_pool2d(
        9, stride=2, ceil_mode=True
    ),
    r"avg_pool2d: x \(5, 5\) must have 4 dimensions": lambda: ops.avg_pool2d(
        zeros(5, 5), 2, ceil_mode=True
    ),
    "adaptive_avg_pool2d: output_size must be at least 1, not 0": (
        lambda: ops.adaptive_avg_pool2d(zeros(2, 5, 5), (2, 0))
    ),
    r"adaptive_avg_pool2d: x \(5, 5\) must be \(N, C, H, W\)": (
        lambda: ops.adaptive_avg_pool2d(zeros(5, 5), 1)
    ),
    r"adaptive_avg_pool2d: x \(2, 0, 5\) must .* have pixels": (
        lambda: ops.adaptive_avg_pool2d(zeros(2, 0, 5), 1)
    ),
    "interpolate: mode is one of nearest, linear, bilinear, not 'bicubic'": (
        lambda: interpolate(2, mode="bicubic")
    ),
    r"interpolate: mode 'linear' takes 3 dimensions \(N, C, ...\), not \(1, 2, 5, 4\)": (
        lambda: interpolate(2, mode="linear")
    ),
    r"interpolate: mode 'nearest' takes at least 3 dimensions": (
        lambda: ops.interpolate(zeros(5, 5), 2)
    ),
    "interpolate: align_corners is for the modes linear and bilinear": (
        lambda: interpolate(2, align_corners=False)
    ),
    "interpolate: give either size or scale_factor$": lambda: interpolate(2, 2),
    "interpolate: give either size or scale_factor": lambda: interpolate(),
    r"interpolate: from \(5, 4\) to \(1, 0\) pixels": lambda: interpolate(scale_factor=0.2),
    r"interpolate: from \(0, 4\) to \(2, 2\) pixels": (
        lambda: ops.interpolate(zeros(1, 2, 0, 4), 2)
    ),
    r"pixel_shuffle: 2² does not divide the 6 channels of \(1, 6, 5, 5\)": (
        lambda: ops.pixel_shuffle(zeros(1, 6, 5, 5), 2)
    ),
    r"pixel_shuffle: x \(4, 4\) must have at least 3 dimensions": (
        lambda: ops.pixel_shuffle(zeros(4, 4), 2)
    ),
    "pixel_shuffle: upscale_factor must be at least 1, not 0": (
        lambda: ops.pixel_shuffle(zeros(4, 4, 4), 0)
    ),
    r"pixel_unshuffle: 2 does not divide height and width of \(1, 4, 5\)": (
        lambda: ops.pixel_unshuffle(zeros(1, 4, 5), 2)
    ),
    r"layer_norm: x has shape \(2, 3\), which does not end in \(\)": (
        lambda: ops.layer_norm(zeros(2, 3), ())
    ),
    r"layer_norm: normalized_shape \(0,\) leaves nothing": (lambda: ops.layer_norm(zeros(2, 0), 0)),
    r"layer_norm: a parameter has shape \(1,\), expected \(3,\)": (  # would broadcast
        lambda: ops.layer_norm(zeros(2, 3), 3, zeros(1))
    ),
    r"group_norm: x \(2, 3, 4\) must be \(N, C, ...\), 2 dividing C": (
        lambda: ops.group_norm(zeros(2, 3, 4), 2)
    ),
    r"group_norm: x \(3,\) must be \(N, C, ...\)": lambda: ops.group_norm(zeros(3), 1),
    r"group_norm: a parameter has shape \(1,\), expected \(4,\)": (
        lambda: ops.group_norm(zeros(2, 4), 2, zeros(4), zeros(1))
    ),
    r"batch_norm: x \(3,\) must be \(N, C\)": (
        lambda: ops.batch_norm(zeros(3), None, None, training=True)
    ),
    "batch_norm: eps must be positive, not 0": (
        lambda: ops.batch_norm(zeros(4, 3), None, None, training=True, eps=0)
    ),
    "batch_norm: eps must be positive, not -1": (
        lambda: ops.batch_norm(zeros(4, 3), zeros(3), zeros(3), eps=-1)
    ),
    "batch_norm: give both running_mean and running_var": (
        lambda: ops.batch_norm(zeros(4, 3), zeros(3), None)
    ),
    r"batch_norm: running_var has shape \(1,\), expected \(3,\)": (
        lambda: ops.batch_norm(zeros(4, 3), zeros(3), zeros(1))
    ),
    r"batch_norm: a parameter has shape \(1,\), expected \(3,\)": (
        lambda: ops.batch_norm(zeros(4, 3), zeros(3), zeros(3), bias=zeros(1))
    ),
    "Conv2d: groups=2 does not divide 3 and 4 channels": lambda: nn.Conv2d(3, 4, 3, groups=2),
    "ConvTranspose2d: groups=0 does not": lambda: nn.ConvTranspose2d(4, 4, 3, groups=0),
    r"ConvTranspose2d: stride \(2, 0\) must be at": lambda: nn.ConvTranspose2d(4, 4, 3, (2, 0)),
    "GroupNorm: groups=2 does not divide 3": lambda: nn.GroupNorm(2, 3),
    r"GroupNorm takes \(N, 4, ...\), not \(2, 2, 3\)": lambda: nn.GroupNorm(2, 4)(zeros(2, 2, 3)),
}


@pytest.mark.parametrize("message", VALUES)
def test_what_is_out_of_range_or_has_another_shape(message):
    with pytest.raises(ValueError, match=message):
        VALUES[message]()


PAIRS = {
    "conv2d": (conv2d, ["stride", "padding", "dilation"]),
    "conv_transpose2d": (conv_transpose2d, ["stride", "padding", "dilation", "output_padding"]),
    "max_pool2d": (max_pool2d, ["kernel_size", "stride", "padding", "dilation"]),
    "avg_pool2d": (avg_pool2d, ["kernel_size", "stride", "padding"]),
    "interpolate": (interpolate, ["size"]),
    "conv1d": (conv1d, ["stride", "padding", "dilation"]),
    "conv_transpose1d": (conv_transpose1d, ["stride", "padding", "dilation", "output_padding"]),
}
NO_PAIRS = [1.0, (1, 2, 3), (1, 1.0), [], True, "2", Tensor([1])]
CASES = [
    (name, argument, value)
    for name, (_, arguments) in PAIRS.items()
    for argument in arguments
    for value in NO_PAIRS
    if not (argument == "padding" and isinstance(value, str) and name in ("conv1d", "conv2d"))
]


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_what_is_no_int_and_no_pair_of_ints(name, argument, value):
    with pytest.raises(TypeError, match=f"{name}: {argument} must be an int"):
        PAIRS[name][0](**{argument: value})


TYPES = {
    "conv2d: stride must be an int or a .* not None": lambda: conv2d(stride=None),
    "conv2d: groups must be an integer, not 1.0": lambda: conv2d(groups=1.0),
    "conv_transpose2d: groups must be an integer": lambda: conv_transpose2d(groups=(1,)),
    "conv_transpose2d: padding must be an int.* not 'same'": lambda: conv_transpose2d(
        padding="same"
    ),
    "takes from 2 to 7 positional arguments": lambda: ops.conv2d(
        zeros(1, 2, 5, 5), zeros(4, 2, 3, 3), None, 1, 0, 1, 1, "relu"
    ),
    "max_pool2d: x is bool": lambda: ops.max_pool2d(zeros(1, 1, 4, 4, dtype=bool), 2),
    r"max_pool1d: stride must be an int, not \(1, 2\)": lambda: ops.max_pool1d(
        zeros(2, 5), 2, (1, 2)
    ),
    r"adaptive_avg_pool2d: output_size must be an int or a pair, not \(1,\)": (
        lambda: ops.adaptive_avg_pool2d(zeros(1, 2, 5, 5), (1,))
    ),
    "adaptive_avg_pool2d: output_size must be an integer, not 2.0": (
        lambda: ops.adaptive_avg_pool2d(zeros(1, 2, 5, 5), 2.0)
    ),
    r"interpolate: scale_factor must be a number above 0, or 2 of them, not \(1, 2, 3\)": (
        lambda: interpolate(scale_factor=(1, 2, 3))
    ),
    "interpolate: scale_factor must be a number above 0.* not -1": (
        lambda: interpolate(scale_factor=-1)
    ),
    "interpolate: scale_factor must be a number above 0.* not inf": (
        lambda: interpolate(scale_factor=float("inf"))
    ),
    "interpolate: scale_factor must be a number above 0.* not nan": (
        lambda: interpolate(scale_factor=float("nan"))
    ),
    "interpolate: mode 'bilinear' computes in floats, and x is uint8": (
        lambda: ops.interpolate(zeros(1, 1, 2, 2, dtype=np.uint8), 3, mode="bilinear")
    ),
    "pixel_shuffle: upscale_factor must be an integer, not 2.0": (
        lambda: ops.pixel_shuffle(zeros(4, 2, 2), 2.0)
    ),
    "group_norm: num_groups must be an integer, not 2.0": (
        lambda: ops.group_norm(zeros(2, 4), 2.0)
    ),
    "batch_norm: running_mean must hold floats, not int64": (
        lambda: ops.batch_norm(zeros(4, 3), zeros(3, dtype=np.int64), zeros(3), training=True)
    ),
    "batch_norm: running_var must hold floats, not int64": (
        lambda: ops.batch_norm(zeros(4, 3), zeros(3), zeros(3, dtype=np.int64))
    ),
    "Conv2d: kernel_size must be an int": lambda: nn.Conv2d(3, 4, 3.0),
    "ConvTranspose2d: kernel_size must be an int": lambda: nn.ConvTranspose2d(3, 4, (3,)),
}


@pytest.mark.parametrize("message", TYPES)
def test_what_is_of_another_type(message):
    with pytest.raises(TypeError, match=message):
        TYPES[message]()
