"""What is done to images and sequences: convolution, pooling, other sizes."""

import warnings

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from minae import Tensor, ops

from .cases import Case, F, Inputs, choices, fixed, generators, torch, values

sizes = st.integers(1, 4)


def one_or_pair(low, high):
    """An int for both dimensions, or one for each."""
    number = st.integers(low, high)
    return st.one_of(number, st.tuples(number, number))


def batches(draw, low=1, high=3):
    """The length of a batch as a shape; () where there is none."""
    return draw(st.one_of(st.integers(low, high).map(lambda n: (n,)), st.just(())))


@st.composite
def convolutions(draw, dims=2, transposed=False, named=False):
    rng, groups = draw(generators), draw(st.integers(1, 2))
    number = one_or_pair if dims == 2 else st.integers
    options = draw(choices(stride=number(1, 3), padding=number(0, 2), dilation=number(1, 2)))
    kernel = draw(st.tuples(*[st.integers(1, 4 if named else 3)] * dims))
    if named:
        options["padding"] = draw(st.sampled_from(["same", "valid"]))
        if options["padding"] == "same":
            del options["stride"]
    inside, outside = groups * draw(sizes), draw(sizes)
    # with dilation <= 2, a kernel of 3 always finds room in 5 pixels, and one of 4 in 7
    size = draw(st.tuples(*[st.integers(7 if named else 5, 8)] * dims))
    if transposed:
        weight, channels = (inside, outside, *kernel), outside * groups
        strides = np.broadcast_to(options["stride"], dims).tolist()
        options["output_padding"] = tuple(draw(st.integers(0, stride - 1)) for stride in strides)
    else:
        weight, channels = (outside * groups, inside // groups, *kernel), outside * groups
    bias = values(rng, channels) if draw(st.booleans()) else None
    x = values(rng, (*batches(draw, 0), inside, *size))
    return Inputs((x, values(rng, weight), bias), {**options, "groups": groups})


@st.composite
def images(draw, dims=2, **options):
    size = draw(st.tuples(*[st.integers(4, 7)] * dims))
    shape = (*draw(st.tuples(sizes, sizes)), *size)
    return Inputs((values(draw(generators), shape),), draw(choices(**options)))


@st.composite
def windows(draw, dims=2, whole=False, **options):
    """Images and windows of any kind that PyTorch takes; if `whole`, pixels are often equal."""
    pair = one_or_pair(1, 4) if dims == 2 else st.integers(1, 4)
    kernel_size, stride = draw(pair), draw(st.one_of(st.none(), pair))
    padding = np.broadcast_to(kernel_size, dims) // 2
    padding = tuple(draw(st.integers(0, int(most))) for most in padding)
    size = draw(st.tuples(*[st.integers(4, 9)] * dims))
    x = values(draw(generators), (*batches(draw, 0), draw(sizes), *size))
    x = np.round(x) if whole and draw(st.booleans()) else x
    window = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    return Inputs((x,), {**window, **draw(choices(**options))})


BOTH = [False, True]


def quietly(function):
    """PyTorch warns that an odd padding costs a copy."""

    def call(*args, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **options)

    return call


@st.composite
def integer_images(draw, **options):
    dtype = draw(st.sampled_from([np.uint8, np.int64]))
    low = 0 if dtype == np.uint8 else -9
    x = draw(generators).integers(low, 9, (2, 2, *draw(st.tuples(*[st.integers(3, 7)] * 2))))
    return Inputs((x.astype(dtype),), draw(choices(**options)))


@st.composite
def special_images(draw, **options):
    """Images with entries that are no numbers, or infinite."""
    x = draw(generators).choice([np.nan, -np.inf, np.inf, 1.0, 2.0], (2, 2, 5, 6), p=PROBABLE)
    return Inputs((x,), draw(choices(**options)))


PROBABLE = [0.05, 0.3, 0.05, 0.3, 0.3]


@st.composite
def adaptive(draw):
    shape = (*batches(draw, 0), draw(sizes), *draw(st.tuples(*[st.integers(1, 9)] * 2)))
    number = st.integers(1, 12)
    size = draw(st.one_of(number, st.tuples(*[st.one_of(st.none(), number)] * 2)))
    return Inputs((values(draw(generators), shape),), {"output_size": size})


@st.composite
def resizings(draw, dims=2, modes=("nearest", "bilinear")):
    mode = draw(st.sampled_from(modes))
    old = draw(st.tuples(*[st.integers(1, 9)] * dims))
    x = values(draw(generators), (draw(st.integers(0, 3)), draw(sizes), *old))
    options = {"mode": mode}
    if mode != "nearest":
        options["align_corners"] = draw(st.sampled_from([None, False, True]))
    if draw(st.booleans()):
        number = st.integers(1, 30)
        options["size"] = draw(st.one_of(number, st.tuples(*[number] * dims)))
        return Inputs((x,), options)
    # whole ones, others, and those that change no size but could change positions
    least = 1 / min(old)
    number = st.one_of(
        st.sampled_from([1, 2, 3.0, 1.0 + 0.9 / max(old)]),
        st.floats(least, 4).map(lambda s: max(round(s, 2), least + 1e-6)),
    )
    options["scale_factor"] = factor = draw(st.one_of(number, st.tuples(*[number] * dims)))
    if dims == 1 and mode == "nearest":  # where PyTorch's forward and gradient do not agree
        [s] = factor if isinstance(factor, tuple) else [factor]
        assume(int(old[0] * s) not in (old[0], 2 * old[0]) or s in (1, 2))
    return Inputs((x,), options)


@st.composite
def shuffled(draw, undo=False):
    # of empty batches, PyTorch gives other shapes than it says
    r, batch = draw(st.integers(1, 3)), tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    C, H, W = draw(st.tuples(sizes, sizes, sizes))
    shape = (C, H * r, W * r) if undo else (C * r**2, H, W)
    name = "downscale_factor" if undo else "upscale_factor"
    return Inputs((values(draw(generators), (*batch, *shape)),), {name: r})


def means_of_integers(x, **options):
    """PyTorch has no means of integers, or rounds them."""
    return F.avg_pool2d(x.float(), **options)


def finite(y):
    """Put numbers in place of what is none, or infinite, so that they can be compared."""
    if isinstance(y, Tensor):
        return Tensor(np.nan_to_num(y.data, nan=50, posinf=99, neginf=-99))
    return torch.nan_to_num(y.detach(), 50, 99, -99)


CASES = {
    "conv2d": Case(convolutions(), ops.conv2d, F.conv2d),
    "conv2d same and valid": Case(convolutions(named=True), ops.conv2d, quietly(F.conv2d)),
    "conv2d integers": Case(
        integer_images(groups=[1, 2]),
        lambda x, groups: ops.conv2d(x, x[: 2 * groups, : 2 // groups, :2, :3], groups=groups),
        lambda x, groups: F.conv2d(
            x.float(), x[: 2 * groups, : 2 // groups, :2, :3].float(), groups=groups
        ),
    ),
    "conv1d": Case(convolutions(dims=1), ops.conv1d, F.conv1d),
    "conv1d same and valid": Case(convolutions(dims=1, named=True), ops.conv1d, quietly(F.conv1d)),
    "conv_transpose1d": Case(
        convolutions(dims=1, transposed=True), ops.conv_transpose1d, F.conv_transpose1d
    ),
    "conv_transpose2d": Case(
        convolutions(transposed=True), ops.conv_transpose2d, F.conv_transpose2d
    ),
    "max_pool2d": Case(windows(whole=True, ceil_mode=BOTH), ops.max_pool2d, F.max_pool2d),
    "max_pool2d below zero": Case(
        fixed(-1.0 - np.arange(25).reshape(1, 1, 5, 5), kernel_size=2, ceil_mode=True),
        ops.max_pool2d,
        F.max_pool2d,
    ),
    "max_pool2d integers": Case(
        integer_images(kernel_size=[2, 3], stride=[2, 3], padding=[0, 1], ceil_mode=BOTH),
        ops.max_pool2d,
        F.max_pool2d,
    ),
    "max_pool2d special": Case(
        special_images(kernel_size=[2, (2, 3)], stride=[1, 3], padding=[0, 1], ceil_mode=BOTH),
        lambda x, **options: finite(ops.max_pool2d(x, **options)),
        lambda x, **options: finite(F.max_pool2d(x, **options)),
    ),
    "max_pool1d": Case(windows(dims=1, ceil_mode=BOTH), ops.max_pool1d, F.max_pool1d),
    "avg_pool2d": Case(
        windows(ceil_mode=BOTH, count_include_pad=BOTH), ops.avg_pool2d, F.avg_pool2d
    ),
    "avg_pool2d integers": Case(
        integer_images(kernel_size=[2, 3], ceil_mode=BOTH), ops.avg_pool2d, means_of_integers
    ),
    "avg_pool2d special": Case(
        special_images(kernel_size=[2, (2, 3)], stride=[1, 3], padding=[0, 1], ceil_mode=BOTH),
        lambda x, **options: finite(ops.avg_pool2d(x, **options)),
        lambda x, **options: finite(F.avg_pool2d(x, **options)),
    ),
    "avg_pool1d": Case(
        windows(dims=1, ceil_mode=BOTH, count_include_pad=BOTH), ops.avg_pool1d, F.avg_pool1d
    ),
    "adaptive_avg_pool2d": Case(adaptive(), ops.adaptive_avg_pool2d, F.adaptive_avg_pool2d),
    "interpolate": Case(resizings(), ops.interpolate, F.interpolate),
    "interpolate sequences": Case(
        resizings(dims=1, modes=("nearest", "linear")), ops.interpolate, F.interpolate
    ),
    "interpolate about once or twice": Case(  # sizes that the factors do not quite give
        st.builds(
            lambda x, options: Inputs((x.reshape(1, 2, 7, 9),), options),
            st.just(np.arange(126.0)),
            choices(scale_factor=[(1.05, 2.05), (2.1, 1.1)], mode=["nearest", "bilinear"]),
        ),
        ops.interpolate,
        F.interpolate,
    ),
    "interpolate integers": Case(
        integer_images(size=[3, 7, (4, 14)]),
        ops.interpolate,
        lambda x, size: F.interpolate(x.float(), size).to(x.dtype),
    ),
    "interpolate 41 times": Case(
        fixed(np.arange(6).reshape(1, 1, 2, 3), scale_factor=(41, 1)),  # 41 * (1 / 41) < 1
        lambda x, scale_factor: ops.interpolate(x, None, scale_factor),
        lambda x, scale_factor: F.interpolate(x.float(), None, scale_factor).to(x.dtype),
    ),
    "pixel_shuffle": Case(shuffled(), ops.pixel_shuffle, F.pixel_shuffle),
    "pixel_unshuffle": Case(shuffled(undo=True), ops.pixel_unshuffle, F.pixel_unshuffle),
}
