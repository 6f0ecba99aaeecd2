"""The inverse of indexing, on the GPU where no place is named twice."""

import numpy as np

from minae.kernels.cpu.indexing import names_each_place_once
from minae.kernels.cuda.launch.covered import on_the_cpu


def index_add(shape: tuple[int, ...], index, values: np.ndarray) -> np.ndarray:
    """Undo an indexing: an array of zeros with `values` added at out[index].

    Slices are the array library's. Adding up what belongs to one place, in the same order each
    time, is the CPU's. Raises IndexError if the index lies outside, ValueError if values don't fit.
    """
    if not names_each_place_once(index):
        return on_the_cpu("index_add")(shape, index, values)
    out = np.zeros(shape, values.dtype, like=values)
    out[index] = values
    return out
