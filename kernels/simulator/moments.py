"""Who does what, where in the kernel and after what, for checks and for error messages."""

from collections.abc import Callable
from functools import cache
from sys import _getframe
from types import CodeType
from typing import Any, NoReturn

from greenlet import getcurrent


class SimulationError(Exception):
    """A kernel has an error; the message names the line, the threads and the place in memory."""


WARP = 32  # threads that run in step and exchange registers

#: Returns the simulated thread whose turn it is, a `machine.Thread`.
running: Callable[[], Any] = getcurrent

# Modules whose code runs in a thread without being part of a kernel.
NOT_KERNELS = __name__.rpartition(".")[0], "minae.kernels.cuda.launch"


class Moment:
    """A thread between two barriers, with the number that it has passed of its block and warp."""

    __slots__ = ("barriers", "block", "scopes", "thread", "warp", "warp_barriers")

    def __init__(self, thread: Any, barriers: int = 0, warp_barriers: int = 0):
        self.thread, self.warp, self.block = thread, thread.warp, thread.block
        self.barriers, self.warp_barriers = barriers, warp_barriers
        # A place that is settled for one of these is settled for this thread.
        self.scopes = thread.warp.scope, thread.block.scope, EVERYWHERE

    def comes_before(self, other: "Moment") -> bool:
        """Return whether what is done at this moment is ordered before the other."""
        if self.block is not other.block:
            return False
        if self.barriers < other.barriers or self.thread is other.thread:
            return True
        return self.warp is other.warp and self.warp_barriers < other.warp_barriers

    def scope_with(self, other: "Moment") -> object:
        """Return for whom a place is settled after reads at two moments in no order."""
        if self.block is not other.block:
            return EVERYWHERE
        return self.scopes[0] if self.warp is other.warp else self.scopes[1]


EVERYWHERE = object()

# Who accessed a place, and at which instruction. There are many, hence no class.
Access = tuple[Moment, CodeType, int]


def line_of(code: CodeType, instruction: int) -> str:
    """Return the file and line of an instruction."""
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line)
    return f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{next(lines)}"


def span_of(code: CodeType, instruction: int) -> tuple:
    """Return the source of an instruction, whose number shifts once Python specialises it."""
    return id(code), _spans(code)[instruction // 2]


@cache
def _spans(code: CodeType) -> list[tuple]:
    return list(code.co_positions())


def shown(access: Access) -> str:
    """Return what a message says of an access."""
    moment, code, instruction = access
    return f"{moment.thread} at {line_of(code, instruction)}"


def standing() -> tuple[tuple[CodeType, int], ...]:
    """Return where the running thread is in its kernel: (code, instruction), then its callers."""
    frame, place = _getframe(1), ()
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith(NOT_KERNELS):
            place += ((frame.f_code, frame.f_lasti),)
        frame = frame.f_back
    return place


def fail(what: str, access: Access | None = None) -> NoReturn:
    """Raise SimulationError for the line of an access, or else for the line being executed."""
    code, instruction = access[1:] if access else standing()[0]
    raise SimulationError(f"{line_of(code, instruction)}: {what}. This is {running()}")
