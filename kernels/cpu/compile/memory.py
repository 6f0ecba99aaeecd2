"""Memory that was freed stays with the process, for the next arrays.

By default glibc gives large blocks back to the system as soon as they are free, and the system
clears each page that it hands out again. A network without gradients frees each layer's output, so
clearing pages took more than twice the time of the arithmetic (pictures of 320 x 480 through the
restoring network); of a step of W6 in `minae bench`, a third. The process's peak is the same; what
it has had, it keeps until it ends.
"""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt, see its manual page
KEPT = 1 << 30  # bytes that stay at most
LARGEST = 1 << 25  # bytes of a block that does: the most that glibc allows


def keep_freed_memory() -> None:
    """Tell the C library so, where it is glibc."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other libraries have none
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, KEPT)
        mallopt(MMAP_THRESHOLD, LARGEST)
