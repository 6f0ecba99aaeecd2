"""Convolution and its mirror image, transposed convolution.

The three passes of a convolution are the same loop over windows: forward multiplies each window of
x with the weight, `dx` adds the weight back onto each window, `dweight` adds up the windows. A
transposed convolution is the same three passes with forward and `dx` exchanged.
"""

from minae.autograd import Op
from minae.kernels import shapes
from minae.tensor import Tensor


def pair(value) -> tuple[int, int]:
    """Return v as (v, v), and (a, b) as it is."""
    return (value, value) if isinstance(value, int) else tuple(value)


class Conv2d(Op):
    """y[n, o] = b[o] + Σ_c x[n, c] ⋆ weight[o, c], sliding and without flipping the kernel.

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,)  ->  y (N, O, HO, WO)
    """

    def forward(self, x, weight, bias, activation=None, **window):
        x = self.kernels.channels_last(x)  # once, for here and for dweight
        y = self.kernels.conv2d(x, weight, bias, activation, **window)
        self.save(x, weight, y, activation, window)
        return y

    def backward(self, dy):
        x, weight, y, activation, window = self.saved
        needs, (place,) = self.needs_input_grad[:2], self.places_for(1)
        return self.kernels.conv2d_backward(dy, x, weight, y, activation, needs, place, **window)

    @staticmethod
    def examples(rng):
        for x, weight, stride, padding, dilation, groups, activation in [
            ((2, 3, 5, 4), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1, None),
            ((1, 2, 6, 5), (4, 1, 3, 2), (2, 1), (0, 1), (1, 2), 2, "relu"),
        ]:
            window = {"stride": stride, "padding": padding, "dilation": dilation}
            yield (
                rng.normal(size=x),
                rng.normal(size=weight),
                rng.normal(size=weight[0]),
                {**window, "groups": groups, "activation": activation},
            )


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    activation: str | None = None,
) -> Tensor:
    """Slide a bank of kernels over images.

    Args:
        x: (N, C, H, W)
        weight: (O, C / groups, KH, KW)
        bias: (O,) or None
        stride: step between windows; like padding and dilation, an int or a (height, width) pair.
        padding: zeros added on each side.
        dilation: distance between the entries that a kernel touches.
        groups: cut C and O into so many parts that see only each other.
        activation: None or "relu", applied in the same pass.

    Returns:
        (N, O, HO, WO) with HO = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1

    Raises:
        ValueError: the shapes do not go together; names them.
    """
    window = {"stride": pair(stride), "padding": pair(padding), "dilation": pair(dilation)}
    return Conv2d.apply(x, weight, bias, activation=activation, **window, groups=groups)


class ConvTranspose2d(Op):
    """The map whose matrix is the transpose of conv2d's: forward is conv2d's dx, dx is conv2d.

    x (N, C, H, W), weight (C, O / groups, KH, KW), bias (O,)  ->  y (N, O, HO, WO)
    """

    def forward(self, x, weight, bias, output_size, activation=None, **window):
        x = self.kernels.channels_last(x)
        y = self.kernels.conv2d_dx(x, weight, output_size, bias, activation, **window)
        self.save(x, weight, y, activation, window)
        return y

    def backward(self, dy):
        x, weight, y, activation, window = self.saved
        needs, (place,) = self.needs_input_grad[:2], self.places_for(1)
        return self.kernels.conv_transpose2d_backward(
            dy, x, weight, y, activation, needs, place, **window
        )

    @staticmethod
    def examples(rng):
        for x, weight, output_size, stride, padding, dilation, groups, activation in [
            ((2, 3, 3, 2), (3, 2, 4, 4), (6, 4), (2, 2), (1, 1), (1, 1), 1, "relu"),
            ((1, 4, 2, 3), (4, 1, 3, 2), (6, 5), (3, 1), (0, 0), (1, 2), 2, None),
        ]:
            yield (
                rng.normal(size=x),
                rng.normal(size=weight),
                rng.normal(size=weight[1] * groups),
                {
                    "output_size": output_size,
                    "stride": stride,
                    "padding": padding,
                    "dilation": dilation,
                    "groups": groups,
                    "activation": activation,
                },
            )


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
    activation: str | None = None,
) -> Tensor:
    """Spread every entry of x over a window of the output: conv2d run backwards.

    Args:
        x: (N, C, H, W)
        weight: (C, O / groups, KH, KW)
        bias: (O,) or None
        stride, padding, groups, dilation: those of the conv2d that this one mirrors.
        output_padding: rows and columns added at the end, for sizes that conv2d rounds down from.
        activation: None or "relu", applied in the same pass.

    Returns:
        (N, O, HO, WO) with
        HO = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1

    Raises:
        ValueError: the shapes do not go together; names them.
    """
    window = {"stride": pair(stride), "padding": pair(padding), "dilation": pair(dilation)}
    window["groups"] = groups
    output_size = shapes.check_conv_transpose2d(
        x, weight, bias, output_padding=pair(output_padding), **window
    )
    return ConvTranspose2d.apply(
        x, weight, bias, output_size=output_size, activation=activation, **window
    )


def conv1d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, dilation=1, groups=1
) -> Tensor:
    """Slide kernels along sequences: x (N, C, L), weight (O, C / groups, K) -> (N, O, LO).

    It is conv2d on images one row high; see there for the arguments.
    """
    window = {"stride": (1, stride), "padding": (0, padding), "dilation": (1, dilation)}
    y = conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, **window, groups=groups)
    return y.squeeze(2)


class MaxPool2d(Op):
    """The largest entry of each window; backward sends the gradient to where it stood."""

    def forward(self, x, **window):
        y, index = self.kernels.max_pool2d(x, **window)
        self.save(index, x.shape[2:])
        return y

    def backward(self, dy):
        index, input_size = self.saved
        return self.kernels.max_pool2d_dx(dy, index, input_size)

    @staticmethod
    def examples(rng):
        yield from _pool_examples(rng)


class AvgPool2d(Op):
    """The mean of each window, its padding counted as zeros."""

    def forward(self, x, **window):
        self.save(x.shape[2:], window)
        return self.kernels.avg_pool2d(x, **window)

    def backward(self, dy):
        input_size, window = self.saved
        return self.kernels.avg_pool2d_dx(dy, input_size, **window)

    @staticmethod
    def examples(rng):
        yield from _pool_examples(rng)


def _pool_examples(rng):
    x = rng.normal(size=(2, 3, 5, 4))
    yield x, {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    yield x, {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 1)}  # overlapping windows


def max_pool2d(x: Tensor, kernel_size, stride=None, padding=0) -> Tensor:
    """Return the largest entry of each window of x (N, C, H, W); stride None is kernel_size."""
    window = {"kernel_size": pair(kernel_size), "stride": pair(stride or kernel_size)}
    return MaxPool2d.apply(x, **window, padding=pair(padding))


def avg_pool2d(x: Tensor, kernel_size, stride=None, padding=0) -> Tensor:
    """Return the mean of each window of x (N, C, H, W); stride None is kernel_size."""
    window = {"kernel_size": pair(kernel_size), "stride": pair(stride or kernel_size)}
    return AvgPool2d.apply(x, **window, padding=pair(padding))


def upsample_nearest(x: Tensor, scale_factor) -> Tensor:
    """Return x (N, C, H, W) with every pixel repeated `scale_factor` times along H and W."""
    n, c, h, w = x.shape
    fh, fw = pair(scale_factor)
    blocks = x.reshape(n, c, h, 1, w, 1).expand(n, c, h, fh, w, fw)
    return blocks.reshape(n, c, h * fh, w * fw)
