"""The checks of lesson 6: plain loops, minae's own operations, and finite differences."""

import math

import numpy as np

import minae
from minae import models, nn
from minae.course.checking import gradients, same
from minae.tensor import Tensor

# (N, C, H, W), (O, KH, KW), stride, padding: never square, and not all of the image is used
CASES = [
    ((1, 1, 4, 5), (1, 2, 3), 1, 0),
    ((2, 3, 6, 5), (4, 3, 2), 1, 1),
    ((1, 2, 7, 6), (3, 3, 3), 2, 1),
    ((1, 2, 4, 9), (2, 3, 2), 2, 2),
    ((2, 1, 9, 6), (2, 2, 4), 3, 0),  # the last row and the last two columns are in no patch
    ((2, 3, 4, 3), (3, 1, 1), 2, 0),
    ((1, 2, 3, 2), (1, 3, 2), 4, 1),
]


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def tensors(*arrays):
    """Return arrays as tensors."""
    return [Tensor(array) for array in arrays]


def size(length, K, stride, padding):
    """Return how many places a kernel has, by trying all."""
    padded = length + 2 * padding
    return sum(start + K <= padded for start in range(0, padded, stride))


def pixel(x, n, c, h, w):
    """Return a pixel, zero outside the image."""
    return x[n, c, h, w] if 0 <= h < x.shape[2] and 0 <= w < x.shape[3] else 0.0


def loop_columns(x, kernel_size, stride, padding):
    """Return the patches as columns, number by number."""
    (N, C, H, W), (KH, KW) = x.shape, kernel_size
    places = np.ndindex(size(H, KH, stride, padding), size(W, KW, stride, padding))
    columns = [
        [
            pixel(x, n, c, i * stride - padding + k, j * stride - padding + l)
            for n in range(N)
            for c, k, l in np.ndindex(C, KH, KW)  # noqa: E741
        ]
        for i, j in places
    ]
    return np.array(columns).T.reshape(N, C * KH * KW, -1)


def test_im2col__agrees_with_a_loop(student):
    """Kernels that are not square, with and without stride and padding."""
    for shape, (_, *kernel), stride, padding in CASES:
        x = 100 * normal(*shape)
        call = f"im2col(x {shape}, {tuple(kernel)}, stride={stride}, padding={padding})"
        expected = loop_columns(x, kernel, stride, padding)
        same(student.im2col(x, tuple(kernel), stride, padding), expected, call, 1e-12)


def test_im2col__by_hand(student):
    """Twelve pixels in order, a kernel of 2 x 2."""
    x = np.arange(1.0, 13).reshape(1, 1, 3, 4)
    expected = np.array([[[1, 3], [2, 4], [5, 7], [6, 8]]])
    call = f"im2col({x.tolist()}, (2, 2), stride=2, padding=0)"
    same(student.im2col(x, (2, 2), 2, 0), expected, call)


def test_conv2d_matrix__convolves(student):
    """A column is minae's convolution of an image with a single 1."""
    for (_, C, H, W), (outputs, *kernel), stride, padding in CASES:
        weight = normal(outputs, C, *kernel, seed=1)
        call = f"conv2d_matrix(weight {weight.shape}, ({H}, {W}), {stride=}, {padding=})"
        ones = np.eye(C * H * W).reshape(-1, C, H, W)
        y = minae.conv2d(*tensors(ones, weight), None, stride, padding).numpy()
        same(student.conv2d_matrix(weight, (H, W), stride, padding), y.reshape(len(y), -1).T, call)


def test_conv2d_matrix__by_hand(student):
    """Four pixels in a row, a kernel of two: the rows are the kernel, moved along."""
    weight = np.array([[[[2.0, 5.0]]]])
    call = "conv2d_matrix([[[[2, 5]]]], (1, 4), stride=1, padding=0)"
    expected = np.array([[2, 5, 0, 0], [0, 2, 5, 0], [0, 0, 2, 5]])
    same(student.conv2d_matrix(weight, (1, 4), 1, 0), expected, call)


def test_conv2d_backward__agrees_with_differences(student):
    """All three gradients, in their order."""
    for shape, (outputs, *kernel), stride, padding in CASES:
        x, weight = normal(*shape), normal(outputs, shape[1], *kernel, seed=1)
        step = {"stride": stride, "padding": padding}
        gradients(
            f"conv2d_backward(dy, x {shape}, weight {weight.shape}, {stride=}, {padding=})",
            lambda x, weight, bias, step=step: minae.conv2d(
                *tensors(x, weight, bias), **step
            ).numpy(),
            lambda dy, x, weight, bias, step=step: student.conv2d_backward(dy, x, weight, **step),
            x,
            weight,
            normal(outputs, seed=2),
        )


def test_conv2d_backward__by_hand(student):
    """Three pixels, a kernel of two, so that the middle pixel is in both patches."""
    dy, x = np.array([[[[1.0, 10.0]]]]), np.array([[[[2.0, 3.0, 4.0]]]])
    weight = np.array([[[[5.0, 7.0]]]])
    expected = np.array([[[[5, 57, 70]]]]), np.array([[[[32, 43]]]]), np.array([11])
    call = "conv2d_backward(dy [[[[1, 10]]]], x [[[[2, 3, 4]]]], weight [[[[5, 7]]]], 1, 0)"
    same(student.conv2d_backward(dy, x, weight, 1, 0), expected, call)


def test_conv_transpose2d__by_hand(student):
    """Two pixels spread with stride 2: in the middle both add up."""
    x, weight = np.array([[[[1.0, 10.0]]]]), np.array([[[[2.0, 3.0, 5.0]]]])
    expected = np.array([[[[2, 3, 25, 30, 50]]]])
    call = "conv_transpose2d([[[[1, 10]]]], weight [[[[2, 3, 5]]]], bias [0], 2, 0)"
    same(student.conv_transpose2d(x, weight, np.zeros(1), 2, 0), expected, call)


def test_conv_transpose2d__agrees_with_minae(student):
    """Odd and even kernels, more inputs than outputs and fewer."""
    for shape, (C, *kernel), stride, padding in [
        ((1, 1, 2, 3), (1, 2, 3), 1, 0),
        ((2, 3, 3, 4), (2, 4, 3), 2, 1),
        ((1, 2, 4, 3), (3, 3, 4), 1, 2),
        ((2, 2, 3, 2), (4, 2, 4), 3, 0),
        ((1, 4, 2, 3), (1, 3, 3), 2, 2),
        ((2, 3, 2, 2), (3, 2, 2), 1, 0),  # as many channels as inputs, and as columns
        ((1, 2, 2, 3), (2, 1, 1), 3, 0),
        ((1, 2, 1, 2), (2, 3, 3), 2, 1),
    ]:
        x, weight, bias = normal(*shape), normal(shape[1], C, *kernel, seed=1), normal(C, seed=2)
        call = f"conv_transpose2d(x {shape}, weight {weight.shape}, bias, {stride=}, {padding=})"
        expected = minae.conv_transpose2d(*tensors(x, weight, bias), stride, padding).numpy()
        same(student.conv_transpose2d(x, weight, bias, stride, padding), expected, call)


def test_max_pool2d_backward__agrees_with_differences(student):
    """Windows that do not fill the image, several images and channels."""
    for shape, K in [((2, 3, 4, 6), 2), ((1, 2, 7, 8), 3), ((2, 1, 5, 4), 2), ((1, 1, 3, 2), 1)]:
        gradients(
            f"max_pool2d_backward(dy, x {shape}, K={K})",
            lambda x, K=K: minae.max_pool2d(Tensor(x), K).numpy(),
            lambda dy, x, K=K: student.max_pool2d_backward(dy, x, K),
            normal(*shape),
        )


def test_max_pool2d_backward__of_ties(student):
    """The largest number occurs twice, or everywhere: the first one gets all."""
    x = np.array([[[[1.0, 7, 0, 0], [7, 7, 0, 0], [-3, -5, 4, 2], [-2, -2, 1, 4]]]])
    dy = np.array([[[[2.0, 3.0], [5.0, 8.0]]]])
    expected = np.array([[[[0, 2, 3, 0], [0, 0, 0, 0], [0, 0, 8, 0], [5, 0, 0, 0]]]])
    call = f"max_pool2d_backward({dy.tolist()}, x {x.tolist()}, K=2)"
    same(student.max_pool2d_backward(dy, x, 2), expected, call)


def test_max_pool2d_backward__of_the_largest_however_little_it_is(student):
    """Nearly equal numbers are no tie, and any number may be the largest."""
    for x in ([[1e6, 1e6], [1e6 + 1e-6, 1e6]], [[-3e6, -2e6], [-1e6, -1e6]], [[0, 1e-300], [0, 0]]):
        x = np.array([[x]], float)
        call = f"max_pool2d_backward([[[[5]]]], x {x.tolist()}, K=2)"
        expected = np.zeros(4)
        expected[x.ravel().tolist().index(x.max())] = 5
        dy = np.full((1, 1, 1, 1), 5.0)
        same(student.max_pool2d_backward(dy, x, 2), expected.reshape(x.shape), call)


def test_encoder_cost__of_large_images(student):
    """Numbers beyond 32 bits, exact to the last unit."""
    call = "encoder_cost((3, 2000, 3001), [64, 128], 1001)"
    features = 128 * 500 * 751
    parameters = 64 * 28 + 128 * (64 * 9 + 1) + (features + 1) * 1001
    work = 64 * 27 * 1000 * 1501 + 128 * 64 * 9 * 500 * 751 + features * 1001
    same(student.encoder_cost((3, 2000, 3001), [64, 128], 1001), (parameters, work), call, 1e-15)


def test_encoder_cost__by_hand(student):
    """One convolution of one kernel on an image of 4 x 6, and one number."""
    call = "encoder_cost((1, 4, 6), (1,), 1)"
    same(student.encoder_cost((1, 4, 6), (1,), 1), (9 + 1 + 6 + 1, 9 * 6 + 6), call)


def test_encoder_cost__agrees_with_minae(student):
    """Colours, odd sizes, one stage to three."""
    cases = [((1, 28, 28), (16, 32), 16), ((3, 9, 14), (4, 5, 7), 3), ((2, 5, 3), (6,), 2)]
    cases += [((1, 3, 1), (2, 3), 4), ((1, 17, 33), (3, 2, 4, 5), 7)]
    for image_shape, channels, latent in cases:
        encoder = models.ConvAutoencoder(image_shape, channels, latent).encoder
        x, parameters, work = Tensor(np.zeros((1, *image_shape), np.float32)), 0, 0
        for layer in encoder:
            x = layer(x)
            parameters += sum(p.data.size for p in layer.parameters())
            if isinstance(layer, nn.Conv2d | nn.Linear):
                work += layer.weight.data.size * math.prod(x.shape[2:])
        call = f"encoder_cost({image_shape}, {channels}, {latent})"
        same(student.encoder_cost(image_shape, channels, latent), (parameters, work), call)
