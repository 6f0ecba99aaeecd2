"""Optimisers: from gradients to better parameters. Formulas and defaults are PyTorch's.

An optimiser moves its parameters, their gradients and its own state into flat vectors, one for each
type, of which the tensors are views. So a step is one pass over memory, whatever the number of
parameters, and backward writes gradients where the step will read them.
"""

import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np

from minae import kernels
from minae.kernels import arrays
from minae.kernels.arrays import Array
from minae.optim.flat import Flat
from minae.optim.groups import Parameters, groups_of, options_of
from minae.tensor import Tensor
from minae.versions import clock


def is_number(value: Any) -> bool:
    """Return whether a value is a real number and no bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_at_least_0(**numbers: float) -> None:
    """Raise ValueError unless all are numbers of at least 0."""
    for name, number in numbers.items():
        if not is_number(number) or not number >= 0:
            raise ValueError(f"{name} is a number of at least 0, not {number!r}")


class Optimizer:
    """Base: holds the parameters, the options, and one state array a name and parameter.

    Parameters that need options of their own come in groups, such as [{"params": weights,
    "weight_decay": 0.1}, {"params": biases}]; what a group does not say is as for all.
    `param_groups` are such dicts with all options, which may change from step to step.

    From then on the parameters' arrays are views of one vector, or of one for each group: `.data`
    and `state_dict()` that were taken before show the values of before.
    """

    state_names: tuple[str, ...] = ()
    #: check(**options) raises ValueError if they are not allowed
    check: Callable[..., None]
    #: update(x, dx, step, *states, **options) changes x (P,) and its states in place; the first
    #: step is step 1
    update: Callable[..., None]

    def __init__(self, parameters: Parameters, **options: Any):
        self.param_groups = [
            options | group for group in groups_of(parameters, type(self).__name__)
        ]
        self.parameters: list[Tensor] = []
        for group in self.param_groups:
            if unknown := group.keys() - {"params", *options}:
                raise TypeError(f"{type(self).__name__} has no option {min(unknown)!r} of a group")
            self.check(**options_of(group))
            self.parameters += group["params"]
        if not self.parameters:
            raise ValueError("the optimizer was given no parameters")
        if not all(p.is_leaf for p in self.parameters):
            raise ValueError("the optimizer was given a result: only leaves are learned")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError("the optimizer was given one parameter twice")
        self.steps = [0] * len(self.parameters)  # one may get gradients later
        if len({p.device for p in self.parameters}) > 1:
            raise ValueError("parameters are on cpu and on cuda: move the model to one of them")
        self.flats: list[Flat] = []
        self.state: dict[str, Array] = {}
        first = 0
        for group in self.param_groups:
            self._lay_out(group, first)
            first += len(group["params"])

    def _lay_out(self, group: dict[str, Any], first: int) -> None:
        """Put a group's parameters side by side, those of a type; the first has this number."""
        numbered = dict(enumerate(group["params"], first))
        for dtype in dict.fromkeys(p.dtype for p in group["params"]):
            numbers = [i for i, p in numbered.items() if p.dtype == dtype]
            flat = Flat([numbered[i] for i in numbers], numbers, self.state_names, group)
            self.flats.append(flat)
            for name, array in flat.state.items():
                self.state |= {f"{i}.{name}": flat.part(array, n) for n, i in enumerate(numbers)}

    @property
    def lr(self) -> float:
        """The learning rate; if groups have several, that of the first. Setting it sets all."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, lr: float) -> None:
        for group in self.param_groups:
            group["lr"] = lr

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, number: Array | None = None) -> None:
        """Update every parameter that has a gradient.

        A captured step, always the same, reads its `number`, one int32, from the GPU; others count.
        """
        for flat in self.flats:
            flat.collect()
        self.count_step()
        for flat in self.flats:
            for step, x, dx, *states in flat.updates(self.steps):
                step = step if number is None else number
                self.update(x, dx, step, *states, **options_of(flat.group))

    def count_step(self) -> None:
        """Count a step of every parameter that has a gradient, for it changes."""
        now = clock.last_write = clock.tick()
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                self.steps[i] += 1
                p.version.time = now

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on, as arrays by name."""
        rates = np.array([group["lr"] for group in self.param_groups])
        lr = rates if len(rates) > 1 else rates[0, ...]
        return {"lr": lr, "steps": np.array(self.steps, np.int64), **self.state}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over what state_dict returned.

        Raises ValueError if it is not of such an optimiser, or its lr or steps are below 0.
        """
        own = self.state_dict()
        if state.keys() != own.keys():
            raise ValueError(f"the state is not that of {type(self).__name__} on these parameters")
        for name, value in own.items():
            if (shape := np.shape(state[name])) != value.shape:
                raise ValueError(f"the state {name} has shape {shape}, here it is {value.shape}")
        if not all((np.asarray(state[name]) >= 0).all() for name in ("lr", "steps")):
            raise ValueError("the state's lr and steps are numbers of at least 0")
        for group, lr in zip(self.param_groups, np.ravel(state["lr"]).tolist(), strict=True):
            group["lr"] = lr
        self.steps = np.asarray(state["steps"]).tolist()
        for name, value in self.state.items():
            value[...] = arrays.beside(state[name], value)


class SGD(Optimizer):
    """Stochastic gradient descent, x -= lr · v with the velocity v = momentum · v + dx.

    Without momentum v is dx. With nesterov, x moves by dx + momentum · v, the gradient plus where
    the velocity will go next (Sutskever et al. 2013). weight_decay · x is added to dx first.
    """

    state_names = ("velocity",)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        options = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(parameters, **options, nesterov=nesterov)

    @staticmethod
    def check(lr: float, momentum: float, weight_decay: float, nesterov: bool) -> None:
        """Raise ValueError unless a group may have these options."""
        check_at_least_0(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")

    def update(self, x: Array, dx: Array, step: Any, velocity: Array, **options: Any) -> None:
        """Take one step."""
        kernels.backend_of(x).sgd(x, dx, velocity, **options)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): steps of about lr along each coordinate, whatever its scale.

    m and v are running means of dx and dx². Both start at 0 and so are too small at first, by the
    factors 1 - β₁ᵗ and 1 - β₂ᵗ after t steps, which the step divides out:

        x -= lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)

    weight_decay · x is added to dx first.
    """

    state_names = ("exp_avg", "exp_avg_sq")
    decoupled = False  # weight decay goes through the gradient

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, **options)

    @staticmethod
    def check(lr: float, betas: tuple[float, float], eps: float, weight_decay: float) -> None:
        """Raise ValueError unless a group may have these options."""
        check_at_least_0(lr=lr, eps=eps, weight_decay=weight_decay)
        pair = isinstance(betas, tuple | list) and len(betas) == 2
        if not pair or not all(is_number(beta) and 0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas are two numbers from 0 to below 1, not {betas!r}")

    def update(
        self, x: Array, dx: Array, step: Any, exp_avg: Array, exp_avg_sq: Array, **options: Any
    ) -> None:
        """Take one step."""
        adam = kernels.backend_of(x).adam
        adam(x, dx, exp_avg, exp_avg_sq, step=step, **options, decoupled=self.decoupled)


class AdamW(Adam):
    """Adam with weights that shrink by lr · weight_decay beside the step, not through the gradient.

    So the decay is the same for every coordinate (Loshchilov & Hutter 2019).
    """

    decoupled = True

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale the gradients of tensors, or one, so that their joint 2-norm is at most max_norm.

    Return the norm before. Raises ValueError if max_norm is below 0.
    """
    check_at_least_0(max_norm=max_norm)
    parameters = (parameters,) if isinstance(parameters, Tensor) else parameters
    gradients = [p.grad.data for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if norm > max_norm:
        for gradient in gradients:
            gradient *= max_norm / (norm + 1e-6)
    return norm
