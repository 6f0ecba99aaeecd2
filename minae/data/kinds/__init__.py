"""Kinds of data, each a way to turn what it reads into a model's inputs.

A kind is a small dataclass. A run's checkpoint holds it, so that new data are treated as those that
the run was trained on: scaled alike, with the same categories, cut into windows of the same length.

All give inputs (N, C, H, W): an image (C, H, W), a row of a table (1, 1, F), a window of W readings
of C columns (C, 1, W), a sound's spectrogram of M bands and T frames (1, M, T). But texts are a
`Ragged`, a row of numbers each, and a corpus, a running text, has no rows but is (T,) token ids.
All kinds with rows say by `errors` how the error of a row is divided among its parts.
"""

import math
from dataclasses import asdict
from typing import Any

from minae.data.kinds.audio import AudioKind
from minae.data.kinds.corpus import CorpusKind
from minae.data.kinds.images import ImageKind
from minae.data.kinds.series import SeriesKind
from minae.data.kinds.table import TableKind
from minae.data.kinds.text import TextKind
from minae.errors import InputError
from minae.metadata import parse

Kind = ImageKind | TableKind | SeriesKind | TextKind | AudioKind | CorpusKind
KINDS: dict[str, type[Kind]] = {
    kind.name: kind for kind in (ImageKind, TableKind, SeriesKind, TextKind, AudioKind, CorpusKind)
}

__all__ = [
    "KINDS",
    "AudioKind",
    "CorpusKind",
    "ImageKind",
    "Kind",
    "SeriesKind",
    "TableKind",
    "TextKind",
    "alike",
    "describe",
    "parse_kind",
]


def describe(kind: Kind) -> dict[str, Any]:
    """Return a kind as JSON for a checkpoint's metadata, from which `parse_kind` makes it again."""
    return {"name": kind.name, **asdict(kind)}


def alike(one: Any, other: Any) -> bool:
    """Return whether two descriptions are equal, but for how a mean was rounded."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)
    return one == other


def parse_kind(described: dict[str, Any]) -> Kind:
    """Return the kind that `describe` described. Raises InputError, which names what is wrong."""
    name = parse(str, parse(dict, described, "kind").get("name", ""), "kind.name")
    if name not in KINDS:
        raise InputError(f"kind.name is {name!r}, none of {', '.join(KINDS)}: update minae")
    return parse(KINDS[name], {k: v for k, v in described.items() if k != "name"}, "kind")
