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

    def __init__(self, *modules: Module):
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def forward(self, x: Tensor) -> Tensor:
        """Return x passed through every module in turn.

        A layer whose kernel can also apply the activation that comes next is told to, which saves
        two passes over memory; and two linear layers in a row are one operation.
        """
        for (first, activation1), *second in self._steps():
            if second:
                ((second, activation2),) = second
                weights = first.weight, first.bias, second.weight, second.bias
                x = ops.linear_pair(x, *weights, activation1, activation2)
            else:
                x = first(x) if activation1 is None else first.forward(x, activation1)
        return x

    def _steps(self) -> list[list[tuple[Module, str | None]]]:
        """Return what runs at once: a layer or two, each with its activation."""
        steps = vars(self).get("_cached_steps")
        if steps is None:
            layers = []
            for module in self:
                fused = FUSED.get(type(module))
                if fused and layers and type(layers[-1][0]) in FUSING and layers[-1][1] is None:
                    layers[-1] = layers[-1][0], fused
                else:
                    layers.append((module, None))
            steps = []
            for layer in layers:
                alone = steps and len(steps[-1]) == 1
                if alone and type(layer[0]) is type(steps[-1][0][0]) is Linear:
                    steps[-1].append(layer)
                else:
                    steps.append([layer])
            vars(self)["_cached_steps"] = steps
        return steps

    def __setattr__(self, name: str, value) -> None:
        super().__setattr__(name, value)
        vars(self).pop("_cached_steps", None)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        vars(self).pop("_cached_steps", None)

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]
