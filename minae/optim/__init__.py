"""Optimisers, learning rate schedules and gradient clipping, with PyTorch's names."""

from minae.optim.optimizers import SGD, Adam, AdamW, Optimizer, clip_grad_norm_
from minae.optim.schedules import CosineAnnealingLR, Schedule, StepLR

__all__ = [
    "SGD", "Adam", "AdamW", "CosineAnnealingLR", "Optimizer", "Schedule", "StepLR",
    "clip_grad_norm_",
]  # fmt: skip
