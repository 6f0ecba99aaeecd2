"""Modules in a row."""

from collections.abc import Iterator

from minae import ops
from minae.nn.layers import Conv2d, ConvTranspose2d, Linear
from minae.nn.module import Module
from minae.nn.stateless import ReLU
from minae.tensor import Tensor

# Layers whose kernels apply these activations in their last pass over the output, and their names.
# Subclasses are left alone: who knows what their forward does.
FUSING = (Linear, Conv2d, ConvTranspose2d)
FUSED = {ReLU: "relu"}


class Sequential(Module):
    """Modules one after another; their names are "0", "1", ..."""

    _version = object()  # another after every change to any: one may run through others

    def __init__(self, *modules: Module):
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def forward(self, x: Tensor) -> Tensor:
        """Return x passed through every module in turn.

        A layer whose kernel can also apply the activation that comes next is told to, which saves
        two passes over memory; and linear layers in a row are one operation.
        """
        for layers, activations in self._steps():
            if len(layers) > 1:
                weights, biases = [y.weight for y in layers], [y.bias for y in layers]
                x = ops.linear_stack(x, weights, biases, activations)
            elif activations[0] is None:
                x = layers[0](x)
            else:
                x = layers[0].forward(x, activations[0])
        return x

    def _steps(self) -> list[tuple[list[Module], tuple]]:
        """Return what runs at once: a module, or several linear layers, and their activations."""
        version, steps = vars(self).get("_prepared", (None, None))
        if version is not Sequential._version:
            steps = []
            for module in self._flat():
                layers, activations = steps[-1] if steps else ([None], [None])
                name = FUSED.get(type(module))
                if name and type(layers[-1]) in FUSING and activations[-1] is None:
                    activations[-1] = name
                elif type(module) is type(layers[-1]) is Linear:
                    layers.append(module)
                    activations.append(None)
                else:
                    steps.append(([module], [None]))
            steps = [(layers, tuple(activations)) for layers, activations in steps]
            vars(self)["_prepared"] = Sequential._version, steps
        return steps

    def _flat(self) -> Iterator[Module]:
        """Yield the modules in the order in which they run, those of a Sequential in here too."""
        for module in self:
            if type(module) is Sequential:
                yield from module._flat()
            else:
                yield module

    def __setattr__(self, name: str, value) -> None:
        super().__setattr__(name, value)
        Sequential._version = object()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        Sequential._version = object()

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]
