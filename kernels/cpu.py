"""The kernels that run on a CPU: strided views, and BLAS for everything that multiplies.

How they are laid out, and why:

- **Channels last in memory.** Arrays are N, C, H, W to the caller, but the results lie in memory as
  N, H, W, C (a transposed view). Then the channels of a pixel are neighbours, so patches are copied
  in long runs, and one matrix product over all pixels writes its result straight into place.
- **Except for images of few channels.** A run of one or three numbers is not worth a loop; there
  the run goes along the row of pixels instead.
- **In blocks of images.** Patches repeat every pixel KH * KW times. Unfolding the whole batch would
  stream that many times its size through memory; a block of them stays in the cache.
"""

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minae.kernels import shapes
from minae.kernels.shapes import Pair

FEW_CHANNELS = 8  # below this, the row of pixels is the longer run
BLOCK_BYTES = 1 << 20  # patches unfolded at a time: about half of a core's second-level cache


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices, batched and broadcast as in NumPy.

    a (..., M, K), b (..., K, N) -> (..., M, N). A vector a is one row, a vector b one column, and
    that axis is dropped from the result. Raises ValueError if shapes don't fit.
    """
    shapes.check_matmul(a, b)
    if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:
        # All batches share b: they are the rows of one tall matrix, which BLAS takes in one call.
        return (_rows(a) @ b).reshape(*a.shape[:-1], b.shape[1])
    return np.asarray(a @ b)


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Map rows by an affine map: y = x Wᵀ + b.

    x (..., I), weight (O, I), bias (O,) -> (..., O). Raises ValueError if shapes don't fit.
    """
    shapes.check_linear(x, weight, bias)
    y = _rows(x) @ weight.T  # (rows, O)
    if bias is not None:
        y += bias
    return y.reshape(*x.shape[:-1], weight.shape[0])


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Convolve: unfold the patches into the rows of a matrix, and multiply it by the weight.

    x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, HO, WO). Raises ValueError
    if shapes don't fit.
    """
    HO, WO = shapes.check_conv2d(
        x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    y = np.empty((len(x), HO, WO, len(weight)), x.dtype)
    for inputs, outputs in _channel_groups(x.shape[1], len(weight), groups):
        kernel = weight[outputs].transpose(2, 3, 1, 0)  # (KH, KW, C/G, O/G)
        kernel = kernel.reshape(prod(kernel.shape[:3]), kernel.shape[3])
        blocks = _unfold(x[:, inputs], weight.shape[2:], (HO, WO), stride, padding, dilation)
        for images, patches in blocks:
            np.matmul(patches, kernel, out=_rows(y[images, ..., outputs]))
    if bias is not None:
        # A whole image at a time: adding O numbers to each pixel would be one short loop a pixel.
        flat = y.reshape(len(y), prod(y.shape[1:]))
        flat += np.tile(bias, HO * WO)
    return y.transpose(0, 3, 1, 2)


def conv2d_dx(
    dy: np.ndarray,
    weight: np.ndarray,
    input_size: Pair,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its input: every tap of the kernel adds its share.

    dy (N, O, HO, WO), weight (O, C / groups, KH, KW), input_size (H, W) -> dx (N, C, H, W). This
    is also the forward pass of a transposed convolution. Raises ValueError if shapes don't fit.
    """
    shapes.check_conv2d_dx(
        dy, weight, input_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    C, few = weight.shape[1] * groups, weight.shape[1] < FEW_CHANNELS
    dx = _zero_images((len(dy), C, *input_size), dy.dtype, channels_last=not few)
    taps = list(_taps(input_size, weight.shape[2:], dy.shape[2:], stride, padding, dilation))
    block = _block_size(len(dy), prod(weight.shape[1:]) * prod(dy.shape[2:]) * dy.itemsize)
    for inputs, outputs in _channel_groups(C, len(weight), groups):
        for start in range(0, len(dy), block):
            images = slice(start, start + block)
            shares = _tap_shares(dy[images, outputs], weight[outputs], few)
            for (_, _, source, target), share in zip(taps, shares, strict=True):
                dx[images, inputs][target] += share[source]
    return dx


def conv2d_dweight(
    x: np.ndarray,
    dy: np.ndarray,
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Send the gradient of a convolution back to its weight: dy times the unfolded patches.

    x (N, C, H, W), dy (N, O, HO, WO), kernel_size (KH, KW) -> dweight (O, C / groups, KH, KW).
    Raises ValueError if shapes don't fit.
    """
    shapes.check_conv2d_dweight(
        x, dy, kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    shape = (dy.shape[1], *kernel_size, x.shape[1] // groups)  # channels last, as in the patches
    dweight = np.zeros((shape[0], prod(shape[1:])), dy.dtype)
    for inputs, outputs in _channel_groups(x.shape[1], dy.shape[1], groups):
        blocks = _unfold(x[:, inputs], kernel_size, dy.shape[2:], stride, padding, dilation)
        for images, patches in blocks:
            rows = _rows(dy[images, outputs].transpose(0, 2, 3, 1))  # (n*HO*WO, O/G)
            dweight[outputs] += rows.T @ patches
    return np.ascontiguousarray(dweight.reshape(shape).transpose(0, 3, 1, 2))


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
    taps = list(_taps(x.shape[2:], kernel_size, (HO, WO), stride, padding))
    y = _zero_images((*x.shape[:2], HO, WO), x.dtype, _is_channels_last(x))
    y -= np.inf
    for _, _, outputs, pixels in taps:
        np.maximum(y[outputs], x[pixels], out=y[outputs])

    # The first tap that holds the maximum is as many taps in as there are taps before it. Counting
    # them takes two passes over bytes; writing positions through a mask is four times slower.
    has_nan = np.isnan(y).any()
    found = np.zeros_like(y, dtype=bool)
    before = np.zeros_like(y, dtype=np.min_scalar_type(len(taps)))
    for _, _, outputs, pixels in taps:
        hit = x[pixels] == y[outputs]
        if has_nan:
            hit |= np.isnan(x[pixels])
        found[outputs] |= hit
        before += ~found
    W = x.shape[3]
    index = np.array([kh * W + kw for kh, kw, _, _ in taps])[before]  # from the window's corner
    index += (np.arange(HO)[:, None] * stride[0] - padding[0]) * W
    index += np.arange(WO) * stride[1] - padding[1]
    return y, index


def max_pool2d_dx(dy: np.ndarray, index: np.ndarray, input_size: Pair) -> np.ndarray:
    """Send each dy to the pixel that was the maximum; windows that share a pixel add up.

    dy (N, C, HO, WO), index (N, C, HO, WO) from max_pool2d, input_size (H, W) -> dx (N, C, H, W).
    Raises ValueError if dy and index differ in shape.
    """
    shapes.check_max_pool2d_dx(dy, index)
    (N, C), (H, W) = dy.shape[:2], input_size
    # np.add.at is fast for one flat index only, so count positions through the whole of dx, in
    # whichever order its channels lie, and visit dy and index in that order too.
    channels_last = _is_channels_last(index)
    channel_step, pixel_step = (1, C) if channels_last else (H * W, 1)
    order = (0, 2, 3, 1) if channels_last else (0, 1, 2, 3)
    place = index * pixel_step
    place += np.arange(C)[:, None, None] * channel_step
    place += np.arange(N)[:, None, None, None] * (C * H * W)
    dx = np.zeros(N * C * H * W, dy.dtype)
    np.add.at(dx, place.transpose(order).ravel(), dy.transpose(order).ravel())
    if channels_last:
        return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2)
    return dx.reshape(N, C, H, W)


def avg_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """Take the mean of every window; padding counts as zeros.

    x (N, C, H, W) -> (N, C, HO, WO). Raises ValueError as max_pool2d does.
    """
    HO, WO = shapes.check_pool2d(
        "avg_pool2d", x, kernel_size=kernel_size, stride=stride, padding=padding
    )
    y = _zero_images((*x.shape[:2], HO, WO), x.dtype, _is_channels_last(x))
    for _, _, outputs, pixels in _taps(x.shape[2:], kernel_size, (HO, WO), stride, padding):
        y[outputs] += x[pixels]
    y /= kernel_size[0] * kernel_size[1]
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
    dx = _zero_images((*dy.shape[:2], *input_size), dy.dtype, _is_channels_last(dy))
    share = dy / (kernel_size[0] * kernel_size[1])
    for _, _, outputs, pixels in _taps(input_size, kernel_size, dy.shape[2:], stride, padding):
        dx[pixels] += share[outputs]
    return dx


def index_add(shape: tuple[int, ...], index, values: np.ndarray) -> np.ndarray:
    """Undo an indexing: an array of zeros with `values` added at out[index].

    Where the index names a place several times, all of its values add up. `index` is anything that
    NumPy indexes by; values broadcast to out[index]. -> (shape), of the dtype of values. Raises
    IndexError if the index lies outside, ValueError if values don't fit it.
    """
    out = np.zeros(shape, values.dtype)
    if _names_each_place_once(index):
        out[index] = values
    elif out.size > 8 * values.size:
        np.add.at(out, index, values)
    else:
        # np.add.at is eight times faster on one flat index. Indexing the positions themselves
        # turns any index into that, and pays while `out` is not much larger than `values`.
        place = np.arange(out.size).reshape(out.shape)[index]
        np.add.at(out.reshape(-1), place.ravel(), np.broadcast_to(values, place.shape).ravel())
    return out


def _rows(x: np.ndarray) -> np.ndarray:
    """View (..., I) as a matrix (rows, I); -1 would be ambiguous where I is 0."""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _channel_groups(C: int, O: int, groups: int) -> Iterator[tuple[slice, slice]]:  # noqa: E741
    """Give the input and the output channels of each group."""
    c, o = C // groups, O // groups
    return ((slice(g * c, g * c + c), slice(g * o, g * o + o)) for g in range(groups))


def _is_channels_last(x: np.ndarray) -> bool:
    return x.strides[1] < x.strides[3]


def _zero_images(shape: tuple[int, ...], dtype: np.dtype, channels_last: bool) -> np.ndarray:
    """Make zeros (N, C, H, W) that lie in memory as N, H, W, C or as N, C, H, W."""
    if channels_last:
        N, C, H, W = shape
        return np.zeros((N, H, W, C), dtype).transpose(0, 3, 1, 2)
    return np.zeros(shape, dtype)


def _block_size(images: int, image_bytes: int) -> int:
    return max(1, min(images, BLOCK_BYTES // max(1, image_bytes)))


def _unfold(
    x: np.ndarray,
    kernel_size: Pair,
    output_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Copy out what each output position sees: (images, patches) for one block of images at a time.

    patches (n*HO*WO, KH*KW*C), one row a position. The next block overwrites them.
    """
    (N, C, H, W), (PH, PW), (KH, KW), (HO, WO) = x.shape, padding, kernel_size, output_size
    n = _block_size(N, KH * KW * C * HO * WO * x.itemsize)
    if C < FEW_CHANNELS:  # positions innermost: the copy runs along rows of pixels
        patches = np.empty((KH, KW, C, n, HO, WO), x.dtype).transpose(3, 4, 5, 0, 1, 2)
    else:  # channels innermost: the copy runs along KW * C neighbours
        patches = np.empty((n, HO, WO, KH, KW, C), x.dtype)
    padded = np.zeros((n, H + 2 * PH, W + 2 * PW, C), x.dtype)
    span = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True))
    windows = sliding_window_view(padded, span, axis=(1, 2))  # (n, every h, every w, C, *span)
    windows = windows[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    windows = windows.transpose(0, 1, 2, 4, 5, 3)  # (n, HO, WO, KH, KW, C), no copy so far
    for start in range(0, N, n):
        m = min(n, N - start)
        padded[:m, PH : PH + H, PW : PW + W] = x[start : start + m].transpose(0, 2, 3, 1)
        patches[:m] = windows[:m]
        yield slice(start, start + m), patches[:m].reshape(m * HO * WO, KH * KW * C)


def _tap_shares(dy: np.ndarray, weight: np.ndarray, few: bool) -> Iterator[np.ndarray]:
    """Give dy (n, O, HO, WO) times each tap of weight (O, C, KH, KW): KH*KW times (n, C, HO, WO)."""
    (n, _, HO, WO), (_, C, KH, KW) = dy.shape, weight.shape
    rows = _rows(dy.transpose(0, 2, 3, 1))  # (n*HO*WO, O)
    if few:  # all taps in one product, since one tap of few channels is too thin a matrix
        taps = weight.transpose(2, 3, 1, 0).reshape(KH * KW * C, weight.shape[0])
        for share in (taps @ rows.T).reshape(KH * KW, C, n, HO, WO):
            yield share.transpose(1, 0, 2, 3)
    else:  # a product a tap: each is used up while it is still in the cache
        for tap in np.ascontiguousarray(weight.transpose(2, 3, 0, 1)).reshape(KH * KW, -1, C):
            yield (rows @ tap).reshape(n, HO, WO, C).transpose(0, 3, 1, 2)


def _taps(
    input_size: Pair,
    kernel_size: Pair,
    output_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair = (1, 1),
) -> Iterator[tuple[int, int, tuple, tuple]]:
    """Give each tap (kh, kw) with the outputs that it reaches and the pixels that they see there.

    Both are indices into (..., H, W), equally many; where a tap would look into the padding, they
    leave it out, so that nobody needs a padded copy.
    """
    axes = zip(input_size, kernel_size, output_size, stride, padding, dilation, strict=True)
    rows, columns = ([_overlap(k, *axis) for k in range(axis[1])] for axis in axes)
    for kh, (output_rows, input_rows) in enumerate(rows):
        for kw, (output_columns, input_columns) in enumerate(columns):
            yield kh, kw, (..., output_rows, output_columns), (..., input_rows, input_columns)


def _overlap(k, size, _, outputs, stride, padding, dilation) -> tuple[slice, slice]:
    """Along one axis: the outputs i whose tap k, at i * stride + shift, falls inside the input."""
    shift = k * dilation - padding
    first = max(0, -(shift // stride))  # smallest i with i * stride + shift >= 0
    count = max(0, min(outputs, (size - 1 - shift) // stride + 1) - first)
    start = first * stride + shift
    stop = start + (count - 1) * stride + 1 if count else start
    return slice(first, first + count), slice(start, stop, stride)


def _names_each_place_once(index) -> bool:
    """Whether an index holds no list and no array of integers, hence no place twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, int | np.integer | slice)
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )
