"""The inverse of indexing: NumPy's, by whichever way is fastest."""

import numpy as np


def index_add(shape: tuple[int, ...], index, values: np.ndarray) -> np.ndarray:
    """Undo an indexing: an array of zeros with `values` added at out[index].

    Where the index names a place several times, all of its values add up. `index` is anything that
    NumPy indexes by; values broadcast to out[index]. -> (shape), of the dtype of values. Raises
    IndexError if the index lies outside, ValueError if values don't fit it.
    """
    out = np.zeros(shape, values.dtype)
    if names_each_place_once(index):
        out[index] = values
        return out
    # in float64: one place may be named millions of times
    total = out.astype(np.float64) if out.dtype == np.float32 else out
    if out.size > 8 * values.size:
        np.add.at(total, index, values)
    else:
        # np.add.at is eight times faster on one flat index. Indexing the positions themselves
        # turns any index into that, and pays while `out` is not much larger than `values`.
        place = np.arange(out.size).reshape(out.shape)[index]
        np.add.at(total.reshape(-1), place.ravel(), np.broadcast_to(values, place.shape).ravel())
    return total.astype(out.dtype, copy=False)


def names_each_place_once(index) -> bool:
    """Return whether an index holds no list and no array of integers, hence no place twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, int | np.integer | slice)
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )
