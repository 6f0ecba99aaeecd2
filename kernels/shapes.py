"""Shapes: how large a result is, and whether operands fit together.

Every backend calls these functions before it computes anything, so all of them refuse the same
calls with the same sentence. The `check_*` functions look at nothing but `.shape`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypedDict

Pair = tuple[int, int]  # rows, columns


class Geometry(TypedDict):
    """Where the kernels of a convolution lie."""

    stride: Pair
    padding: Pair  # zeros added on either side
    dilation: Pair  # the distance between the pixels that a kernel touches
    groups: int  # the parts that see only each other's channels


class Window(TypedDict):
    """Where the windows of a pooling lie."""

    kernel_size: Pair
    stride: Pair
    padding: Pair


@lru_cache(1024)  # every pass of every step asks, and asks the same
def conv2d_output_size(
    input_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, name="conv2d"
) -> Pair:
    """Count the positions (HO, WO) at which a kernel fits into an input (H, W).

    Along one axis a kernel of K taps, `dilation` apart, spans D = dilation * (K - 1) + 1 pixels and
    fits (H + 2 * padding - D) // stride + 1 times. Raises ValueError if it fits nowhere.
    """
    _check_geometry(name, kernel_size, stride, padding, dilation)
    span = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True))
    padded = tuple(size + 2 * p for size, p in zip(input_size, padding, strict=True))
    if span[0] > padded[0] or span[1] > padded[1]:
        raise ValueError(
            f"{name}: a kernel that spans {_times(span)} pixels (kernel_size {tuple(kernel_size)}, "
            f"dilation {tuple(dilation)}) does not fit into an input of {_times(input_size)} that "
            f"padding {tuple(padding)} makes {_times(padded)}"
        )
    rows, columns = ((n - s) // step + 1 for n, s, step in zip(padded, span, stride, strict=True))
    return rows, columns


def pool2d_output_size(
    input_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, name="pool2d"
) -> Pair:
    """Count the windows (HO, WO) of a pooling over an input (H, W).

    Raises ValueError if no window fits, if the input has no pixels, or if the padding is more than
    half of the kernel, which would make windows of nothing but padding.
    """
    _check_geometry(name, kernel_size, stride, padding, (1, 1))
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ValueError(
            f"{name}: padding {tuple(padding)} is more than half of kernel_size "
            f"{tuple(kernel_size)}"
        )
    if min(input_size) < 1:
        raise ValueError(f"{name}: an input of {_times(input_size)} has no pixels to pool")
    return conv2d_output_size(input_size, kernel_size, stride, padding, (1, 1), name)


def conv_transpose2d_output_size(
    input_size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
) -> Pair:
    """Give the size (H, W) onto which a transposed convolution spreads an input (HO, WO).

    It inverts `conv2d_output_size`: a convolution takes the result back to `input_size`. With a
    stride above 1 several sizes do, and `output_padding` < stride says which (PyTorch allows more
    under dilation; then the sizes would no longer invert). Raises ValueError if nothing is left.
    """
    name = "conv_transpose2d"
    _check_geometry(name, kernel_size, stride, padding, dilation)
    if any(not 0 <= o < s for o, s in zip(output_padding, stride, strict=True)):
        raise ValueError(
            f"{name}: output_padding {tuple(output_padding)} must be at least 0 and below stride "
            f"{tuple(stride)}"
        )
    if min(input_size) < 1:
        raise ValueError(f"{name}: an input of {_times(input_size)} has no pixels to spread")
    axes = zip(input_size, kernel_size, stride, padding, output_padding, dilation, strict=True)
    rows, columns = (
        (n - 1) * step - 2 * p + d * (k - 1) + extra + 1 for n, k, step, p, extra, d in axes
    )
    if rows < 1 or columns < 1:
        raise ValueError(
            f"{name}: padding {tuple(padding)} cuts everything away: an input of "
            f"{_times(input_size)} under kernel_size {tuple(kernel_size)} leaves {rows}x{columns}"
        )
    return rows, columns


def check_matmul(a, b) -> None:
    """Raise ValueError unless a (..., M, K) and b (..., K, N) multiply, vectors as in NumPy."""
    if len(a.shape) == 0 or len(b.shape) == 0:
        raise ValueError(f"matmul: {a.shape} and {b.shape} do not multiply: a scalar has no rows")
    columns, rows = a.shape[-1], b.shape[0] if len(b.shape) == 1 else b.shape[-2]
    if columns != rows:
        raise ValueError(
            f"matmul: {a.shape} and {b.shape} do not multiply: {columns} columns against {rows} "
            "rows"
        )
    if len(a.shape) < 3 or len(b.shape) < 3:
        return
    batches = a.shape[:-2], b.shape[:-2]
    # Broadcasting lines the batches up from the right; zip stops at the shorter one.
    pairs = zip(batches[0][::-1], batches[1][::-1], strict=False)
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        raise ValueError(
            f"matmul: {a.shape} and {b.shape} do not multiply: batches {batches[0]} and "
            f"{batches[1]} do not broadcast"
        )


def check_linear(x, weight, bias) -> None:
    """Raise ValueError unless x is (..., I), weight (O, I) and bias (O,) or None."""
    if len(weight.shape) != 2:
        raise ValueError(f"linear: weight {weight.shape} must have 2 dimensions (O, I)")
    O, I = weight.shape  # noqa: E741
    features = x.shape[-1] if x.shape else "no"
    if features != I:
        raise ValueError(
            f"linear: x {x.shape} has {features} features, but weight {weight.shape} takes {I}"
        )
    _check_bias("linear", bias, O, weight)


def check_linear_backward(dy, x, weight, y) -> None:
    """Raise ValueError unless dy and y (..., O) are what linear gives for x (..., I)."""
    fits = x.shape[-1:] == weight.shape[1:] and dy.shape == (*x.shape[:-1], weight.shape[0])
    if fits and (y is None or y.shape == dy.shape):
        return
    raise ValueError(
        f"linear_backward: dy {dy.shape} and y {None if y is None else y.shape} do not go with"
        f" x {x.shape} and weight {weight.shape}"
    )


def check_activation(activation: str | None) -> bool:
    """Return whether it is "relu", the one that kernels apply; None is none, else ValueError."""
    if activation not in (None, "relu"):
        raise ValueError(f"activation is None or 'relu' inside a kernel, not {activation!r}")
    return activation is not None


def check_same(name: str, a, b) -> None:
    """Raise ValueError unless two operands have the same shape."""
    if a.shape != b.shape:
        raise ValueError(f"{name}: shapes {a.shape} and {b.shape} must agree")


def check_batch_norm(x, weight, bias) -> None:
    """Raise ValueError unless x is (N, C, ...) and weight and bias are both (C,) or both None."""
    if len(x.shape) < 2:
        raise ValueError(f"batch_norm: x {x.shape} must be (N, C) or (N, C, ...)")
    sizes = [None if p is None else p.shape for p in (weight, bias)]
    if sizes not in ([None, None], [x.shape[1:2]] * 2):
        raise ValueError(
            f"batch_norm: weight {sizes[0]} and bias {sizes[1]} must both be {x.shape[1:2]}, or "
            f"both None, to go with x {x.shape}"
        )


def check_cross_entropy(x, target) -> None:
    """Raise ValueError unless x is (N, K) and target (N,)."""
    if len(x.shape) != 2 or target.shape != x.shape[:1]:
        raise ValueError(f"cross_entropy: x {x.shape} is not (N, K) for a target {target.shape}")


def check_conv2d(
    x, weight, bias, *, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Pair:
    """Raise ValueError unless the operands of a convolution fit together; return (HO, WO).

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) or None.
    """
    _check_images("conv2d", "x", x)
    _check_weight("conv2d", weight, groups)
    if x.shape[1] % groups:
        raise ValueError(
            f"conv2d: groups={groups} does not divide the {x.shape[1]} channels of x {x.shape}"
        )
    if x.shape[1] != weight.shape[1] * groups:
        raise ValueError(
            f"conv2d: x {x.shape} has {x.shape[1]} channels, but weight {weight.shape} with "
            f"groups={groups} takes {weight.shape[1] * groups}"
        )
    _check_bias("conv2d", bias, weight.shape[0], weight)
    return conv2d_output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)


def check_conv2d_dx(
    dy,
    weight,
    input_size: Pair,
    bias=None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> None:
    """Raise ValueError unless dy (N, O, HO, WO) is what a convolution of (H, W) gives back."""
    name = "conv2d_dx"
    _check_images(name, "dy", dy)
    _check_weight(name, weight, groups)
    if dy.shape[1] != weight.shape[0]:
        raise ValueError(
            f"{name}: dy {dy.shape} has {dy.shape[1]} channels, but weight {weight.shape} gives "
            f"{weight.shape[0]}"
        )
    _check_bias(name, bias, weight.shape[1] * groups, weight)
    size = conv2d_output_size(input_size, weight.shape[2:], stride, padding, dilation, name)
    _check_size(name, dy, input_size, weight.shape[2:], size)


def check_conv2d_backward(dy, x, weight, y, **geometry) -> None:
    """Raise ValueError unless dy and y (N, O, HO, WO) are what a convolution of x gives.

    geometry: stride, padding, dilation, groups.
    """
    size = check_conv2d(x, weight, None, **geometry)
    expected = (x.shape[0], weight.shape[0], *size)
    _check_gradient("conv2d_backward", dy, x, weight, y, expected)


def check_conv_transpose2d_backward(dy, x, weight, y, **geometry) -> None:
    """Raise ValueError unless dy and y (N, C, H, W) are what x (N, O, HO, WO) is spread over."""
    check_conv2d_dx(x, weight, dy.shape[2:], **geometry)
    expected = (x.shape[0], weight.shape[1] * geometry["groups"], *dy.shape[2:])
    _check_gradient("conv_transpose2d_backward", dy, x, weight, y, expected)


def check_conv_transpose2d(
    x,
    weight,
    bias,
    *,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
    groups: int,
) -> Pair:
    """Raise ValueError unless the operands of a transposed convolution fit; return (H, W).

    x (N, I, HO, WO), weight (I, O / groups, KH, KW), bias (O,) or None.
    """
    name = "conv_transpose2d"
    _check_images(name, "x", x)
    _check_weight(name, weight, groups, side="input")
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"{name}: x {x.shape} has {x.shape[1]} channels, but weight {weight.shape} takes "
            f"{weight.shape[0]}"
        )
    _check_bias(name, bias, weight.shape[1] * groups, weight)
    return conv_transpose2d_output_size(
        x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation
    )


def check_pool2d(name: str, x, *, kernel_size: Pair, stride: Pair, padding: Pair) -> Pair:
    """Raise ValueError unless x (N, C, H, W) can be pooled so; return (HO, WO)."""
    _check_images(name, "x", x)
    return pool2d_output_size(x.shape[2:], kernel_size, stride, padding, name)


def check_max_pool2d_dx(dy, index) -> None:
    """Raise ValueError unless dy and index are both (N, C, HO, WO)."""
    _check_images("max_pool2d_dx", "dy", dy)
    if dy.shape != index.shape:
        raise ValueError(f"max_pool2d_dx: dy {dy.shape} and index {index.shape} must agree")


def check_avg_pool2d_dx(
    dy, input_size: Pair, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> None:
    """Raise ValueError unless dy (N, C, HO, WO) is what a pooling of (H, W) gives back."""
    _check_images("avg_pool2d_dx", "dy", dy)
    size = pool2d_output_size(input_size, kernel_size, stride, padding, "avg_pool2d_dx")
    _check_size("avg_pool2d_dx", dy, input_size, kernel_size, size)


def _times(size: Sequence[int]) -> str:
    return "x".join(str(n) for n in size)


def _check_geometry(name, kernel_size, stride, padding, dilation) -> None:
    least = {
        "kernel_size": (kernel_size, 1),
        "stride": (stride, 1),
        "padding": (padding, 0),
        "dilation": (dilation, 1),
    }
    for what, (pair, bound) in least.items():
        if pair[0] < bound or pair[1] < bound:
            raise ValueError(f"{name}: {what} {tuple(pair)} must be at least {bound}")


def _check_images(name: str, what: str, images) -> None:
    if len(images.shape) != 4:
        raise ValueError(f"{name}: {what} {images.shape} must have 4 dimensions (N, C, H, W)")


def _check_weight(name: str, weight, groups: int, side: str = "output") -> None:
    if len(weight.shape) != 4:
        raise ValueError(
            f"{name}: weight {weight.shape} must have 4 dimensions (channels, channels / groups, "
            "KH, KW)"
        )
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: groups={groups} does not divide the {weight.shape[0]} {side} channels of "
            f"weight {weight.shape}"
        )


def _check_bias(name: str, bias, channels: int, weight) -> None:
    if bias is not None and bias.shape != (channels,):
        raise ValueError(
            f"{name}: bias {bias.shape} must be {(channels,)} to go with weight {weight.shape}"
        )


def _check_gradient(name: str, dy, x, weight, y, expected) -> None:
    if dy.shape != expected or (y is not None and y.shape != expected):
        given = "" if y is None else f" and y {y.shape}"
        raise ValueError(
            f"{name}: dy {dy.shape}{given} must {'both ' if given else ''}be {expected} to go with "
            f"x {x.shape} and weight {weight.shape}"
        )


def _check_size(name: str, dy, input_size: Pair, kernel_size: Pair, size: Pair) -> None:
    if tuple(dy.shape[2:]) != size:
        raise ValueError(
            f"{name}: dy {dy.shape} holds {_times(dy.shape[2:])} positions, but an input of "
            f"{_times(input_size)} under kernel_size {tuple(kernel_size)} gives {_times(size)}"
        )
