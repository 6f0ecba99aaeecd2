"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np

import minae
from minae.tensor import Tensor

windows_of = np.lib.stride_tricks.sliding_window_view


def _size(length, K, stride, padding):
    """Return how many places a kernel has."""
    return (length + 2 * padding - K) // stride + 1


def _pad(x, p):
    """Return x with zeros around it."""
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))


def _taps(x, kernel_size, stride, padding):
    """Return the patches as (N, C, KH, KW, HO, WO), as an answer would."""
    windows = windows_of(_pad(x, padding), kernel_size, axis=(2, 3))[:, :, ::stride, ::stride]
    return windows.transpose(0, 1, 4, 5, 2, 3)


def _flat(columns):
    """Return (N, C, KH, KW, HO, WO) as (N, C KH KW, HO WO)."""
    N, C, KH, KW, HO, WO = columns.shape
    return columns.reshape(N, C * KH * KW, HO * WO)


def im2col__no_padding(x, kernel_size, stride, padding):
    """Forgets the padding."""
    return _flat(_taps(x, kernel_size, stride, 0))


def im2col__no_stride(x, kernel_size, stride, padding):
    """Uses every place, as with stride 1."""
    return _flat(_taps(x, kernel_size, 1, padding))


def im2col__rows(x, kernel_size, stride, padding):
    """Returns patches as rows."""
    return _flat(_taps(x, kernel_size, stride, padding)).transpose(0, 2, 1)


def im2col__channels_last(x, kernel_size, stride, padding):
    """Puts the channel after the tap: right for one channel."""
    return _flat(_taps(x, kernel_size, stride, padding).transpose(0, 2, 3, 1, 4, 5))


def im2col__tap_transposed(x, kernel_size, stride, padding):
    """Counts taps column by column."""
    return _flat(_taps(x, kernel_size, stride, padding).transpose(0, 1, 3, 2, 4, 5))


def im2col__one_place_short(x, kernel_size, stride, padding):
    """Forgets the + 1 in the output's height."""
    return _flat(_taps(x, kernel_size, stride, padding)[..., :-1, :])


def im2col__flipped(x, kernel_size, stride, padding):
    """Turns the kernel, as a convolution in mathematics does."""
    return _flat(_taps(x, kernel_size, stride, padding)[:, :, ::-1, ::-1])


def im2col__pads_with_edge(x, kernel_size, stride, padding):
    """Repeats the edge instead of padding with zeros."""
    p = padding
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="edge")
    return _flat(_taps(x, kernel_size, stride, 0))


def im2col__in_single_precision(x, kernel_size, stride, padding):
    """Rounds the pixels to float32."""
    return _flat(_taps(x, kernel_size, stride, padding)).astype(np.float32)


def _matrix(weight, image_size, stride, padding, wrap=False, swap=False):
    """Return M with its six dimensions, right or with one of two faults."""
    (outputs, C, KH, KW), (H, W) = weight.shape, image_size
    HO, WO = _size(H, KH, stride, padding), _size(W, KW, stride, padding)
    M = np.zeros((outputs, HO, WO, C, H, W))
    for i, j, k, l in np.ndindex(HO, WO, KH, KW):  # noqa: E741
        h, w = i * stride - padding + k, j * stride - padding + l
        if swap:
            h, w = i * stride + padding - k, j * stride + padding - l
        if (wrap or min(h, w) >= 0) and h < H and w < W:
            M[:, i, j, :, h, w] = weight[:, :, k, l]
    return M


def conv2d_matrix__negative_index(weight, image_size, stride, padding):
    """Lets a negative index reach the other edge: right without padding."""
    M = _matrix(weight, image_size, stride, padding, wrap=True)
    return M.reshape(np.prod(M.shape[:3]), -1)


def conv2d_matrix__wrong_way(weight, image_size, stride, padding):
    """Subtracts the tap instead of adding it."""
    M = _matrix(weight, image_size, stride, padding, swap=True)
    return M.reshape(np.prod(M.shape[:3]), -1)


def conv2d_matrix__transposed(weight, image_size, stride, padding):
    """Returns the matrix of the transposed convolution."""
    M = _matrix(weight, image_size, stride, padding)
    return M.reshape(np.prod(M.shape[:3]), -1).T


def conv2d_matrix__no_padding(weight, image_size, stride, padding):
    """Forgets the padding."""
    M = _matrix(weight, image_size, stride, 0)
    return M.reshape(np.prod(M.shape[:3]), -1)


def conv2d_matrix__places_first(weight, image_size, stride, padding):
    """Orders the output (i, j, o): right for one kernel."""
    M = _matrix(weight, image_size, stride, padding).transpose(1, 2, 0, 3, 4, 5)
    return M.reshape(np.prod(M.shape[:3]), -1)


def conv2d_matrix__channels_summed(weight, image_size, stride, padding):
    """Gives every channel the sum of all channels' weights."""
    weight = np.broadcast_to(weight.sum(axis=1, keepdims=True), weight.shape)
    M = _matrix(weight, image_size, stride, padding)
    return M.reshape(np.prod(M.shape[:3]), -1)


def conv2d_matrix__stride_one(weight, image_size, stride, padding):
    """Has the right number of rows, but moves one pixel from place to place."""
    M, full = _matrix(weight, image_size, stride, padding), _matrix(weight, image_size, 1, padding)
    full = full[:, : M.shape[1], : M.shape[2]]
    return full.reshape(np.prod(M.shape[:3]), -1)


def _backward(dy, x, weight, stride, p, add=True):
    """Return dx with its padding, dweight and dbias; without `add`, taps overwrite each other."""
    (HO, WO), x = dy.shape[2:], _pad(x, p)
    dx, dweight = np.zeros_like(x), np.empty_like(weight)
    for k, l in np.ndindex(weight.shape[2:]):  # noqa: E741
        rows, across = slice(k, k + stride * HO, stride), slice(l, l + stride * WO, stride)
        dweight[:, :, k, l] = np.einsum("noij,ncij->oc", dy, x[:, :, rows, across])
        part = np.einsum("noij,oc->ncij", dy, weight[:, :, k, l])
        dx[:, :, rows, across] = part + (dx[:, :, rows, across] if add else 0)
    return dx, dweight, dy.sum(axis=(0, 2, 3))


def _cut(dx, x, p):
    """Return dx without its padding."""
    return dx[:, :, p : p + x.shape[2], p : p + x.shape[3]]


def conv2d_backward__overwrites(dy, x, weight, stride, padding):
    """Writes = for +=: a pixel keeps only its last tap's gradient."""
    dx, dweight, dbias = _backward(dy, x, weight, stride, padding, add=False)
    return _cut(dx, x, padding), dweight, dbias


def conv2d_backward__leaves_padding(dy, x, weight, stride, padding):
    """Returns the gradient of the padded image."""
    return _backward(dy, x, weight, stride, padding)


def conv2d_backward__cuts_the_wrong_end(dy, x, weight, stride, padding):
    """Cuts all of the padding off at the end."""
    dx, dweight, dbias = _backward(dy, x, weight, stride, padding)
    return dx[:, :, : x.shape[2], : x.shape[3]], dweight, dbias


def conv2d_backward__flips_dx(dy, x, weight, stride, padding):
    """Turns the kernel when spreading."""
    dx, *_ = _backward(dy, x, weight[:, :, ::-1, ::-1], stride, padding)
    _, dweight, dbias = _backward(dy, x, weight, stride, padding)
    return _cut(dx, x, padding), dweight, dbias


def conv2d_backward__mean_over_batch(dy, x, weight, stride, padding):
    """Averages dweight over the images: right for one."""
    dx, dweight, dbias = _backward(dy, x, weight, stride, padding)
    return _cut(dx, x, padding), dweight / len(x), dbias


def conv2d_backward__dbias_of_one_place(dy, x, weight, stride, padding):
    """Averages dbias over places instead of summing."""
    dx, dweight, dbias = _backward(dy, x, weight, stride, padding)
    return _cut(dx, x, padding), dweight, dbias / dy[0, 0].size


def conv2d_backward__dweight_not_padded(dy, x, weight, stride, padding):
    """Pads for dx, but takes dweight's patches as if there were no padding."""
    dx, _, dbias = _backward(dy, x, weight, stride, padding)
    shifted = np.roll(x, (padding, padding), axis=(2, 3))
    return _cut(dx, x, padding), _backward(dy, shifted, weight, stride, padding)[1], dbias


def conv2d_backward__order(dy, x, weight, stride, padding):
    """Returns dweight first."""
    dx, dweight, dbias = _backward(dy, x, weight, stride, padding)
    return dweight, _cut(dx, x, padding), dbias


def conv2d_backward__drops_the_rest(dy, x, weight, stride, padding):
    """Leaves out the last rows of x where they are in no patch."""
    dx, dweight, dbias = _backward(dy, x, weight, stride, padding)
    used = (dy.shape[2] - 1) * stride + weight.shape[2] - padding
    return _cut(dx, x, padding)[:, :, :used], dweight, dbias


def _spaced(x, stride, above, left):
    """Return x with stride - 1 zeros between neighbours, and zeros around."""
    N, inputs, HO, WO = x.shape
    H, W = (HO - 1) * stride + 1, (WO - 1) * stride + 1
    spaced = np.zeros((N, inputs, H + 2 * above, W + 2 * left))
    spaced[:, :, above : above + H : stride, left : left + W : stride] = x
    return spaced


def _slide(spaced, weight, bias):
    """Slide a kernel (O, C, KH, KW), without turning it, over (N, O, H, W)."""
    windows = windows_of(spaced, weight.shape[2:], axis=(2, 3))
    return np.einsum("nohwkl,ockl->nchw", windows, weight) + bias[:, None, None]


def conv_transpose2d__not_turned(x, weight, bias, stride, padding):
    """Slides the kernel without turning it."""
    KH, KW = weight.shape[2:]
    return _slide(_spaced(x, stride, KH - 1 - padding, KW - 1 - padding), weight, bias)


def conv_transpose2d__turned_along_one(x, weight, bias, stride, padding):
    """Flips rows only."""
    KH, KW = weight.shape[2:]
    spaced = _spaced(x, stride, KH - 1 - padding, KW - 1 - padding)
    return _slide(spaced, weight[:, :, ::-1], bias)


def conv_transpose2d__pads_by_padding(x, weight, bias, stride, padding):
    """Adds `padding` zeros around: right where padding = (K - 1) / 2."""
    return _slide(_spaced(x, stride, padding, padding), weight[:, :, ::-1, ::-1], bias)


def conv_transpose2d__no_zeros_between(x, weight, bias, stride, padding):
    """Repeats neighbours where zeros belong, as upsampling does."""
    KH, KW = weight.shape[2:]
    x = x.repeat(stride, axis=2).repeat(stride, axis=3)
    x = x[:, :, : x.shape[2] - stride + 1, : x.shape[3] - stride + 1]
    return _slide(_spaced(x, 1, KH - 1 - padding, KW - 1 - padding), weight[:, :, ::-1, ::-1], bias)


def conv_transpose2d__stride_zeros(x, weight, bias, stride, padding):
    """Puts stride zeros between neighbours, one too many."""
    KH, KW = weight.shape[2:]
    spaced = _spaced(x, stride + 1, KH - 1 - padding, KW - 1 - padding)
    return _slide(spaced, weight[:, :, ::-1, ::-1], bias)


def conv_transpose2d__no_bias(x, weight, bias, stride, padding):
    """Forgets the bias."""
    KH, KW = weight.shape[2:]
    spaced = _spaced(x, stride, KH - 1 - padding, KW - 1 - padding)
    return _slide(spaced, weight[:, :, ::-1, ::-1], 0 * bias)


def conv_transpose2d__zeros_at_the_end(x, weight, bias, stride, padding):
    """Puts zeros after the last pixel too, so the result is too large: right for stride 1."""
    KH, KW = weight.shape[2:]
    spaced = _spaced(x, stride, KH - 1 - padding, KW - 1 - padding)
    spaced = np.pad(spaced, ((0, 0), (0, 0), (0, stride - 1), (0, stride - 1)))
    return _slide(spaced, weight[:, :, ::-1, ::-1], bias)


def _transposed(x, weight, bias, stride, padding):
    tensors = map(Tensor, (x, np.ascontiguousarray(weight), bias))
    return minae.conv_transpose2d(*tensors, stride, padding).numpy()


def conv_transpose2d__bias_along_columns(x, weight, bias, stride, padding):
    """Adds the bias along the last axis where its length allows that."""
    y = _transposed(x, weight, 0 * bias, stride, padding)
    return y + (bias if len(bias) == y.shape[3] else bias[:, None, None])


def conv_transpose2d__one_tap_has_no_stride(x, weight, bias, stride, padding):
    """Treats a kernel of 1 x 1 as a product at each place, whatever the stride."""
    return _transposed(x, weight, bias, 1 if weight.shape[2:] == (1, 1) else stride, padding)


def conv_transpose2d__channels_exchanged(x, weight, bias, stride, padding):
    """Swaps inputs and outputs of a weight if there are as many of each."""
    square = weight.shape[0] == weight.shape[1]
    return _transposed(x, weight.swapaxes(0, 1) if square else weight, bias, stride, padding)


def _pooled(x, dy, K, place):
    """Return dx where place(window) says how a window's gradient is shared: (K, K)."""
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dy.shape):
        at = n, c, slice(i * K, i * K + K), slice(j * K, j * K + K)
        dx[at] += dy[n, c, i, j] * place(x[at])
    return dx


def _one(window, index):
    """Return a 1 at a flat index of zeros like the window."""
    share = np.zeros(window.size)
    share[index] = 1
    return share.reshape(window.shape)


def max_pool2d_backward__pays_twice(dy, x, K):
    """Gives all of the gradient to each of several equal numbers."""
    return _pooled(x, dy, K, lambda window: window == window.max())


def max_pool2d_backward__shares(dy, x, K):
    """Shares it among equal numbers."""
    return _pooled(x, dy, K, lambda w: (w == w.max()) / (w == w.max()).sum())


def max_pool2d_backward__last(dy, x, K):
    """Gives it to the last of several equal numbers."""
    return _pooled(x, dy, K, lambda w: _one(w, w.size - 1 - w.ravel()[::-1].argmax()))


def max_pool2d_backward__column_by_column(dy, x, K):
    """Counts places column by column and writes row by row."""
    return _pooled(x, dy, K, lambda window: _one(window, window.T.argmax()))


def max_pool2d_backward__everywhere(dy, x, K):
    """Gives it to the whole window, as a sum would."""
    return _pooled(x, dy, K, np.ones_like)


def max_pool2d_backward__mean(dy, x, K):
    """Shares it equally, as average pooling does."""
    return _pooled(x, dy, K, lambda window: np.full_like(window, 1 / K**2))


def max_pool2d_backward__largest_size(dy, x, K):
    """Takes the largest absolute value as the maximum."""
    return _pooled(x, dy, K, lambda window: _one(window, np.abs(window).argmax()))


def max_pool2d_backward__cuts_the_rest(dy, x, K):
    """Drops the rows and columns that are in no window: right if K divides the size."""
    dx = _pooled(x, dy, K, lambda window: _one(window, window.argmax()))
    return dx[:, :, : dy.shape[2] * K, : dy.shape[3] * K]


def max_pool2d_backward__nearly_equal_is_a_tie(dy, x, K):
    """Takes the first number that is close to the largest."""
    return _pooled(x, dy, K, lambda w: _one(w, np.flatnonzero(np.isclose(w, w.max()))[0]))


def max_pool2d_backward__begins_at_minus_1000(dy, x, K):
    """Starts the search for the largest number at -1000."""
    return _pooled(x, dy, K, lambda w: _one(w, np.maximum(w, -1000).argmax()))


def _cost(
    image_shape, channels, latent, bias=1, where="out", half=lambda n: (n + 1) // 2, own=False
):
    """Count as an answer would, with one thing or another wrong."""
    C, H, W = image_shape
    parameters = work = 0
    for outputs in channels:
        before = H * W
        H, W = half(H), half(W)
        taps = (1 if own else C) * 9
        parameters += outputs * (taps + bias)
        work += outputs * taps * {"out": H * W, "in": before, "once": 1}[where]
        C = outputs
    return parameters + (C * H * W + bias) * latent, work + C * H * W * latent


def encoder_cost__no_bias(image_shape, channels, latent):
    """Forgets the biases."""
    return _cost(image_shape, channels, latent, bias=0)


def encoder_cost__rounds_down(image_shape, channels, latent):
    """Halves and rounds down: right for sizes that divide evenly."""
    return _cost(image_shape, channels, latent, half=lambda n: n // 2)


def encoder_cost__input_places(image_shape, channels, latent):
    """Counts the places of the input, as with stride 1."""
    return _cost(image_shape, channels, latent, where="in")


def encoder_cost__weights_once(image_shape, channels, latent):
    """Counts one multiplication per weight of a convolution, as in a linear layer."""
    return _cost(image_shape, channels, latent, where="once")


def encoder_cost__one_channel(image_shape, channels, latent):
    """Forgets that a kernel has weights for each input channel."""
    return _cost(image_shape, channels, latent, own=True)


def encoder_cost__biases_multiplied(image_shape, channels, latent):
    """Counts the linear layer's biases as multiplications."""
    parameters, work = _cost(image_shape, channels, latent)
    return parameters, work + latent


def encoder_cost__swapped(image_shape, channels, latent):
    """Returns the multiplications first."""
    return _cost(image_shape, channels, latent)[::-1]


def encoder_cost__decoder_too(image_shape, channels, latent):
    """Doubles both, for a decoder that was not asked for."""
    return tuple(2 * n for n in _cost(image_shape, channels, latent))


def encoder_cost__in_32_bits(image_shape, channels, latent):
    """Counts in 32 bits."""
    return tuple((n + 2**31) % 2**32 - 2**31 for n in _cost(image_shape, channels, latent))
