"""The inverse of indexing, by the fastest of NumPy's ways."""

from typing import Any

import numpy as np


def index_add(shape, index, values):
    out = np.zeros(shape, values.dtype)
    if names_each_place_once(index):
        out[index] = values
        return out
    # float64, since a place may be named millions of times
    total = out.astype(np.float64) if out.dtype == np.float32 else out
    if out.size > 8 * values.size:
        np.add.at(total, index, values)
    else:
        # np.add.at is eight times faster with one flat index. Indexing the positions turns any
        # index into that, and pays unless `out` is much larger than `values`.
        place = np.arange(out.size).reshape(out.shape)[index]
        np.add.at(total.reshape(-1), place.ravel(), np.broadcast_to(values, place.shape).ravel())
    return total.astype(out.dtype, copy=False)


def names_each_place_once(index: Any) -> bool:
    """Return whether an index has no list and no array of integers, hence no place twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, int | np.integer | slice)
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )
