"""Whether the operands of convolutions and pools fit together; see `shapes`."""

from typing import Unpack

from minae.kernels import sizes
from minae.kernels.shapes import Shaped, check_bias
from minae.kernels.sizes import Geometry, Pair, Window, times


def check_conv2d(
    x: Shaped, weight: Shaped, bias: Shaped | None, **geometry: Unpack[Geometry]
) -> Pair:
    """Raise ValueError unless the operands of a convolution fit together; return (HO, WO).

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) or None.
    """
    groups = geometry["groups"]
    _check_images("conv2d", "x", x)
    _check_weight("conv2d", weight, groups, "output")
    C = x.shape[1]
    if C % groups:
        raise ValueError(f"conv2d: groups={groups} does not divide the {C} channels of x {x.shape}")
    if weight.shape[1] * groups != C:
        raise ValueError(
            f"conv2d: x {x.shape} has {C} channels, but weight {weight.shape} with "
            f"groups={groups} takes {weight.shape[1] * groups}"
        )
    check_bias("conv2d", bias, weight.shape[0], weight)
    return _positions("conv2d", x.shape[2:], weight, geometry)


def check_conv2d_dx(
    dy: Shaped, weight: Shaped, input_size: Pair, bias: Shaped | None, **geometry: Unpack[Geometry]
) -> None:
    """Raise ValueError unless dy (N, O, HO, WO) is what a convolution of (H, W) gives back."""
    name = "conv2d_dx"
    _check_transposed(name, "dy", dy, weight, bias, geometry["groups"], "output", "gives")
    size = _positions(name, input_size, weight, geometry)
    _check_size(name, dy, input_size, weight.shape[2:], size)


def check_conv2d_backward(
    dy: Shaped, x: Shaped, weight: Shaped, y: Shaped | None, **geometry: Unpack[Geometry]
) -> None:
    """Raise ValueError unless dy and y (N, O, HO, WO) are what a convolution of x gives."""
    size = check_conv2d(x, weight, None, **geometry)
    expected = (x.shape[0], weight.shape[0], *size)
    _check_gradient("conv2d_backward", dy, x, weight, y, expected)


def check_conv_transpose2d_backward(
    dy: Shaped, x: Shaped, weight: Shaped, y: Shaped | None, **geometry: Unpack[Geometry]
) -> None:
    """Raise ValueError unless dy and y (N, C, H, W) are what x (N, O, HO, WO) is spread over."""
    check_conv2d_dx(x, weight, dy.shape[2:], None, **geometry)
    expected = (x.shape[0], weight.shape[1] * geometry["groups"], *dy.shape[2:])
    _check_gradient("conv_transpose2d_backward", dy, x, weight, y, expected)


def check_conv_transpose2d(
    x: Shaped,
    weight: Shaped,
    bias: Shaped | None,
    output_padding: Pair,
    **geometry: Unpack[Geometry],
) -> Pair:
    """Raise ValueError unless the operands of a transposed convolution fit; return (H, W).

    x (N, I, HO, WO), weight (I, O / groups, KH, KW), bias (O,) or None.
    """
    name = "conv_transpose2d"
    _check_transposed(name, "x", x, weight, bias, geometry["groups"], "input", "takes")
    stride, padding, dilation = geometry["stride"], geometry["padding"], geometry["dilation"]
    return sizes.conv_transpose2d_output_size(
        x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation
    )


def check_pool2d(name: str, x: Shaped, **window: Unpack[Window]) -> Pair:
    """Raise ValueError unless x (N, C, H, W) can be pooled with these windows; return (HO, WO)."""
    _check_images(name, "x", x)
    return sizes.pool2d_output_size(x.shape[2:], **window, name=name)


def check_max_pool2d_dx(dy: Shaped, index: Shaped) -> None:
    """Raise ValueError unless dy and index are both (N, C, HO, WO)."""
    _check_images("max_pool2d_dx", "dy", dy)
    if dy.shape != index.shape:
        raise ValueError(f"max_pool2d_dx: dy {dy.shape} and index {index.shape} must agree")


def check_avg_pool2d_dx(dy: Shaped, input_size: Pair, **window: Unpack[Window]) -> None:
    """Raise ValueError unless dy (N, C, HO, WO) is what a pooling of (H, W) gives back."""
    _check_images("avg_pool2d_dx", "dy", dy)
    size = sizes.pool2d_output_size(input_size, **window, name="avg_pool2d_dx")
    _check_size("avg_pool2d_dx", dy, input_size, window["kernel_size"], size)


def _positions(name, input_size, weight, geometry) -> Pair:
    stride, padding, dilation = geometry["stride"], geometry["padding"], geometry["dilation"]
    return sizes.conv2d_output_size(input_size, weight.shape[2:], stride, padding, dilation, name)


def _check_transposed(name: str, what: str, y, weight, bias, groups: int, side, verb) -> None:
    """Check y (N, O, HO, WO), weight (O, C / groups, KH, KW) and bias (C,)."""
    _check_images(name, what, y)
    _check_weight(name, weight, groups, side)
    if y.shape[1] != weight.shape[0]:
        raise ValueError(
            f"{name}: {what} {y.shape} has {y.shape[1]} channels, but weight {weight.shape} {verb} "
            f"{weight.shape[0]}"
        )
    check_bias(name, bias, weight.shape[1] * groups, weight)


def _check_images(name: str, what: str, images, dimensions: str = "N, C, H, W") -> None:
    if len(images.shape) != 4:
        raise ValueError(f"{name}: {what} {images.shape} must have 4 dimensions ({dimensions})")


def _check_weight(name: str, weight, groups: int, side: str) -> None:
    _check_images(name, "weight", weight, "channels, channels / groups, KH, KW")
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: groups={groups} does not divide the {weight.shape[0]} {side} channels of "
            f"weight {weight.shape}"
        )


def _check_gradient(name: str, dy, x, weight, y, expected) -> None:
    if dy.shape != expected or (y is not None and y.shape != expected):
        given = "" if y is None else f" and y {y.shape}"
        raise ValueError(
            f"{name}: dy {dy.shape}{given} must {'both ' if given else ''}be {expected} to go with "
            f"x {x.shape} and weight {weight.shape}"
        )


def _check_size(name: str, dy, input_size: Pair, kernel_size: Pair, size: Pair) -> None:
    if dy.shape[2:] != size:
        raise ValueError(
            f"{name}: dy {dy.shape} holds {times(dy.shape[2:])} positions, but an input of "
            f"{times(input_size)} under kernel_size {kernel_size} gives {times(size)}"
        )
