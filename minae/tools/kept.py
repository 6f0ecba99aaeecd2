"""Codes that are kept in a run's folder, so that many rows need not be encoded at each query."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import numpy as np

import minae
from minae import checkpoint, models
from minae.data import Ragged, Split
from minae.errors import InputError
from minae.tools.embed import encode
from minae.train.build import inputs
from minae.train.runs import Run

FEWEST = 10_000  # rows: fewer are encoded soon
AT_ONCE = 4096  # rows: windows share memory, and all at once may not fit into it


def kept_codes(run: Run, rows: Split, place: Path) -> tuple[np.ndarray, bool]:
    """Return the code of each row, (N, Z), and whether it was kept at `place`, a file.

    Those that were not are kept now, if they are many and the file can be written. Kept codes are
    taken only where weights, rows and version are the same, which a hash of all says.
    """
    if len(rows) < FEWEST:
        return encode(run, rows), False
    key = _key(run, rows)
    with suppress(InputError):  # nothing is there, or it is damaged
        arrays, metadata = checkpoint.load(place, {"key": str})
        if metadata["key"] == key:
            return arrays["codes"], True
    codes = encode(run, rows)
    with suppress(OSError):
        checkpoint.save(place, {"codes": codes}, {"key": key})
    return codes, False


def _key(run: Run, rows: Split) -> str:
    """Return a hash of all that codes depend on."""
    made = hashlib.sha256(json.dumps([minae.__version__, models.describe(run.model)]).encode())
    for name, weights in sorted(run.model.state_dict().items()):
        made.update(name.encode())
        made.update(np.ascontiguousarray(weights).data)
    for array in inputs(run.model, rows):
        for part in (array.values, array.offsets) if isinstance(array, Ragged) else (array,):
            made.update(f"{part.dtype} {part.shape}".encode())
            for start in range(0, len(part), AT_ONCE):
                made.update(np.ascontiguousarray(part[start : start + AT_ONCE]).data)
    return made.hexdigest()
