"""Modules of a Sequential that one kernel computes together.

Not needed to understand the rest: calling the modules one after another gives the same. What it
gains: a layer that applies the activation behind it saves two passes over memory, and a row of
linear layers is one operation, which in small networks takes less time than the operations' places
in the graph. Without it, a training step of `minae bench` W5 takes 1.8 times as long.
"""

from collections.abc import Callable, Iterator
from functools import partial

from minae import ops
from minae.nn.layers import Conv2d, ConvTranspose2d, Linear
from minae.nn.module import Module
from minae.nn.stateless import ReLU
from minae.tensor import Tensor

# Layers whose kernels can apply these activations in their last pass over the output. Subclasses
# are left alone: their forward may do something else.
FUSING = (Linear, Conv2d, ConvTranspose2d)
FUSED = {ReLU: "relu"}

_version = object()  # another one after every change to any Sequential: one may run inside others


def forget() -> None:
    """Have all Sequentials plan anew: one of them got other modules."""
    global _version
    _version = object()


def steps(sequential: Module) -> list[Callable[[Tensor], Tensor]]:
    """Return what to call, one after another, to run the modules of a Sequential."""
    version, planned = vars(sequential).get("_planned", (None, None))
    if version is not _version:
        planned = [_step(*group) for group in _groups(sequential)]
        vars(sequential)["_planned"] = _version, planned
    return planned


def _groups(sequential: Module) -> list[tuple[list[Module], list[str | None]]]:
    """Return the modules that run together, and for each the activation that it applies."""
    groups: list[tuple[list[Module], list[str | None]]] = []
    for module in _flat(sequential):
        layers, activations = groups[-1] if groups else ([None], [None])
        name = FUSED.get(type(module))
        if name and type(layers[-1]) in FUSING and activations[-1] is None:
            activations[-1] = name
        elif type(module) is type(layers[-1]) is Linear:
            layers.append(module)
            activations.append(None)
        else:
            groups.append(([module], [None]))
    return groups


def _step(layers: list, activations: list[str | None]) -> Callable[[Tensor], Tensor]:
    if len(layers) > 1:
        return partial(_stack, layers, tuple(activations))
    return layers[0] if activations[0] is None else partial(_activated, layers[0], activations[0])


def _stack(layers: list[Linear], activations: tuple[str | None, ...], x: Tensor) -> Tensor:
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
    return ops.linear_stack(x, weights, biases, activations)


def _activated(layer, activation: str, x: Tensor) -> Tensor:
    return layer.forward(x, activation)


def _flat(sequential: Module) -> Iterator[Module]:
    """Yield the modules in the order in which they run, those of a Sequential inside too."""
    for _, module in sequential.named_children():
        if type(module) is type(sequential):
            yield from _flat(module)
        else:
            yield module
