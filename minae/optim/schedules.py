"""Learning rates that change as training goes on. Formulas and defaults are PyTorch's."""

import math
from collections.abc import Callable

from minae.optim.optimizers import Optimizer, check_at_least_0, is_number


class Schedule:
    """Base: sets the optimiser's lr from the number of times that step() was called."""

    lr_at: Callable[[int], float]  # the learning rate after so many steps

    def __init__(self, optimizer: Optimizer):
        self.optimizer, self.base_lr = optimizer, optimizer.lr
        self.count = 0

    def step(self) -> None:
        """Move on by one, an epoch or a batch, as the caller counts."""
        self.count += 1
        self.optimizer.lr = self.lr_at(self.count)

    def state_dict(self) -> dict[str, float]:
        """Return what the next step depends on, beside the constructor's arguments."""
        return {"count": self.count, "base_lr": self.base_lr}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take over what state_dict returned; ValueError if one of its numbers is below 0."""
        check_at_least_0(**state)
        self.count, self.base_lr = int(state["count"]), state["base_lr"]


class CosineAnnealingLR(Schedule):
    """From the base rate down to eta_min along half a cosine, over T_max steps."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        super().__init__(optimizer)
        _check_steps(T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min

    def lr_at(self, count: int) -> float:
        """Return the learning rate after `count` steps; eta_min from T_max on."""
        share = 0.5 * (1 + math.cos(math.pi * min(count / self.T_max, 1.0)))
        return self.eta_min + (self.base_lr - self.eta_min) * share


class StepLR(Schedule):
    """The rate times gamma after every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        super().__init__(optimizer)
        _check_steps(step_size=step_size)
        self.step_size, self.gamma = step_size, gamma

    def lr_at(self, count: int) -> float:
        """Return the learning rate after `count` steps."""
        return self.base_lr * self.gamma ** (count // self.step_size)


def _check_steps(**numbers: float) -> None:
    for name, number in numbers.items():
        if not is_number(number) or not number > 0:
            raise ValueError(f"{name} is a number of steps above 0, not {number!r}")
