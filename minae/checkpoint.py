"""Arrays and what is said of them, in one safetensors file that is either whole or not there."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from minae import contents
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

    Raises:
        InputError: see `check_place`.
        OSError: it cannot be written; about `path`.
    """
    write_together({path: content})


def write_together(files: dict[Path, bytes], instead_of: Iterable[Path] = ()) -> None:
    """Put contents at paths, each whole or not at all, and all of them or, short of a crash, none.

    All are written beside their places and forced to the disk before the first is renamed; then the
    folders' entries are forced out too. Folders are made if need be.

    Args:
        files: what to write, by path; the first is put in its place first.
        instead_of: files that go when all is written, before the first is put in its place.

    Raises:
        InputError: see `check_place`.
        OSError: one cannot be written; it names that one.
    """
    for path in files:
        check_place(path)
    beside = {
        path: path.with_name(f".{path.name[:40]}.{os.getpid()}-{number}.tmp")
        for number, path in enumerate(files)
    }
    made: list[Path] = []
    new = [path for path in files if not path.exists()]
    path = None
    try:
        for path, content in files.items():
            made += _make_folder(path.parent)
            _write(beside[path], content)
        for path in instead_of:
            path.unlink(missing_ok=True)
        for path in files:
            os.replace(beside[path], path)
    except BaseException as error:
        for piece in (*beside.values(), *new):
            with suppress(OSError):
                piece.unlink()
        for folder in reversed(made):
            with suppress(OSError):  # something is in it
                folder.rmdir()
        if isinstance(error, OSError) and error.errno:
            error.filename, error.filename2 = str(path), None
        raise
    for folder in {path.parent for path in files}:
        _force_out(folder)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; return those that were not there, the highest first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _force_out(folder: Path) -> None:
    """Force the names in a folder to the disk, where that is how it is done."""
    if os.name == "posix":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, made if need be, against others who ask for the same; leave no empty one.

    The system lets go of it when the process ends, however it does.

    Raises:
        InputError: another holds it.
    """
    from filelock import FileLock, Timeout

    made = _make_folder(folder)
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        with lock:
            try:
                yield
            finally:
                with suppress(OSError):  # Windows keeps what is open
                    os.unlink(lock.lock_file)
    except Timeout as error:
        raise InputError(
            f"another training is under way in {folder}: wait for its end, or name another folder"
        ) from error
    finally:
        for each in reversed(made):
            with suppress(OSError):  # something is in it
                each.rmdir()


def to_bytes(arrays: dict[str, np.ndarray], metadata: dict) -> bytes:
    """Return arrays by name, and metadata as in `contents`, as a safetensors file."""
    from safetensors.numpy import save

    on_cpu = {name: to_device(a, "cpu") for name, a in arrays.items()}
    ordered = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in on_cpu.items()}
    return save(ordered, {KEY: contents.written(metadata)})


def save(path: str | Path, arrays: dict[str, np.ndarray], metadata: dict) -> None:
    """Write arrays by name, and JSON-able metadata, to a safetensors file, whole or not at all."""
    write_whole(Path(path), to_bytes(arrays, metadata))


def load(path: str | Path, *needed: str) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays and the metadata of a file that `save` wrote.

    Args:
        path: of the file.
        needed: keys of `contents.KEYS` that its metadata must have.

    Raises:
        InputError: there is no such file, it is damaged, a newer version of minae wrote it or
            another program, or its metadata is not as described in `contents`.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint; train a model first")
    arrays = {}
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            for name in file.keys():  # noqa: SIM118
                try:
                    arrays[name] = file.get_tensor(name)
                except (TypeError, AttributeError) as error:  # bfloat16, and what has 8 bits
                    kind = file.get_slice(name).get_dtype()
                    raise InputError(
                        f"{path}: {name} is of type {kind}, which NumPy has not; save it in float32"
                    ) from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}); train again") from error
    if text is None:
        raise InputError(f"{path}: a safetensors file, but not one that minae wrote")
    try:
        return arrays, contents.read(text, needed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def check_state(given: dict[str, np.ndarray], own: dict[str, np.ndarray]) -> None:
    """Raise InputError unless arrays from a file are of the types that stand here, and finite."""
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
