"""Of losses, what the tables of cases leave out: dtypes, layouts, reductions, and the GPU."""

from itertools import product

import numpy as np
import pytest

from minae import Tensor, gradcheck, no_grad, ops
from minae.kernels import use_backend
from minae.ops.bce import BCELoss
from minae.ops.classification import CrossEntropyLoss

from .. import fake_cupy

PAIRS = {
    "mse_loss": ops.mse_loss,
    "l1_loss": ops.l1_loss,
    "huber_loss": ops.huber_loss,
    "smooth_l1_loss": ops.smooth_l1_loss,
    "kl_div": ops.kl_div,
    "binary_cross_entropy": ops.binary_cross_entropy,
    "binary_cross_entropy_with_logits": ops.binary_cross_entropy_with_logits,
}
CLASSES = {"cross_entropy": ops.cross_entropy, "nll_loss": ops.nll_loss}


def weighted_bce(x, target, **options):
    ones = Tensor(np.ones(x.shape[-1:], np.float32))
    return ops.binary_cross_entropy_with_logits(x, target, ones, pos_weight=ones, **options)


@pytest.mark.parametrize("name", [*PAIRS, *CLASSES])
def test_what_pytorch_reads_as_something_else_goes_by_name(name):
    """Its third or fourth positional argument is size_average: "sum" would be taken for true."""
    x, target = Tensor(np.ones((2, 3))), Tensor(np.ones((2, 3)))
    with pytest.raises(TypeError):
        (PAIRS | CLASSES)[name](x, target, "sum")
    with pytest.raises(TypeError):
        (PAIRS | CLASSES)[name](x, target, None, "sum")


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("name", PAIRS)
def test_integers_are_taken_as_float32(name, dtype):
    x, target = np.array([[1, 0, 1], [0, 0, 1]]), np.array([[0, 0, 1], [1, 0, 1]])
    expected = PAIRS[name](*(Tensor(a.astype(np.float32)) for a in (x, target)))
    actual = PAIRS[name](*(Tensor(a.astype(dtype)) for a in (x, target)))
    assert actual.dtype == np.float32
    assert actual.item() == expected.item()


def test_integers_in_every_other_form():
    x, target = Tensor(np.array([[3, 0, 200]], np.uint8)), Tensor(np.array([1]))
    logits = Tensor(x.data.astype(np.float32))
    for loss in (
        lambda x: ops.cross_entropy(x, target),
        lambda x: ops.cross_entropy(x, target, label_smoothing=0.5),
        lambda x: ops.cross_entropy(x, Tensor([[0.5, 0.5, 0.0]])),
        lambda x: ops.nll_loss(x, target, reduction="none"),
        lambda x: weighted_bce(x, Tensor([[1, 0, 0]])),
    ):
        assert loss(x).dtype == np.float32
        assert loss(x).tolist() == loss(logits).tolist()


@pytest.mark.parametrize("name", PAIRS)
def test_the_wider_of_two_dtypes_wins(name):
    x, target = np.array([[0.1, 0.7, 0.2]]), np.array([[0.3, 0.6, 0.9]], np.float32)
    leaf = Tensor(x, requires_grad=True)
    loss = PAIRS[name](leaf, Tensor(target))
    assert loss.dtype == np.float64
    assert loss.item() == PAIRS[name](Tensor(x), Tensor(target.astype(np.float64))).item()
    narrow = Tensor(x.astype(np.float32), requires_grad=True)
    PAIRS[name](narrow, Tensor(target.astype(np.float64))).backward()
    assert narrow.grad.dtype == np.float32


@pytest.mark.parametrize("loss", [*PAIRS.values(), weighted_bce])
def test_a_mean_over_the_batch(loss):
    rng = np.random.default_rng(0)
    x, target = (Tensor(rng.uniform(0.1, 0.9, (4, 3, 2))) for _ in range(2))
    total, mean = (loss(x, target, reduction=r).item() for r in ("sum", "batchmean"))
    assert mean == pytest.approx(total / 4)


@pytest.mark.parametrize("target", [[[0, 1], [2, 2], [1, 0], [0, 2]], "probabilities"])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": True}])
def test_a_mean_over_the_batch_of_classes(target, options):
    """It divides by N, not by the number of targets, nor by their weights."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(4, 3, 2)))
    target = Tensor(np.array(target) if isinstance(target, list) else rng.random((4, 3, 2)))
    options = options | ({"weight": Tensor([1.0, 2.0, 3.0])} if "weight" in options else {})
    total, mean = (
        ops.cross_entropy(x, target, reduction=r, **options).item() for r in ("sum", "batchmean")
    )
    assert mean == pytest.approx(total / 4)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_pass_or_several_give_the_same(backend, dtype):
    """A plain call is one operation; weights lead to the others, even if all are 1."""
    rng = np.random.default_rng(0)
    x, ones = rng.normal(size=(6, 4, 3)).astype(dtype), Tensor(np.ones(4, dtype))
    target = Tensor(rng.integers(0, 4, (6, 3)))
    with use_backend(backend):
        for ignored, reduction in product((-100, 1), ("mean", "sum", "batchmean")):
            one, several = (Tensor(x, requires_grad=True) for _ in range(2))
            options = {"ignore_index": ignored, "reduction": reduction}
            loss = ops.cross_entropy(one, target, **options)
            assert isinstance(loss.grad_fn, CrossEntropyLoss)
            composed = ops.cross_entropy(several, target, ones, **options)
            assert not isinstance(composed.grad_fn, CrossEntropyLoss)
            np.testing.assert_allclose(loss.data, composed.data, rtol=1e-5)
            (loss * 2).backward()
            (composed * 2).backward()
            np.testing.assert_allclose(one.grad.data, several.grad.data, rtol=1e-5, atol=1e-7)


def test_a_text_after_another_costs_no_copy():
    """Logits (N, L, K), as a linear layer gives them, lie as the kernel reads them."""
    logits = Tensor(np.random.default_rng(0).normal(size=(2, 3, 5)), requires_grad=True)
    target = Tensor(np.array([[1, 4, 0], [2, 0, 0]]))
    loss = ops.cross_entropy(logits.transpose(1, 2), target, ignore_index=0, reduction="batchmean")
    (slope,) = loss.grad_fn.saved  # (N, K, L)
    assert slope.transpose(0, 2, 1).flags.c_contiguous
    loss.backward()
    rows = ops.cross_entropy(logits.reshape(6, 5), target.reshape(6), reduction="none").data
    assert loss.item() == pytest.approx(rows[[0, 1, 3]].sum() / 2)
    assert not logits.grad.data[target.data == 0].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_class_numbers_of_any_integer_dtype(dtype):
    x, target = Tensor(np.random.default_rng(0).normal(size=(3, 4))), np.array([3, 0, 2])
    for options in ({}, {"ignore_index": 2}, {"label_smoothing": 0.3}):
        expected = ops.cross_entropy(x, Tensor(target), **options).item()
        assert ops.cross_entropy(x, Tensor(target.astype(dtype)), **options).item() == expected


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("name", CLASSES)
def test_what_is_ignored_counts_for_nothing_whatever_it_is(name, backend):
    x = Tensor(np.array([[0.1, 0.9], [-np.inf, np.nan]]), requires_grad=True)
    with use_backend(backend):
        loss = CLASSES[name](x, Tensor([1, 0]), ignore_index=0)
        loss.backward()
    share = 0.0 if name == "nll_loss" else 1 / (1 + np.exp(0.8))  # softmax(x)[0]
    assert loss.item() == pytest.approx(-0.9 if name == "nll_loss" else -np.log(1 - share))
    expected = [[0, -1], [0, 0]] if name == "nll_loss" else [[share, -share], [0, 0]]
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-6)


def test_a_mean_of_nothing_is_nan_but_moves_nothing():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    loss = ops.cross_entropy(x, Tensor([0, 0]), ignore_index=0)
    loss.backward()
    assert np.isnan(loss.item())
    assert not x.grad.data.any()


def test_targets_are_left_as_they_are():
    target = np.array([0, -1, 2])
    x, weight = Tensor(np.ones((3, 3)), requires_grad=True), Tensor(np.ones(3))
    ops.cross_entropy(x, Tensor(target), weight, ignore_index=-1, label_smoothing=0.1).backward()
    assert target.tolist() == [0, -1, 2]
    assert weight.data.tolist() == [1, 1, 1]


def test_weights_can_be_learned():
    """Where PyTorch refuses to differentiate by a weight, its gradient is the right one."""
    rng = np.random.default_rng(0)
    x, target = Tensor(rng.normal(size=(5, 3))), Tensor(np.array([0, 1, 2, 2, 0]))
    bits = Tensor(rng.integers(0, 2, (5, 3)))
    weight = rng.uniform(0.5, 2, 3)
    gradcheck(lambda w: ops.cross_entropy(x, target, w, label_smoothing=0.1), weight)
    gradcheck(
        lambda w, p: ops.binary_cross_entropy_with_logits(x, bits, w, pos_weight=p), weight, weight
    )


FORMS = {
    # name: a loss of (logits (4, 3), class numbers (4,), numbers from 0 to 1 (4, 3), weights (3,))
    "cross_entropy": lambda x, y, p, w: ops.cross_entropy(x, y),
    "cross_entropy, weighted": lambda x, y, p, w: ops.cross_entropy(
        x, y, w, ignore_index=1, label_smoothing=0.1
    ),
    "cross_entropy, all ignored": lambda x, y, p, w: ops.cross_entropy(x, y * 0, ignore_index=0),
    "cross_entropy of probabilities": lambda x, y, p, w: ops.cross_entropy(
        x, p, w, label_smoothing=0.1
    ),
    "nll_loss": lambda x, y, p, w: ops.nll_loss(x, y, w),
    "binary_cross_entropy": lambda x, y, p, w: ops.binary_cross_entropy(x.sigmoid(), p, w),
    "binary_cross_entropy_with_logits": lambda x, y, p, w: ops.binary_cross_entropy_with_logits(
        x, p, w, pos_weight=w
    ),
    "smooth_l1_loss": lambda x, y, p, w: ops.smooth_l1_loss(x, p, beta=0.5),
    "kl_div": lambda x, y, p, w: ops.kl_div(x, p),
}


def tensors(device):
    """Return what a form of a loss is called with."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(4, 3)).astype(np.float32), requires_grad=True, device=device)
    others = np.array([0, 1, 2, 1]), *(rng.random(n).astype(np.float32) for n in ((4, 3), 3))
    return x, *(Tensor(a, device=device) for a in others)


@pytest.mark.parametrize("name", FORMS)
def test_on_a_gpu(cupy, name):
    results = []
    for device in ("cpu", "cuda"):
        x, *others = tensors(device)
        loss = FORMS[name](x, *others)
        loss.backward()
        assert loss.device == x.grad.device == device
        results.append([loss.item(), x.grad.cpu().numpy()])
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-5)
    np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-4, atol=1e-6)


WITHOUT_CLASS_NUMBERS = [
    "cross_entropy of probabilities",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "smooth_l1_loss",
    "kl_div",
]


@pytest.mark.parametrize("name", WITHOUT_CLASS_NUMBERS)
def test_a_step_that_is_recorded_waits_for_nothing(monkeypatch, name):
    with fake_cupy.installed(monkeypatch):
        given = tensors("cuda")
        monkeypatch.setattr(fake_cupy, "capturing", [])  # a wait is an error from here on
        with np.errstate(all="ignore"):  # nothing is computed yet: all intermediate results are 0
            FORMS[name](*given).backward()
        assert fake_cupy.capturing


def test_probabilities_are_not_looked_at_on_a_gpu(cupy):
    """To be told of one out of range, the step would have to wait; its loss is nan."""
    x = Tensor([0.5, 1.5], device="cuda")
    with np.errstate(invalid="ignore"):
        loss = ops.binary_cross_entropy(x, Tensor([0.0, 1.0], device="cuda"))
    assert np.isnan(loss.item())


def test_no_gradient_is_computed_for_nothing():
    x = Tensor(np.ones((2, 2)), requires_grad=True)
    with no_grad():
        assert ops.cross_entropy(x, Tensor([0, 1]), label_smoothing=0.1).grad_fn is None
    assert isinstance(ops.binary_cross_entropy(x, x.detach()).grad_fn, BCELoss)
