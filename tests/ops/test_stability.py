"""What a check of gradients cannot see: extremes of float32, and whether the statistics are right.

Warnings are errors here (pyproject.toml), so an overflow that ends in the right value fails too.
"""

import math

import numpy as np
import pytest

from minae import Tensor, manual_seed, ops
from minae.kernels import use_backend

INF = np.inf


def leaf(values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


EXTREMES = {
    # name: (function, x, y, slope), the exact values
    "sigmoid": (ops.sigmoid, [-1e4, -100, 0, 100, 1e4], [0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
    "softplus": (ops.softplus, [-1e4, 0, 100, 1e4], [0, math.log(2), 100, 1e4], [0, 0.5, 1, 1]),
    "silu": (ops.silu, [-1e4, 0, 1e4], [0, 0, 1e4], [0, 0.5, 1]),
    "gelu": (ops.gelu, [-1e4, 0, 1e4], [0, 0, 1e4], [0, 0.5, 1]),
    "elu": (ops.elu, [-1e4, 0, 1e4], [-1, 0, 1e4], [0, 1, 1]),
    "tanh": (ops.tanh, [-1e4, 0, 1e4], [-1, 0, 1], [0, 1, 0]),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_activations_far_out(name):
    function, x, y, slope = EXTREMES[name]
    x = leaf(x)
    out = function(x)
    out.sum().backward()
    np.testing.assert_allclose(out.data, y, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(x.grad.data, slope, rtol=1e-6, atol=1e-30)


SOFTMAXES = {
    # name: (function, a row of logits, the exact row or number)
    "softmax": (ops.softmax, [1e4, -1e4, 1e4], [0.5, 0, 0.5]),
    "softmax, all alike": (ops.softmax, [-1e4, -1e4], [0.5, 0.5]),
    "softmax, one impossible": (ops.softmax, [-INF, 3, 3], [0, 0.5, 0.5]),
    "log_softmax": (ops.log_softmax, [1e4, -1e4, 0], [0, -2e4, -1e4]),
    "log_softmax, one impossible": (ops.log_softmax, [-INF, 1, 1], [-INF, *[-math.log(2)] * 2]),
    "logsumexp": (ops.logsumexp, [1e4, 1e4, -1e4], 1e4 + math.log(2)),
    "logsumexp, all impossible": (ops.logsumexp, [-INF, -INF], -INF),
}


@pytest.mark.parametrize("name", SOFTMAXES)
def test_softmaxes_far_out(name):
    function, x, expected = SOFTMAXES[name]
    out = function(leaf([x]), dim=1)
    np.testing.assert_allclose(out.data[0], expected, rtol=1e-6)


@pytest.mark.parametrize("function", [ops.softmax, ops.log_softmax, ops.logsumexp])
def test_softmaxes_send_no_gradient_to_the_impossible(function):
    x = leaf([[-INF, 1, 2]])
    y = function(x, 1)
    y.backward(np.array([0, 1, 2], np.float32).reshape(y.shape) if y.ndim == 2 else [3])
    assert np.isfinite(x.grad.data).all()
    assert x.grad.data[0, 0] == 0


@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("logit", [-1e4, -200.0, -10.0, 10.0, 30.0, 200.0, 1e4])
def test_bce_with_logits_is_exact_far_out(logit, target):
    x = leaf([logit])
    loss = ops.binary_cross_entropy_with_logits(x, Tensor(np.float32([target])))
    loss.backward()
    sigmoid = 1 / (1 + math.exp(-logit)) if logit > 0 else math.exp(logit) / (1 + math.exp(logit))
    expected = max(logit, 0) - logit * target + math.log1p(math.exp(-abs(logit)))
    assert loss.item() == pytest.approx(expected, rel=1e-6, abs=1e-38)
    assert x.grad.item() == pytest.approx(sigmoid - target, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("right", "loss", "slope"), [(0, 0, 0), (1, 2e4, 1)])
def test_cross_entropy_of_huge_logits(right, loss, slope):
    x = leaf([[1e4, -1e4]])
    out = ops.cross_entropy(x, Tensor([right]))
    out.backward()
    assert out.item() == loss
    np.testing.assert_array_equal(x.grad.data, [[slope, -slope]])


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_bce_of_a_certain_prediction_is_finite(p, target):
    x, t = leaf([p]), leaf([target])
    loss = ops.binary_cross_entropy(x, t)
    loss.backward()
    assert loss.item() == pytest.approx(100 * abs(p - target))  # log 0 counts as -100
    assert np.isfinite([x.grad.item(), t.grad.item()]).all()
    assert np.sign(x.grad.item()) == np.sign(p - target)


@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-1e4, -30.0, 30.0, 1e4])
def test_bce_with_pos_weight_is_exact_far_out(logit, target):
    """A sum of positive parts: none of the small logarithm's digits is lost."""
    x = leaf([logit])
    p, t = Tensor(np.float32([3])), Tensor(np.float32([target]))
    loss = ops.binary_cross_entropy_with_logits(x, t, pos_weight=p)
    loss.backward()
    wrong = -logit if target else logit  # the logit of the wrong answer
    factor = 3 if target else 1
    expected = factor * (max(wrong, 0) + math.log1p(math.exp(-abs(wrong))))
    assert loss.item() == pytest.approx(expected, rel=1e-6, abs=1e-38)
    assert abs(x.grad.item()) == pytest.approx(factor * (wrong > 0), abs=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize(("logit", "target"), [(INF, 0.0), (-INF, 1.0)])
def test_bce_of_an_infinite_logit_is_infinite(logit, target, reduction):
    """And not nan, as infinity less infinity would be."""
    x = leaf([logit])
    loss = ops.binary_cross_entropy_with_logits(x, Tensor([target]), reduction=reduction)
    loss.backward()
    assert loss.item() == INF
    assert x.grad.item() == (1 if logit > 0 else -1)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("options", [{"label_smoothing": 0.5}, {"weight": Tensor([1.0, 1.0])}])
def test_cross_entropy_of_huge_logits_in_any_form(options, dim):
    x = leaf([[1e4, -1e4]] if dim == 1 else [[[1e4], [-1e4]]])
    target = Tensor([1]) if dim == 1 else Tensor([[1]])
    out = ops.cross_entropy(x, target, **options)
    out.backward()
    smoothing = options.get("label_smoothing", 0)
    assert out.item() == pytest.approx(2e4 * (1 - smoothing / 2))
    slope = 1 - smoothing / 2
    np.testing.assert_allclose(x.grad.data.ravel(), [slope, -slope])


@pytest.mark.parametrize("p", [0.0, 1e-30, 1e-13, 1e-6, 1 - 1e-7, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_bce_of_an_almost_certain_prediction_is_pytorchs(torch, p, target):
    x, theirs = leaf([p]), torch.tensor([p], requires_grad=True)
    loss = ops.binary_cross_entropy(x, Tensor([target]))
    other = torch.nn.functional.binary_cross_entropy(theirs, torch.tensor([target]))
    loss.backward()
    other.backward()
    assert loss.item() == pytest.approx(other.item())
    assert x.grad.item() == pytest.approx(theirs.grad.item())


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"])
@pytest.mark.parametrize("value", [INF, -INF, math.nan, 1e20])
def test_distances_at_infinity_are_pytorchs(torch, name, value):
    x, theirs = leaf([value, 1.0]), torch.tensor([value, 1.0], requires_grad=True)
    with np.errstate(over="ignore"):  # mse_loss of 1e20 is infinite in float32
        losses = getattr(ops, name)(x, Tensor([0.0, 0.0]), reduction="none")
        losses.backward(np.ones(2))
    others = getattr(torch.nn.functional, name)(theirs, torch.zeros(2), reduction="none")
    others.sum().backward()
    np.testing.assert_allclose(losses.data, others.detach().numpy(), rtol=1e-6)
    slopes = theirs.grad.numpy()
    if name == "l1_loss" and math.isnan(value):  # of nan, PyTorch takes the slope 0
        slopes[0] = np.nan
    np.testing.assert_allclose(x.grad.data, slopes, rtol=1e-6)


def test_kl_div_of_what_cannot_be():
    """0 log 0 counts as 0, and its slope is that of t log t at 0: PyTorch has nan there."""
    x, target = leaf([-1.0, -2.0]), leaf([0.0, 1.0])
    loss = ops.kl_div(x, target, reduction="sum")
    loss.backward()
    assert loss.item() == 2
    assert x.grad.tolist() == [0, -1]
    assert target.grad.tolist() == [-INF, 3]
    assert ops.kl_div(leaf([-INF]), Tensor([0.5])).item() == INF


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_normalisation_far_from_zero(offset):
    """The variance as a mean of squares minus a squared mean would lose all its digits here."""
    rng = np.random.default_rng(0)
    x = Tensor((rng.normal(size=(64, 8)) + offset).astype(np.float32))
    for y in (ops.batch_norm(x, None, None, training=True), ops.layer_norm(x.T, (64,)).T):
        np.testing.assert_allclose(y.data.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(y.data.std(axis=0), 1, rtol=1e-3)


DRAWS = 200_000
GAUSSIANS = [(0.0, 0.0), (1.0, math.log(4)), (-2.0, math.log(0.25))]


def draws(mean, log_var):
    """Many draws from one Gaussian, with the leaves they were made from."""
    manual_seed(0)
    leaves = [leaf(np.full(DRAWS, value), np.float64) for value in (mean, log_var)]
    return *leaves, ops.reparameterise(*leaves)


@pytest.mark.parametrize(("mean", "log_var"), GAUSSIANS)
def test_reparameterise_has_the_moments_it_is_asked_for(mean, log_var):
    """A standard deviation of exp(log_var) checks perfectly as a gradient, and is wrong."""
    z = draws(mean, log_var)[-1].data
    sd = math.exp(log_var / 2)
    error = sd / math.sqrt(DRAWS)  # standard error of the mean
    assert z.mean() == pytest.approx(mean, abs=5 * error)
    assert z.std() == pytest.approx(sd, abs=5 * error)
    inside = [(np.abs(z - mean) < k * sd).mean() for k in (1, 2)]
    assert inside == pytest.approx([0.6827, 0.9545], abs=0.005)


@pytest.mark.parametrize(("mean", "log_var"), GAUSSIANS)
def test_reparameterise_gradient_is_that_of_the_expectation(mean, log_var):
    """E z² = mean² + exp(log_var), so its slopes are 2 mean and exp(log_var)."""
    m, v, z = draws(mean, log_var)
    (z * z).mean().backward()
    assert m.grad.data.sum() == pytest.approx(2 * mean, abs=0.05)
    assert v.grad.data.sum() == pytest.approx(math.exp(log_var), rel=0.02)


def test_reparameterise_draws_anew():
    zeros = Tensor(np.zeros(1000, np.float32))
    first, second = ops.reparameterise(zeros, zeros).data, ops.reparameterise(zeros, zeros).data
    assert first.dtype == np.float32
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


@pytest.mark.parametrize(("mean", "log_var"), GAUSSIANS)
def test_kl_is_the_monte_carlo_mean_of_the_log_ratio(mean, log_var):
    m, v, z = draws(mean, log_var)
    zeros = Tensor(np.zeros(DRAWS))
    log_q = -ops.gaussian_nll(m, z, v, reduction="none").data
    log_p = -ops.gaussian_nll(zeros, z, zeros, reduction="none").data
    closed = ops.gaussian_kl(Tensor([mean]), Tensor([log_var])).item()
    assert closed == pytest.approx((log_q - log_p).mean(), abs=0.03)
    assert closed >= 0


@pytest.mark.parametrize("backend", ["cpu", "reference", "cuda"])
@pytest.mark.parametrize("scale", [1e-30, 1e-7, 1e-4, 1e-2, 0.5, 5])
def test_kl_is_never_negative(backend, scale):
    """e^v - 1 - v loses all its digits near v = 0, if it is computed as it stands."""
    rng = np.random.default_rng(0)
    rows = 300 if backend == "cuda" else 10_000  # it is simulated
    log_var = (scale * rng.uniform(-1, 1, (rows, 3))).astype(np.float32)
    mean = np.zeros_like(log_var)
    with use_backend(backend):
        v = leaf(log_var)
        kl = ops.gaussian_kl(Tensor(mean), v)
        kl.sum().backward()
    assert (kl.data >= 0).all()
    assert (v.grad.data * log_var >= 0).all()  # towards 0 from either side
    np.testing.assert_allclose(v.grad.data, 0.5 * np.expm1(log_var.astype(float)), rtol=1e-6)
    exact = 0.5 * (np.expm1(log_var.astype(float)) - log_var).sum(axis=1)
    assert kl.data == pytest.approx(exact, rel=1e-5, abs=2**-20 * scale)


def test_kl_adds_up_over_the_last_dimension():
    mean, log_var = Tensor(np.array([[1.0, 2.0], [0.0, 0.0]])), Tensor(np.zeros((2, 2)))
    np.testing.assert_allclose(ops.gaussian_kl(mean, log_var).data, [0.5 + 2.0, 0])


def test_gaussian_nll_is_a_density():
    x = np.linspace(-30, 30, 60_001)
    nll = ops.gaussian_nll(Tensor(0.7), Tensor(x), Tensor(np.log(2.5)), reduction="none").data
    assert np.exp(-nll).sum() * (x[1] - x[0]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_mean(p):
    manual_seed(0)
    x = Tensor(np.ones((400, 500), np.float32))
    y = ops.dropout(x, p).data
    assert (y == 0).mean() == pytest.approx(p, abs=0.005)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert not np.array_equal(y, ops.dropout(x, p).data)  # another mask every time
    assert ops.dropout(x, p, training=False) is x
