"""Losses: how far a prediction is from its target, and the slope of that.

`reduction` is "mean" over all entries, "sum", "batchmean" (the sum over the number of rows), or
"none" for a loss per entry. Each loss computes its entries and their slopes; reducing, and scaling
the slopes by dy, is the same for all (`_Loss`).
"""

import math

import numpy as np

from minae.autograd import Op
from minae.kernels.arrays import device_of
from minae.ops.activations import stable_sigmoid
from minae.ops.arithmetic import operands
from minae.ops.softmax import log_softmax_array
from minae.tensor import Tensor

REDUCTIONS = ("mean", "sum", "batchmean", "none")


def scale(reduction: str, x) -> float:
    """Return what the sum over entries of x (N, ...) is multiplied by; nan for a mean of none."""
    if reduction == "sum":
        return 1.0
    count = x.size if reduction == "mean" or not x.ndim else len(x)
    return 1 / count if count else math.nan


class _Loss(Op):
    """A loss per entry, reduced. Subclasses say `entries` and `slopes`.

    A `kernel` gives a total and its slopes by x in one pass, where both are all that is asked for.
    """

    kernel: str | None = None  # of this name, in the backend

    def forward(self, x, target, reduction="mean", **options):
        if self.kernel and reduction != "none" and not self.needs_input_grad[1]:
            loss, dx = getattr(self.kernels, self.kernel)(x, target, scale(reduction, x))
            self.save(dx)
            return loss
        self.save(x, target, reduction, options)
        losses = self.entries(x, target, **options)
        return losses if reduction == "none" else losses.sum() * scale(reduction, x)

    def backward(self, dy):
        if len(self.saved) == 1:
            (dx,) = self.saved
            # It is 1 where backward() starts here. To ask a GPU would be to wait for it.
            starts_here = device_of(dx) == "cpu" and dy.item() == 1
            return dx if starts_here else dy * dx, None
        x, target, reduction, options = self.saved
        dy = dy if reduction == "none" else dy * scale(reduction, x)
        dx, dtarget = self.slopes(x, target, *self.needs_input_grad, **options)
        return None if dx is None else dy * dx, None if dtarget is None else dy * dtarget

    def entries(self, x, target):
        """Return the loss of every entry."""
        raise NotImplementedError

    def slopes(self, x, target, need_dx, need_dtarget):
        """Return the derivative of every entry by x and by target, None where not needed."""
        raise NotImplementedError

    @staticmethod
    def examples(rng):
        x, target = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
        for reduction in REDUCTIONS:
            yield x, target, {"reduction": reduction}


def _apply(loss: type[_Loss], x: Tensor, target: Tensor, reduction: str, **options) -> Tensor:
    if x.data.shape != target.data.shape:
        raise ValueError(f"{loss.__name__}: x has shape {x.shape}, but target {target.shape}")
    check_reduction(reduction)
    return loss.apply(*operands(x, target), reduction=reduction, **options)


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless `reduction` is one of REDUCTIONS."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is one of {', '.join(REDUCTIONS)}, not {reduction!r}")


class MSELoss(_Loss):
    """(x - t)²."""

    kernel = "mse"

    def entries(self, x, target):
        difference = x - target
        return difference * difference

    def slopes(self, x, target, need_dx, need_dtarget):
        dx = 2 * (x - target)
        return dx, -dx if need_dtarget else None


def mse_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the squared error (x - target)². Both have one shape, else ValueError."""
    return _apply(MSELoss, x, target, reduction)


class L1Loss(_Loss):
    """|x - t|; its slope at 0 is taken as 0."""

    def entries(self, x, target):
        return np.abs(x - target)

    def slopes(self, x, target, need_dx, need_dtarget):
        dx = np.sign(x - target)
        return dx, -dx if need_dtarget else None


def l1_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the absolute error |x - target|. Both have one shape, else ValueError."""
    return _apply(L1Loss, x, target, reduction)


class HuberLoss(_Loss):
    """½ d² up to |d| = δ and δ (|d| - ½ δ) beyond: a slope that never exceeds δ (Huber 1964)."""

    def entries(self, x, target, delta):
        distance = np.abs(x - target)
        inner = np.minimum(distance, delta)
        return inner * (distance - 0.5 * inner)

    def slopes(self, x, target, need_dx, need_dtarget, delta):
        dx = np.clip(x - target, -delta, delta)
        return dx, -dx if need_dtarget else None

    @staticmethod
    def examples(rng):
        for *arrays, options in _Loss.examples(rng):
            yield *arrays, {**options, "delta": 0.8}


def huber_loss(x: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Return the squared error ½ (x - target)² within delta of the target, linear beyond."""
    return _apply(HuberLoss, x, target, reduction, delta=delta)


LOG_FLOOR = -100.0  # PyTorch's: keeps the loss of a certain and wrong prediction finite


class BCELoss(_Loss):
    """-(t log p + (1 - t) log(1 - p)), so its slope by p is (p - t) / (p (1 - p))."""

    def entries(self, x, target):
        with np.errstate(divide="ignore"):
            log_x = np.maximum(np.log(x), LOG_FLOOR)
            log_not_x = np.maximum(np.log1p(-x), LOG_FLOOR)
        return -(target * log_x + (1 - target) * log_not_x)

    def slopes(self, x, target, need_dx, need_dtarget):
        dx = (x - target) / np.maximum(x * (1 - x), 1e-12)
        dtarget = None
        if need_dtarget:
            with np.errstate(divide="ignore"):
                dtarget = np.maximum(np.log1p(-x), LOG_FLOOR) - np.maximum(np.log(x), LOG_FLOOR)
        return dx, dtarget

    @staticmethod
    def examples(rng):
        x, target = rng.uniform(0.1, 0.9, size=(3, 4)), rng.random((3, 4))
        for reduction in REDUCTIONS:
            yield x, target, {"reduction": reduction}


def binary_cross_entropy(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return -(t log p + (1 - t) log(1 - p)) for probabilities p = x and targets t in [0, 1].

    Prefer binary_cross_entropy_with_logits: near p = 0 and 1 this form has lost the digits that the
    logits still have.
    """
    return _apply(BCELoss, x, target, reduction)


class BCEWithLogitsLoss(_Loss):
    """log(1 + e^x) - x t: BCE of sigmoid(x) without forming the sigmoid; the slope is σ(x) - t."""

    kernel = "bce_with_logits"

    def entries(self, x, target):
        # summed from the left, so that x - x leaves the small logarithm its digits
        return np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))

    def slopes(self, x, target, need_dx, need_dtarget):
        return stable_sigmoid(x) - target, -x if need_dtarget else None

    @staticmethod
    def examples(rng):
        for x in (rng.normal(size=(3, 4)), np.array([-200.0, -5.0, 5.0, 200.0])):
            for reduction in REDUCTIONS:
                yield x, rng.random(x.shape), {"reduction": reduction}


def binary_cross_entropy_with_logits(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the binary cross-entropy of sigmoid(x) with targets in [0, 1]; stable for any x."""
    return _apply(BCEWithLogitsLoss, x, target, reduction)


class CrossEntropyLoss(Op):
    """-log softmax(x)[class], so the slope by x is softmax(x), minus 1 at the class.

    x (N, K), target (N,) of class numbers
    """

    def forward(self, x, target, reduction="mean"):
        if reduction != "none":
            loss, dx = self.kernels.cross_entropy(x, target, scale(reduction, target))
            self.save(dx)
            return loss
        log_p = log_softmax_array(x, 1)  # (N, K)
        rows = np.arange(len(x), like=x)
        dx = np.exp(log_p)
        dx[rows, target] -= 1
        self.save(dx)
        return -log_p[rows, target]  # (N,)

    def backward(self, dy):
        (dx,) = self.saved
        return (dy[:, None] if dy.ndim else dy) * dx, None

    @staticmethod
    def examples(rng):
        for reduction in REDUCTIONS:
            yield rng.normal(size=(4, 3)), np.array([0, 2, 1, 2]), {"reduction": reduction}


def cross_entropy(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the cross-entropy of softmax(x) with the right classes.

    Args:
        x: logits (N, K)
        target: class numbers (N,), integers from 0 to K - 1
        reduction: over the N rows.

    Raises:
        ValueError: the shapes do not go together, or a class number is out of range.
    """
    check_reduction(reduction)
    if x.ndim != 2 or target.shape != x.shape[:1]:
        raise ValueError(
            f"cross_entropy: x {x.shape} is not (N, K) for a target (N,) = {target.shape}"
        )
    if target.is_floating_point():
        raise ValueError(f"cross_entropy: target holds class numbers, integers, not {target.dtype}")
    if target.numel() and not 0 <= target.data.min() <= target.data.max() < x.shape[1]:
        raise ValueError(
            f"cross_entropy: classes {target.data.min()} to {target.data.max()} for x {x.shape}"
        )
    return CrossEntropyLoss.apply(x, target, reduction=reduction)
