"""Modules of a Sequential that one kernel computes together.

Not needed to understand the rest: calling the modules one after another gives the same. What it
gains: a layer that applies the activation behind it saves two passes over memory, and a row of
linear layers is one operation, which in small networks takes less time than the operations' places
in the graph. Without it, a training step of `minae bench` W5 takes 1.8 times as long.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from minae import ops
from minae.nn.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from minae.nn.layers import Linear
from minae.nn.module import Module
from minae.nn.stateless import GELU, Flatten, ReLU, SiLU
from minae.tensor import Tensor

# Layers whose kernels can apply a ReLU in their last pass over the output; those of a linear layer
# can apply a smooth one, too. Left alone is what has a forward of its own, or of a subclass.
FUSING = (Linear, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d)

_version = object()  # another one after every change to any Sequential: one may run inside others


def forget() -> None:
    """Have all Sequentials plan anew: one of them got other modules."""
    global _version
    _version = object()


def steps(sequential: Module) -> list[Callable[[Tensor], Tensor]]:
    """Return what to call, one after another, to run the modules of a Sequential."""
    version, planned = vars(sequential).get("_planned", (None, None))
    if version is not _version:
        planned = [_step(group) for group in _groups(sequential)]
        vars(sequential)["_planned"] = _version, planned
    return planned


def linear_layers(planned: list) -> list[tuple[Linear, str | None]]:
    """Return each layer with its activation; none unless the steps are a row of linear layers.

    What only flattens images before them counts as nothing.
    """
    pairs = [pair for step in planned for pair in modules_of(step)]
    while pairs and type(pairs[0][0]) is Flatten:
        pairs.pop(0)
    return pairs if all(_kind(layer) is Linear for layer, _ in pairs) else []


def modules_of(step: Callable) -> list[tuple[Any, str | None]]:
    """Return the modules that one of `steps` runs, each with the activation that it applies."""
    if isinstance(step, partial):
        if step.func is _stack:
            return [*zip(*step.args, strict=True)]
        return [(step.func.__self__, step.keywords["activation"])]
    return [(step, None)]


def in_a_row(owner: Module, *parts: Module) -> Module:
    """Return Sequential(*parts), which `owner` keeps until its parts are others."""
    known, network = vars(owner).get("_in_a_row", (None, None))
    if known != parts:
        from minae.nn.sequential import Sequential  # which imports this file

        network = Sequential(*parts)
        vars(owner)["_in_a_row"] = parts, network
    return network


def _groups(sequential: Module) -> list[list[tuple[Any, str | None]]]:
    """Return the modules that run together, each with the activation that it applies."""
    groups: list[list[tuple[Any, str | None]]] = []
    for module in _flat(sequential):
        last, activation = groups[-1][-1] if groups else (None, None)
        kind, before = _kind(module), _kind(last)
        if activation is None and kind is ReLU and before in FUSING:
            groups[-1][-1] = last, "relu"
        elif activation is None and kind in (GELU, SiLU) and before is Linear:
            groups[-1].pop()  # it runs by itself: a stack has no place for the slope
            groups.append([(last, _smooth(module))])
        elif kind is before is Linear and activation in (None, "relu"):
            groups[-1].append((module, None))
        else:
            groups.append([(module, None)])
    return [group for group in groups if group]


def _kind(module: Any) -> type | None:
    """Return the class of a module; None if it has a forward of its own, or is none."""
    return type(module) if "forward" not in getattr(module, "__dict__", {"forward"}) else None


def _smooth(module: Any) -> str:
    """Return what `linear` calls the activation of a GELU or SiLU."""
    if type(module) is SiLU:
        return "silu"
    return "gelu_tanh" if module.approximate == "tanh" else "gelu"


def _step(group: list[tuple[Any, str | None]]) -> Callable[[Tensor], Tensor]:
    if len(group) > 1:
        return partial(_stack, *zip(*group, strict=True))
    ((layer, activation),) = group
    return layer if activation is None else partial(layer.forward, activation=activation)


def _stack(layers: tuple[Linear, ...], activations: tuple[str | None, ...], x: Tensor) -> Tensor:
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
    return ops.linear_stack(x, weights, biases, activations)


def _flat(sequential: Module) -> Iterator[Module]:
    """Yield the modules in the order in which they run, those of a Sequential inside too."""
    for _, module in sequential.named_children():
        if type(module) is type(sequential):
            yield from _flat(module)
        else:
            yield module
