"""How fast the CPU's matrix products are: a row for each rung, timed and counted on the spot.

A rung is compared with what a core can do at best, which is multiply-adds in registers alone, and
by the machine code of its innermost loop: how many numbers an instruction multiplies and adds.
"""

import re
import time
from collections.abc import Callable, Iterator
from timeit import repeat

import numpy as np

from minae.errors import InputError
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.ladders import limit
from minae.kernels.cpu.ladders.matmul import RUNGS, Rung
from minae.kernels.cpu.products.multiply import SIGNATURE
from minae.report import print_table, processor

BURSTS, SECONDS = 7, 0.05  # the best of so many, each at least so long
LONGEST = 0.5  # seconds that a product may take; slower rungs multiply fewer rows
FEW = 8  # rows to estimate that from
MOST = 16384  # rows and columns


def print_ladder(size: str) -> None:
    """Print a row for each rung, at a size "M,K,N". Raises InputError if it is none."""
    M, K, N = _sizes(size)
    normal = np.random.default_rng(0).standard_normal
    a, b = normal((M, K), np.float32), normal((K, N), np.float32)
    limits, found = [core_limit()], []
    for name, rung in RUNGS.items():
        found.append((name, *_speed(rung, a, b), _per_instruction(_machine_code(rung))))
        limits.append(core_limit())
    best, T = max(limits), threads_for(M * K * N)
    rows = [
        (name, gflops, 100 * gflops / (best * (T if name == "threads" else 1)), adds or "-")
        for name, gflops, _, adds in found
    ]
    header = ("rung", "GFLOP/s", "% of the limit", "multiply-adds per instruction")
    print_table(header, rows, f"{processor()}: matmul, {M} x {K} by {K} x {N}, float32")
    print(
        f"The limit is {best:.0f} GFLOP/s per core: multiply-adds in registers alone. The last rung"
        f" uses {T} thread{'s' * (T > 1)}.\n"
        "Instructions are those of the innermost loop with the most sums in registers."
    )
    for name, _, timed, _ in found:
        if timed < M:
            print(f"{name} is slow: only {timed} of the {M} rows were multiplied.")


def _sizes(text: str) -> list[int]:
    found = re.fullmatch("([0-9]{1,5}),([0-9]{1,5}),([0-9]{1,5})", text)
    sizes = [int(number) for number in found.groups()] if found else [0]
    if not all(1 <= size <= MOST for size in sizes):
        raise InputError(
            f"--size {text!r} must be three whole numbers from 1 to {MOST:,}, as in 128,784,512"
        )
    return sizes


def _speed(rung: Rung, a: np.ndarray, b: np.ndarray) -> tuple[float, int]:
    """Return a rung's GFLOP/s, and how many rows it multiplied."""
    few = a[:FEW]
    run = rung.bind(few, b, np.empty((len(few), b.shape[1]), np.float32))
    run()  # compiles it
    each = repeat(run, number=1, repeat=1)[0] / len(few)
    rows = min(len(a), max(FEW, int(LONGEST / each)))
    c = np.empty((rows, b.shape[1]), np.float32)
    seconds = _best(rung.bind(a[:rows], b, c))
    np.testing.assert_allclose(c, a[:rows] @ b, rtol=1e-3, atol=1e-3 * a.shape[1] ** 0.5)
    return 2e-9 * c.size * a.shape[1] / seconds, rows


def core_limit() -> float:
    """Return the GFLOP/s of one core that only multiplies and adds."""
    numbers, turns = np.zeros(limit.SIZE, np.float32), 10_000
    return 1e-9 * limit.FLOPS * turns / _best(lambda: limit.multiply_add(numbers, turns))


def _best(run: Callable[[], object]) -> float:
    """Return the seconds of a run, in the fastest of several bursts."""
    run()
    start = time.perf_counter()
    run()
    count = 1 + int(SECONDS / (time.perf_counter() - start))
    return min(repeat(run, number=count, repeat=BURSTS)) / count


def _machine_code(rung: Rung) -> str:
    """Return the assembly of a rung that has run, or of the product that it hands out."""
    code = rung.code or rung.function
    if not code.signatures:
        code.compile(SIGNATURE)
    return "\n".join(code.inspect_asm().values())


# An x86 instruction: vfmadd231ps is for vectors, vfmadd231ss for a number. The last register is
# the sum: %zmm is 16 numbers, %ymm 8 and %xmm 4.
MULTIPLY_ADD = re.compile(r"vfn?m(?:add|sub)\d+(?P<kind>[ps])s\s.*%(?P<sum>(?P<size>[xyz])mm\d+)")
NUMBERS = {"x": 4, "y": 8, "z": 16}


def _per_instruction(assembly: str) -> float | None:
    """Return the multiply-adds per instruction of the loop in which a product spends its time.

    A product is compiled for whole tiles and for those at the edge, each with a loop of its own. It
    spends its time in the largest tile: where the most registers hold sums. None if no loop has
    such instructions, as on processors other than x86's.
    """
    best = None
    for body in _innermost_loops(assembly):
        found = [match for line in body if (match := MULTIPLY_ADD.match(line))]
        adds = sum(NUMBERS[m["size"]] if m["kind"] == "p" else 1 for m in found)
        sums = len({m["sum"] for m in found})
        if adds:
            best = max(best or (0, 0.0), (sums, adds / len(body)))
    return best and best[1]


def _innermost_loops(assembly: str) -> Iterator[list[str]]:
    """Yield the instructions between a label and a jump back to it with no such jump within."""
    lines = [line.partition("#")[0].strip() for line in assembly.splitlines()]
    labels: dict[str, int] = {}
    last = -1  # label of the loop that ended last
    for i, line in enumerate(lines):
        if line.endswith(":"):
            labels[line[:-1]] = i
        elif line.startswith("j") and (start := labels.get(line.split()[-1], -1)) > last:
            last = start
            body = lines[start : i + 1]
            yield [word for word in body if word and not word.endswith(":") and word[0] != "."]
