"""A model applied to images of any size tile by tile, so that memory does not grow with them."""

import math
from collections.abc import Callable
from itertools import product

import numpy as np

from minae.grad_mode import no_grad
from minae.models import Autoencoder
from minae.tensor import Tensor
from minae.tools.images import finite

SIDE = 512  # pixels that a tile adds to the result, at most, in height and width
GRID = 32  # tiles begin at multiples of it, so that a model halves them where it would the whole


@no_grad()
@np.errstate(all="ignore")  # what is nan or infinite is said once, by `finite`
def apply_in_tiles(
    model: Autoencoder,
    images: np.ndarray,
    ensemble: bool = False,
    tell: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """Return what a model for images of any size makes of images (N, C, H, W), float32.

    A tile is given to the model with `model.reach` more pixels on every side, which are cut off
    again: all that a pixel of the result depends on is there, so there are no seams. `ensemble` is
    as in `ResUNet`. After each tile `tell` is given the share of the work that is done. Raises
    FloatingPointError if the model makes nan or infinite numbers.
    """
    restore = model.ensemble if ensemble else model
    N, _, H, W = images.shape
    restored = np.empty_like(images)
    tiles = [*product(range(N), _cuts(H, model.reach), _cuts(W, model.reach))]
    for done, (n, (rows, seen_rows), (columns, seen_columns)) in enumerate(tiles, 1):
        seen = np.ascontiguousarray(images[n : n + 1, :, seen_rows, seen_columns])
        made = finite(restore(Tensor(seen)).numpy())  # (1, C, h, w)
        top, left = rows.start - seen_rows.start, columns.start - seen_columns.start
        height, width = rows.stop - rows.start, columns.stop - columns.start
        restored[n, :, rows, columns] = made[0, :, top : top + height, left : left + width]
        tell(done / len(tiles))
    return restored


def _cuts(length: int, reach: int) -> list[tuple[slice, slice]]:
    """Cut a length into parts of about one size; return each, and what the model sees for it."""
    size = GRID * math.ceil(length / math.ceil(length / SIDE) / GRID)
    margin = GRID * math.ceil(reach / GRID)
    parts = (slice(start, min(start + size, length)) for start in range(0, length, size))
    return [
        (part, slice(max(0, part.start - margin), min(length, part.stop + margin)))
        for part in parts
    ]
