"""Convolution by definition, one thread per entry. Any stride, padding, dilation and groups.

Shapes are as in `convolution`; the bias for dx is (C,). bias is not read unless has_bias.
"""

from minae.kernels.cuda.launch.intrinsics import divide, load1
from minae.kernels.simulator import cuda, float32


def direct(
    x, weight, bias, y,
    stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, has_bias, relu,
):  # fmt: skip
    """y = the sum of a patch of x times the weight; a thread reads two numbers per product."""
    N, O, HO, WO = y.shape  # noqa: E741
    H, W = x.shape[2], x.shape[3]
    CG, KH, KW = weight.shape[1], weight.shape[2], weight.shape[3]
    entry = cuda.grid(1)
    if entry < N * O * HO * WO:
        j, i = entry % WO, entry // WO % HO
        o, n = entry // (WO * HO) % O, entry // (WO * HO * O)
        first = o // (O // groups) * CG  # of the input channels of o's group
        value = load1(bias, o) if has_bias else float32(0)
        for c in range(CG):
            for r in range(KH):
                h = i * stride_h - pad_h + r * dilation_h
                for q in range(KW):
                    w = j * stride_w - pad_w + q * dilation_w
                    if 0 <= h < H and 0 <= w < W:
                        value += x[n, first + c, h, w] * weight[o, c, r, q]
        if relu and value < 0:
            value = float32(0)
        y[n, o, i, j] = value


def direct_dx(
    dy, weight, bias, dx,
    stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, has_bias, relu,
):  # fmt: skip
    """dx = the sum of all dy whose patch contains the pixel, times their weights.

    Tap r takes x[h] to y[i] if h + pad = i stride + r dilation: with a stride, most taps take it
    nowhere, and the thread tries them for nothing.
    """
    N, C, H, W = dx.shape
    HO, WO = dy.shape[2], dy.shape[3]
    O, CG, KH, KW = weight.shape  # noqa: E741
    OG = O // groups
    entry = cuda.grid(1)
    if entry < N * C * H * W:
        w, h = entry % W, entry // W % H
        c, n = entry // (W * H) % C, entry // (W * H * C)
        first = c // CG * OG  # of the output channels of c's group
        value = load1(bias, c) if has_bias else float32(0)
        for o in range(first, first + OG):
            for r in range(KH):
                top = h + pad_h - r * dilation_h
                for q in range(KW):
                    left = w + pad_w - q * dilation_w
                    if top >= 0 and left >= 0:
                        i, j = divide(top, stride_h), divide(left, stride_w)
                        met = i * stride_h == top and j * stride_w == left
                        if met and i < HO and j < WO:
                            value += dy[n, o, i, j] * weight[o, c % CG, r, q]
        if relu and value < 0:
            value = float32(0)
        dx[n, c, h, w] = value


def im2col(x, patches, KH, KW, HO, WO, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w):
    """patches (N HO WO, C KH KW) = every patch as a row, for a matrix product.

    The price is memory: every number of x is written up to KH KW times, and read again.
    """
    H, W, T = x.shape[2], x.shape[3], patches.shape[1]
    entry = cuda.grid(1)
    if entry < patches.shape[0] * T:
        m, k = entry // T, entry % T
        j, i, n = m % WO, m // WO % HO, m // (WO * HO)
        q, r, c = k % KW, k // KW % KH, k // (KW * KH)
        h, w = i * stride_h - pad_h + r * dilation_h, j * stride_w - pad_w + q * dilation_w
        inside = 0 <= h < H and 0 <= w < W
        patches[m, k] = x[n, c, h, w] if inside else float32(0)
