"""Modules in a row."""

from collections.abc import Iterator
from typing import Any

from minae.nn import fusion
from minae.nn.module import Module
from minae.tensor import Tensor


class Sequential(Module):
    """Modules one after another; their names are "0", "1", ..."""

    def __init__(self, *modules: Module):
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def forward(self, x: Tensor) -> Tensor:
        """Return x passed through every module in turn."""
        for step in fusion.steps(self):  # the modules; what one kernel can compute at once is one
            x = step(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __getitem__(self, index: int) -> Any:  # the module: of which class, nobody can know
        return list(self)[index]

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        fusion.forget()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        fusion.forget()
