"""Every backend against a second opinion, on the same cases.

The second opinion is PyTorch where it has the operation, and the reference backend for the memory
layouts and the empty arrays. Inputs are read-only, so a kernel that writes into one fails.
"""

import inspect
from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minae.kernels
from minae.kernels import backend_of, cpu, reference, use_backend
from minae.kernels.cpu import conv as cpu_conv

BACKENDS = {"reference": reference, "cpu": cpu}
FUNCTIONS = (
    "matmul",
    "linear",
    "conv2d",
    "conv2d_dx",
    "conv2d_dweight",
    "max_pool2d",
    "max_pool2d_dx",
    "avg_pool2d",
    "avg_pool2d_dx",
    "index_add",
    "erf",
)
examples = settings(derandomize=True, deadline=None, max_examples=150)


@pytest.fixture(scope="module", params=BACKENDS)
def kernels(request):
    return BACKENDS[request.param]


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


# --- data -------------------------------------------------------------------------------------


def contiguous(x):
    return np.ascontiguousarray(x)


def channels_last(x):
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


# --- convolution ------------------------------------------------------------------------------


@examples
@given(case=convolutions(), with_bias=st.booleans(), seed=st.integers(0, 999))
def test_convolution_is_torchs(kernels, dtype, torch, case, with_bias, seed):
    x, weight, bias, dy = case.arrays(seed, dtype)
    bias = bias if with_bias else None
    tx, tweight, tdy = (torch.tensor(a, requires_grad=True) for a in (x, weight, dy))
    ty = torch.conv2d(tx, tweight, torch.tensor(bias) if with_bias else None, **case.options)
    ty.backward(tdy)

    y = kernels.conv2d(x, weight, bias, **case.options)
    dx = kernels.conv2d_dx(dy, weight, x.shape[2:], **case.options)
    dweight = kernels.conv2d_dweight(x, dy, weight.shape[2:], **case.options)

    assert_close(y, ty.detach(), dtype)
    assert_close(dx, tx.grad, dtype)
    assert_close(dweight, tweight.grad, dtype)


@examples
@given(
    case=convolutions(),
    layouts=st.tuples(LAYOUTS, LAYOUTS, LAYOUTS),
    block_bytes=st.sampled_from([1, 3000, 1 << 20]),
    seed=st.integers(0, 999),
)
def test_convolution_in_any_layout_and_block_size(dtype, case, layouts, block_bytes, seed):
    x, weight, bias, dy = case.arrays(seed, dtype)
    x, weight, dy = (read_only(f(a)) for f, a in zip(layouts, (x, weight, dy), strict=True))
    calls = [
        ("conv2d", (x, weight, bias)),
        ("conv2d_dx", (dy, weight, x.shape[2:])),
        ("conv2d_dweight", (x, dy, weight.shape[2:])),
    ]
    with mock.patch.object(cpu_conv, "BLOCK_BYTES", block_bytes):
        for name, arguments in calls:
            actual = getattr(cpu, name)(*arguments, **case.options)
            expected = getattr(reference, name)(*arguments, **case.options)
            assert_close(actual, expected, dtype)


@examples
@given(case=convolutions(), seed=st.integers(0, 999))
def test_convolution_and_its_gradients_are_adjoint(kernels, case, seed):
    """<conv(x, w), dy> is linear in x and in w, so both gradients must give it back."""
    x, weight, _, dy = case.arrays(seed)
    expected = np.vdot(kernels.conv2d(x, weight, None, **case.options), dy)

    dx = kernels.conv2d_dx(dy, weight, x.shape[2:], **case.options)
    dweight = kernels.conv2d_dweight(x, dy, weight.shape[2:], **case.options)

    assert np.vdot(x, dx) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert np.vdot(weight, dweight) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("output_padding", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(6, 2, 1), (6, 10, 2), (1, 16, 1)])
def test_transposed_convolution_is_torchs(
    kernels, dtype, torch, inputs, outputs, groups, output_padding
):
    x = normal(0, 2, inputs, 5, 4, dtype=dtype)
    weight = normal(1, inputs, outputs // groups, 3, 4, dtype=dtype)
    options = {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1), "groups": groups}
    expected = torch.nn.functional.conv_transpose2d(
        torch.tensor(x), torch.tensor(weight), output_padding=output_padding, **options
    )
    assert_close(kernels.conv2d_dx(x, weight, expected.shape[2:], **options), expected, dtype)


def test_convolution_of_no_channels_is_its_bias(kernels, dtype):
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    x, weight = np.zeros((2, 0, 4, 4), dtype), np.zeros((3, 0, 3, 3), dtype)
    bias, dy = np.arange(3, dtype=dtype), np.ones((2, 3, 2, 2), dtype)
    y = kernels.conv2d(x, weight, bias, **options)
    assert_close(y, np.broadcast_to(bias[:, None, None], (2, 3, 2, 2)), dtype)
    assert_close(kernels.conv2d_dx(dy, weight, (4, 4), **options), x, dtype)
    assert_close(kernels.conv2d_dweight(x, dy, (3, 3), **options), weight, dtype)


def test_convolution_to_no_channels_is_empty(kernels, dtype):
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    x, weight = np.ones((2, 9, 4, 4), dtype), np.zeros((0, 9, 3, 3), dtype)
    y = kernels.conv2d(x, weight, np.zeros(0, dtype), **options)
    assert_close(y, np.zeros((2, 0, 2, 2)), dtype)
    assert_close(kernels.conv2d_dx(y, weight, (4, 4), **options), np.zeros_like(x), dtype)
    assert_close(kernels.conv2d_dweight(x, y, (3, 3), **options), weight, dtype)


# --- pooling ----------------------------------------------------------------------------------


@examples
@given(case=poolings(), ties=st.booleans(), seed=st.integers(0, 999))
def test_pooling_is_torchs(kernels, dtype, torch, case, ties, seed):
    x, dy = normal(seed, *case.x_shape, dtype=dtype), normal(seed + 1, *case.y_shape, dtype=dtype)
    x = read_only(np.round(x) - 3) if ties else x  # all below 0: padding must not be chosen
    tx, tdy = torch.tensor(x, requires_grad=True), torch.tensor(dy)
    functional = torch.nn.functional

    y, index = kernels.max_pool2d(x, **case.options)
    ty, tindex = functional.max_pool2d(tx, **case.options, return_indices=True)
    assert_close(y, ty.detach(), dtype)
    assert index.dtype == np.int64
    np.testing.assert_array_equal(index, tindex)
    ty.backward(tdy)
    assert_close(kernels.max_pool2d_dx(dy, index, x.shape[2:]), tx.grad, dtype)

    tx.grad = None
    ty = functional.avg_pool2d(tx, **case.options)
    ty.backward(tdy)
    assert_close(kernels.avg_pool2d(x, **case.options), ty.detach(), dtype)
    assert_close(kernels.avg_pool2d_dx(dy, x.shape[2:], **case.options), tx.grad, dtype)


@examples
@given(case=poolings(), layouts=st.tuples(LAYOUTS, LAYOUTS), seed=st.integers(0, 999))
def test_pooling_in_any_layout(dtype, case, layouts, seed):
    x = read_only(layouts[0](normal(seed, *case.x_shape, dtype=dtype)))
    dy = read_only(layouts[1](normal(seed + 1, *case.y_shape, dtype=dtype)))
    size = x.shape[2:]

    y, index = cpu.max_pool2d(x, **case.options)
    expected_y, expected_index = reference.max_pool2d(x, **case.options)
    assert_close(y, expected_y, dtype)
    np.testing.assert_array_equal(index, expected_index)
    for places in (read_only(index), read_only(expected_index)):
        dx = cpu.max_pool2d_dx(dy, places, size)
        assert_close(dx, reference.max_pool2d_dx(dy, places, size), dtype)

    y, expected_y = (b.avg_pool2d(x, **case.options) for b in (cpu, reference))
    assert_close(y, expected_y, dtype)
    dx, expected_dx = (b.avg_pool2d_dx(dy, size, **case.options) for b in (cpu, reference))
    assert_close(dx, expected_dx, dtype)


@examples
@given(case=poolings(), seed=st.integers(0, 999))
def test_average_pooling_and_its_gradient_are_adjoint(kernels, case, seed):
    x, dy = normal(seed, *case.x_shape), normal(seed + 1, *case.y_shape)
    dx = kernels.avg_pool2d_dx(dy, x.shape[2:], **case.options)
    expected = np.vdot(kernels.avg_pool2d(x, **case.options), dy)
    assert np.vdot(x, dx) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_max_pooling_lets_a_nan_win(kernels, dtype):
    x = np.arange(16, dtype=dtype).reshape(1, 1, 4, 4)
    x[0, 0, 1, 0] = np.nan  # in the first window only
    y, index = kernels.max_pool2d(x, kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    np.testing.assert_array_equal(y, np.array([[[[np.nan, 7], [13, 15]]]]))
    np.testing.assert_array_equal(index, [[[[4, 7], [13, 15]]]])


def test_max_pooling_of_minus_infinity_stays_inside(kernels, dtype):
    x = np.full((1, 1, 3, 3), -np.inf, dtype)
    y, index = kernels.max_pool2d(x, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), -np.inf))
    np.testing.assert_array_equal(index, [[[[0, 1], [3, 4]]]])


# --- matrices ---------------------------------------------------------------------------------

sizes = st.integers(0, 4)


@examples
@given(
    batches=st.sampled_from(
        [((), ()), ((3,), ()), ((), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0,), (1,))]
    ),
    rows=st.one_of(st.none(), sizes),
    inner=sizes,
    columns=st.one_of(st.none(), sizes),
    layouts=st.tuples(*[st.sampled_from([contiguous, every_second, one_number_for_all])] * 2),
    seed=st.integers(0, 999),
)
def test_matmul_is_numpys(kernels, dtype, batches, rows, inner, columns, layouts, seed):
    assume(rows is not None or not batches[0])
    assume(columns is not None or not batches[1])
    a_shape = (*batches[0], *([] if rows is None else [rows]), inner)
    b_shape = (*batches[1], inner, *([] if columns is None else [columns]))
    a = read_only(layouts[0](normal(seed, *a_shape, dtype=dtype)))
    b = read_only(layouts[1](normal(seed + 1, *b_shape, dtype=dtype)))
    assert_close(kernels.matmul(a, b), np.asarray(np.matmul(a, b)), dtype)


def test_matmul_of_transposed_batches(kernels, dtype):
    a = normal(0, 5, 3, 4, dtype=dtype).transpose(1, 0, 2)
    b = normal(1, 6, 4, dtype=dtype).T
    assert_close(kernels.matmul(a, b), np.stack([matrix @ b for matrix in a]), dtype)


@examples
@given(
    leading=st.lists(sizes, max_size=3),
    inputs=sizes,
    outputs=sizes,
    with_bias=st.booleans(),
    layout=st.sampled_from([contiguous, every_second, one_number_for_all]),
    seed=st.integers(0, 999),
)
def test_linear_is_torchs(kernels, dtype, torch, leading, inputs, outputs, with_bias, layout, seed):
    x = read_only(layout(normal(seed, *leading, inputs, dtype=dtype)))
    weight = normal(seed + 1, outputs, inputs, dtype=dtype)
    bias = normal(seed + 2, outputs, dtype=dtype) if with_bias else None
    expected = torch.tensor(x) @ torch.tensor(weight).T
    if with_bias:
        expected = expected + torch.tensor(bias)
    assert_close(kernels.linear(x, weight, bias), expected, dtype)


# --- error function ---------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [contiguous, every_second, reversed_rows, one_number_for_all])
def test_erf_is_torchs(kernels, dtype, torch, layout):
    x = read_only(layout(3 * normal(0, 2, 3, 50, dtype=dtype)))
    assert_close(kernels.erf(x), torch.erf(torch.tensor(x.copy())), dtype)


def test_erf_at_the_ends(kernels, dtype):
    x = np.array([-np.inf, -30, 0, 30, np.inf], dtype)
    assert_close(kernels.erf(x), np.array([-1, -1, 0, 1, 1]), dtype)
    assert np.isnan(kernels.erf(np.array([np.nan], dtype))).all()
    for empty in (np.zeros((0, 3), dtype), np.zeros((), dtype)):
        assert_close(kernels.erf(empty), empty, dtype)


# --- indexing ---------------------------------------------------------------------------------

MASK = np.arange(20).reshape(4, 5) % 3 == 0
INDICES = {
    "int": 2,
    "negative int": -1,
    "numpy int": np.int64(1),
    "every int": (1, -2, 0),
    "slice": slice(1, None, 2),
    "reversed": (slice(None, None, -1), Ellipsis, 1),
    "none": (None, slice(None), 2, None),
    "ellipsis": Ellipsis,
    "empty tuple": (),
    "array": np.array([3, 0, 3, -1, 3]),
    "small array type": np.array([3, 0, 3], np.int8),
    "list": [0, 0, 1],
    "2-D array": np.array([[0, 1], [1, -4]]),
    "scalar array": np.array(2),
    "no rows": np.array([], np.int64),
    "middle axis": (slice(None), np.array([4, 4, 0])),
    "pairs": (np.array([0, 0, 3]), np.array([2, 2, -1])),
    "outer": (np.array([[0], [3]]), np.array([1, 1, 2])),
    "array, slice, array": (np.array([1, 1]), slice(None), np.array([1, 1])),
    "array, none": (np.array([1, 1]), None, slice(2)),
    "mask": MASK,
    "mask of rows": np.array([True, False, True, True]),
    "mask of nothing": np.zeros(4, bool),
    "mask and array": (np.array([False, True, False, False]), np.array([0, 0])),
    "mask and slice": (MASK, slice(1)),
    "list of bools": [True, False, True, False],
    "true": True,
    "false": False,
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_index_add_undoes_indexing(kernels, dtype, index):
    shape = (4, 5, 2)
    places = np.arange(40).reshape(shape)[index]
    values = normal(0, *places.shape, dtype=dtype)
    expected = np.zeros(40)
    for place, value in zip(places.ravel(), values.ravel(), strict=True):
        expected[place] += value
    assert_close(kernels.index_add(shape, index, values), expected.reshape(shape), dtype)


@pytest.mark.parametrize("rows", [5, 4000], ids=["few rows", "many rows"])
def test_index_add_gathers_an_embeddings_gradient(kernels, dtype, rows):
    index = np.random.default_rng(0).integers(-50, 50, size=(rows, 2))
    values = normal(1, rows, 2, 8, dtype=dtype)
    one_hot = np.eye(50)[index].reshape(2 * rows, 50)
    expected = one_hot.T @ values.reshape(2 * rows, 8)
    assert_close(kernels.index_add((50, 8), index, values), expected, dtype)


def test_index_add_broadcasts_its_values(kernels, dtype):
    values = read_only(np.array([1, 2], dtype))
    for index in ([0, 0, 2], slice(0, 2)):
        expected = np.zeros((3, 2))
        np.add.at(expected, index, values)
        assert_close(kernels.index_add((3, 2), index, values), expected, dtype)


@pytest.mark.parametrize("index", [4, [0, 4], (slice(None), np.array([5]))])
def test_index_add_refuses_a_place_outside(kernels, index):
    with pytest.raises(IndexError):
        kernels.index_add((4, 5), index, np.ones(()))


# --- the contract -----------------------------------------------------------------------------


def test_results_are_new_arrays(kernels, dtype):
    """Not even where the result equals an input: the caller may write into what it gets."""
    x, one = normal(0, 2, 1, 3, 3, dtype=dtype), np.ones((1, 1, 1, 1), dtype)
    options = {"stride": (1, 1), "padding": (0, 0)}
    conv = {**options, "dilation": (1, 1), "groups": 1}
    pool = {**options, "kernel_size": (1, 1)}
    y, index = kernels.max_pool2d(x, **pool)
    results = [
        y,
        index,
        kernels.max_pool2d_dx(x, index, (3, 3)),
        kernels.avg_pool2d(x, **pool),
        kernels.avg_pool2d_dx(x, (3, 3), **pool),
        kernels.conv2d(x, one, **conv),
        kernels.conv2d_dx(x, one, (3, 3), **conv),
        kernels.conv2d_dweight(x, x, (1, 1), **conv),
        kernels.matmul(x, np.eye(3, dtype=dtype)),
        kernels.linear(x, np.eye(3, dtype=dtype)),
        kernels.index_add(x.shape, ..., x),
        kernels.erf(x),
    ]
    for result in results:
        assert result.flags.writeable
        assert not np.shares_memory(result, x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_backends_agree_on_the_signature(name):
    signatures = {str(inspect.signature(getattr(b, name))) for b in BACKENDS.values()}
    assert len(signatures) == 1


UNIT = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
POOL = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
BAD_CALLS = {
    "matmul: (2, 3) and (4, 5) do not multiply": ("matmul", [(2, 3), (4, 5)], {}),
    "linear: x (5, 3) has 3 features": ("linear", [(5, 3), (4, 2)], {}),
    "conv2d: x (2, 3, 8, 8) has 3 channels": ("conv2d", [(2, 3, 8, 8), (4, 5, 3, 3)], UNIT),
    "conv2d_dx: dy (1, 4, 5, 5) holds 5x5": ("conv2d_dx", [(1, 4, 5, 5), (4, 2, 3, 3), 8], UNIT),
    "conv2d_dweight: dy (1, 4, 5, 5) holds 5x5": (
        "conv2d_dweight",
        [(1, 2, 8, 8), (1, 4, 5, 5), 3],
        UNIT,
    ),
    "max_pool2d: x (4, 4) must have 4 dimensions": ("max_pool2d", [(4, 4)], POOL),
    "max_pool2d_dx: dy (1, 1, 2, 2) and index (1, 1, 2, 3)": (
        "max_pool2d_dx",
        [(1, 1, 2, 2), (1, 1, 2, 3), 4],
        {},
    ),
    "avg_pool2d: a kernel that spans 2x2": ("avg_pool2d", [(1, 1, 1, 4)], POOL),
    "avg_pool2d_dx: dy (1, 1, 3, 2) holds 3x2": ("avg_pool2d_dx", [(1, 1, 3, 2), 4], POOL),
}


@pytest.mark.parametrize("sentence", BAD_CALLS)
def test_backends_refuse_what_does_not_fit(kernels, sentence):
    name, arguments, options = BAD_CALLS[sentence]
    arguments = [(a, a) if isinstance(a, int) else np.ones(a) for a in arguments]
    with pytest.raises(ValueError, match="^" + sentence.replace("(", r"\(").replace(")", r"\)")):
        getattr(kernels, name)(*arguments, **options)


def test_a_numpy_array_is_computed_on_the_cpu():
    assert backend_of(np.zeros(3)) is cpu


@pytest.mark.parametrize("thing", [[1.0, 2.0], 1.0, None])
def test_other_types_have_no_backend(thing):
    with pytest.raises(TypeError, match=f"no backend computes on builtins.{type(thing).__name__}"):
        backend_of(thing)


def test_use_backend_holds_inside_the_block_only():
    array = np.zeros(3)
    with use_backend("reference") as backend:
        assert backend is reference
        assert backend_of(array) is reference
        with use_backend("cpu"):
            assert backend_of(array) is cpu
        assert backend_of(array) is reference
    assert backend_of(array) is cpu


def test_use_backend_ends_with_an_exception():
    with pytest.raises(RuntimeError, match="stop"), use_backend("reference"):
        raise RuntimeError("stop")
    assert backend_of(np.zeros(3)) is cpu


def test_an_unknown_backend_is_refused():
    known = ", ".join(sorted(minae.kernels.BACKENDS))
    with (
        pytest.raises(ValueError, match=f"unknown backend 'gpu'; there are: {known}"),
        use_backend("gpu"),
    ):
        pass
