"""What a launch moved: how many requests it made, and how much of the answers it used.

The 32 threads of a warp access memory together. Global memory answers in sectors of 32 bytes: the
fewer sectors a request touches, the better it is coalesced. Shared memory has 32 banks of 4 bytes:
threads that need different words of one bank wait for each other.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import zip_longest
from typing import Any

from minae.kernels.simulator.moments import WARP, Access, line_of, span_of

SECTOR = 32  # bytes
BANKS, WORD = 32, 4  # banks, and bytes of each
AT_ONCE = BANKS * WORD  # bytes that shared memory answers with at once


@dataclass
class Request:
    """What one instruction of one warp asked for."""

    array: str  # "global x": its space and name
    kind: str  # "load" or "store"
    bytes: int  # that each lane wants
    line: str  # of the kernel
    first: list[int]  # the first byte that each lane wants, by lane

    @property
    def wanted(self) -> int:
        """Bytes that the lanes want, together."""
        return self.bytes * len(self.first)

    @property
    def sectors(self) -> int:
        """Sectors that hold them."""
        return len(_parts(self.first, self.bytes, SECTOR))

    @property
    def waves(self) -> int:
        """How often shared memory has to answer: more than once if lanes share a bank."""
        start = min(self.first) // AT_ONCE * AT_ONCE  # the same pattern elsewhere takes as long
        return _waves(tuple(place - start for place in self.first), self.bytes)


def _parts(first: Iterable[int], count: int, size: int) -> set[int]:
    """Return which parts of memory, of this size, hold the bytes wanted."""
    return {part for i in first for part in range(i // size, (i + count - 1) // size + 1)}


@lru_cache(maxsize=4096)
def _waves(first: tuple[int, ...], count: int) -> int:
    per_wave = AT_ONCE // count  # lanes that are answered together, if they can be
    return sum(
        max(Counter(word % BANKS for word in _parts(first[i : i + per_wave], count, WORD)).values())
        for i in range(0, len(first), per_wave)
    )


@dataclass
class Total:
    """Sums over requests."""

    requests: int = 0
    bytes: int = 0  # wanted
    sectors: int = 0  # of global memory
    waves: int = 0  # of shared memory


class Traffic:
    """Every request of a launch."""

    def __init__(self):
        # what each thread wanted at each instruction from each array: the first bytes, in order
        self._made: dict[tuple, array] = {}
        self._places: dict[tuple, tuple] = {}  # (id(code), instruction) -> (code, instruction)

    def count(self, memory: Any, kind: str, first: int, count: int, access: Access) -> None:
        """Record an access to `count` numbers from place `first` on."""
        moment, code, instruction = access
        size = memory.itemsize
        key = moment.thread.serial, memory.label, kind, count * size, id(code), instruction
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = array("q")
            self._places[id(code), instruction] = code, instruction
        made.append(first * size)

    @cached_property
    def requests(self) -> list[Request]:
        """All requests: the n-th access of a thread at an instruction is part of its warp's n-th.

        If a lane skips an access in one turn of a loop, its next one is counted with this turn's of
        the other lanes.
        """
        by_warp: dict[tuple, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        spans = {key: span_of(*place) for key, place in self._places.items()}
        lines = {spans[key]: line_of(*place) for key, place in self._places.items()}
        for (thread, label, kind, size, *place), places in self._made.items():
            where = thread // WARP, (label, kind, size), spans[tuple(place)]
            by_warp[where][thread % WARP] += places
        requests = []
        for (_, what, span), lanes in by_warp.items():
            in_order = [lanes[lane] for lane in sorted(lanes)]
            for turn in zip_longest(*in_order):
                first = [place for place in turn if place is not None]
                label, kind, size = what
                requests.append(Request(label, kind, size, lines[span], first))
        return requests

    def total(self, space: str, kind: str | None = None) -> Total:
        """Add up requests to "global" or "shared" memory: "load", "store", or both."""
        wanted = [r for r in self.requests if r.array.startswith(f"{space} ")]
        wanted = [r for r in wanted if kind in (None, r.kind)]
        total = Total(len(wanted), sum(r.wanted for r in wanted))
        if space == "global":
            total.sectors = sum(r.sectors for r in wanted)
        else:
            total.waves = sum(r.waves for r in wanted)
        return total
