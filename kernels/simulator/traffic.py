"""What a launch moved: how often it went to memory, and how much of each trip was of use.

The 32 threads of a warp go to memory together. Global memory answers in sectors of 32 bytes: the
fewer sectors a request touches for what it wants, the better it is coalesced. Shared memory has 32
banks of 4 bytes: threads that want different words of one bank wait for each other.
"""

from collections import defaultdict
from dataclasses import dataclass, field

SECTOR = 32  # bytes
BANKS, WORD = 32, 4  # banks, and bytes of each
AT_ONCE = 128  # bytes that shared memory gives in one go


@dataclass
class Request:
    """What one instruction of one warp asked for: lane -> (first byte, bytes)."""

    memory: object
    kind: str  # "load" or "store"
    code: object
    instruction: int
    lanes: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        """Bytes that the lanes want, each counted."""
        return sum(count for _, count in self.lanes.values())

    @property
    def sectors(self) -> int:
        """Sectors that hold them."""
        touched = set()
        for first, count in self.lanes.values():
            touched.update(range(first // SECTOR, (first + count - 1) // SECTOR + 1))
        return len(touched)

    @property
    def waves(self) -> int:
        """How often shared memory has to answer: more than once where lanes share a bank."""
        lanes = sorted(self.lanes.items())
        per_wave = AT_ONCE // max(count for _, count in self.lanes.values())
        return sum(
            _conflicts([place for _, place in lanes[i : i + per_wave]])
            for i in range(0, len(lanes), per_wave)
        )


def _conflicts(places: list[tuple[int, int]]) -> int:
    words = defaultdict(set)
    for first, count in places:
        for word in range(first // WORD, (first + count - 1) // WORD + 1):
            words[word % BANKS].add(word)
    return max(len(bank) for bank in words.values())


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
        self._requests: dict[tuple, Request] = {}
        self._seen: dict[tuple, int] = defaultdict(int)

    @property
    def requests(self) -> list[Request]:
        """All requests, in the order in which they were first made."""
        return list(self._requests.values())

    def count(self, memory, kind: str, first: int, count: int, access) -> None:
        """Note an access. The n-th of a thread at one instruction belongs to its warp's n-th."""
        (thread, *_), *place = access[:3]
        place, size = tuple(place), memory.dtype.itemsize
        turn = self._seen[thread, place, kind] = self._seen[thread, place, kind] + 1
        key = thread.warp, place, kind, turn
        if key not in self._requests:
            self._requests[key] = Request(memory, kind, *place)
        self._requests[key].lanes[thread.lane] = first * size, count * size

    def total(self, space: str, kind: str | None = None) -> Total:
        """Sum over what went to "global" or "shared" memory, loads or stores or both."""
        total = Total()
        for request in self._requests.values():
            if request.memory.space == space and kind in (None, request.kind):
                total.requests += 1
                total.bytes += request.wanted
                if space == "global":
                    total.sectors += request.sectors
                else:
                    total.waves += request.waves
        return total
