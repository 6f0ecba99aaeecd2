"""Parameters side by side in memory, and the places where their gradients go.

Not needed to understand the rest: an optimiser that updates one parameter after another gives the
same. What it gains: a step is one pass over memory, whatever the number of parameters, and backward
writes gradients where the step reads them. Without it, a training step of `minae bench` W5 takes
1.8 times as long.
"""

from sys import getrefcount
from typing import Any

import numpy as np

from minae.kernels import arrays
from minae.tensor import Tensor


class GradientPlace:
    """Part of a flat vector of gradients, and the tensor that shows it: a tensor's `grad_place`.

    It is lent to one gradient at a time, and not again while anyone still holds that one: a
    gradient that somebody kept does not change when the next one is computed.
    """

    def __init__(self, part: np.ndarray, shape: tuple[int, ...]):
        self.array = arrays.whole(part, shape)
        self.tensor = Tensor(self.array)

    def lend(self) -> Any:
        """Return an array to write the gradient into; None while the one before is still held."""
        references = getrefcount(self.tensor) + getrefcount(self.array)
        return self.array if references == _UNHELD else None

    def take(self, dx: Any) -> Tensor:
        """Return a gradient that is elsewhere as a tensor: moved here, unless the place is lent."""
        array = self.lend()
        if array is None:
            return Tensor(dx.copy())
        array[...] = dx
        return self.tensor

    def __reduce__(self):
        return type(None), ()  # a copied or pickled tensor belongs to no optimiser


_place = GradientPlace(np.zeros(1), ())
_UNHELD = getrefcount(_place.tensor) + getrefcount(_place.array)


class Flat:
    """Parameters of one group and dtype, side by side, with gradients and an optimiser's state.

    The parameters' arrays become views of the vector `x`; `numbers` are theirs among all parameters
    of the optimiser, and `state` holds its vectors by name.
    """

    def __init__(
        self,
        parameters: list[Tensor],
        numbers: list[int],
        state_names: tuple[str, ...],
        group: dict[str, Any],
    ):
        self.parameters, self.numbers, self.group = parameters, numbers, group
        self.ends = [0, *np.cumsum([p.numel() for p in parameters]).tolist()]
        one, shape = parameters[0].data, (2 + len(state_names), self.ends[-1])
        self.x, self.dx, *states = self.vectors = [*np.zeros(shape, one.dtype, like=one)]
        self.state = dict(zip(state_names, states, strict=True))
        self.views = [self.part(self.x, i) for i in range(len(parameters))]
        for p, view in zip(parameters, self.views, strict=True):
            view[...] = p.data
            p.data = view
        self.make_places()

    def make_places(self) -> None:
        """Make a place for each gradient: other ones, if somebody keeps the arrays of the old."""
        self.places: list[GradientPlace] = []
        for i, (p, view) in enumerate(zip(self.parameters, self.views, strict=True)):
            place = GradientPlace(self.dx[self.ends[i] : self.ends[i + 1]], p.shape)
            self.places.append(place)
            p.grad_place = place if view.size and view.dtype.char in "fd" else None

    def part(self, vector: np.ndarray, i: int) -> np.ndarray:
        """Return parameter i's part of a vector, in its shape."""
        return vector[self.ends[i] : self.ends[i + 1]].reshape(self.parameters[i].shape)

    def awaits(self) -> bool:
        """Return whether all parameters lie here and learn, and all gradients may be written."""
        rows = zip(self.parameters, self.places, self.views, strict=True)
        waiting = [
            p.data is view and p._requires_grad and p.grad is None and place.lend() is not None
            for p, place, view in rows
        ]
        return False not in waiting

    def show(self) -> None:
        """Show the gradients that were written here as the parameters'."""
        for p, place in zip(self.parameters, self.places, strict=True):
            p.grad = place.tensor

    def collect(self) -> None:
        """Take in the arrays that were put in place of parameters', and check their gradients.

        Raises TypeError or ValueError if a `.grad` is no gradient of its parameter, RuntimeError if
        a parameter was moved to another device.
        """
        rows = zip(self.parameters, self.places, self.views, strict=True)
        in_place = [p.grad is place.tensor and p.data is view for p, place, view in rows]
        self.whole = False not in in_place
        if self.whole:
            return
        for p, view in zip(self.parameters, self.views, strict=True):
            if p.grad is not None:
                _check_gradient(p.grad, p)
            if p.device != arrays.device_of(view):
                raise RuntimeError(f"parameters were moved to {p.device}: make a new optimizer")
            if p.data is not view:
                view[...] = p.data
                p.data = view

    def updates(self, steps: list[int]) -> list[tuple]:
        """Return what is to be updated, as (step, x, dx, *states), each a vector.

        All at once, if all gradients are in their places and all parameters at the same step. Else
        neighbours of which this is true, and a parameter whose gradient is elsewhere by itself;
        those without a gradient not at all. `steps` are of all parameters of the optimiser.
        """
        counts = [steps[number] for number in self.numbers]
        if self.whole and counts.count(counts[0]) == len(counts):
            return [(counts[0], *self.vectors)]
        groups: list[list] = []  # [step, first, stop, the gradient if it is elsewhere]
        for i, (p, place) in enumerate(zip(self.parameters, self.places, strict=True)):
            if p.grad is not None:
                elsewhere = None if p.grad is place.tensor else p.grad.data.ravel()
                step, _, stop, other = groups[-1] if groups else [None] * 4
                if (step, stop) == (counts[i], i) and elsewhere is None and other is None:
                    groups[-1][2] = i + 1
                else:
                    groups.append([counts[i], i, i + 1, elsewhere])
        found = []
        for step, first, stop, elsewhere in groups:
            x, dx, *states = (v[self.ends[first] : self.ends[stop]] for v in self.vectors)
            found.append((step, x, dx if elsewhere is None else elsewhere, *states))
        return found


def _check_gradient(grad: Any, parameter: Tensor) -> None:
    """Raise an error unless what somebody put into `.grad` is a gradient of the parameter."""
    if not isinstance(grad, Tensor):
        raise TypeError(f"a parameter's .grad is a tensor or None, not {type(grad).__name__}")
    if grad.shape != parameter.shape or grad.dtype != parameter.dtype:
        raise ValueError(
            f"a parameter {parameter.shape} of {parameter.dtype} has a .grad {grad.shape} of"
            f" {grad.dtype}: it must have the same shape and dtype"
        )
