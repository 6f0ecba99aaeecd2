"""Contenders on a GPU: first whether they are right, then their times in turns, and what follows.

What counts is the ratio of two turns of one round, since clocks and temperature drift. No call
finds its arrays in the cache: there are so many sets of them that together they are twice as large.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minae.bench.gpu.machine import Gpu
from minae.bench.turns import in_turns
from minae.kernels.cuda import device
from minae.kernels.cuda.ladder import Step

ROUNDS = 7
LEAST = 1e-3  # seconds of a turn, if MOST_CALLS are enough for it
MOST_CALLS = 400  # about a thousand launches fit into the GPU's queue
MOST_SETS = 1024
FP32, TF32 = 1e-4, 5e-3  # errors, see verdict(): sums in another order; factors of 10 bits

Row = tuple[str, Callable[[], list[dict]]]  # of a section: its name, and what measures it
Run = Callable[[int], Any]  # computes with the i-th set of arrays, or trains on the i-th batch


@dataclass(frozen=True)
class Contender:
    """One of several that compute the same.

    Args:
        name: of the contender.
        make: returns the function that computes.
        rivals: those whose times are divided by this one's; the smallest ratio counts.
        tolerance: the largest error at which it is right.
        check: compares it elsewhere first, and returns verdicts.
    """

    name: str
    make: Callable[..., Callable]
    rivals: tuple[str, ...] = ()
    tolerance: float = FP32
    check: Callable[[], list[dict]] = list


def race(
    contenders: Sequence[Contender],
    start: Callable[[Contender], tuple[Run, Any]],
    judge: Callable[[Contender, Any, Any], dict],
    timer: Callable[[Run, int, int], float],
    least: float = LEAST,
) -> dict[str, dict]:
    """Return by name what `judge` found and {ms, ratio}, or {failed}.

    Args:
        contenders: the first that runs at all says what is right.
        start: makes a contender's run(i); returns it and its first outcome.
        judge: compares a contender's outcome with what is right; `failed` says why it is not timed.
        timer: timer(run, first, calls) returns the seconds of one of the calls run(first), ...
        least: seconds of a turn.
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
    """Return by name the seconds of a call in each of ROUNDS turns; each call gets a new number."""
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
    machine: Gpu,
    contenders: Sequence[Contender],
    shapes: Sequence[tuple[int, ...]],
    flops: float,
    share: str = "ratio",
) -> dict[str, dict]:
    """Return by name {error, ms, `share`, tflops, intensity, of_roof}, or {failed}.

    of_roof is the share of the speed that float32 arithmetic and memory allow at best.

    Args:
        machine: the GPU.
        contenders: make(*arrays) returns the function that computes, and returns the last array.
        shapes: of the arrays: inputs, which are random, and one to write to.
        flops: of one call.
        share: what to call the ratio.
    """
    nbytes = 4 * sum(map(math.prod, shapes))  # the least that memory moves: each array once
    intensity = flops / nbytes
    roof = min(machine.peak_tflops, intensity * machine.bandwidth / 1e12)
    count = max(1, min(-(-2 * machine.l2_bytes // nbytes), MOST_SETS))
    sets = [(*map(machine.random, shapes[:-1]), machine.nan(shapes[-1])) for _ in range(count)]

    def start(contender: Contender) -> tuple[Run, np.ndarray]:
        for row in contender.check():
            if not row["right"]:
                raise ValueError(f"wrong: error {row['error']} in {row['case']}")
        calls = [contender.make(*arrays) for arrays in sets]
        machine.poison(sets[0][-1])
        return lambda i: calls[i % count](), machine.numpy(calls[0]())

    def judge(contender: Contender, actual: np.ndarray, expected: np.ndarray) -> dict:
        found = verdict(contender.name, actual, expected, contender.tolerance)
        wrong = {"failed": f"wrong: error {found['error']}, so not timed"}
        return {"error": found["error"]} | ({} if found["right"] else wrong)

    results = race(contenders, start, judge, machine.seconds)
    for row in results.values():
        if "ms" in row:
            row[share] = row.pop("ratio")
            tflops = flops / row["ms"] / 1e9
            row |= {"tflops": tflops, "intensity": intensity, "of_roof": tflops / roof}
    return results


def launcher(steps: Step | list[Step], out) -> Callable[[], Any]:
    """Return the function that launches kernels and returns `out`, which they write to."""

    def launch():
        device.launch(steps)
        return out

    return launch


def beside(results: dict[str, dict]) -> dict:
    """Return minae's row, and in it the others' speeds by their names."""
    row = dict(results["minae"])
    for name, other in results.items():
        if name != "minae":
            row |= {f"{name}_{key}": other.get(key) for key in ("ms", "tflops", "failed")}
    return row


def verdict(case: str, actual: np.ndarray, expected: np.ndarray, tolerance: float = FP32) -> dict:
    """Return as a row whether an array is right.

    Its error is the largest of an entry, in root mean squares of what is expected; None if the
    shapes differ or an entry is nan, as it is where nothing was written.
    """
    error = math.inf
    if actual.shape == expected.shape:
        scale = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64))))
        error = float(np.max(np.abs(actual - expected))) / scale
    finite = math.isfinite(error)
    return {"case": case, "error": error if finite else None, "right": error <= tolerance}


def sentence(problem: Exception) -> str:
    """Return what an exception says, in one line."""
    said = re.sub(r"\s+", " ", str(problem)).strip()
    return f"{type(problem).__name__}: {said}" if said else type(problem).__name__
