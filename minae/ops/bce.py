"""Binary cross-entropy: the negative log-likelihood of bits, from probabilities or logits."""

import numpy as np

from minae.kernels.shapes import broadcasts
from minae.ops.activations import softplus, stable_sigmoid
from minae.ops.arithmetic import in_floats
from minae.ops.losses import _Loss, check_pair, check_tensors, each_reduction, reduced
from minae.tensor import Tensor

LOG_FLOOR = -100.0  # PyTorch's: keeps the loss of a certain and wrong prediction finite


def _logs(p):
    """Return log p and log(1 - p)."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), LOG_FLOOR), np.maximum(np.log1p(-p), LOG_FLOOR)


class BCELoss(_Loss):
    """-(t log p + (1 - t) log(1 - p)), so its slope in p is (p - t) / (p (1 - p))."""

    def entries(self, x, target):
        log_x, log_not_x = _logs(x)
        return -(target * log_x + (1 - target) * log_not_x)

    def slopes(self, x, target, need_dtarget):
        dx = (x - target) / np.maximum(x * (1 - x), 1e-12)
        if not need_dtarget:
            return dx, None
        log_x, log_not_x = _logs(x)
        return dx, log_not_x - log_x

    def examples(self, rng):
        yield from each_reduction(rng.uniform(0.1, 0.9, size=(3, 4)), rng.random((3, 4)))


def binary_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Return -(t log p + (1 - t) log(1 - p)) for probabilities p = x and targets t in [0, 1].

    Prefer binary_cross_entropy_with_logits: near p = 0 and 1 this form has lost digits that the
    logits still have. `weight`, of each loss, broadcasts to the shape of x and target; a mean still
    divides by the number of losses.

    Raises ValueError if the shapes do not go together or, on the CPU, if x or target holds values
    outside [0, 1]; checking that on a GPU would mean waiting for it in every step.
    """
    name = "binary_cross_entropy"
    check_pair(name, x, target, reduction)
    for argument, p in (("x", x), ("target", target)):
        low, high = (p.data.min(), p.data.max()) if p.device == "cpu" and p.numel() else (0, 1)
        if low < 0 or high > 1:  # neither if an entry is nan: the loss will be, too
            raise ValueError(
                f"{name}: {argument} holds probabilities, from 0 to 1, but goes from {low:g} to"
                f" {high:g}"
            )
    if weight is None:
        return BCELoss.apply(x, target, reduction=reduction)
    _check_broadcasts(name, x, "weight", weight)
    return reduced(BCELoss.apply(x, target, reduction="none") * weight, reduction)


def _check_broadcasts(name: str, x: Tensor, argument: str, weight: Tensor) -> None:
    check_tensors(name, **{argument: weight})
    if not broadcasts(weight.shape, x.shape):
        raise ValueError(
            f"{name}: {argument} {weight.shape} does not broadcast to the shape of x {x.shape}"
        )


class BCEWithLogitsLoss(_Loss):
    """log(1 + e^x) - x t: BCE of sigmoid(x) without the sigmoid; its slope in x is σ(x) - t."""

    kernel = "bce_with_logits"

    def entries(self, x, target):
        # max(x, 0) - x t as one product, which is infinite and not nan at x = inf, t = 0
        return x * ((x > 0) - target) + np.log1p(np.exp(-np.abs(x)))

    def slopes(self, x, target, need_dtarget):
        return stable_sigmoid(x) - target, -x if need_dtarget else None

    def examples(self, rng):
        for x in (rng.normal(size=(3, 4)), np.array([-200.0, -5.0, 5.0, 200.0])):
            yield from each_reduction(x, rng.random(x.shape))


def binary_cross_entropy_with_logits(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the binary cross-entropy of sigmoid(x) with targets in [0, 1]; stable for any x.

    `weight` is as in binary_cross_entropy. `pos_weight`, of the part of the loss where target is 1,
    broadcasts to the shape of x: often (K,), a number for each of K labels, above 1 for rare ones.
    Raises ValueError if the shapes do not go together.
    """
    name = "binary_cross_entropy_with_logits"
    check_pair(name, x, target, reduction)
    if weight is None and pos_weight is None:
        return BCEWithLogitsLoss.apply(x, target, reduction=reduction)
    if pos_weight is None:
        losses = BCEWithLogitsLoss.apply(x, target, reduction="none")
    else:
        _check_broadcasts(name, x, "pos_weight", pos_weight)
        x = in_floats(x)
        losses = pos_weight * target * softplus(-x) + (1 - target) * softplus(x)
    if weight is not None:
        _check_broadcasts(name, x, "weight", weight)
        losses = losses * weight
    return reduced(losses, reduction)
