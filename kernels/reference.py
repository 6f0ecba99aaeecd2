"""The specification of every kernel, in plain NumPy.

Read this file to learn what a kernel computes, and another backend to learn how to make it fast.
The three passes of a convolution are one loop: they visit the same patches of the input, and each
moves a product of two of the three arrays (input, weight, output) into the third.

N batch, C input channels, O output channels, G groups, H x W input, HO x WO output, KH x KW kernel.
"""

import math
from collections.abc import Iterator

import numpy as np

from minae.kernels import shapes
from minae.kernels.shapes import Pair


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices: y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j].

    a (..., M, K), b (..., K, N) -> (..., M, N). Batches broadcast. A vector a is one row, a vector
    b one column, and that axis is dropped from the result. Raises ValueError if shapes don't fit.
    """
    shapes.check_matmul(a, b)
    rows = a[None, :] if a.ndim == 1 else a  # (..., M, K)
    columns = b[:, None] if b.ndim == 1 else b  # (..., K, N)
    y = np.einsum("...ik,...kj->...ij", rows, columns)
    if a.ndim == 1:
        y = y[..., 0, :]
    if b.ndim == 1:
        y = y[..., 0]
    return y


def linear(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, activation: str | None = None
) -> np.ndarray:
    """Map rows by an affine map, and apply the activation: y = f(x Wᵀ + b).

    x (..., I), weight (O, I), bias (O,) -> (..., O). Raises ValueError if shapes don't fit.
    """
    shapes.check_linear(x, weight, bias)
    y = np.einsum("...i,oi->...o", x, weight)
    return _activate(y if bias is None else y + bias, activation)


def linear_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    activation: str | None = None,
    needs: tuple[bool, bool] = (True, True),
    dweight: np.ndarray | None = None,
    dbias: np.ndarray | None = None,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """Send the gradient of `linear` back: dx = dz W, dweight = dzᵀ x, dbias = Σ dz.

    dy, y (..., O), x (..., I), weight (O, I); dz is dy through the activation. `needs` says whether
    dx and dweight are wanted, None takes the place of what is not. dweight (O, I) and dbias (O,)
    are written into where they are given. Raises ValueError if shapes don't fit.
    """
    shapes.check_linear_backward(dy, x, weight, y)
    dz = dy * (y > 0) if shapes.check_activation(activation) else dy
    dx = np.einsum("...o,oi->...i", dz, weight) if needs[0] else None
    dz, x = (a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) for a in (dz, x))  # rows
    product = np.einsum("no,ni->oi", dz, x) if needs[1] else None
    return dx, _into(dweight, product), _into(dbias, dz.sum(axis=0))


def activation_backward(
    dy: np.ndarray, y: np.ndarray, activation: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Send a gradient back through the activation and the bias that end a convolution.

    dy, y (N, O, HO, WO) -> dz, of the same shape (dy itself without activation), dbias (O,).
    Raises ValueError if shapes don't fit.
    """
    shapes.check_same("activation_backward", dy, y)
    dz = dy * (y > 0) if shapes.check_activation(activation) else dy
    return dz, dz.sum(axis=(0, 2, 3))


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Slide a kernel over images: each output pixel is a patch times the weight, summed.

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, HO, WO). The bias is added
    and the activation applied at the end. With groups, the g-th part of the output channels sees
    the g-th part of the input channels only. Raises ValueError if shapes don't fit.
    """
    HO, WO = shapes.check_conv2d(
        x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    x = _split_channels(_pad(x, padding), groups)  # (N, G, C/G, H + 2 PH, W + 2 PW)
    weight = _split_outputs(weight, groups)  # (G, O/G, C/G, KH, KW)
    y = np.zeros((len(x), *weight.shape[:2], HO, WO), x.dtype)  # (N, G, O/G, HO, WO)
    for i, j, patch in _patches((HO, WO), weight.shape[3:], stride, dilation):
        y[..., i, j] = np.einsum("ngckl,gockl->ngo", x[patch], weight)
    y = _join_channels(y)  # (N, O, HO, WO)
    return _activate(y if bias is None else y + bias[:, None, None], activation)


def conv2d_dx(
    dy: np.ndarray,
    weight: np.ndarray,
    input_size: Pair,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its input: each dy spreads over its patch.

    dy (N, O, HO, WO), weight (O, C / groups, KH, KW), input_size (H, W) -> dx (N, C, H, W). This
    is also the forward pass of a transposed convolution, which may have a bias (C,) and an
    activation. Raises ValueError if shapes don't fit.
    """
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes.check_conv2d_dx(dy, weight, input_size, bias, **geometry)
    (H, W), (PH, PW), (HO, WO) = input_size, padding, dy.shape[2:]
    dy = _split_channels(dy, groups)  # (N, G, O/G, HO, WO)
    weight = _split_outputs(weight, groups)  # (G, O/G, C/G, KH, KW)
    dx = np.zeros((len(dy), groups, weight.shape[2], H + 2 * PH, W + 2 * PW), dy.dtype)
    for i, j, patch in _patches((HO, WO), weight.shape[3:], stride, dilation):
        dx[patch] += np.einsum("ngo,gockl->ngckl", dy[..., i, j], weight)
    dx = _join_channels(dx[..., PH : PH + H, PW : PW + W])  # (N, C, H, W)
    return _activate(dx if bias is None else dx + bias[:, None, None], activation)


def conv2d_dweight(
    x: np.ndarray,
    dy: np.ndarray,
    kernel_size: Pair,
    dweight: np.ndarray | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its weight: each dy times its patch, summed.

    x (N, C, H, W), dy (N, O, HO, WO), kernel_size (KH, KW) -> dweight (O, C / groups, KH, KW),
    written into where it is given. Raises ValueError if shapes don't fit.
    """
    shapes.check_conv2d_dweight(
        x, dy, kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    x = _split_channels(_pad(x, padding), groups)  # (N, G, C/G, H + 2 PH, W + 2 PW)
    dy = _split_channels(dy, groups)  # (N, G, O/G, HO, WO)
    total = np.zeros((groups, dy.shape[2], x.shape[2], *kernel_size), dy.dtype)
    for i, j, patch in _patches(dy.shape[3:], kernel_size, stride, dilation):
        total += np.einsum("ngo,ngckl->gockl", dy[..., i, j], x[patch])
    return _into(dweight, total.reshape(groups * dy.shape[2], *total.shape[2:]))  # (O, C/G, KH, KW)


def max_pool2d(
    x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Take the maximum of every window, and where it stood.

    x (N, C, H, W) -> y (N, C, HO, WO) and index (N, C, HO, WO), int64: the position h * W + w of
    the first maximum of the window. Padding is never chosen; a NaN wins over every number. Raises
    ValueError if no window fits or the padding is more than half of the kernel.
    """
    HO, WO = shapes.check_pool2d(
        "max_pool2d", x, kernel_size=kernel_size, stride=stride, padding=padding
    )
    N, C, H, W = x.shape
    y = np.zeros((N, C, HO, WO), x.dtype)
    index = np.zeros((N, C, HO, WO), np.int64)
    position = np.arange(H * W).reshape(H, W)
    for i, j, window in _windows((H, W), (HO, WO), kernel_size, stride, padding):
        pixels = x[window].reshape(N, C, position[window].size)  # (N, C, pixels of the window)
        first = pixels.argmax(axis=2)  # (N, C)
        y[..., i, j] = np.take_along_axis(pixels, first[..., None], axis=2)[..., 0]
        index[..., i, j] = position[window].ravel()[first]
    return y, index


def max_pool2d_dx(dy: np.ndarray, index: np.ndarray, input_size: Pair) -> np.ndarray:
    """Send each dy to the pixel that was the maximum; windows that share a pixel add up.

    dy (N, C, HO, WO), index (N, C, HO, WO) from max_pool2d, input_size (H, W) -> dx (N, C, H, W).
    Raises ValueError if dy and index differ in shape.
    """
    shapes.check_max_pool2d_dx(dy, index)
    N, C, HO, WO = dy.shape
    H, W = input_size
    dx = np.zeros((N, C, H * W), dy.dtype)
    n, c = np.arange(N)[:, None], np.arange(C)  # (N, 1) and (C,), together every image's channels
    for i in range(HO):
        for j in range(WO):
            dx[n, c, index[..., i, j]] += dy[..., i, j]
    return dx.reshape(N, C, H, W)


def avg_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """Take the mean of every window; padding counts as zeros.

    x (N, C, H, W) -> (N, C, HO, WO). Raises ValueError as max_pool2d does.
    """
    HO, WO = shapes.check_pool2d(
        "avg_pool2d", x, kernel_size=kernel_size, stride=stride, padding=padding
    )
    y = np.zeros((*x.shape[:2], HO, WO), x.dtype)
    for i, j, window in _windows(x.shape[2:], (HO, WO), kernel_size, stride, padding):
        y[..., i, j] = x[window].sum(axis=(2, 3)) / (kernel_size[0] * kernel_size[1])
    return y


def avg_pool2d_dx(
    dy: np.ndarray, input_size: Pair, *, kernel_size: Pair, stride: Pair, padding: Pair
) -> np.ndarray:
    """Share each dy equally among the pixels of its window.

    dy (N, C, HO, WO), input_size (H, W) -> dx (N, C, H, W). Raises ValueError if shapes don't fit.
    """
    shapes.check_avg_pool2d_dx(
        dy, input_size, kernel_size=kernel_size, stride=stride, padding=padding
    )
    dx = np.zeros((*dy.shape[:2], *input_size), dy.dtype)
    for i, j, window in _windows(input_size, dy.shape[2:], kernel_size, stride, padding):
        dx[window] += dy[..., i, j, None, None] / (kernel_size[0] * kernel_size[1])
    return dx


def mse(x: np.ndarray, target: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the sum of (x - target)², and its gradient by x.

    x, target: of one shape, else ValueError. -> (), and the shape of x.
    """
    shapes.check_same("mse", x, target)
    difference = x - target
    return _total(difference * difference, scale), 2 * scale * difference


def bce_with_logits(
    x: np.ndarray, target: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the summed cross-entropy of sigmoid(x) and target, and its gradient by x.

    x, target: of one shape, else ValueError. -> (), and the shape of x.
    """
    shapes.check_same("bce_with_logits", x, target)
    e = np.exp(-np.abs(x))
    losses = np.maximum(x, 0) - x * target + np.log1p(e)
    sigmoid = np.where(x >= 0, 1, e) / (1 + e)
    return _total(losses, scale), scale * (sigmoid - target)


def cross_entropy(
    x: np.ndarray, target: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale times the sum of -log softmax(x)[target], and its gradient by x.

    x (N, K), target (N,) of integers below K -> (), (N, K). Raises ValueError if shapes don't fit.
    """
    shapes.check_cross_entropy(x, target)
    rows = np.arange(len(x))
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, K)
    dx = np.exp(log_p)
    dx[rows, target] -= 1
    return _total(-log_p[rows, target], scale), scale * dx


def reparameterise(mean: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return mean + exp(log_var / 2) noise. All of one shape, else ValueError."""
    shapes.check_same("reparameterise", mean, log_var)
    shapes.check_same("reparameterise", mean, noise)
    return mean + np.exp(0.5 * log_var) * noise


def reparameterise_dlog_var(dz: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the gradient of `reparameterise` by log_var, given dz. All of one shape."""
    return dz * noise * (0.5 * np.exp(0.5 * log_var))


def gaussian_kl(mean: np.ndarray, log_var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return KL(N(mean, exp(log_var)) || N(0, 1)) of each row, and its gradient by log_var.

    mean, log_var (..., Z) -> (...), (..., Z); the gradient by mean is mean itself. Raises
    ValueError if the shapes differ.
    """
    shapes.check_same("gaussian_kl", mean, log_var)
    var = np.exp(log_var)
    return 0.5 * (mean * mean + var - log_var - 1).sum(axis=-1), 0.5 * (var - 1)


def sgd(
    x: np.ndarray,
    dx: np.ndarray,
    velocity: np.ndarray,
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """Take one step of stochastic gradient descent: change x (P,) and velocity (P,) in place."""
    g = dx + weight_decay * x
    velocity[...] = momentum * velocity + g
    x -= lr * (g + momentum * velocity if nesterov else velocity)


def adam(
    x: np.ndarray,
    dx: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """Take step number `step` of Adam, or AdamW if decoupled: change x (P,) and the means in place.

    dx, exp_avg, exp_avg_sq: (P,).
    """
    beta1, beta2 = betas
    if decoupled:
        x *= 1 - lr * weight_decay
    g = dx if decoupled else dx + weight_decay * x
    exp_avg[...] = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq[...] = beta2 * exp_avg_sq + (1 - beta2) * g * g
    x -= lr / (1 - beta1**step) * exp_avg / (np.sqrt(exp_avg_sq / (1 - beta2**step)) + eps)


def contiguous(x: np.ndarray) -> np.ndarray:
    """Return x in the order of its dimensions: x itself, or a copy."""
    return np.ascontiguousarray(x).reshape(x.shape)


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function 2/√π ∫₀ˣ e^(-t²) dt of every entry, in the dtype of x."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def index_add(shape: tuple[int, ...], index, values: np.ndarray) -> np.ndarray:
    """Undo an indexing: an array of zeros with `values` added at out[index].

    Where the index names a place several times, all of its values add up. `index` is anything that
    NumPy indexes by; values broadcast to out[index]. -> (shape), of the dtype of values. Raises
    IndexError if the index lies outside, ValueError if values don't fit it.
    """
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


def _activate(y: np.ndarray, activation: str | None) -> np.ndarray:
    return np.maximum(y, 0) if shapes.check_activation(activation) else y


def _into(out: np.ndarray | None, value: np.ndarray | None) -> np.ndarray | None:
    if out is None or value is None:
        return value
    out[...] = value
    return out


def _total(losses: np.ndarray, scale: float) -> np.ndarray:
    return np.asarray(losses.sum(dtype=np.float64) * scale, losses.dtype)


def _pad(x: np.ndarray, padding: Pair) -> np.ndarray:
    PH, PW = padding
    return np.pad(x, ((0, 0), (0, 0), (PH, PH), (PW, PW)))


def _split_channels(x: np.ndarray, groups: int) -> np.ndarray:
    N, C, H, W = x.shape
    return x.reshape(N, groups, C // groups, H, W)


def _join_channels(x: np.ndarray) -> np.ndarray:
    N, G, C, H, W = x.shape
    return x.reshape(N, G * C, H, W)


def _split_outputs(weight: np.ndarray, groups: int) -> np.ndarray:
    O, *rest = weight.shape  # noqa: E741
    return weight.reshape(groups, O // groups, *rest)


def _patches(
    output_size: Pair, kernel_size: Pair, stride: Pair, dilation: Pair
) -> Iterator[tuple[int, int, tuple]]:
    """Walk over the output: (i, j), and the index of its patch in the padded input."""
    for i in range(output_size[0]):
        for j in range(output_size[1]):
            top, left = i * stride[0], j * stride[1]
            rows = slice(top, top + dilation[0] * (kernel_size[0] - 1) + 1, dilation[0])
            columns = slice(left, left + dilation[1] * (kernel_size[1] - 1) + 1, dilation[1])
            yield i, j, (..., rows, columns)


def _windows(
    input_size: Pair, output_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair
) -> Iterator[tuple[int, int, tuple]]:
    """Walk over the output: (i, j), and the index of its window, less what is padding."""
    for i in range(output_size[0]):
        for j in range(output_size[1]):
            top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
            rows = slice(max(top, 0), min(top + kernel_size[0], input_size[0]))
            columns = slice(max(left, 0), min(left + kernel_size[1], input_size[1]))
            yield i, j, (..., rows, columns)
