"""Convolution and its mirror image, transposed convolution.

The three passes of a convolution are the same loop over windows: forward multiplies each window of
x with the weight, `dx` adds the weight back onto each window, `dweight` adds up the windows. A
transposed convolution is the same three passes with forward and `dx` exchanged.
"""

from minae.kernels import shapes_images
from minae.op import Op
from minae.ops.checks import Pair, integer, pair, pairs, row
from minae.ops.padding import pad
from minae.tensor import Tensor


class Conv2d(Op):
    """y[n, o] = b[o] + Σ_c x[n, c] ⋆ weight[o, c], sliding and without flipping the kernel."""

    floats = slice(None)

    def forward(self, x, weight, bias, activation=None, **window):
        x = self.kernels.channels_last(x)  # once, for here and for dweight
        y = self.kernels.conv2d(x, weight, bias, activation, **window)
        self.save(x, weight, y if activation else None, activation, window)
        return y

    def backward(self, dy):
        x, weight, y, activation, window = self.saved
        need_dx, need_dweight, _ = self.needs_input_grad
        needs, places = (need_dx, need_dweight), self.places_for(1, 2)
        return self.kernels.conv2d_backward(dy, x, weight, y, activation, needs, *places, **window)

    def examples(self, rng):
        names = "stride", "padding", "dilation", "groups", "activation"
        for x, weight, *options in (
            ((2, 3, 5, 4), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1, None),
            ((1, 2, 6, 5), (4, 1, 3, 2), (2, 1), (0, 1), (1, 2), 2, "relu"),
        ):
            arrays = [rng.normal(size=size) for size in (x, weight, weight[0])]
            yield *arrays, dict(zip(names, options, strict=True))


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """Slide a bank of kernels over images. Integers are converted to float32.

    Args:
        x, weight, bias: (N, C, H, W) or (C, H, W), (O, C / groups, KH, KW), and (O,) or None
        stride: step between windows; like padding and dilation, an int or a (height, width) pair.
        padding: zeros added on each side. "valid" adds none; "same", for stride 1, as many as keep
            the size, an odd one at the end.
        dilation: distance between the entries that a kernel touches.
        groups: into how many parts C and O are cut; each part of O sees one part of C.
        activation: None or "relu", applied in the same pass.

    Returns (N, O, HO, WO) with HO = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1; without
    N where x has none. Raises TypeError if an argument is not made of ints, ValueError if one is
    out of range or if the shapes do not go together; names it.
    """
    images = x.unsqueeze(0) if x.ndim == 3 else x
    window = pairs("conv2d", stride=stride, dilation=dilation)
    groups = integer(groups, "conv2d: groups")
    if isinstance(padding, str):
        images, padding = _named_padding(images, weight, padding, **window)
    window |= pairs("conv2d", padding=padding)
    y = Conv2d.apply(images, weight, bias, activation=activation, groups=groups, **window)
    return y.squeeze(0) if x.ndim == 3 else y


def _named_padding(
    x: Tensor, weight: Tensor, padding: str, stride: Pair, dilation: tuple[int, int]
) -> tuple[Tensor, tuple[int, int]]:
    """Return x and the padding for "valid" or "same"; x padded with what goes at its ends only."""
    if padding == "valid" or weight.ndim != 4:  # which the kernel refuses
        return x, (0, 0)
    if padding != "same":
        raise ValueError(f"conv2d: padding is 'same', 'valid', an int or a pair, not {padding!r}")
    if stride != (1, 1):
        raise ValueError(f"conv2d: padding='same' needs stride 1, not {stride}")
    height, width = (d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
    if height % 2 or width % 2:
        x = pad(x, (0, width % 2, 0, height % 2))
    return x, (height // 2, width // 2)


class ConvTranspose2d(Op):
    """The map whose matrix is the transpose of conv2d's: forward is conv2d's dx, dx is conv2d."""

    floats = slice(None)

    def forward(self, x, weight, bias, output_size, activation=None, **window):
        x = self.kernels.channels_last(x)
        y = self.kernels.conv2d_dx(x, weight, output_size, bias, activation, **window)
        self.save(x, weight, y if activation else None, activation, window)
        return y

    def backward(self, dy):
        x, weight, y, activation, window = self.saved
        need_dx, need_dweight, _ = self.needs_input_grad
        needs, places = (need_dx, need_dweight), self.places_for(1, 2)
        conv_transpose2d_backward = self.kernels.conv_transpose2d_backward
        return conv_transpose2d_backward(dy, x, weight, y, activation, needs, *places, **window)

    def examples(self, rng):
        names = "output_size", "stride", "padding", "dilation", "groups", "activation"
        for x, weight, bias, *options in (
            ((2, 3, 3, 2), (3, 2, 4, 4), 2, (6, 4), (2, 2), (1, 1), (1, 1), 1, "relu"),
            ((1, 4, 2, 3), (4, 1, 3, 2), 2, (6, 5), (3, 1), (0, 0), (1, 2), 2, None),
        ):
            arrays = [rng.normal(size=size) for size in (x, weight, bias)]
            yield *arrays, dict(zip(names, options, strict=True))


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """Spread every entry of x over a window of the output: conv2d run backwards.

    The arguments and errors are those of the conv2d that this one mirrors, but for weight
    (C, O / groups, KH, KW), and output_padding: rows and columns added at the end, for sizes that
    conv2d rounds down from. Returns (N, O, HO, WO), without N where x has none, with
    HO = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1.
    """
    name, images = "conv_transpose2d", x.unsqueeze(0) if x.ndim == 3 else x
    window: dict = pairs(name, stride=stride, padding=padding, dilation=dilation)
    window["groups"] = integer(groups, f"{name}: groups")
    extra = pair(output_padding, f"{name}: output_padding")
    size = shapes_images.check_conv_transpose2d(
        images, weight, bias, output_padding=extra, **window
    )
    options = {"output_size": size, "activation": activation, **window}
    y = ConvTranspose2d.apply(images, weight, bias, **options)
    return y.squeeze(0) if x.ndim == 3 else y


def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int | str = 0,
    dilation: int = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """Slide kernels along sequences: x (N, C, L), weight (O, C / groups, K) -> (N, O, LO).

    It is conv2d on images one row high; see there for the arguments, here ints. x may lack N.
    """
    groups = integer(groups, "conv1d: groups")
    channels = weight.shape[1] * groups if weight.ndim == 3 else None
    _check_rows("conv1d", x, weight, channels, f"(O, C / groups, K) with groups={groups}")
    rows, kernels = x.unsqueeze(-2), weight.unsqueeze(-2)  # (N, C, 1, L), (O, C / groups, 1, K)
    step, gap = row("conv1d: stride", stride), row("conv1d: dilation", dilation)
    border = padding if isinstance(padding, str) else row("conv1d: padding", padding, 0)
    window = step, border, gap, groups
    return conv2d(rows, kernels, bias, *window, activation=activation).squeeze(-2)


def conv_transpose1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
    *,
    activation: str | None = None,
) -> Tensor:
    """Spread every entry of x (N, C, L) along the output, (N, O, LO): conv1d run backwards.

    It is conv_transpose2d on images one row high, with weight (C, O / groups, K); see there for the
    arguments, here ints. x may lack N.
    """
    name = "conv_transpose1d"
    _check_rows(
        name, x, weight, weight.shape[0] if weight.ndim == 3 else None, "(C, O / groups, K)"
    )
    rows, kernels = x.unsqueeze(-2), weight.unsqueeze(-2)  # (N, C, 1, L), (C, O / groups, 1, K)
    step, gap = row(f"{name}: stride", stride), row(f"{name}: dilation", dilation)
    border = row(f"{name}: padding", padding, 0)
    extra = row(f"{name}: output_padding", output_padding, 0)
    window = step, border, extra, groups, gap
    return conv_transpose2d(rows, kernels, bias, *window, activation=activation).squeeze(-2)


def _check_rows(name: str, x: Tensor, weight: Tensor, channels: int | None, takes: str) -> None:
    """Raise ValueError unless x is (N, C, L) or (C, L), and C the channels that weight takes."""
    if x.ndim not in (2, 3) or x.shape[-2] != channels:
        raise ValueError(
            f"{name}: x {x.shape} must be (N, C, L) or (C, L), and weight {weight.shape} {takes}"
        )
