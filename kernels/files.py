"""Compiled kernels on the disk: a folder per version of the source, a checksum in each file."""

import hashlib
import os
import shutil
import time
from functools import cache
from pathlib import Path

import platformdirs

MONTH = 30 * 86_400  # seconds


@cache
def folder_for(sources: Path) -> Path:
    """Return the folder for what a folder of Python files compiles to, named after their text."""
    text = hashlib.sha256()
    for source in sorted(sources.rglob("*.py")):
        text.update(source.read_bytes())
    base = os.environ.get("MINAE_CACHE") or platformdirs.user_cache_path("minae") / "kernels"
    return Path(base) / text.hexdigest()[:16]


def name_for(key: tuple) -> str:
    """Return a name for a file whose content is determined by the key."""
    return f"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.bin"


def read(path: Path) -> bytes | None:
    """Return what `write` stored, or None if it is missing or damaged. Raises OSError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, payload = content[:32], content[32:]
    return payload if hashlib.sha256(payload).digest() == digest else None


def write(path: Path, payload: bytes) -> None:
    """Write a file completely or not at all. Raises OSError."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _forget_old_folders(path.parent.parent)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
    temporary.replace(path)


def _forget_old_folders(base: Path) -> None:
    """Remove the folders of other versions to which nothing was added for a month."""
    for folder in base.glob(16 * "[0-9a-f]" + "/"):
        if time.time() - folder.stat().st_mtime > MONTH:
            shutil.rmtree(folder, ignore_errors=True)
