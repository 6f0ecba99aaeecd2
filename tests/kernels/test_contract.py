"""The whole contract on every backend: cuda in the simulator, and on a GPU if there is one.

The reference computes every case in float64; a backend gets the same numbers in float32.
"""

import importlib
import inspect
from itertools import pairwise

import numpy as np
import pytest

from minae.kernels import BACKENDS, cpu, reference
from minae.kernels.contract import Backend
from minae.kernels.cuda import backend, vendor
from minae.kernels.cuda.launch import device
from minae.kernels.cuda.linear import tensor_cores

from .cases import FUNCTIONS, channels_last, every_second, one_row_for_all, reversed_rows

normal = np.random.default_rng(0).standard_normal


def convolution(x, weight, size, **geometry):
    """Return the arrays of a convolution, and its options."""
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **geometry}
    arrays = normal(x), normal(weight), normal((x[0], weight[0], *size))
    return *arrays, options


HALVING = convolution((3, 2, 7, 8), (5, 2, 3, 4), (4, 4), stride=(2, 2), padding=(1, 1))
GROUPED = convolution((2, 4, 5, 4), (6, 2, 3, 2), (3, 2), groups=2, dilation=(1, 2))
WIDE = convolution((1, 3, 4, 70), (2, 3, 1, 20), (4, 51))  # more taps in a row than tables take
X, WEIGHT, BIAS = normal((9, 20)), normal((17, 20)), normal(17)
SIZES = 6, 5, 7, 3
LAYERS = [normal((o, i)) for i, o in pairwise(SIZES)], [normal(o) for o in SIZES[1:]]
ACTIVATIONS = "relu", None, None
OUTPUTS = reference.linear_stack(normal((4, 6)), *LAYERS, ACTIVATIONS)
STACK_BACKWARD = normal((4, 3)), normal((4, 6)), tuple(LAYERS[0]), [*OUTPUTS[:-1], None]
STACK_BACKWARD += ACTIVATIONS, (True, True, False, True)
PLACES = [None, None, normal((3, 7))], [normal(5), None, None]
POOL = {"kernel_size": (3, 2), "stride": (2, 2), "padding": (1, 0)}
GAPS = {"kernel_size": (2, 1), "stride": (3, 4), "padding": (1, 0)}  # pixels in no window
IMAGES, INDEX = normal((2, 3, 7, 6)), reference.max_pool2d(normal((2, 3, 7, 6)), **POOL)[1]
CODES = normal((5, 3)), normal((5, 3)), normal((5, 3))
OF_ROWS = normal(9), np.abs(normal(9))  # mean, rstd
STATISTICS = normal(3), normal(3), np.abs(normal(3))  # weight, mean, var
MOMENTS = normal(40), normal(40), normal(40), np.abs(normal(40))
RATES = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}
DESCENT = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}


def recurrent(gates, directions, biased, x=(4, 3, 5), hidden=4):
    """Return x, an initial state, and the weights of a recurrent layer."""
    G = gates * hidden
    shapes = ((G, x[2]), (G, hidden), (G,), (G,)) * directions
    weights = [normal(shape) if biased or len(shape) == 2 else None for shape in shapes]
    return normal(x), normal((directions, x[1], hidden)), weights


LENGTHS = np.array([2, 4, 1])
UNITS, BOTH_WAYS = recurrent(3, 1, True), recurrent(3, 2, True)
MEMORY, PLAIN_MEMORY = recurrent(4, 2, True), recurrent(4, 1, False)


def recurrent_backward(name, arrays, lengths, needs=(True, True), places=None):
    x, h0, weights = arrays
    states = (h0, h0) if name == "lstm" else (h0,)
    y, saved = getattr(reference, name)(x, *states, weights, lengths)
    return f"{name}_backward", (normal(y.shape), x, weights, saved, lengths, needs, places), {}


HEADS = [normal((2, 5, 3, 4)).swapaxes(1, 2) for _ in range(3)]  # as they lie side by side
HOLES = np.array([[True, False, True], [False, False, False], [True, True, True]])


def attention_backward(query, key, value, mask=None, is_causal=False, *rest):
    y, saved = reference.attention(query, key, value, 0.5, mask, is_causal)
    arrays = normal(y.shape), query, key, value, saved, 0.5
    return "attention_backward", (*arrays, mask, is_causal, *rest), {}


def linear_backward(dy, x, weight, relu, needs=(True, True), places=(None, None)):
    y = reference.linear(x, weight, None, relu)
    return "linear_backward", (dy, x, weight, y, relu, needs, *places), {}


def conv_backward(name, arrays, relu, needs=(True, True), places=(None, None)):
    x, weight, dy, options = arrays
    if name == "conv_transpose2d_backward":
        x, dy = dy, x
    y = normal(dy.shape)
    return name, (dy, x, weight, y, relu, needs, *places), options


CASES = {
    "matmul": ("matmul", (X, WEIGHT.T), {}),
    "matmul, left turned": ("matmul", (WEIGHT.T, normal((17, 3))), {}),
    "matmul, both turned": ("matmul", (normal((6, 5)).T, normal((3, 6)).T), {}),
    "matmul of parts": ("matmul", (every_second(X), reversed_rows(normal((20, 4)))), {}),
    "matmul of vectors": ("matmul", (normal(5), normal(5)), {}),
    "matmul by a vector": ("matmul", (normal((4, 5)), normal(5)), {}),
    "matmul of batches": ("matmul", (normal((2, 1, 3, 4)), normal((5, 4, 2))), {}),
    "matmul of nothing": ("matmul", (normal((3, 0)), normal((0, 2))), {}),
    "contiguous": ("contiguous", (X.T,), {}),
    "channels_last": ("channels_last", (channels_last(IMAGES),), {}),
    "linear": ("linear", (X, WEIGHT, BIAS, "relu"), {}),
    "linear, tied": ("linear", (X, normal((20, 17)).T), {}),
    "linear of a vector": ("linear", (X[0], WEIGHT, BIAS), {}),
    "linear of sequences": ("linear", (normal((2, 3, 20)), WEIGHT, BIAS[::-1]), {}),
    "linear of no rows": ("linear", (X[:0], WEIGHT, BIAS), {}),
    "linear_backward": linear_backward(normal((9, 17)), X, WEIGHT, "relu"),
    "linear_backward, one row for all": linear_backward(
        one_row_for_all(normal((70, 4))), normal((70, 3)), normal((4, 3)), None
    ),
    "linear_backward into places": linear_backward(
        normal((9, 17)), X, WEIGHT, "relu", (False, True), (normal((17, 20)), normal(17))
    ),
    "linear_backward, only dx": linear_backward(normal((9, 17)), X, WEIGHT, None, (True, False)),
    "linear_backward by a slope": (
        "linear_backward",
        (normal((9, 17)), X, WEIGHT, normal((9, 17)), "slope"),
        {},
    ),
    "linear, GELU": ("linear_smooth", (X, WEIGHT, BIAS, "gelu"), {}),
    "linear, GELU by tanh": ("linear_smooth", (normal((2, 3, 20)), WEIGHT, None, "gelu_tanh"), {}),
    "linear, SiLU": ("linear_smooth", (X, WEIGHT, BIAS, "silu"), {}),
    "linear_stack": ("linear_stack", (normal((4, 6)), *map(tuple, LAYERS), ACTIVATIONS), {}),
    "linear_stack_backward": ("linear_stack_backward", (*STACK_BACKWARD, *PLACES), {}),
    "conv2d": ("conv2d", (*HALVING[:2], normal(5), "relu"), HALVING[3]),
    "conv2d, channels last": ("conv2d", (channels_last(HALVING[0]), HALVING[1]), HALVING[3]),
    "conv2d in groups": ("conv2d", (*GROUPED[:2], normal(6)), GROUPED[3]),
    "conv2d, wide": ("conv2d", WIDE[:2], WIDE[3]),
    "conv2d of no images": ("conv2d", (HALVING[0][:0], HALVING[1]), HALVING[3]),
    "conv2d_dx": ("conv2d_dx", (*HALVING[2:0:-1], (7, 8), normal(2), "relu"), HALVING[3]),
    "conv2d_dx in groups": ("conv2d_dx", (*GROUPED[2:0:-1], (5, 4), normal(4)), GROUPED[3]),
    "conv2d_backward": conv_backward("conv2d_backward", HALVING, "relu"),
    "conv2d_backward in groups": conv_backward("conv2d_backward", GROUPED, None),
    "conv2d_backward into places": conv_backward(
        "conv2d_backward", HALVING, None, (False, True), (normal((5, 2, 3, 4)), normal(5))
    ),
    "conv2d_backward, only dx": conv_backward("conv2d_backward", HALVING, "relu", (True, False)),
    "conv_transpose2d_backward": conv_backward("conv_transpose2d_backward", HALVING, "relu"),
    "conv_transpose2d_backward in groups": conv_backward(
        "conv_transpose2d_backward", GROUPED, None, places=(normal((6, 2, 3, 2)), normal(4))
    ),
    "max_pool2d": ("max_pool2d", (IMAGES,), POOL),
    "max_pool2d_dx": ("max_pool2d_dx", (normal(INDEX.shape), INDEX, (7, 6)), {}),
    "avg_pool2d": ("avg_pool2d", (IMAGES,), POOL),
    "max_pool2d with gaps": ("max_pool2d", (np.where(IMAGES > 1.5, np.nan, IMAGES),), GAPS),
    "avg_pool2d with gaps": ("avg_pool2d", (IMAGES,), GAPS),
    "avg_pool2d_dx with gaps": ("avg_pool2d_dx", (normal((2, 3, 3, 2)), (7, 6)), GAPS),
    "avg_pool2d_dx": ("avg_pool2d_dx", (normal(INDEX.shape), (7, 6)), POOL),
    "batch_norm": ("batch_norm", (IMAGES, normal(3), normal(3), 1e-5), {}),
    "batch_norm_backward": ("batch_norm_backward", (IMAGES[::-1], IMAGES, *STATISTICS, 1e-5), {}),
    "attention": ("attention", (normal((3, 4)), normal((5, 4)), normal((5, 2)), 0.5), {}),
    "attention of heads": ("attention", (*HEADS, 0.5, None, True), {}),
    "attention, masked": ("attention", (*normal((3, 2, 3, 4)), 0.5, HOLES), {}),
    "attention, added to": ("attention", (*normal((3, 2, 3, 4)), 2.0, normal((2, 3, 1))), {}),
    "attention of nothing": ("attention", (*normal((3, 2, 0, 4)), 0.5), {}),
    "attention_backward": attention_backward(*HEADS, None, True, None, True),
    "attention_backward, more queries": attention_backward(
        normal((7, 4)), normal((5, 4)), normal((5, 2)), None, True
    ),
    "attention_backward, masked": attention_backward(
        *normal((3, 2, 3, 4)), HOLES, False, tuple(normal((3, 2, 3, 4)))
    ),
    "layer_norm": ("layer_norm", (X, normal(20), normal(20), 1e-5), {}),
    "layer_norm without bias": ("layer_norm", (normal((3, 300)), normal(300), None, 0.1), {}),
    "layer_norm of turned rows": ("layer_norm", (X.T, None, None, 1e-5), {}),
    "layer_norm_backward": ("layer_norm_backward", (X[::-1], X, normal(20), *OF_ROWS), {}),
    "layer_norm_backward without weight": ("layer_norm_backward", (X[::-1], X, None, *OF_ROWS), {}),
    "gru": ("gru", UNITS, {}),
    "gru, both ways": ("gru", (*BOTH_WAYS, LENGTHS), {}),
    "gru, batch first": ("gru", (normal((3, 4, 5)).swapaxes(0, 1), None, UNITS[2]), {}),
    "gru_backward": recurrent_backward("gru", UNITS, None),
    "gru_backward, both ways": recurrent_backward("gru", BOTH_WAYS, LENGTHS),
    "gru_backward into places": recurrent_backward(
        "gru", UNITS, LENGTHS, (False, True), [normal((12, 5)), None, normal(12), None]
    ),
    "lstm": ("lstm", (*MEMORY[:2], MEMORY[1][::-1], MEMORY[2], LENGTHS), {}),
    "lstm without bias": ("lstm", (PLAIN_MEMORY[0], None, *PLAIN_MEMORY[1:]), {}),
    "lstm_backward": recurrent_backward("lstm", MEMORY, LENGTHS),
    "lstm_backward without bias": recurrent_backward("lstm", PLAIN_MEMORY, None),
    "lstm_backward, only dx": recurrent_backward("lstm", MEMORY, None, (True, False)),
    "mse": ("mse", (normal((33, 17)), normal((33, 17)), 0.5), {}),
    "mse of images": ("mse", (channels_last(IMAGES), normal(IMAGES.shape), 2.0), {}),
    "bce_with_logits": (
        "bce_with_logits",
        (9 * normal((5, 6)), 1.0 * (normal((5, 6)) > 0), 0.1),
        {},
    ),
    "cross_entropy": ("cross_entropy", (5 * normal((4, 3)), np.array([2, 0, 1, 2]), 0.25), {}),
    "cross_entropy, ignoring a class": (
        "cross_entropy",
        (5 * normal((4, 3)), np.array([2, 0, 2, 1]), 0.25, 2),
        {},
    ),
    "reparameterise": ("reparameterise", (normal((5, 3)), normal((3, 5)).T, normal((5, 3))), {}),
    "reparameterise_dlog_var": ("reparameterise_dlog_var", CODES, {}),
    "gaussian_kl": ("gaussian_kl", (normal((2, 3, 4)), normal((2, 3, 4))), {}),
    "sgd": ("sgd", MOMENTS[:3], {**DESCENT, "nesterov": False}),
    "sgd, nesterov": ("sgd", MOMENTS[:3], {**DESCENT, "nesterov": True}),
    "adam": ("adam", MOMENTS, {**RATES, "step": 1, "decoupled": False}),
    "adamw": ("adam", MOMENTS, {**RATES, "step": 1000, "decoupled": True}),
    "index_add": ("index_add", ((3, 4), ([0, 2, 0],), normal((3, 4))), {}),
    "index_add of arrays": ("index_add", ((5,), (np.array([1, 1, 4]),), normal(3)), {}),
    "sum": ("sum", (normal((3, 70, 5)), (1,)), {}),
    "sum, first and last": ("sum", (normal((40, 3, 5)), (2, 0)), {}),
    "sum, turned": ("sum", (normal((5, 70)).T, (0,)), {}),
    "sum of parts": ("sum", (every_second(normal((70, 6))), (0,)), {}),
    "sum of all": ("sum", (normal((70, 3)), (0, 1)), {}),
    "sum over nothing": ("sum", (normal((2, 3)), ()), {}),
    "add": ("add", (normal((2, 3, 4)), normal((3, 1))), {}),
    "add, turned": ("add", (normal((4, 5)).T, normal((4, 5)).T), {}),
    "add to one": ("add", (normal(()), normal(())), {}),
    "GELU": ("smooth", (3 * normal((4, 5)), "gelu"), {}),
    "GELU by tanh": ("smooth", (3 * normal((4, 5)).T, "gelu_tanh"), {}),
    "SiLU": ("smooth", (3 * normal((5, 4)), "silu"), {}),
}


def changed(value, change):
    """Return a copy of a value with `change` applied to every array in it."""
    if isinstance(value, tuple | list):
        return type(value)(changed(v, change) for v in value)
    return change(value) if isinstance(value, np.ndarray) else value


def single(x):
    """Return a float32 copy in the memory layout of x."""
    if x.dtype.kind in "ib":
        return x
    y = np.empty_like(x, np.float32)
    y[...] = x
    return y


def to_gpu(x):
    import cupy

    return cupy.asarray(x)


def arrays_in(value) -> list:
    if isinstance(value, tuple | list):
        return [array for v in value for array in arrays_in(v)]
    return [] if value is None else [np.asarray(value.get() if hasattr(value, "get") else value)]


def results(kernels, name, arguments, options) -> list[np.ndarray]:
    """Return the arrays that a kernel returns, or writes to."""
    returned = getattr(kernels, name)(*arguments, **options)
    return arrays_in(arguments if name in ("sgd", "adam") else returned)


@pytest.mark.parametrize(
    ("kernels", "place"),
    [
        pytest.param(reference, single, id="reference"),
        pytest.param(cpu, single, id="cpu"),
        pytest.param(vendor, single, id="vendor"),
        pytest.param(backend, single, id="simulator"),
        pytest.param(backend, lambda x: to_gpu(single(x)), id="cuda", marks=pytest.mark.gpu),
        pytest.param(vendor, lambda x: to_gpu(single(x)), id="cublas", marks=pytest.mark.gpu),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_every_backend_computes_what_the_reference_does(kernels, place, case):
    if place is not single and (why := device.problem()):
        pytest.skip(why)
    name, arguments, options = CASES[case]
    doubled = changed(arguments, lambda x: x.astype(np.float64) if x.dtype.kind == "f" else x)
    expected = results(reference, name, doubled, options)
    actual = results(kernels, name, changed(arguments, place), options)
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        assert a.dtype == (np.float32 if e.dtype.kind == "f" else e.dtype)
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-5 * np.nanmax(np.abs(e), initial=1))


@pytest.mark.parametrize("place", [single, pytest.param(to_gpu, marks=pytest.mark.gpu)])
@pytest.mark.parametrize("case", ["matmul", "linear", "linear_backward"])
def test_tensor_cores_keep_ten_bits(case, place):
    name, arguments, options = CASES[case]
    expected = results(reference, name, arguments, options)
    with tensor_cores():
        there = changed(arguments, lambda x: place(single(x)))
        actual = results(backend, name, there, options)
    for a, e in zip(actual[:2], expected[:2], strict=True):  # the third, dbias, is a plain sum
        error = np.abs(a - e).max() / np.abs(e).max()
        assert 1e-6 < error < 1e-3


def test_no_function_is_left_out():
    assert {name for name, _, _ in CASES.values()} == FUNCTIONS.keys()


def parameters(function) -> list[tuple]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_has_the_contracts_functions_in_their_families_files(name):
    """Defined there, with the contract's parameters; `vendor` borrows most of them."""
    module = importlib.import_module(BACKENDS[name])
    found = {n for n, value in vars(module).items() if callable(value) and not n.startswith("_")}
    assert found == FUNCTIONS.keys()
    for function, family in FUNCTIONS.items():
        actual, declared = getattr(module, function), getattr(Backend, function)
        assert parameters(actual) == parameters(declared)[1:], function  # without self
        assert inspect.unwrap(actual).__module__.endswith(f".{family}"), function
        if name != "vendor":
            file = importlib.import_module(f"{module.__spec__.parent}.{family}")
            assert getattr(file, function) is actual
