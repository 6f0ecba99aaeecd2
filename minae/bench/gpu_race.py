"""Contenders on a GPU: first whether they are right, then their times in turns, and what follows.

What counts is the ratio of two turns of one round, since clocks and temperature drift, and each
contender is the first in some rounds. No call finds its arrays in the cache: there are so many
sets of them that together they are twice as large.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

ROUNDS = 7
LEAST = 1e-3  # seconds of a turn, if MOST_CALLS are enough for it
MOST_CALLS = 400  # about a thousand launches fit into the GPU's queue
MOST_SETS = 1024
FP32, TF32 = 1e-4, 5e-3  # errors, see error(): sums in another order; factors of 10 bits


Row = tuple[str, Callable[[], list[dict]]]  # of a section: its name, and what measures it


@dataclass(frozen=True)
class Contender:
    """Computes what all the others compute.

    Args:
        name: of the contender.
        make: returns the function run(i) that computes it on the i-th set of arrays, and returns
            the array that it wrote to.
        rivals: whose times are divided by this one's; the smallest ratio counts.
        tolerance: the largest error at which it is right.
    """

    name: str
    make: Callable[[], Callable[[int], object]]
    rivals: tuple[str, ...] = ()
    tolerance: float = FP32


def in_turn(make_call: Callable, arrays: Sequence[tuple]) -> Callable[[int], object]:
    """Return run(i), which calls what make_call(*arrays[i]) returns; after the last, the first."""
    calls = [make_call(*these) for these in arrays]
    return lambda i: calls[i % len(calls)]()


def sets(machine, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> list[tuple]:
    """Return sets of arrays: random ones of the shapes of inputs, and an output full of nan."""
    count = -(-2 * machine.l2_bytes // moved_bytes(*inputs, output))
    return [
        (*map(machine.random, inputs), machine.nan(output))
        for _ in range(max(1, min(count, MOST_SETS)))
    ]


def moved_bytes(*shapes: tuple[int, ...]) -> int:
    """Return the bytes of float32 arrays: the least that goes through memory, each array once."""
    return 4 * sum(map(math.prod, shapes))


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest error of an entry, in root mean squares of what is expected.

    nan if any entry is nan, as it is where nothing was written; inf if the shapes differ.
    """
    if actual.shape != expected.shape:
        return math.inf
    scale = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64))))
    return float(np.max(np.abs(actual - expected))) / scale


def verdict(case: str, off: float, tolerance: float) -> dict:
    """Return what a comparison found, as a row."""
    return {"case": case, "error": off if math.isfinite(off) else None, "right": off <= tolerance}


def sentence(problem: Exception) -> str:
    """Return what an exception says, in one line."""
    said = re.sub(r"\s+", " ", str(problem)).strip()
    return f"{type(problem).__name__}: {said}" if said else type(problem).__name__


def race(machine, contenders: list[Contender], output, flops: float, nbytes: int) -> dict:
    """Return by name {ms, ratio, tflops, intensity, of_roof, error}, or {failed}.

    The first contender that runs at all says what is right. `output` is what those of minae write
    to for set 0; it is filled with nan before each. flops and nbytes are of one call.
    """
    results, runs = checked(machine, contenders, output)
    times = turns(runs, machine.seconds)
    rivals = {c.name: c.rivals for c in contenders}
    for name in runs:
        results[name] |= figures(name, rivals[name], times)
        results[name] |= on_roofline(machine, flops, nbytes, results[name]["ms"])
    return results


def checked(machine, contenders: list[Contender], output) -> tuple[dict, dict]:
    """Return what was found of each contender, and the functions of those that are right."""
    results, runs, expected = {}, {}, None
    for contender in contenders:
        machine.poison(output)
        try:
            run = contender.make()
            actual = machine.numpy(run(0))
        except Exception as problem:
            results[contender.name] = {"failed": sentence(problem)}
            continue
        expected = actual if expected is None else expected
        found = verdict(contender.name, error(actual, expected), contender.tolerance)
        results[contender.name] = {"error": found["error"]}
        if found["right"]:
            runs[contender.name] = run
        else:
            results[contender.name]["failed"] = f"wrong: error {found['error']}, so not timed"
    return results, runs


def turns(runs: dict[str, Callable], timer: Callable, least: float = LEAST) -> dict:
    """Return by name the seconds a call of ROUNDS turns; timer(run, first, calls) takes one."""
    calls, done = {}, dict.fromkeys(runs, 0)
    for name, run in runs.items():
        timer(run, 0, 3)  # libraries choose algorithms, and the clock rises
        once = timer(run, 3, 3)
        calls[name] = max(1, min(math.ceil(least / max(once, 1e-9)), MOST_CALLS))
        done[name] = 6
    names, times = list(runs), {name: [] for name in runs}
    for i in range(ROUNDS):
        first = i % len(names) if names else 0
        for name in names[first:] + names[:first]:
            times[name].append(timer(runs[name], done[name], calls[name]))
            done[name] += calls[name]
    return times


def figures(name: str, rivals: Sequence[str], times: dict[str, list[float]]) -> dict:
    """Return the median time in ms, and the smallest median of a rival's times over this one's."""
    own = np.array(times[name])
    ratios = [float(np.median(np.array(times[rival]) / own)) for rival in rivals if rival in times]
    return {"ms": float(np.median(own)) * 1e3, "ratio": min(ratios, default=None)}


def on_roofline(machine, flops: float, nbytes: int, ms: float) -> dict:
    """Return the speed, and its share of what float32 arithmetic and memory allow at best."""
    intensity, tflops = flops / nbytes, flops / ms / 1e9
    roof = min(machine.peak_tflops, intensity * machine.bandwidth / 1e12)
    return {"tflops": tflops, "intensity": intensity, "of_roof": tflops / roof}
