"""A checkpoint's metadata: JSON, checked against the types that its reader expects."""

import json
import math
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin

from minae.errors import InputError

VERSION = 4  # goes up with each new field of a dataclass, whose metadata name it as `since`
WORDS = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false",
    list: "a list", tuple: "a list", dict: "an object",
}  # fmt: skip


def to_json(metadata: dict[str, Any]) -> str:
    """Return metadata as the text to keep in a file."""
    return json.dumps({**metadata, "version": VERSION})


def from_json(text: str, kinds: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata that `to_json` made.

    `kinds` says by key what has to be there, as for `parse`; other keys are left as they are.
    Raises InputError, which names the key, if something else is there, or a newer version wrote it.
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
    return metadata | parse_all(kinds, metadata, "", max(version, 0))


def parse_all(
    kinds: dict[str, Any], values: dict[str, Any], key: str, version: int = VERSION
) -> dict[str, Any]:
    """Return the values of an object by the kinds that its keys should have; see `parse`."""
    prefix = f"{key}." if key else ""
    for name in kinds:
        if name not in values:
            raise InputError(f"{prefix}{name} is missing")
    return {name: parse(kinds[name], values[name], prefix + name, version) for name in kinds}


def parse(kind: Any, value: Any, key: str, version: int = VERSION) -> Any:
    """Return a value from JSON as a kind: a type, such as list[int] or str | None, or a dataclass.

    Fields that are newer than the file's version may be missing. Raises InputError, which names the
    key, if the value is of another kind.
    """
    if isinstance(kind, type) and is_dataclass(kind):
        given = parse(dict, value, key)
        used = [f for f in fields(kind) if f.name in given or version >= f.metadata.get("since", 0)]
        values = parse_all({f.name: f.type for f in used}, given, key, version)
        try:
            return kind(**values)
        except InputError as error:
            raise InputError(f"{key}.{error}") from error
    if isinstance(kind, UnionType):
        return None if value is None else parse(get_args(kind)[0], value, key, version)
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if not _is(origin, value):
        raise InputError(f"{key} is {_shortened(value)}, not {WORDS[origin]}")
    if origin is tuple and Ellipsis not in inner and len(value) != len(inner):
        raise InputError(f"{key} is a list of {len(value)}, not of {len(inner)}")
    if origin is dict and inner:
        return parse_all(dict.fromkeys(value, inner[1]), value, key, version)
    if origin in (list, tuple) and inner:
        return origin(parse(inner[0], each, f"{key}[{i}]") for i, each in enumerate(value))
    return value


def _is(kind: type, value: Any) -> bool:
    """Return whether a value from JSON is of a kind, and if a number, finite and in 64 bits."""
    if kind is tuple:
        return type(value) is list
    if kind is float and type(value) is float:
        return math.isfinite(value)
    if kind in (int, float):
        return type(value) is int and abs(value) < 2**63
    return type(value) is kind


def _shortened(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return WORDS[type(value)]
    return json.dumps(value[:40] if isinstance(value, str) else value)
