"""What a checkpoint says beside its arrays: the one description by which every file is read."""

import json
import math
from dataclasses import dataclass, field, fields, is_dataclass
from types import UnionType
from typing import get_args, get_origin

from minae.errors import InputError

VERSION = 1  # goes up when a key is added, which then gets a line in OLDER


@dataclass
class Settings:
    """All that decides how a run ends: runs with equal settings end bit for bit alike.

    Raises InputError for a number that cannot be.
    """

    model: str
    data: str = "mnist5k"
    model_options: dict = field(default_factory=dict)
    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "constant"
    clip: float | None = None
    corrupt: str | None = None
    validation: int | None = None
    patience: int | None = None
    seed: int = 0
    device: str = "cpu"
    kernels: str = "own"
    cuda_graph: bool = False

    def __post_init__(self):
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is a whole number from 1, not {value}")
        for name in ("lr", "weight_decay", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"{name} is a number from 0, not {value}")
        if self.seed < 0:
            raise InputError(f"seed is a whole number from 0, not {self.seed}")


@dataclass
class Batches:
    """What decides which rows each step sees: it has to be the same when a training goes on."""

    seed: int
    batch_size: int
    samples: int
    data: str | None  # a hash of all rows


@dataclass
class Training:
    """Where a training stands, beside weights and the optimiser's state."""

    history: list[dict[str, float]]  # a record for each epoch
    settings: Batches
    random: dict  # the state of the generator
    schedule: dict[str, float] | None

    def __post_init__(self):
        for number, record in enumerate(self.history):
            for name in ("epoch", "train_loss", "seconds"):
                if name not in record:
                    raise InputError(f"history[{number}].{name} is missing")


#: By key, what stands there. Other keys are their writer's own.
KEYS = {
    "version": int,
    "model": str,
    "config": dict,
    "settings": Settings,
    "image_shape": tuple[int, int, int],
    "training": Training,
}
#: What files of version 0, which do not say so, may lack, and what it was then.
OLDER = {
    "settings.device": "cpu",
    "settings.kernels": "own",
    "settings.cuda_graph": False,
    "training.settings.data": None,
}
WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


def to_json(metadata: dict) -> str:
    """Return metadata as the text to keep in a file."""
    return json.dumps({**metadata, "version": VERSION})


def from_json(text: str, needed: tuple[str, ...] = ()) -> dict:
    """Return the metadata that `to_json` made, where `settings` and `training` are objects again.

    Args:
        text: what a file holds.
        needed: keys that have to be there.

    Raises:
        InputError: the text, or what stands at a key, which is named, is not what is described
            here, or a newer version wrote it.
    """
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its metadata is no JSON ({error})") from error
    if not isinstance(metadata, dict):
        raise InputError(f"its metadata is {_shortened(metadata)}, not an object")
    version = parse(int, metadata.get("version", 0), "version")
    if version > VERSION:
        raise InputError(
            f"a newer minae wrote it, in version {version}, and this one reads up to version"
            f" {VERSION}: update minae"
        )
    older = OLDER if version == 0 else {}
    there = {name: kind for name, kind in KEYS.items() if name in metadata or name in needed}
    return metadata | parse_all(there, metadata, "", older)


def parse_all(kinds: dict, values: dict, key: str, older: dict | None = None) -> dict:
    """Return the values of an object by the kinds that its keys should have; see `parse`."""
    parsed = {}
    for name, kind in kinds.items():
        path = f"{key}.{name}" if key else name
        if name in values:
            parsed[name] = parse(kind, values[name], path, older)
        elif older and path in older:
            parsed[name] = older[path]
        else:
            raise InputError(f"{path} is missing")
    return parsed


def parse(kind, value, key: str, older: dict | None = None):
    """Return a value from JSON as a kind: a type, such as list[int] or str | None, or a dataclass.

    Raises InputError, which names the key, if it is of another.
    """
    if is_dataclass(kind):
        kinds = {f.name: f.type for f in fields(kind)}
        values = parse_all(kinds, parse(dict, value, key), key, older)
        try:
            return kind(**values)
        except InputError as error:
            raise InputError(f"{key}.{error}") from error
    if isinstance(kind, UnionType):
        return None if value is None else parse(get_args(kind)[0], value, key, older)
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if not _is(origin, value):
        raise InputError(f"{key} is {_shortened(value)}, not {WORDS[origin]}")
    if origin is tuple and Ellipsis not in inner and len(value) != len(inner):
        raise InputError(f"{key} is a list of {len(value)}, not of {len(inner)}")
    if origin is dict and inner:
        return {name: parse(inner[1], each, f"{key}.{name}") for name, each in value.items()}
    if origin in (list, tuple) and inner:
        return origin(parse(inner[0], each, f"{key}[{i}]") for i, each in enumerate(value))
    return value


def _is(kind: type, value) -> bool:
    """Return whether a value from JSON is of a kind, and a number one to compute with."""
    if kind is tuple:
        return type(value) is list
    if kind is float and type(value) is float:
        return math.isfinite(value)
    if kind in (int, float):
        return type(value) is int and abs(value) < 2**63
    return type(value) is kind


def _shortened(value) -> str:
    if isinstance(value, (list, dict)):
        return WORDS[type(value)]
    return json.dumps(value if not isinstance(value, str) else value[:40])
