"""Files written whole or not at all, and folders that one process holds at a time."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minae.errors import InputError


def check_place(path: Path) -> None:
    """Raise InputError if no file can be written at `path`: to be called before the work begins."""
    if path.exists() and not path.is_file():
        what = "folder" if path.is_dir() else "pipe or a device"
        raise InputError(f"{path} is a {what}: name a file to write to")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Raise InputError unless `path` is a folder that can be written to, or one can be made."""
    places = (path, *path.absolute().parents)
    found = next(place for place in places if place.exists() or place.is_symlink())
    if not found.is_dir():
        what = "a file" if found.is_file() else "no folder"
        raise InputError(f"{found} is {what}: name a folder")
    if not os.access(found, os.W_OK):
        raise InputError(f"{found} is read-only: name a folder that can be written to")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one; see `write_together`."""
    write_together({path: content})


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def write_together(files: dict[Path, bytes], instead_of: Iterable[Path] = ()) -> None:
    """Write files, each whole or not at all, and all of them or, short of a crash, none.

    Each is written under another name in its folder and forced to the disk before the first is
    renamed, in the order of `files`; then the folders' entries are forced out too. Folders are made
    if need be. The files `instead_of` are removed just before the first is renamed.

    Raises InputError as `check_place` does, and OSError, with the name of the file that failed.
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
            with open(beside[path], "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in instead_of:
            path.unlink(missing_ok=True)
        for path in files:
            os.replace(beside[path], path)
    except BaseException as error:
        for piece in (*beside.values(), *new):
            with suppress(OSError):
                piece.unlink()
        _remove_empty(made)
        if isinstance(error, OSError) and error.errno:
            error.filename, error.filename2 = str(path), None
        raise
    for folder in {path.parent for path in files}:
        _force_out(folder)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and its parents; return those that were missing, the outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(made: list[Path]) -> None:
    for folder in reversed(made):
        with suppress(OSError):  # something is in it
            folder.rmdir()


def _force_out(folder: Path) -> None:
    """Force a folder's entries to the disk, where the system has a way to do so."""
    if os.name == "posix":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder, made if need be, and remove it afterwards if it is empty.

    The system unlocks it when the process ends, in whatever way. Raises InputError if another
    process has locked it.
    """
    from filelock import FileLock, Timeout

    made = _make_folder(folder)
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        with lock:
            try:
                yield
            finally:
                with suppress(OSError):  # Windows does not remove open files
                    os.unlink(lock.lock_file)
    except Timeout as error:
        raise InputError(
            f"another training is under way in {folder}: wait for its end, or name another folder"
        ) from error
    finally:
        _remove_empty(made)
