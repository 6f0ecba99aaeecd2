"""Parameters side by side in memory, and the places where their gradients go."""

import sys
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from minae.tensor import Tensor


class GradientPlace:
    """Part of a flat vector of gradients: a tensor's `grad_place`.

    It is lent to one gradient at a time, and not again while anyone still holds that one: a
    gradient that somebody kept does not change when the next one is computed.
    """

    def __init__(self, part: np.ndarray, shape: tuple[int, ...]):
        # NumPy lets views of views refer to whoever owns the memory. A memoryview in between makes
        # them refer to this array, so that counting its references counts all that see it.
        self.array = np.asarray(memoryview(part).cast("B").cast(part.dtype.char, shape))

    def _references(self) -> int:
        return sys.getrefcount(self.array)

    def lend(self) -> np.ndarray | None:
        """Return an array to write the gradient into; None while the one before is still held."""
        return self.array if self._references() == _UNSHARED else None

    def take(self, dx) -> np.ndarray:
        """Return dx, moved here unless it is here already or the place is taken."""
        if dx is self.array:
            return dx
        array = self.lend()
        if array is None:
            return dx.copy()
        array[...] = dx
        return array

    def __reduce__(self):
        return type(None), ()  # a copied or pickled tensor belongs to no optimiser


_UNSHARED = GradientPlace(np.zeros(1), ())._references()


class Flat:
    """The parameters of one type, side by side, with their gradients and state."""

    def __init__(self, parameters: list[Tensor], numbers: list[int], state_names: tuple[str, ...]):
        self.parameters, self.numbers = parameters, numbers
        ends = np.cumsum([p.numel() for p in parameters]).tolist()
        self.bounds = list(zip([0, *ends[:-1]], ends, strict=True))
        self.x, self.dx, *states = np.zeros((2 + len(state_names), ends[-1]), parameters[0].dtype)
        self.state = dict(zip(state_names, states, strict=True))
        self.views = [self.part(self.x, i) for i in range(len(parameters))]
        for p, view, (start, stop) in zip(parameters, self.views, self.bounds, strict=True):
            view[...] = p.data
            p.data = view
            has_place = view.size and view.dtype.char in "fd"
            p.grad_place = GradientPlace(self.dx[start:stop], p.shape) if has_place else None

    def part(self, flat: np.ndarray, i: int) -> np.ndarray:
        """Return parameter i's part of a flat vector, in its shape."""
        start, stop = self.bounds[i]
        return flat[start:stop].reshape(self.parameters[i].shape)

    def stretches(self, steps: list[int]) -> Iterator[tuple[int, slice, np.ndarray]]:
        """Yield what one update can do at once, as (step, part of the flat vectors, gradients).

        That is everything, if all parameters have gradients, in their places, and are at the same
        step; else, parameters next to each other of which this is true. `steps` counts theirs.
        """
        kinds = [self._kind(i, p, steps) for i, p in enumerate(self.parameters)]
        for kind, run in groupby(range(len(kinds)), kinds.__getitem__):
            if kind is None:
                continue
            step, alone = kind
            first, last = (members := list(run))[0], members[-1]
            part = slice(self.bounds[first][0], self.bounds[last][1])
            gradient = self.dx[part] if alone is None else self.parameters[alone].grad.data.ravel()
            yield step, part, gradient

    def _kind(self, i: int, p: Tensor, steps: list[int]) -> tuple[int, int | None] | None:
        """Return the step that parameter i takes now, and i if it must go alone.

        None if it has no gradient. An array that was put in the place of the parameter's since the
        last step is taken in.
        """
        if p.grad is None:
            return None
        if p.data is not self.views[i]:
            self.views[i][...] = p.data
            p.data = self.views[i]
        p.version += 1
        number = self.numbers[i]
        steps[number] = step = steps[number] + 1
        place = p.grad_place
        return step, None if place is not None and p.grad.data is place.array else i
