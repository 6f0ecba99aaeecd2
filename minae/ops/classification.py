"""Losses over classes: how little probability a prediction gives to the right one.

Predictions x are (K,) with a target (), (N, K) with a target (N,), or (N, K, ...) with a target
(N, ...), such as a class for every pixel: dimension 1 counts the classes. `reduction` is that of
`minae.ops.losses` over the targets; "batchmean" divides by N. A mean over class numbers divides by
Σ weight[target] over all targets that are not ignored, and is nan if that is 0.
"""

import math

import numpy as np

from minae.ops.arithmetic import in_floats, where
from minae.ops.checks import real
from minae.ops.indexing import Gather
from minae.ops.losses import _Loss, check_reduction, check_tensors, reduced, scale
from minae.ops.softmax import log_softmax
from minae.tensor import Tensor


class CrossEntropyLoss(_Loss):
    """-log softmax(x)[class]: its slope in x is softmax(x), minus 1 at the class.

    x (N, K, ...) and target (N, ...) of class numbers, `counted` of which are not ignored.
    """

    floats = slice(1)

    def forward(self, x, target, counted, ignore_index=-100, reduction="mean"):
        dim = 1 if x.ndim > 1 else 0
        last = np.moveaxis(x, dim, -1)  # (N, ..., K), which of most results copies nothing
        rows, classes = last.reshape(-1, last.shape[-1]), target.reshape(-1)
        if reduction == "mean":
            factor = 1 / counted if counted else math.nan
        else:
            factor = scale(reduction, target)
        loss, dx = self.kernels.cross_entropy(rows, classes, factor, ignore_index)
        self.save(np.moveaxis(dx.reshape(last.shape), -1, dim))
        return loss

    def examples(self, rng):
        target = np.array([0, 2, 1, 2])
        yield rng.normal(size=(4, 3)), target, {"counted": 4}
        options = {"counted": 2, "ignore_index": 2}
        yield rng.normal(size=(4, 3)), target, options
        yield rng.normal(size=(2, 3, 2)), target.reshape(2, 2), options | {"reduction": "batchmean"}
        yield rng.normal(size=3), np.array(1), {"counted": 1, "reduction": "sum"}


def cross_entropy(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of softmax(x) with the right classes.

    Args:
        x: logits (K,), (N, K) or (N, K, ...)
        target: class numbers (), (N,) or (N, ...), integers from 0 to K - 1; or the probability of
            each class, floats in the shape of x
        weight: of each class, (K,)
        ignore_index: the class number of targets that do not count
        reduction: see above. With probabilities, a mean divides by the number of targets, whatever
            their weights.
        label_smoothing: the share, from 0 to 1, of every target that is spread evenly over all
            classes (Szegedy et al. 2016, section 7)

    Raises TypeError if x, target or weight is not a tensor; ValueError if the shapes do not go
    together, a class number or label_smoothing is out of range, or ignore_index is given with
    probabilities.
    """
    name, dim = "cross_entropy", _dim(x)
    _check(name, x, target, weight, reduction)
    if not 0 <= real(label_smoothing, f"{name}: label_smoothing") <= 1:
        raise ValueError(f"{name}: label_smoothing is a number from 0 to 1, not {label_smoothing}")
    if target.data.shape == x.data.shape:
        if not target.is_floating_point():
            raise ValueError(
                f"{name}: a target in the shape of x {x.shape} holds probabilities, floats, not"
                f" {target.dtype}; class numbers have no dimension for the classes"
            )
        if ignore_index >= 0:
            raise ValueError(f"{name}: ignore_index goes with class numbers, not probabilities")
        if label_smoothing:
            target = target * (1 - label_smoothing) + label_smoothing / x.shape[dim]
        log_p = _weighted(log_softmax(x, dim), weight)  # (N, K, ...)
        return reduced(-(log_p * target).sum(dim), reduction)
    counted = _count_classes(name, x, target, ignore_index)
    if weight is None and not label_smoothing and reduction != "none":
        options = {"counted": counted, "ignore_index": ignore_index, "reduction": reduction}
        return CrossEntropyLoss.apply(x, target, **options)
    log_p = log_softmax(x, dim)
    return _of_classes(log_p, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return -x at the right classes: cross-entropy, if x = log_softmax(logits).

    Arguments and errors are as in cross_entropy, with log-probabilities x and class numbers only.
    """
    _check("nll_loss", x, target, weight, reduction)
    _count_classes("nll_loss", x, target, ignore_index)
    return _of_classes(in_floats(x), target, weight, ignore_index, reduction)


def _of_classes(
    log_p: Tensor, target: Tensor, weight, ignore_index, reduction, label_smoothing=0.0
) -> Tensor:
    dim = _dim(log_p)
    numbers = target.data.astype(np.int64, copy=False)
    kept = numbers != ignore_index  # (N, ...)
    classes = Tensor(np.where(kept, numbers, 0))  # any class will do where the target is ignored
    weighted = _weighted(log_p, weight)  # (N, K, ...)
    # the op and not `gather`, which would check the range again
    losses = -Gather.apply(weighted, classes.unsqueeze(dim), dim=dim).squeeze(dim)  # (N, ...)
    if label_smoothing:
        even = -weighted.sum(dim) / log_p.shape[dim]
        losses = (1 - label_smoothing) * losses + label_smoothing * even
    losses = where(kept, losses, 0)
    if reduction != "mean":
        return reduced(losses, reduction)
    if weight is None:
        total = Tensor(kept.astype(losses.dtype)).sum()
    else:
        own = Gather.apply(weight, classes.reshape(-1), dim=0).reshape(classes.shape)
        total = where(kept, own, 0).sum()
    return losses.sum() / where(total.data == 0, math.nan, total)


def _weighted(log_p: Tensor, weight: Tensor | None) -> Tensor:
    """Return log_p (N, K, ...) times the weight (K,) of each class."""
    if weight is None:
        return log_p
    return log_p * weight.reshape(-1, *[1] * (log_p.ndim - 1 - _dim(log_p)))


def _dim(x: Tensor) -> int:
    return 1 if x.ndim > 1 else 0  # the one that counts the classes


def _check(name: str, x: Tensor, target: Tensor, weight: Tensor | None, reduction: str) -> None:
    check_tensors(name, x=x, target=target)
    check_reduction(reduction, name)
    classes = x.shape[_dim(x) :][:1]
    if classes in ((), (0,)):
        raise ValueError(f"{name}: x {x.shape} has no classes: it is (N, K, ...) or (K,)")
    if weight is not None:
        check_tensors(name, weight=weight)
        if weight.shape != classes:
            raise ValueError(f"{name}: weight {weight.shape} is not {classes}, as x is {x.shape}")


def _count_classes(name: str, x: Tensor, target: Tensor, ignore_index: int) -> int:
    """Return how many targets are not ignored. Raises ValueError unless they are class numbers.

    This waits for a GPU: its kernels would write to wherever a wrong number points.
    """
    dim, numbers = _dim(x), target.data
    K, shape = x.shape[dim], x.shape[:dim] + x.shape[dim + 1 :]
    if target.shape != shape:
        raise ValueError(
            f"{name}: x {x.shape} takes a target {shape} of class numbers, not one of shape"
            f" {target.shape}"
        )
    if numbers.dtype.kind not in "iu":
        raise ValueError(f"{name}: target holds class numbers, integers, not {target.dtype}")
    if _within(numbers, K):
        ignored = (numbers == ignore_index).sum().item() if 0 <= ignore_index < K else 0
        return numbers.size - ignored
    counted = numbers[numbers != ignore_index]
    if not _within(counted, K):
        raise ValueError(
            f"{name}: classes {counted.min()} to {counted.max()} in target, but x {x.shape} has"
            f" {K}, from 0 to {K - 1}"
        )
    return counted.size


def _within(numbers, K: int) -> bool:
    return not numbers.size or 0 <= numbers.min() <= numbers.max() < K
