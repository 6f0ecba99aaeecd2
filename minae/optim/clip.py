"""Gradient clipping."""

import math
from collections.abc import Iterable

import numpy as np

from minae.optim.checks import check_at_least_0
from minae.tensor import Tensor


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients down together so that their joint 2-norm is at most max_norm.

    Args:
        parameters: tensors, or one.
        max_norm: at least 0, else ValueError.

    Returns:
        The norm before.
    """
    check_at_least_0(max_norm=max_norm)
    parameters = (parameters,) if isinstance(parameters, Tensor) else parameters
    gradients = [p.grad.data for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if norm > max_norm:
        for gradient in gradients:
            gradient *= max_norm / (norm + 1e-6)
    return norm
