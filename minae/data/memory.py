"""How much memory there is, asked before a file's contents are unpacked into it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minae.errors import InputError

AS_IMAGES = 8  # bytes a value: as float32, and once more when the images are shuffled
# what a container may use, in the two versions of Linux's control groups
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_room(path: Path, values: int, itemsize: int) -> None:
    """Raise InputError if there is no memory for so many values of a file, read and as images."""
    needed, room = values * (itemsize + AS_IMAGES), available()
    if needed > room:
        raise InputError(
            f"{path}: holds {values:,} values, which take {needed / 1e9:,.1f} GB of memory, but "
            f"{room / 1e9:,.1f} GB are free; give fewer or smaller images"
        )


@contextmanager
def memory_errors_name(path: Path) -> Iterator[None]:
    """Say that a file is too large where Python only says that there is no memory."""
    try:
        yield
    except MemoryError as error:
        why = f": {error}" if str(error) else ""
        raise InputError(
            f"{path}: too large for the memory that is free{why}; give fewer or smaller images"
        ) from error


def available() -> float:
    """Return the bytes of memory that are free; infinity where the system does not say.

    Elsewhere than on Linux, an array that does not fit is refused when it is made.
    """
    room = math.inf
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return room
    for line in lines:
        if line.startswith("MemAvailable:"):
            room = int(line.split()[1]) * 1024  # kB
    for place in map(Path, _LIMITS):
        if place.is_file() and (limit := place.read_text().strip()).isdigit():
            room = min(room, int(limit))
    return room
