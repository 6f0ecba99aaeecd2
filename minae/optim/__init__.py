"""Optimisers, learning rate schedules and gradient clipping, with PyTorch's names."""

from minae.optim.groups import decay_groups
from minae.optim.optimizers import SGD, Adam, AdamW, Optimizer, clip_grad_norm_
from minae.optim.schedules import CosineAnnealingLR, LinearLR, Schedule, StepLR

__all__ = [
    "SGD", "Adam", "AdamW", "CosineAnnealingLR", "LinearLR", "Optimizer", "Schedule", "StepLR",
    "clip_grad_norm_", "decay_groups",
]  # fmt: skip
