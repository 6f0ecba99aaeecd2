"""Where an array is, and how to move it: NumPy's are on the CPU, CuPy's on the GPU.

Everything that is not one of our kernels is left to the array library. NumPy's functions call
CuPy's when they are given its arrays, so only what creates arrays has to be told where.
"""

from typing import Any

import numpy as np

Array = np.ndarray  # or CuPy's ndarray, which has the same methods

DEVICES = ("cpu", "cuda")


def device_of(array: Array) -> str:
    """Return "cpu" for NumPy's arrays, "cuda" for CuPy's."""
    return "cpu" if isinstance(array, np.ndarray) else "cuda"


def device_problem(device: str) -> str | None:
    """Return None, or why the device cannot be used, in a sentence that says what to do."""
    if device not in DEVICES:
        return f"device {device!r} is unknown: choose one of {', '.join(DEVICES)}"
    if device == "cpu":
        return None
    from minae.kernels.cuda.launch.device import problem

    return problem()


def to_device(array: Array, device: str) -> Array:
    """Return the array on a device, itself or a copy. Raises RuntimeError if that is unusable."""
    if device == "cpu":
        return array if isinstance(array, np.ndarray) else array.get()
    if problem := device_problem(device):
        raise RuntimeError(problem)
    import cupy  # pyright: ignore[reportMissingImports] - an extra

    return cupy.asarray(array)


def beside(array: Array, other: Array) -> Array:
    """Return the array on the device of `other`: itself, or a copy."""
    return to_device(array, device_of(other))


def whole(part: Array, shape: tuple[int, ...]) -> Array:
    """View part of a vector in this shape, as an array that its own views refer to.

    A view of a view refers to the owner of the memory. Views of this array refer to this array, so
    counting references to it finds everything that sees it.
    """
    if isinstance(part, np.ndarray):
        memory: Any = part.data.cast("B")  # a memoryview, which hides the owner
        return np.asarray(memory.cast(part.dtype.char, shape))
    return type(part)(shape, part.dtype, part.data)
