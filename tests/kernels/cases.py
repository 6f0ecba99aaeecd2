"""Inputs for the kernels: shapes drawn at random, in every memory layout, and read-only."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from unittest import mock

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from minae.kernels import cpu, reference
from minae.kernels.contract import Backend
from minae.kernels.cpu.compile import threads

BACKENDS = {"reference": reference, "cpu": cpu}
#: Every function of the contract, and its family.
FUNCTIONS = {
    name: family.__name__.lower()
    for family in Backend.__bases__
    for name in vars(family)
    if family is not Protocol and not name.startswith("_")
}
examples = settings(derandomize=True, deadline=None, max_examples=150)


def contiguous(x):
    return np.ascontiguousarray(x)


def channels_last(x):
    if x.ndim != 4:
        return contiguous(x)
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).swapaxes(-1, 1).swapaxes(2, -1)


def every_second(x):
    return np.repeat(x, 2, axis=-1)[..., ::2]


def reversed_rows(x):
    return np.ascontiguousarray(x[..., ::-1, :])[..., ::-1, :]


def one_row_for_all(x):
    return np.broadcast_to(x[:1], x.shape) if len(x) else x


def one_number_for_all(x):
    return np.broadcast_to(x.dtype.type(0.5), x.shape)


LAYOUTS = st.sampled_from(
    [contiguous, channels_last, every_second, reversed_rows, one_row_for_all, one_number_for_all]
)


@contextmanager
def cut_into(shares):
    """Make the cpu backend cut even the smallest work into this many shares."""
    with (
        mock.patch.object(threads, "WORTH_A_THREAD", 0),
        mock.patch.object(threads, "num_threads", return_value=shares),
    ):
        yield


def read_only(x):
    x = x.view()
    x.flags.writeable = False
    return x


def normal(seed, *shape, dtype=np.float64):
    return read_only(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def assert_close(actual, expected, dtype):
    assert isinstance(actual, np.ndarray)
    assert actual.dtype == dtype
    assert actual.shape == tuple(expected.shape)
    tolerance = 2e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def both(name, *arguments, **options):
    """Return what cpu and reference compute, each as a list of arrays."""
    return [flat(getattr(backend, name)(*arguments, **options)) for backend in (cpu, reference)]


def flat(result):
    if isinstance(result, (tuple, list)):
        return [array for part in result for array in flat(part)]
    return [result]


def assert_same(name, dtype, *arguments, **options):
    for actual, expected in zip(*both(name, *arguments, **options), strict=True):
        if expected is None:
            assert actual is None
        else:
            assert_close(actual, expected, dtype)


pairs = lambda low, high: st.tuples(*[st.integers(low, high)] * 2)  # noqa: E731


@dataclass
class Convolution:
    x_shape: tuple
    weight_shape: tuple
    y_shape: tuple
    options: dict

    def arrays(self, seed, dtype=np.float64):
        shapes = self.x_shape, self.weight_shape, self.weight_shape[:1], self.y_shape
        return [normal(seed + i, *shape, dtype=dtype) for i, shape in enumerate(shapes)]


@st.composite
def convolutions(draw):
    groups = draw(st.integers(1, 3))
    inputs, outputs = draw(st.sampled_from([1, 2, 3, 9])), draw(st.integers(1, 3))
    kernel, stride, padding = draw(pairs(1, 3)), draw(pairs(1, 3)), draw(pairs(0, 2))
    dilation, batch = draw(pairs(1, 2)), draw(st.integers(0, 3))
    span = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    size = [
        draw(st.integers(max(1, s - 2 * p), max(1, s - 2 * p) + 4))
        for s, p in zip(span, padding, strict=True)
    ]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    positions = [
        (n + 2 * p - s) // step + 1
        for n, p, s, step in zip(size, padding, span, stride, strict=True)
    ]
    return Convolution(
        x_shape=(batch, inputs * groups, *size),
        weight_shape=(outputs * groups, inputs, *kernel),
        y_shape=(batch, outputs * groups, *positions),
        options=options,
    )


@dataclass
class Pooling:
    x_shape: tuple
    y_shape: tuple
    options: dict


@st.composite
def poolings(draw):
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = [
        draw(st.integers(max(1, k - 2 * p), k - 2 * p + 5))
        for k, p in zip(kernel, padding, strict=True)
    ]
    batch, channels = draw(st.integers(0, 3)), draw(st.sampled_from([1, 3, 8]))
    positions = [
        (n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, padding, kernel, stride, strict=True)
    ]
    return Pooling(
        x_shape=(batch, channels, *size),
        y_shape=(batch, channels, *positions),
        options={"kernel_size": kernel, "stride": stride, "padding": padding},
    )
