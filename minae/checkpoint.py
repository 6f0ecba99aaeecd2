"""Named arrays and their metadata in one safetensors file."""

from pathlib import Path
from typing import Any

import numpy as np

from minae import metadata as meta
from minae.errors import InputError
from minae.files import write_whole
from minae.kernels.arrays import to_device

KEY = "minae"  # safetensors stores strings by name; ours is JSON under this one


def to_bytes(arrays: dict[str, np.ndarray], metadata: dict) -> bytes:
    """Return arrays by name, and metadata as in `minae.metadata`, as a safetensors file."""
    from safetensors.numpy import save

    on_cpu = {name: to_device(a, "cpu") for name, a in arrays.items()}
    ordered = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in on_cpu.items()}
    return save(ordered, {KEY: meta.to_json(metadata)})


def save(path: str | Path, arrays: dict[str, np.ndarray], metadata: dict) -> None:
    """Write arrays by name, and JSON-able metadata, to a safetensors file, whole or not at all."""
    write_whole(Path(path), to_bytes(arrays, metadata))


def load(
    path: str | Path, kinds: dict[str, Any] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the metadata of a file that `save` wrote.

    `kinds` says what its metadata must hold: see `minae.metadata.from_json`. Raises InputError if
    there is no such file, it is damaged, a newer version of minae or another program wrote it, or
    its metadata is not of these kinds.
    """
    arrays, text = read(Path(path))
    if text is None:
        raise InputError(f"{path}: a safetensors file, but not one that minae wrote")
    try:
        return arrays, meta.from_json(text, kinds or {})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    """Return the arrays of any safetensors file, and minae's metadata if there are any."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint; train a model first")
    arrays = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118
                try:
                    arrays[name] = file.get_tensor(name)
                except (TypeError, AttributeError) as error:  # bfloat16, and what has 8 bits
                    kind = file.get_slice(name).get_dtype()
                    raise InputError(
                        f"{path}: {name} is of type {kind}, which NumPy has not; save it in float32"
                    ) from error
            return arrays, (file.metadata() or {}).get(KEY)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a whole safetensors file ({error}); make or copy it again"
        ) from error


def check_state(given: dict[str, np.ndarray], own: dict[str, np.ndarray]) -> None:
    """Raise InputError unless arrays from a file have the types of our own, and are finite."""
    for name in own.keys() & given.keys():
        if given[name].dtype.kind != own[name].dtype.kind:
            raise InputError(f"{name} is of type {given[name].dtype}, not {own[name].dtype}")
        if not np.isfinite(given[name]).all():
            raise InputError(f"{name} holds nan or infinite numbers; train again")


def subset(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}


def prefixed(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays with `prefix` before their names: the opposite of `subset`."""
    return {prefix + name: array for name, array in arrays.items()}
