"""Losses entry by entry: how far a prediction is from its target, and the slope of that.

`reduction` is "mean" over all entries, "sum", "batchmean" (the sum divided by the number of rows),
or "none" for a loss per entry. A loss computes its entries and their slopes; reducing them, and
scaling the slopes by dy, is the same for all (`_Loss`).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minae.kernels.arrays import device_of
from minae.op import Op
from minae.ops.checks import real
from minae.tensor import Tensor

REDUCTIONS = ("mean", "sum", "batchmean", "none")


def check_tensors(name: str, **arguments: Tensor) -> None:
    """Raise TypeError unless all arguments of the function `name` are tensors."""
    for argument, value in arguments.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: {argument} is a tensor, not {type(value).__name__}")


def check_reduction(reduction: str, name: str) -> None:
    """Raise ValueError unless `reduction` is one of REDUCTIONS."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction is one of {', '.join(REDUCTIONS)}, not {reduction!r}")


def scale(reduction: str, x: Any) -> float:
    """Return the factor on the sum over entries of x (N, ...); nan for a mean of none."""
    if reduction == "sum":
        return 1.0
    count = x.size if reduction == "mean" or not x.ndim else len(x)
    return 1 / count if count else math.nan


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Return losses (N, ...) as they are, for "none", or their sum, scaled."""
    return losses if reduction == "none" else losses.sum() * scale(reduction, losses.data)


def check_pair(name: str, x: Tensor, target: Tensor, reduction: str) -> None:
    """Raise TypeError or ValueError unless x and target are tensors of one shape."""
    if not (isinstance(x, Tensor) and isinstance(target, Tensor)):
        check_tensors(name, x=x, target=target)
    if x.data.shape != target.data.shape:
        raise ValueError(f"{name}: x has shape {x.shape}, but target {target.shape}")
    check_reduction(reduction, name)


def each_reduction(x: np.ndarray, target: np.ndarray) -> Iterator[tuple]:
    """Yield an example for every reduction."""
    for reduction in REDUCTIONS:
        yield x, target, {"reduction": reduction}


class _Loss(Op):
    """A loss per entry, reduced.

    A `kernel` of this name in the backend returns the reduced loss and its slopes with respect to x
    in one pass; it is used where nothing else is asked for.
    """

    floats = slice(None)
    kernel: str | None = None
    entries: Callable[..., Any]  # (x, target): the loss of every entry
    slopes: Callable[..., Any]  # its derivatives in x and in target (None if not need_dtarget)

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
            # dy is 1 if backward() starts here. Asking a GPU would mean waiting for it.
            starts_here = device_of(dx) == "cpu" and dy.item() == 1
            return dx if starts_here else dy * dx, None
        x, target, reduction, options = self.saved
        dy = dy if reduction == "none" else dy * scale(reduction, x)
        dx, dtarget = self.slopes(x, target, self.needs_input_grad[1], **options)
        return dy * dx, None if dtarget is None else dy * dtarget

    def examples(self, rng):
        yield from each_reduction(rng.normal(size=(3, 4)), rng.normal(size=(3, 4)))


class MSELoss(_Loss):
    """(x - t)²."""

    kernel = "mse"

    def entries(self, x, target):
        difference = x - target
        return difference * difference

    def slopes(self, x, target, need_dtarget):
        dx = 2 * (x - target)
        return dx, -dx if need_dtarget else None


def mse_loss(x: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the squared error (x - target)². Both have one shape, else ValueError."""
    check_pair("mse_loss", x, target, reduction)
    return MSELoss.apply(x, target, reduction=reduction)


class L1Loss(_Loss):
    """|x - t|; its slope at 0 is taken as 0."""

    def entries(self, x, target):
        return np.abs(x - target)

    def slopes(self, x, target, need_dtarget):
        dx = np.sign(x - target)
        return dx, -dx if need_dtarget else None


def l1_loss(x: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the absolute error |x - target|. Both have one shape, else ValueError."""
    check_pair("l1_loss", x, target, reduction)
    return L1Loss.apply(x, target, reduction=reduction)


class HuberLoss(_Loss):
    """½ d² up to |d| = δ and δ (|d| - ½ δ) beyond: a slope that never exceeds δ (Huber 1964)."""

    def entries(self, x, target, delta):
        distance = np.abs(x - target)
        inner = np.minimum(distance, delta)
        return inner * (distance - 0.5 * inner)

    def slopes(self, x, target, need_dtarget, delta):
        dx = np.clip(x - target, -delta, delta)
        return dx, -dx if need_dtarget else None

    def examples(self, rng):
        for *arrays, options in super().examples(rng):
            yield *arrays, {**options, "delta": 0.8}


def huber_loss(x: Tensor, target: Tensor, *, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Return the squared error ½ (x - target)² within delta of the target, linear beyond.

    Raises ValueError unless both have one shape and delta is positive.
    """
    check_pair("huber_loss", x, target, reduction)
    if not real(delta, "huber_loss: delta") > 0:
        raise ValueError(f"huber_loss: delta is a positive number, not {delta}")
    return HuberLoss.apply(x, target, reduction=reduction, delta=delta)


def smooth_l1_loss(
    x: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Return ½ (x - target)² / beta within beta of the target, |x - target| - ½ beta beyond.

    That is the Huber loss over beta: its slope never exceeds 1 (Girshick 2015, equation 3). With
    beta = 0 it is the absolute error. Raises ValueError unless both have one shape and beta >= 0.
    """
    check_pair("smooth_l1_loss", x, target, reduction)
    if not real(beta, "smooth_l1_loss: beta") >= 0:
        raise ValueError(f"smooth_l1_loss: beta is 0 or more, not {beta}")
    if beta == 0:
        return L1Loss.apply(x, target, reduction=reduction)
    return HuberLoss.apply(x, target, reduction=reduction, delta=beta) / beta


class KLDivLoss(_Loss):
    """t (log t - x), 0 at t = 0, and its slope in t, log t + 1 - x. With s = log t, e^s (s - x)."""

    def entries(self, x, target, log_target):
        if log_target:
            return np.exp(target) * (target - x)
        return target * (np.log(np.where(target == 0, 1, target)) - x)

    def slopes(self, x, target, need_dtarget, log_target):
        t = np.exp(target) if log_target else target
        if not need_dtarget:
            return -t, None
        if log_target:
            return -t, t * (target + 1 - x)
        with np.errstate(divide="ignore"):
            return -t, np.log(t) + 1 - x

    def examples(self, rng):
        for x, target, options in super().examples(rng):
            yield x, target, {**options, "log_target": True}
            yield x, np.exp(target), {**options, "log_target": False}


def kl_div(
    x: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Return target (log target - x): summed, the Kullback-Leibler divergence of x from target.

    x holds log-probabilities; target probabilities, or their logarithms if log_target, in the shape
    of x, else ValueError. "batchmean" is the divergence where a row is a distribution.
    """
    check_pair("kl_div", x, target, reduction)
    return KLDivLoss.apply(x, target, reduction=reduction, log_target=log_target)
