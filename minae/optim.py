"""Optimisers: from gradients to better parameters. Formulas and defaults are PyTorch's.

All of them write into the parameters' arrays, never replace them.
"""

import math
from collections.abc import Iterable

import numpy as np

from minae.tensor import Tensor


class Optimizer:
    """Base: holds the parameters, the learning rate, and one state array a name and parameter."""

    state_names: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float):
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("the optimizer was given no parameters")
        if lr < 0:
            raise ValueError(f"the learning rate is at least 0, not {lr}")
        self.lr = lr
        self.steps = np.zeros(len(self.parameters), np.int64)  # one may get gradients later
        self.state = {
            f"{i}.{name}": np.zeros_like(p.data)
            for i, p in enumerate(self.parameters)
            for name in self.state_names
        }

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                self.steps[i] += 1
                states = [self.state[f"{i}.{name}"] for name in self.state_names]
                self.update(parameter.data, parameter.grad.data, int(self.steps[i]), *states)
                parameter.version += 1

    def update(self, x, dx, step: int, *states) -> None:
        """Change one parameter's array x, and its states, in place; its first step is step 1."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on, as arrays by name."""
        return {"lr": np.array(self.lr), "steps": self.steps, **self.state}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over what state_dict returned.

        Raises:
            ValueError: it comes from another optimiser or other parameters.
        """
        if state.keys() != self.state_dict().keys():
            raise ValueError(f"the state is not that of {type(self).__name__} on these parameters")
        own = self.state_dict()
        for name, value in own.items():
            if (shape := np.shape(state[name])) != value.shape:
                raise ValueError(f"the state {name} has shape {shape}, here it is {value.shape}")
        self.lr = float(state["lr"])
        for name, value in own.items():
            value[...] = state[name]


class SGD(Optimizer):
    """Stochastic gradient descent, x -= lr · v with the velocity v = momentum · v + dx.

    Without momentum v is dx. With nesterov, x moves by dx + momentum · v, the gradient plus where
    the velocity will go next (Sutskever et al. 2013). weight_decay · x is added to dx first.
    """

    state_names = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov
        super().__init__(parameters, lr)

    def update(self, x, dx, step, velocity) -> None:
        """Take one step."""
        if self.weight_decay:
            dx = dx + self.weight_decay * x
        if self.momentum:
            velocity *= self.momentum
            velocity += dx
            dx = dx + self.momentum * velocity if self.nesterov else velocity
        x -= self.lr * dx


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): steps of about lr along each coordinate, whatever its scale.

    m and v are running means of dx and dx². Both start at 0 and so are too small at first, by the
    factors 1 - β₁ᵗ and 1 - β₂ᵗ after t steps, which the step divides out:

        x -= lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)

    weight_decay · x is added to dx first.
    """

    state_names = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        super().__init__(parameters, lr)
        self._scratch = np.empty_like(max((p.data for p in self.parameters), key=np.size)).ravel()

    def update(self, x, dx, step, exp_avg, exp_avg_sq) -> None:
        """Take one step. A scratch array holds what lies between, so that nothing is allocated."""
        beta1, beta2 = self.betas
        scratch = self._scratch[: x.size].reshape(x.shape)
        if scratch.dtype != x.dtype:
            scratch = np.empty_like(x)
        dx = self.decay(x, dx)
        exp_avg *= beta1
        exp_avg += np.multiply(dx, 1 - beta1, out=scratch)
        exp_avg_sq *= beta2
        np.multiply(dx, dx, out=scratch)
        exp_avg_sq += np.multiply(scratch, 1 - beta2, out=scratch)
        np.sqrt(exp_avg_sq, out=scratch)
        scratch /= math.sqrt(1 - beta2**step)
        scratch += self.eps
        np.divide(exp_avg, scratch, out=scratch)
        x -= np.multiply(scratch, self.lr / (1 - beta1**step), out=scratch)

    def decay(self, x, dx):
        """Apply weight decay: here through the gradient."""
        return dx + self.weight_decay * x if self.weight_decay else dx


class AdamW(Adam):
    """Adam with weights that shrink by lr · weight_decay beside the step, not through the gradient.

    So the decay is the same for every coordinate (Loshchilov & Hutter 2019).
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decay(self, x, dx):
        """Apply weight decay: here to the weights themselves."""
        x *= 1 - self.lr * self.weight_decay
        return dx


class Schedule:
    """Base: sets the optimiser's lr from the number of times that step() was called."""

    def __init__(self, optimizer: Optimizer):
        self.optimizer, self.base_lr = optimizer, optimizer.lr
        self.count = 0

    def step(self) -> None:
        """Move on by one, an epoch or a batch, as the caller counts."""
        self.count += 1
        self.optimizer.lr = self.lr_at(self.count)

    def lr_at(self, count: int) -> float:
        """Return the learning rate after `count` steps."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, float]:
        """Return what the next step depends on, beside the constructor's arguments."""
        return {"count": self.count, "base_lr": self.base_lr}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take over what state_dict returned."""
        self.count, self.base_lr = state["count"], state["base_lr"]


class CosineAnnealingLR(Schedule):
    """From the base rate down to eta_min along half a cosine, over T_max steps."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        super().__init__(optimizer)
        self.T_max, self.eta_min = T_max, eta_min

    def lr_at(self, count: int) -> float:
        """Return the learning rate after `count` steps; eta_min from T_max on."""
        share = 0.5 * (1 + math.cos(math.pi * min(count / self.T_max, 1.0)))
        return self.eta_min + (self.base_lr - self.eta_min) * share


class StepLR(Schedule):
    """The rate times gamma after every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        super().__init__(optimizer)
        self.step_size, self.gamma = step_size, gamma

    def lr_at(self, count: int) -> float:
        """Return the learning rate after `count` steps."""
        return self.base_lr * self.gamma ** (count // self.step_size)


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients down together so that their joint 2-norm is at most max_norm.

    Returns:
        The norm before.
    """
    gradients = [p.grad.data for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if norm > max_norm:
        for gradient in gradients:
            gradient *= max_norm / (norm + 1e-6)
    return norm
