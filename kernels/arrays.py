"""Where an array is, and the way to the other place: NumPy's are on the CPU, CuPy's on the GPU.

Everything that is not one of our kernels is the array library's own. NumPy's functions find CuPy's
by themselves if they are given its arrays, so only what makes arrays out of nothing is told where.
"""

import numpy as np

DEVICES = ("cpu", "cuda")


def device_of(array) -> str:
    """Return "cpu" for NumPy's arrays, "cuda" for CuPy's."""
    return "cpu" if isinstance(array, np.ndarray) else "cuda"


def device_problem(device: str) -> str | None:
    """Return why nothing can be computed there, in a sentence that says what to do, or None."""
    if device not in DEVICES:
        return f"device {device!r} is unknown: choose one of {', '.join(DEVICES)}"
    if device == "cpu":
        return None
    from minae.kernels.cuda.device import problem

    return problem()


def to_device(array, device: str):
    """Return the array there: itself, if that is where it is, or a copy.

    Raises RuntimeError if the device cannot be used.
    """
    if device == "cpu":
        return array if isinstance(array, np.ndarray) else array.get()
    if problem := device_problem(device):
        raise RuntimeError(problem)
    import cupy

    return cupy.asarray(array)


def beside(array, other):
    """Return the array where `other` is: itself, or a copy."""
    return to_device(array, device_of(other))


def whole(part, shape: tuple[int, ...]):
    """View a stretch of a vector in this shape, as an array to which its own views refer.

    A view of a view refers to whoever owns the memory. Views of this array refer to this array, so
    that counting its references counts all that see it.
    """
    if isinstance(part, np.ndarray):  # a memoryview in between hides the owner
        return np.asarray(memoryview(part).cast("B").cast(part.dtype.char, shape))
    return type(part)(shape, part.dtype, part.data)
