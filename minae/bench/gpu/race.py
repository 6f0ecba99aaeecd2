"""Races on a GPU: contenders are checked, then timed in turns, then compared.

What counts is the ratio of two contenders' times in the same round, since clocks and temperature
drift. Calls go through several sets of arrays, together twice as large as the L2 cache, so that
none finds its arrays there.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minae.bench.compare import in_turns
from minae.bench.gpu.machine import Gpu

ROUNDS = 7
LEAST = 1e-3  # seconds per turn, unless that takes more than MOST_CALLS
MOST_CALLS = 400  # about a thousand launches fit into the GPU's queue
MOST_SETS = 1024
FP32, TF32 = 1e-4, 5e-3  # errors, see verdict(): another order of sums; factors of 10 bits

Row = tuple[str, Callable[[], list[dict]]]  # of a report: its name, and what measures it
Shape = tuple[int, ...]
Run = Callable[[int], Any]  # run(i) computes on the i-th set of arrays, or trains on a batch


@dataclass(frozen=True)
class Contender:
    """One of several ways to compute the same thing."""

    name: str
    make: Callable[..., Callable]  # returns the function that computes
    rivals: tuple[str, ...] = ()  # whose times are divided by its own; the least ratio counts
    tolerance: float = FP32  # the largest error at which it is right
    check: Callable[[], list[dict]] = list  # verdicts on other arrays, before the race


def race(
    contenders: Sequence[Contender],
    start: Callable[[Contender], tuple[Run, Any]],
    judge: Callable[[Contender, Any, Any], dict],
    timer: Callable[[Run, int, int], float],
    least: float = LEAST,
) -> dict[str, dict]:
    """Return by name what `judge` found and {ms, ratio}, or {failed}.

    start(contender) returns a run and its first outcome. The first outcome of all is taken to be
    right; judge(contender, outcome, right) returns a reason under `failed` for not timing the run.
    timer(run, first, calls) returns the mean seconds of the calls run(first), run(first + 1), ...;
    a turn lasts at least `least` seconds.
    """
    results, runs, expected = {}, {}, None
    for contender in contenders:
        try:
            run, outcome = start(contender)
        except Exception as problem:
            results[contender.name] = {"failed": sentence(problem)}
            continue
        expected = outcome if expected is None else expected
        results[contender.name] = judge(contender, outcome, expected)
        if "failed" not in results[contender.name]:
            runs[contender.name] = run
    times = _time(runs, timer, least)
    for contender in contenders:
        if contender.name in times:
            own = np.array(times[contender.name])
            ratios = [float(np.median(times[r] / own)) for r in contender.rivals if r in times]
            figures = {"ms": float(np.median(own)) * 1e3, "ratio": min(ratios, default=None)}
            results[contender.name] |= figures
    return results


def _time(runs: dict[str, Run], timer: Callable, least: float) -> dict[str, list[float]]:
    """Return seconds per call for each of ROUNDS turns, by name. Every call gets a new number."""
    calls, done = {}, dict.fromkeys(runs, 6)
    for name, run in runs.items():
        timer(run, 0, 3)  # libraries choose algorithms, and the clock rises
        once = timer(run, 3, 3)
        calls[name] = max(1, min(math.ceil(least / max(once, 1e-9)), MOST_CALLS))

    def take_turn(name: str) -> float:
        done[name] += calls[name]
        return timer(runs[name], done[name] - calls[name], calls[name])

    return in_turns(list(runs), ROUNDS, take_turn)


def race_kernels(
    machine: Gpu, contenders: Sequence[Contender], shapes: Sequence[Shape], flops: float, share: str
) -> dict[str, dict]:
    """Return by name {error, ms, `share`, tflops, intensity, of_roof}, or {failed}.

    `shapes` are those of the inputs, which are random, and of the output. A contender's
    make(*arrays) returns a function that computes the output, in `flops` operations, and may return
    it elsewhere. `share` is what to call the ratio; of_roof is the speed relative to what memory
    and float32 arithmetic allow.
    """
    nbytes = 4 * sum(map(math.prod, shapes))  # the least memory traffic: each array once
    intensity = flops / nbytes
    roof = min(machine.peak_tflops, intensity * machine.bandwidth / 1e12)
    count = max(1, min(-(-2 * machine.l2_bytes // nbytes), MOST_SETS))
    sets = [(*map(machine.random, shapes[:-1]), machine.nan(shapes[-1])) for _ in range(count)]

    def start(contender: Contender) -> tuple[Run, np.ndarray]:
        for row in contender.check():
            if not row["right"]:
                raise ValueError(f"wrong: error {row['error']} in {row['case']}")
        calls = [contender.make(*arrays) for arrays in sets]
        output = sets[0][-1]
        machine.poison(output)
        result = calls[0]()
        return lambda i: calls[i % count](), machine.numpy(output if result is None else result)

    def judge(contender: Contender, actual: np.ndarray, expected: np.ndarray) -> dict:
        row = verdict(contender.name, actual, expected, contender.tolerance)
        failed = {"failed": f"wrong: error {row['error']}, so not timed"}
        return {"error": row["error"]} | ({} if row["right"] else failed)

    results = race(contenders, start, judge, machine.seconds)
    for row in results.values():
        if "ms" in row:
            row[share] = row.pop("ratio")
            tflops = flops / row["ms"] / 1e9
            row |= {"tflops": tflops, "intensity": intensity, "of_roof": tflops / roof}
    return results


def beside(results: dict[str, dict]) -> dict:
    """Return minae's row, with the others' speeds under their names."""
    row = dict(results["minae"])
    for name, other in results.items():
        if name != "minae":
            row |= {f"{name}_{key}": other.get(key) for key in ("ms", "tflops", "failed")}
    return row


def verdict(case: str, actual: np.ndarray, expected: np.ndarray, tolerance: float = FP32) -> dict:
    """Return a row that says whether an array is right.

    The error is the largest of any entry, relative to the root mean square of what is expected;
    None if the shapes differ or an entry is nan, as it is where nothing was written.
    """
    error = math.inf
    if actual.shape == expected.shape:
        scale = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64))))
        error = float(np.max(np.abs(actual - expected))) / scale
    finite = error if math.isfinite(error) else None
    return {"case": case, "error": finite, "right": error <= tolerance}


def sentence(problem: Exception) -> str:
    """Return what an exception says, in one line."""
    said = re.sub(r"\s+", " ", str(problem)).strip()
    return f"{type(problem).__name__}: {said}" if said else type(problem).__name__
