"""The parts of a collection of sounds, and a line that says what was made of them."""

from pathlib import Path

import numpy as np

from minae.data.kinds.audio import fit_audio
from minae.data.parts.dividing import Fitted, Reading, in_order, set_aside
from minae.data.sound.recordings import (
    Analysis,
    Found,
    Pieces,
    choose_frames,
    choose_rate,
    read_pieces,
    sound_order,
)
from minae.errors import InputError


def audio_parts(
    path: Path, found: Found, how: Reading, seed: int, validation: int | None
) -> Fitted:
    """Shuffle recordings by the seed, and cut them 80 / 10 / 10 per cent.

    Fewer than ten that are cut into pieces are each divided in the order of time instead.
    """
    analysis = Analysis(choose_rate(found.recordings))
    frames = choose_frames(found.recordings, analysis, how.seconds)
    pieces = read_pieces(found, analysis, frames)
    if len(pieces) < 3:
        raise InputError(
            f"gives {len(pieces)} of the at least 3 sounds that are needed to train, validate and"
            " test; add more, or longer ones"
        )
    order, test = sound_order(pieces, seed), max(1, round(len(pieces) / 10))
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
    return kind, parts, [*pieces.left_out, f"{path.name}: {pieces.said}"]
