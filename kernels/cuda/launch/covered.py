"""Whether arrays go to these kernels or to the CPU."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minae.kernels import cpu
from minae.kernels.arrays import device_of


def covered(operands: int) -> Callable[[Callable], Callable]:
    """Call a kernel if its first `operands` arguments suit it, and the CPU's function otherwise.

    They suit it if all are float32 and none is empty. What GPUs are slow at (float64) is computed
    by the backend `cpu` and copied there and back: correct, but slow. Raises ValueError if the
    operands are on different devices.
    """

    def decorate(kernel: Callable) -> Callable:
        moved = on_the_cpu(kernel.__name__)

        @functools.wraps(kernel)
        def choose(*args, **options):
            given = [a for a in args[:operands] if a is not None]
            if len({device_of(a) for a in given}) > 1:
                raise ValueError(f"{kernel.__name__}: operands are on cpu and on cuda: move them")
            suits = all(a.dtype == np.float32 and a.size for a in given)
            return (kernel if suits else moved)(*args, **options)

        return choose

    return decorate


def on_the_cpu(name: str) -> Callable:
    """Return the CPU backend's function, for arrays of the GPU."""
    function = getattr(cpu, name)

    @functools.wraps(function)
    def compute(*args, **options):
        originals: dict[int, tuple] = {}  # by the id of each copy: the copy and its original
        results = function(*_copied(args, originals), **options)
        if results is None:  # an optimiser, which has written to its arguments
            for copy, original in originals.values():
                original[...] = np.asarray(copy, like=original)
        return _back(results, originals)

    return compute


def _copied(value: Any, originals: dict[int, tuple]) -> Any:
    """Return a value, or a tuple or list of values, with arrays of the GPU copied to the CPU."""
    if isinstance(value, tuple | list):
        return type(value)(_copied(v, originals) for v in value)
    if not hasattr(value, "get") or isinstance(value, dict):
        return value
    copy = value.get()
    originals[id(copy)] = copy, value
    return copy


def _back(results: Any, originals: dict[int, tuple]) -> Any:
    """Return results on the GPU. A result that is an argument's copy goes to that argument."""
    if isinstance(results, tuple | list):
        return type(results)(_back(r, originals) for r in results)
    if not isinstance(results, np.ndarray) or not originals:
        return results
    _, original = originals.get(id(results), (None, None))
    if original is None:
        return np.asarray(results, like=next(iter(originals.values()))[1])
    original[...] = np.asarray(results, like=original)
    return original
