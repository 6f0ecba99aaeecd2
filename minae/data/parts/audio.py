"""The parts of a collection of sounds, and a line that says what was made of them."""

from pathlib import Path

import numpy as np

from minae.data.kinds.audio import fit_audio
from minae.data.parts.dividing import Fitted, Reading, in_order, set_aside
from minae.data.sound.analysis import Analysis
from minae.data.sound.recordings import (
    Pieces,
    choose_frames,
    choose_rate,
    find_recordings,
    order_of,
    read_pieces,
)
from minae.errors import InputError


def audio_parts(path: Path, how: Reading, seed: int, validation: int | None) -> Fitted:
    """Shuffle recordings by the seed, and cut them, in pieces, 80 / 10 / 10 per cent.

    A few that are in pieces are cut in the order of time instead: see `order_of`.
    """
    recordings, left_out = find_recordings(path)
    analysis = Analysis(choose_rate(recordings))
    frames = choose_frames(recordings, analysis, how.seconds)
    pieces = read_pieces(recordings, left_out, analysis, frames)
    if len(pieces) < 3:
        raise InputError(
            f"gives too few sounds: {len(pieces)}, and at least 3 are needed to train, validate and"
            " test; add more, or give fewer --seconds"
        )
    order, test = order_of(pieces, seed), max(1, round(len(pieces) / 10))
    return split_sounds(path, pieces, order[:-test], order[-test:], how, validation)


def split_sounds(
    path: Path,
    pieces: Pieces,
    pool: np.ndarray,
    test: np.ndarray,
    how: Reading,
    validation: int | None,
) -> Fitted:
    """Set aside the last of a pool of pieces for validation, and fit the kind to the others."""
    train, held_out, test = set_aside("sounds", pool, test, pieces.labels, how, validation)
    classes = [] if pieces.labels is None else in_order(set(pieces.labels.tolist()))
    kind = fit_audio(pieces, train, classes)
    everything = kind.encode(pieces)
    parts = [everything.take(rows) for rows in (train, held_out, test)]
    more = [pieces.done] if pieces.done else []
    if count := len(pieces.left_out):
        more.append(f"{count:,} file{'s' * (count > 1)} left out")
    said = f"{path.name}: {pieces.about}" + (f" ({'; '.join(more)})" if more else "")
    return kind, parts, [*pieces.left_out, said]
