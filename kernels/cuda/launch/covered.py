"""The rule by which arrays go to these kernels or to the CPU."""

import functools
from collections.abc import Callable

import numpy as np

from minae.kernels import cpu
from minae.kernels.arrays import device_of


def covered(operands: int):
    """Have a kernel called if its first `operands` arguments suit it, and else the CPU's.

    They suit it if all are float32 and none is empty. What a GPU is slow in (float64) or has no
    kernel for here (adding up by index) is computed by the backend `cpu`, and moved there and back:
    correct, and slow.
    """

    def decorate(kernel):
        moved = on_the_cpu(kernel.__name__)

        @functools.wraps(kernel)
        def choose(*args, **options):
            given = [a for a in args[:operands] if a is not None]
            if len({device_of(a) for a in given}) > 1:
                raise ValueError(f"{kernel.__name__}: operands are on cpu and on cuda: move them")
            return (kernel if _suits(given) else moved)(*args, **options)

        return choose

    return decorate


def _suits(arrays) -> bool:
    return all(a.dtype == np.float32 and a.size for a in arrays)


def on_the_cpu(name: str) -> Callable:
    """Return the CPU backend's function, taking and returning arrays of the GPU."""
    function = getattr(cpu, name)

    @functools.wraps(function)
    def compute(*args, **options):
        originals = {}  # by the id of their copy, beside it
        results = function(*_moved(args, originals), **options)
        for copy, original in originals.values() if results is None else ():
            original[...] = _like(copy, original)  # an optimiser has written into its arguments
        return _back(results, originals)

    return compute


def _moved(value, originals: dict):
    """Return a value, or what a tuple or list holds, with arrays of the GPU copied from there."""
    if isinstance(value, tuple | list):
        return type(value)(_moved(v, originals) for v in value)
    if not hasattr(value, "get") or isinstance(value, dict):
        return value
    copy = value.get()
    originals[id(copy)] = copy, value
    return copy


def _back(results, originals: dict):
    """Return results on the GPU; what was written into an argument's copy, in that argument."""
    if isinstance(results, tuple | list):
        return type(results)(_back(r, originals) for r in results)
    if not isinstance(results, np.ndarray) or not originals:
        return results
    _, original = originals.get(id(results), (None, None))
    if original is None:
        some, *_ = (value for _, value in originals.values())
        return _like(results, some)
    original[...] = _like(results, original)
    return original


def _like(array: np.ndarray, other):
    return np.asarray(array, like=other)
