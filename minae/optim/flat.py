"""Parameters side by side in memory, and the places where their gradients go."""

from sys import getrefcount

import numpy as np

from minae.kernels import arrays
from minae.tensor import Tensor
from minae.versions import clock


class GradientPlace:
    """Part of a flat vector of gradients, and the tensor that shows it: a tensor's `grad_place`.

    It is lent to one gradient at a time, and not again while anyone still holds that one: a
    gradient that somebody kept does not change when the next one is computed.
    """

    def __init__(self, part: np.ndarray, shape: tuple[int, ...]):
        self.array = arrays.whole(part, shape)
        self.tensor = Tensor(self.array)

    def lend(self) -> np.ndarray | None:
        """Return an array to write the gradient into; None while the one before is still held."""
        references = getrefcount(self.tensor) + getrefcount(self.array)
        return self.array if references == _UNHELD else None

    def take(self, dx) -> Tensor:
        """Return dx as a tensor, moved here unless it is here already or the place is taken."""
        if dx is not self.array:
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
    """The parameters of one type, side by side, with their gradients and state."""

    def __init__(self, parameters: list[Tensor], numbers: list[int], state_names: tuple[str, ...]):
        self.parameters, self.numbers = parameters, numbers
        ends = np.cumsum([p.numel() for p in parameters]).tolist()
        self.bounds = list(zip([0, *ends[:-1]], ends, strict=True))
        one, shape = parameters[0].data, (2 + len(state_names), ends[-1])
        self.x, self.dx, *states = np.zeros(shape, one.dtype, like=one)
        self.state = dict(zip(state_names, states, strict=True))
        self.views = [self.part(self.x, i) for i in range(len(parameters))]
        for p, view, (start, stop) in zip(parameters, self.views, self.bounds, strict=True):
            view[...] = p.data
            p.data = view
            has_place = view.size and view.dtype.char in "fd"
            p.grad_place = GradientPlace(self.dx[start:stop], p.shape) if has_place else None
        self.places = [p.grad_place for p in parameters]

    def part(self, flat: np.ndarray, i: int) -> np.ndarray:
        """Return parameter i's part of a flat vector, in its shape."""
        start, stop = self.bounds[i]
        return flat[start:stop].reshape(self.parameters[i].shape)

    def stretches(self, steps: list[int]) -> list[tuple]:
        """Return what one update can do at once, as (step, parameters, gradients, *state), flat.

        That is everything, if all parameters have gradients, in their places, and are at the same
        step; else, parameters next to each other of which this is true. `steps` counts theirs. An
        array that was put in the place of a parameter's since the last step is taken in.
        """
        now = clock.last_write = clock.tick()  # they are written into, all at once
        run, runs = [0, 0, 0], []  # [step, first, one after the last], or [step, i, None] alone
        parameters = zip(self.parameters, self.views, self.places, self.numbers, strict=True)
        for i, (p, view, place, number) in enumerate(parameters):
            grad = p.grad
            if grad is None:
                continue
            alone = place is None or grad is not place.tensor
            if alone:
                _check_gradient(grad, p)
            if p.data is not view:
                if p.device != arrays.device_of(self.x):
                    raise RuntimeError(f"parameters were moved to {p.device}: make a new optimizer")
                view[...] = p.data
                p.data = view
            p.version.time = now
            step = steps[number] = steps[number] + 1
            if not alone and run[0] == step and run[2] == i:
                run[2] = i + 1
            else:
                run = [step, i, None if alone else i + 1]
                runs.append(run)
        return [(step, *self._arrays(first, stop)) for step, first, stop in runs]

    def _arrays(self, first: int, stop: int | None) -> list[np.ndarray]:
        arrays = [self.x, self.dx, *self.state.values()]
        if first == 0 and stop == len(self.parameters):
            return arrays
        last = first if stop is None else stop - 1
        arrays = [a[self.bounds[first][0] : self.bounds[last][1]] for a in arrays]
        if stop is None:
            arrays[1] = self.parameters[first].grad.data.ravel()
        return arrays


def _check_gradient(grad, parameter: Tensor) -> None:
    """Raise an error unless what somebody put into `.grad` is a gradient of the parameter."""
    if not isinstance(grad, Tensor):
        raise TypeError(f"a parameter's .grad is a tensor or None, not {type(grad).__name__}")
    if grad.shape != parameter.shape or grad.dtype != parameter.dtype:
        raise ValueError(
            f"a parameter {parameter.shape} of {parameter.dtype} has a .grad {grad.shape} of"
            f" {grad.dtype}: it must have the same shape and dtype"
        )
