"""Learning rates that change as training goes on. Formulas and defaults are PyTorch's."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from minae.optim.optimizers import Optimizer, check_at_least_0, is_number

T = TypeVar("T")


class Schedule:
    """Base: sets the learning rate of each group from the number of calls of step()."""

    lr_at: Callable[[int, float], float]  # (steps, base rate): the learning rate after so many

    def __init__(self, optimizer: Optimizer):
        self.optimizer, self.count = optimizer, 0
        self.base_lrs: list[float] = [group["lr"] for group in optimizer.param_groups]

    def step(self) -> None:
        """Move on by one, an epoch or a batch, as the caller counts."""
        self.count += 1
        self.set_rates()

    def set_rates(self) -> None:
        """Give each group of the optimiser its learning rate."""
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.lr_at(self.count, base_lr)

    def state_dict(self) -> dict[str, float]:
        """Return what the next step depends on, beside the constructor's arguments."""
        return {"count": self.count, **dict(zip(self._names(), self.base_lrs, strict=True))}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take over what state_dict returned; ValueError if one of its numbers is below 0."""
        check_at_least_0(**state)
        self.count, self.base_lrs = int(state["count"]), [state[name] for name in self._names()]
        self.set_rates()

    def _names(self) -> list[str]:
        """Return the names of the groups' base rates in a state."""
        return ["base_lr", *(f"base_lr.{i}" for i in range(1, len(self.base_lrs)))]


class LinearLR(Schedule):
    """From start_factor times the base rate to end_factor times it, over total_iters steps.

    Stepped after each batch, it warms up: at first gradients are large and a running mean of their
    squares is that of a few steps, so that full steps would lead astray (Goyal et al. 2017). `fit`
    does so by itself if told `warmup`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ):
        super().__init__(optimizer)
        _check_steps(total_iters=total_iters)
        if not is_number(start_factor) or not 0 < start_factor <= 1:
            raise ValueError(f"start_factor is a number above 0, up to 1, not {start_factor!r}")
        if not is_number(end_factor) or not 0 <= end_factor <= 1:
            raise ValueError(f"end_factor is a number from 0 to 1, not {end_factor!r}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        self.set_rates()

    def lr_at(self, count: int, base_lr: float) -> float:
        """Return the learning rate after `count` steps; from total_iters on it stays."""
        share = min(count / self.total_iters, 1.0)
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


class CosineAnnealingLR(Schedule):
    """From the base rate down to eta_min along half a cosine, over T_max steps."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        super().__init__(optimizer)
        _check_steps(T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min

    def lr_at(self, count: int, base_lr: float) -> float:
        """Return the learning rate after `count` steps; eta_min from T_max on."""
        share = 0.5 * (1 + math.cos(math.pi * min(count / self.T_max, 1.0)))
        return self.eta_min + (base_lr - self.eta_min) * share


class StepLR(Schedule):
    """The rate times gamma after every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        super().__init__(optimizer)
        _check_steps(step_size=step_size)
        self.step_size, self.gamma = step_size, gamma

    def lr_at(self, count: int, base_lr: float) -> float:
        """Return the learning rate after `count` steps."""
        return base_lr * self.gamma ** (count // self.step_size)


def warmed_up(batches: Iterable[T], optimizer: Optimizer, steps: int, taken: int) -> Iterator[T]:
    """Yield batches, each with the learning rates of its step set: a linear warm-up over `steps`.

    So many steps were `taken` before. Step k of the warm-up has k / steps of the rates that the
    optimiser has now, and has again afterwards.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    for number, batch in enumerate(batches, taken + 1):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * number / steps if number < steps else rate
        yield batch
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def _check_steps(**numbers: float) -> None:
    for name, number in numbers.items():
        if not is_number(number) or not number > 0:
            raise ValueError(f"{name} is a number of steps above 0, not {number!r}")
