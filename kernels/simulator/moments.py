"""Who does what, where in the kernel, and after what: the words of which errors are made."""

from functools import cache
from sys import _getframe
from types import CodeType

from greenlet import getcurrent


class SimulationError(Exception):
    """A kernel did what a GPU would not forgive. The message names line, threads and place."""


WARP = 32  # threads that run in step and exchange registers

# Code that runs in a thread and is no part of a kernel.
NOT_KERNELS = __package__, "minae.kernels.cuda.launch"


class Moment:
    """A thread between two barriers: of its block, and of its warp, it has passed so many."""

    __slots__ = ("barriers", "block", "scopes", "thread", "warp", "warp_barriers")

    def __init__(self, thread, barriers: int = 0, warp_barriers: int = 0):
        self.thread, self.warp, self.block = thread, thread.warp, thread.block
        self.barriers, self.warp_barriers = barriers, warp_barriers
        # A place settled for one of them is settled for this thread.
        self.scopes = thread.warp.scope, thread.block.scope, EVERYWHERE

    def comes_before(self, other: "Moment") -> bool:
        """Return whether something orders what is done at this moment before the other one."""
        if self.block is not other.block:
            return False
        if self.barriers < other.barriers or self.thread is other.thread:
            return True
        return self.warp is other.warp and self.warp_barriers < other.warp_barriers

    def scope_with(self, other: "Moment") -> object:
        """Return for whom a place is settled that is read at two moments that nothing orders."""
        if self.block is not other.block:
            return EVERYWHERE
        return self.scopes[0] if self.warp is other.warp else self.scopes[1]


EVERYWHERE = object()

# Who touched a place, and at which instruction. There are many: hence no class.
Access = tuple[Moment, CodeType, int]


def line_of(code: CodeType, instruction: int) -> str:
    """Return file and line of an instruction."""
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line)
    return f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{next(lines)}"


def span_of(code: CodeType, instruction: int) -> tuple:
    """Return the source that an instruction is made of: its number shifts once Python adapts it."""
    return id(code), _spans(code)[instruction // 2]


@cache
def _spans(code: CodeType) -> list[tuple]:
    return list(code.co_positions())


def shown(access: Access) -> str:
    """Return what a message says of an access."""
    moment, *place = access
    return f"{moment.thread} at {line_of(*place)}"


def standing() -> tuple:
    """Return where the running thread is in its kernel: (code, instruction), callers after it."""
    frame, place = _getframe(1), ()
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith(NOT_KERNELS):
            place += ((frame.f_code, frame.f_lasti),)
        frame = frame.f_back
    return place


def fail(what: str, access: Access | None = None) -> None:
    """Raise SimulationError, for where an access was made or else for where the thread stands."""
    place = access[1:] if access else standing()[0]
    raise SimulationError(f"{line_of(*place)}: {what}. This is {getcurrent()}")
