"""How much memory is free, to be checked before a file's contents are unpacked into it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minae.errors import InputError

AS_IMAGES = 8  # bytes per value: as float32, and once more when the images are shuffled
# what a container may use, in versions 2 and 1 of Linux's control groups
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a file's path before the message of an InputError, and turn a MemoryError into one."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"{path}: "):  # what read it has named it
            raise
        raise InputError(f"{path}: {error}") from error
    except MemoryError as error:
        why = f": {error}" if str(error) else ""
        raise InputError(
            f"{path}: too large for the memory that is free{why}; give fewer or smaller images"
        ) from error


def check_room(values: int, itemsize: int) -> None:
    """Raise InputError if a file's values, as read and as images, do not fit into free memory."""
    needed, room = values * (itemsize + AS_IMAGES), available()
    if needed > room:
        raise InputError(
            f"holds {values:,} values, which take {needed / 1e9:,.1f} GB of memory, but "
            f"{room / 1e9:,.1f} GB are free; give fewer or smaller images"
        )


def available() -> float:
    """Return the bytes of memory that are free; infinity where the system does not say.

    On systems other than Linux, an array that does not fit is refused when it is made.
    """
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return math.inf
    free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]  # kB
    limits = [path.read_text().strip() for path in map(Path, _LIMITS) if path.is_file()]
    return min([math.inf, *free, *(int(limit) for limit in limits if limit.isdigit())])
