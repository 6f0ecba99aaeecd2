"""Where a training step's time goes: in which kernels, and how much between them.

This process takes the steps, with its kernels replaced by ones that keep time. That costs two or
three microseconds a call, which show as time between kernels.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, count
from typing import Any

import numpy as np

from minae.bench.compare import WARM_UP
from minae.bench.contenders import minae
from minae.bench.workloads import chosen, workload
from minae.kernels import cpu
from minae.kernels.contract import Backend
from minae.kernels.cpu import dense_step
from minae.kernels.cpu.compile import calls as noted
from minae.kernels.cpu.compile.threads import num_threads
from minae.report import machine
from minae.tools.cpu_ladder import core_limit

#: Modules, and names of the functions in them: the backend's, and the one that is a step in itself.
#: Calls that are replayed are those of the backend's loops.
KERNELS: list[tuple[Any, str]] = [(cpu, name) for name in dir(Backend) if not name.startswith("_")]
KERNELS.append((dense_step, "dense_step"))

#: Seconds of each call of a kernel, by its name and the shapes of its first two arrays of floats.
Calls = dict[tuple[str, tuple], list[float]]


def print_parts(names: list[str], rounds: int, seconds: float) -> None:
    """Print a table for each workload. Raises InputError for an unknown one."""
    print(f"{machine()}: where the time of minae's training steps goes")
    for name in chosen(names):
        steps, limits = measure(name, rounds, seconds)
        table, ms = rows(steps)
        gflops, limit, threads = workload(name).flops() / ms / 1e6, max(limits), num_threads()
        print(f"\n{name}  {workload(name).title}: {ms:.3g} ms a step")
        print(f"{'':27}{'shapes':28}{'calls':>5}{'ms':>10}{'share':>7}")
        for kernel, shapes, calls, taken, share in table:
            print(f"{kernel:27}{shapes:28}{calls:>5}{taken:>10.4f}{share:>7.1%}")
        print(
            f"{gflops:.3g} GFLOP/s: {gflops / limit / threads:.0%} of the limit, which is"
            f" {limit:.0f} for a core, times {threads}"
        )


def measure(
    name: str, rounds: int, seconds: float
) -> tuple[list[tuple[float, Calls]], list[float]]:
    """Return each step's seconds and calls, and what a core could do before each round."""
    step, steps, limits = minae(workload(name)), [], []
    with recorded() as calls:
        list(_steps(step, calls, WARM_UP))
        for _ in range(rounds):
            limits.append(core_limit())
            steps += _steps(step, calls, seconds)
    return steps, limits


def _steps(step: Callable, calls: Calls, seconds: float) -> Iterator[tuple[float, Calls]]:
    end = time.perf_counter() + seconds
    for i in count():
        calls.clear()
        start = time.perf_counter()
        step(i)
        taken = time.perf_counter() - start
        yield taken, calls.copy()
        if start + taken > end:
            break


@contextmanager
def recorded() -> Iterator[Calls]:
    """Record the calls of kernels inside the `with` block."""
    calls: Calls = defaultdict(list)
    functions, replay = [getattr(module, name) for module, name in KERNELS], noted.replay
    try:
        for (module, name), function in zip(KERNELS, functions, strict=True):
            setattr(module, name, _timed(function, name, calls))
        noted.replay = partial(_replay, calls=calls)
        yield calls
    finally:
        noted.replay = replay
        for (module, name), function in zip(KERNELS, functions, strict=True):
            setattr(module, name, function)


def _replay(noted_calls: noted.Calls, calls: Calls) -> None:
    for function, arguments in noted_calls:
        _timed(function, function.__qualname__, calls)(*arguments)


def _timed(function: Callable, name: str, calls: Calls) -> Callable:
    def timed(*arguments, **options):
        start = time.perf_counter()
        result = function(*arguments, **options)
        taken = time.perf_counter() - start
        lists = [x if isinstance(x, (tuple, list)) else (x,) for x in arguments[:4]]
        floats = [x for x in chain(*lists) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        calls[name, tuple([x.shape for x in floats[:2]])].append(taken)
        return result

    return timed


def rows(steps: list[tuple[float, Calls]]) -> tuple[list[tuple], float]:
    """Return a table of medians over the steps, the longest first, and a step's milliseconds."""
    step = 1e3 * float(np.median([taken for taken, _ in steps]))
    found = []
    for key in {key: None for _, calls in steps for key in calls}:
        each = [calls.get(key, []) for _, calls in steps]
        ms = 1e3 * float(np.median([sum(taken) for taken in each]))
        name, shapes = key
        sizes = ", ".join("x".join(map(str, shape)) for shape in shapes)
        found.append((name, sizes, int(np.median([len(taken) for taken in each])), ms))
    found.sort(key=lambda row: -row[-1])
    between = [taken - sum(chain(*calls.values())) for taken, calls in steps]
    found.append(("Python and memory", "", "", 1e3 * float(np.median(between))))
    return [(*row, row[-1] / step) for row in found], step
