"""Exercises of lesson 6: convolution and its kin, each in a different way from the lesson's.

All are plain NumPy. An image batch is x (N, C, H, W), a weight (O, C, KH, KW), and a kernel need
not be square. Stride and padding are whole numbers, the same for height and width. None of the
exercises needs another.
"""

import numpy as np


def im2col(x, kernel_size, stride, padding):
    """Return the patches of x as columns: (N, C * KH * KW, HO * WO).

    x (N, C, H, W); kernel_size is (KH, KW); `padding` zeros are added on each of the four sides.
    Row (c KH + k) KW + l of column i WO + j is pixel [c, i stride + k, j stride + l] of the padded
    image. The last rows and columns of an image may be in no patch.

    The lesson loops over places, 196 of them for a map of 14 x 14. Loop over taps, the weights of
    the kernel, instead: for one k and l, the pixels of all places are a strided slice of the padded
    image. So a kernel of 3 x 3 takes 9 passes, whatever the image.

    About 10 lines, 20 minutes. Matters because this is how convolutions run fast: few large copies,
    then one matrix product.
    """
    ### BEGIN SOLUTION
    (N, C, H, W), (KH, KW) = x.shape, kernel_size
    HO = (H + 2 * padding - KH) // stride + 1
    WO = (W + 2 * padding - KW) // stride + 1
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    columns = np.empty((N, C, KH, KW, HO, WO))
    for k, l in np.ndindex(KH, KW):  # noqa: E741
        rows, across = slice(k, k + stride * HO, stride), slice(l, l + stride * WO, stride)
        columns[:, :, k, l] = x[:, :, rows, across]
    return columns.reshape(N, C * KH * KW, HO * WO)
    ### END SOLUTION


def conv2d_matrix(weight, image_size, stride, padding):
    """Return the matrix M (O * HO * WO, C * H * W) of a convolution without bias.

    weight (O, C, KH, KW); image_size is (H, W). For an image x (C, H, W) and its convolution y
    (O, HO, WO), y.ravel() = M @ x.ravel(). So M's entry for output (o, i, j) and input (c, h, w) is
    the weight that connects them, and 0 where there is none: pixels of the padding have no column.

    Fill it in entry by entry from the formula, without convolving anything:

        y[o, i, j] = Σ weight[o, c, k, l] x[c, i stride - padding + k, j stride - padding + l]

    About 12 lines, 20 minutes. Matters because M shows what a convolution is, a dense layer with
    most weights zero and the others shared, and because M transposed is the transposed convolution.
    """
    ### BEGIN SOLUTION
    (outputs, C, KH, KW), (H, W) = weight.shape, image_size
    HO = (H + 2 * padding - KH) // stride + 1
    WO = (W + 2 * padding - KW) // stride + 1
    M = np.zeros((outputs, HO, WO, C, H, W))
    for i, j, k, l in np.ndindex(HO, WO, KH, KW):  # noqa: E741
        h, w = i * stride - padding + k, j * stride - padding + l
        if 0 <= h < H and 0 <= w < W:
            M[:, i, j, :, h, w] = weight[:, :, k, l]  # (O, C)
    return M.reshape(outputs * HO * WO, C * H * W)
    ### END SOLUTION


def conv2d_backward(dy, x, weight, stride, padding):
    """Return dx, dweight and dbias of y = conv2d(x, weight, bias, stride, padding).

    dy (N, O, HO, WO), x (N, C, H, W), weight (O, C, KH, KW); each gradient has the shape of what it
    belongs to. Do not change the inputs.

    Go from tap to tap. For one k and l, the pixels that weight[:, :, k, l] meets are a strided
    slice of the padded image, (N, C, HO, WO). The weight's gradient is the product of this slice
    and dy, summed over images and places; the slice's gradient is dy times weight[:, :, k, l],
    summed over O. The slices of two taps may share pixels.

    About 14 lines, 30 minutes. Matters because this is the backward of every convolutional network;
    all there is to it is what is added where, and what is summed over.
    """
    ### BEGIN SOLUTION
    (H, W), (HO, WO), p = x.shape[2:], dy.shape[2:], padding
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    dx, dweight = np.zeros_like(x), np.empty_like(weight)
    for k, l in np.ndindex(weight.shape[2:]):  # noqa: E741
        rows, across = slice(k, k + stride * HO, stride), slice(l, l + stride * WO, stride)
        dweight[:, :, k, l] = np.einsum("noij,ncij->oc", dy, x[:, :, rows, across])
        dx[:, :, rows, across] += np.einsum("noij,oc->ncij", dy, weight[:, :, k, l])
    return dx[:, :, p : p + H, p : p + W], dweight, dy.sum(axis=(0, 2, 3))
    ### END SOLUTION


def conv_transpose2d(x, weight, bias, stride, padding):
    """Return the transposed convolution (N, C, H, W) of x (N, O, HO, WO), without col2im.

    weight (O, C, KH, KW) is that of the convolution that this transposes; bias (C,);
    padding <= KH - 1 and <= KW - 1. H is the smallest size from which the convolution makes HO, so
    the kernel's last place ends at the last padded row. Likewise W.

    It is a convolution in disguise, with stride 1. Put stride - 1 zeros between neighbours of x.
    Add KH - 1 - padding rows of zeros above and below, KW - 1 - padding columns left and right.
    Then slide the kernel, turned by 180 degrees, over it. np.lib.stride_tricks.sliding_window_view
    gives all windows of an array at once.

    About 10 lines, 30 minutes. Matters because it shows what a decoder's layer sees: each output
    pixel is a weighted sum of a few neighbouring inputs, and with a stride of 2, even and odd
    pixels come from different taps.
    """
    ### BEGIN SOLUTION
    (N, inputs, HO, WO), (KH, KW) = x.shape, weight.shape[2:]
    above, left = KH - 1 - padding, KW - 1 - padding
    H, W = (HO - 1) * stride + 1, (WO - 1) * stride + 1  # with zeros between
    spaced = np.zeros((N, inputs, H + 2 * above, W + 2 * left))
    spaced[:, :, above : above + H : stride, left : left + W : stride] = x
    windows = np.lib.stride_tricks.sliding_window_view(spaced, (KH, KW), axis=(2, 3))
    turned = weight[:, :, ::-1, ::-1]
    return np.einsum("nohwkl,ockl->nchw", windows, turned) + bias[:, None, None]
    ### END SOLUTION


def max_pool2d_backward(dy, x, K):
    """Return dx of y = max pooling of x with windows K x K and stride K.

    dy (N, C, H // K, W // K), x (N, C, H, W). If K does not divide H or W, the last rows or columns
    are in no window, and get no gradient. If a window's largest number occurs in it more than once,
    the first one, row by row, gets all of the gradient. Do not change the inputs.

    About 9 lines, 20 minutes. Matters because max is the one operation here that is not linear:
    where the gradient goes depends on x, and counting a tie twice makes it too large. Ties are
    common: after a ReLU, many windows are all zeros.
    """
    ### BEGIN SOLUTION
    (N, C), (HO, WO) = x.shape[:2], dy.shape[2:]
    used = x[:, :, : HO * K, : WO * K].reshape(N, C, HO, K, WO, K)
    windows = used.transpose(0, 1, 2, 4, 3, 5).reshape(N, C, HO, WO, K * K)
    first = windows.argmax(axis=-1)[..., None]  # (N, C, HO, WO, 1)
    dwindows = np.zeros_like(windows)
    np.put_along_axis(dwindows, first, dy[..., None], axis=-1)
    dx = np.zeros_like(x)
    dused = dwindows.reshape(N, C, HO, WO, K, K).transpose(0, 1, 2, 4, 3, 5)
    dx[:, :, : HO * K, : WO * K] = dused.reshape(N, C, HO * K, WO * K)
    return dx
    ### END SOLUTION


def encoder_cost(image_shape, channels, latent):
    """Return an encoder's number of parameters, and its multiplications for one image.

    image_shape is (C, H, W). For each number of channels in turn there is a convolution with that
    many outputs, with kernels of 3 x 3, stride 2 and padding 1, which halves height and width,
    rounded up; after the last one comes a linear layer from all of its output to `latent` numbers.
    All have a bias. Biases are parameters, but are added, not multiplied. A product with a zero of
    the padding counts.

    About 9 lines, 15 minutes. Matters because the two numbers differ: a weight of a convolution
    costs memory once, but time at every place. Counting tells you where a network's weights are
    (mostly in the linear layer) and where its time goes (mostly not there).
    """
    ### BEGIN SOLUTION
    C, H, W = image_shape
    parameters = work = 0
    for outputs in channels:
        H, W = (H + 1) // 2, (W + 1) // 2
        parameters += outputs * C * 3 * 3 + outputs
        work += outputs * C * 3 * 3 * H * W
        C = outputs
    features = C * H * W
    return parameters + (features + 1) * latent, work + features * latent
    ### END SOLUTION
