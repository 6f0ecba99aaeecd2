"""Which dtype a result has; and that integers are computed with in a type that holds the result."""

import numpy as np
import pytest

from minae import Tensor, manual_seed, ops
from minae.dtypes import promoted

F16, F32, F64, I64, I32, U8 = np.float16, np.float32, np.float64, np.int64, np.int32, np.uint8
INTEGERS = [np.dtype(t) for t in (I64, I32, np.int8, U8, bool)]


def images(x):
    """Make images (1, 2, 3, 4) of 24 numbers."""
    return x.reshape(1, 2, 3, 4)


def rows(x):
    return x.reshape(4, 6)


IN_FLOATS = {
    # functions of 24 numbers that compute in floats
    "exp": ops.exp,
    "log": ops.log,
    "sqrt": ops.sqrt,
    "sin": ops.sin,
    "cos": ops.cos,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "silu": ops.silu,
    "softplus": ops.softplus,
    "gelu": ops.gelu,
    "gelu tanh": lambda x: ops.gelu(x, approximate="tanh"),
    "elu": ops.elu,
    "leaky_relu": ops.leaky_relu,
    "clip": lambda x: x.clip(0.5, 2.5),
    "div": lambda x: x / 3,
    "div by itself": lambda x: x / x.flip(0),
    "mean": ops.mean,
    "mean of rows": lambda x: rows(x).mean(1),
    "var": ops.var,
    "std": lambda x: rows(x).std(0),
    "softmax": lambda x: rows(x).softmax(1),
    "log_softmax": lambda x: rows(x).log_softmax(1),
    "logsumexp": lambda x: rows(x).logsumexp(1),
    "linear": lambda x: ops.linear(rows(x), rows(x)),
    "linear of floats": lambda x: ops.linear(rows(x), Tensor(np.ones((2, 6), F32))),
    "linear_stack": lambda x: ops.linear_stack(rows(x), [rows(x)], [x[:4]], ["relu"]),
    "conv2d": lambda x: ops.conv2d(images(x), images(x)),
    "conv1d": lambda x: ops.conv1d(x.reshape(2, 3, 4), x.reshape(2, 3, 4)),
    "conv_transpose2d": lambda x: ops.conv_transpose2d(images(x), x.reshape(2, 3, 2, 2)),
    "avg_pool2d": lambda x: ops.avg_pool2d(images(x), 2),
    "batch_norm": lambda x: ops.batch_norm(rows(x), None, None, training=True),
    "layer_norm": lambda x: ops.layer_norm(rows(x), (6,)),
    "group_norm": lambda x: ops.group_norm(images(x), 2),
    "attention": lambda x: ops.scaled_dot_product_attention(rows(x), rows(x), rows(x)),
    "mse_loss": lambda x: ops.mse_loss(x, x.flip(0)),
    "l1_loss": lambda x: ops.l1_loss(x, x.flip(0), reduction="none"),
    "huber_loss": lambda x: ops.huber_loss(x, x.flip(0)),
    "smooth_l1_loss": lambda x: ops.smooth_l1_loss(x, x.flip(0)),
    "mse_loss of floats": lambda x: ops.mse_loss(x, Tensor(np.ones(24, F32))),
    "bce": lambda x: ops.binary_cross_entropy((x > 1).to(x.dtype), (x > 2).to(x.dtype)),
    "bce with logits": lambda x: ops.binary_cross_entropy_with_logits(x, (x > 2).to(x.dtype)),
    "cross_entropy": lambda x: ops.cross_entropy(rows(x), Tensor([0, 1, 2, 5])),
    "gaussian_nll": lambda x: ops.gaussian_nll(x, x, x),
    "gaussian_kl": lambda x: ops.gaussian_kl(rows(x), rows(x)),
    "reparameterise": lambda x: seeded(ops.reparameterise, x, x),
    "dropout": lambda x: seeded(ops.dropout, x),
    "dropout of all": lambda x: ops.dropout(x, 1.0),
}


def seeded(function, *arguments):
    manual_seed(0)
    return function(*arguments)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("name", IN_FLOATS)
def test_what_computes_in_floats_takes_integers_as_float32(name, dtype):
    function, x = IN_FLOATS[name], (np.arange(24) * 7 % 4 + 1).astype(dtype)
    y, expected = function(Tensor(x)), function(Tensor(x.astype(F32)))
    assert y.dtype == F32
    # not bit for bit: compiled loops take a way of their own where two arrays lie within 256 bytes
    # of each other, as such short ones may, and then add up in another order
    np.testing.assert_allclose(y.data, expected.data, rtol=1e-6)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(),
        lambda x: rows(x).sum(0),
        lambda x: x.prod(),
        lambda x: rows(x).cumsum(1),
        lambda x: rows(x) @ rows(x).T,
        lambda x: ops.einsum("i,i->", x, x),
    ],
)
def test_what_adds_up_integers_does_so_in_int64(function, dtype):
    large = True if dtype.kind == "b" else np.iinfo(dtype).max >> (dtype.itemsize * 4)
    x = np.full(24, large)
    x = x.astype(dtype)
    y = function(Tensor(x))
    assert y.dtype == I64
    np.testing.assert_array_equal(y.data, function(Tensor(x.astype(I64))).data)


@pytest.mark.parametrize("name", ["linear", "conv2d", "mse_loss", "softmax", "layer_norm"])
def test_floats_of_two_widths_are_computed_in_the_wider(name):
    functions = {
        "linear": lambda x, y: ops.linear(rows(x), rows(y)),
        "conv2d": lambda x, y: ops.conv2d(images(x), images(y)),
        "mse_loss": ops.mse_loss,
        "softmax": lambda x, y: (x + y).softmax(0),
        "layer_norm": lambda x, y: ops.layer_norm(rows(x), (6,), y[:6], y[:6]),
    }
    rng = np.random.default_rng(0)
    narrow, wide = rng.normal(size=24).astype(F32), rng.normal(size=24)
    for pair in ((narrow, wide), (wide, narrow)):
        x, y = (Tensor(a, requires_grad=True) for a in pair)
        out = functions[name](x, y)
        same = functions[name](*(Tensor(a.astype(F64)) for a in pair))
        assert out.dtype == F64
        np.testing.assert_allclose(out.data, same.data, rtol=1e-12)
        out.sum().backward()
        assert (x.grad.dtype, y.grad.dtype) == (pair[0].dtype, pair[1].dtype)


@pytest.mark.parametrize("name", IN_FLOATS)
def test_half_precision_is_computed_in_float32_and_rounded(name):
    if name in ("reparameterise", "dropout"):
        pytest.skip("draws in the dtype of x")
    function, x = IN_FLOATS[name], np.random.default_rng(0).uniform(0.1, 1, 24).astype(F16)
    y, expected = function(Tensor(x)), function(Tensor(x.astype(F32)))
    if name not in ("linear of floats", "mse_loss of floats"):
        assert y.dtype == F16
    np.testing.assert_allclose(y.data, expected.data, rtol=2e-3, atol=1e-3)


def test_a_mean_in_half_precision_does_not_overflow():
    x = Tensor(np.full((300, 300), 8, F16), requires_grad=True)
    y = x.mean()
    assert (y.item(), y.dtype) == (8, F16)
    y.backward()
    assert x.grad.dtype == F16


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        ([(F32, 1), (F64, 1)], F64),
        ([(F32, 1), (F64, 0)], F32),
        ([(I64, 1), (F32, 0)], F32),
        ([(I64, 1), (F16, 0)], F16),
        ([(U8, 1), (I64, 0)], U8),
        ([(bool, 1), (U8, 0)], U8),
        ([(U8, 1), (np.int8, 1)], np.int16),
        ([(bool, 1), (bool, 0)], bool),
        ([(F64, 0), (F32, 0)], F64),
    ],
)
def test_operands_meet_where_pytorch_has_them_meet(dtypes, expected, torch):
    arrays = [np.ones((1,) * ndim, dtype) for dtype, ndim in dtypes]
    assert promoted(*arrays) == expected
    theirs = torch.result_type(*map(torch.tensor, arrays))
    assert str(theirs).removeprefix("torch.") == np.dtype(expected).name


def test_what_no_dtype_holds_is_refused():
    with pytest.raises(TypeError, match="no integer dtype holds"):
        Tensor(np.ones(1, np.uint64)) + Tensor([1])
    with pytest.raises(OverflowError, match="300 is out of range for a tensor of uint8"):
        Tensor(np.ones(1, U8)) + 300
    with pytest.raises(TypeError, match="real numbers, not 1j"):
        Tensor([1.0]) * 1j
