"""Arrays and a few words about them, in one safetensors file that is either whole or not there."""

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from minae.errors import InputError
from minae.kernels.arrays import to_device

KEY = "minae"  # safetensors keeps strings by name; all of ours go under this one, as JSON


def check_place(path: Path) -> None:
    """Raise InputError if no file can be written at `path`: see to it before the work is done."""
    if path.exists() and not path.is_file():
        what = "folder" if path.is_dir() else "pipe or a device"
        raise InputError(f"{path} is a {what}: name a file to write to")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Raise InputError unless `path` is a folder that can be written to, or one can be made."""
    places = (path, *path.absolute().parents)
    found = next(place for place in places if place.exists() or place.is_symlink())
    if not found.is_dir():
        raise InputError(
            f"{found} is {'a file' if found.is_file() else 'no folder'}: name a folder"
        )
    if not os.access(found, os.W_OK):
        raise InputError(f"{found} is read-only: name a folder that can be written to")


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a crash at any moment leaves the old file or the new one.

    Written beside it, forced to the disk, renamed; then the folder's entry is forced out too.

    Raises:
        InputError: see `check_place`.
        OSError: it cannot be written.
    """
    check_place(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno:  # nobody knows the temporary file
            error.filename = str(path)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def save(path: str | Path, arrays: dict[str, np.ndarray], metadata: dict) -> None:
    """Write arrays by name, and JSON-able metadata, to a safetensors file, whole or not at all."""
    from safetensors.numpy import save as to_bytes

    on_cpu = {name: to_device(a, "cpu") for name, a in arrays.items()}
    ordered = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in on_cpu.items()}
    write_whole(Path(path), to_bytes(ordered, {KEY: json.dumps(metadata)}))


def load(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays and the metadata of a file that `save` wrote.

    Raises:
        InputError: there is no such file, it is damaged, or it is not minae's.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint; train a model first")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = (file.metadata() or {}).get(KEY)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}); train again") from error
    if metadata is None:
        raise InputError(f"{path}: a safetensors file, but not one that minae wrote")
    return arrays, json.loads(metadata)


def subset(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}


def prefixed(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays with `prefix` before their names: the opposite of `subset`."""
    return {prefix + name: array for name, array in arrays.items()}
