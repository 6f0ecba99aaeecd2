"""All contenders of a workload, timed in turns, and the ratios between them."""

import importlib.util
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from minae.bench.contenders import LIMIT_FLOPS, TUNED
from minae.bench.workloads import workload
from minae.report import processor
from minae.workers import Worker as Process

#: Over how many steps losses are compared, if not over 50. In restore, what rounding changes grows:
#: losses are 1e-6 apart in 10 steps, 1e-4 in 15, 3e-4 in 25 and 3e-2 in 50, and 2e-2 in 50 between
#: one thread and two of minae's. Without clipping they are 4e-1 apart in 3 steps.
LOSS_STEPS = {"restore": 10}
#: Relative difference allowed between losses over these steps, if not 1e-5: the convolutions of W4
#: and restore are Winograd's, which round more, and JAX sums in another order.
LOSS_TOLERANCE = {"W4": 1e-3, "restore": 1e-3}
JAX_TOLERANCE = 1e-3
NOT_IN_JAX = ("W6", "W7", "deep", "restore")  # workloads whose network is not written in JAX
WARM_UP = 1.0  # seconds: PyTorch and JAX compile, caches fill
#: The cores' share of their best, while a workload was timed, above which nobody else used them.
CALM = 0.85
QUIET = ("-W", "ignore")  # options of Python


class Worker(Process):
    """A contender's process; see minae.bench.worker for what it can be asked."""

    def __init__(self, contender: str, name: str):
        super().__init__("minae.bench.worker", contender, name, options=QUIET)
        self.contender = contender

    def ask(self, request: str) -> Any:
        """Return the answer. Raises RuntimeError, with what the process said, if it died."""
        self.send(request)
        try:
            return self.receive()
        except EOFError as error:
            raise RuntimeError(f"{self.contender} ended: {error}") from None


def installed(names: Iterable[str]) -> list[str]:
    """Return the contenders among `names` whose library is there."""
    return [name for name in names if importlib.util.find_spec(name.split()[0]) is not None]


def ceilings() -> dict[str, Any]:
    """Return the GFLOP/s of the cores in use and the bandwidth, measured in another process."""
    names = {"platform": platform.platform(), "processor": processor(), "cores": os.cpu_count()}
    with Process("minae.bench.ceilings", options=QUIET) as worker:
        return names | worker.receive()


@contextmanager
def started(contenders: Iterable[str], name: str) -> Iterator[dict[str, Worker]]:
    """Run the contenders' processes inside the `with` block."""
    with ExitStack() as stack:
        yield {each: stack.enter_context(Worker(each, name)) for each in contenders}


def in_turns(
    names: Sequence[str], rounds: int, take_turn: Callable[[str], float]
) -> dict[str, list[float]]:
    """Return what take_turn(name) returned in each round, by name.

    Another name begins each round, so that none always follows the same other, and a drift in the
    machine's speed affects all alike.
    """
    times: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds if names else 0):
        first = i % len(names)
        for name in [*names[first:], *names[:first]]:
            times[name].append(take_turn(name))
    return times


def timed(
    workers: dict[str, Worker], rounds: int, seconds: float, warm_up: float
) -> dict[str, list[float]]:
    """Return milliseconds per step for each turn, by contender."""
    for worker in workers.values():
        worker.ask(f"time {warm_up}")
    return in_turns(list(workers), rounds, lambda name: workers[name].ask(f"time {seconds}"))


def measure(
    name: str, contenders: list[str], rounds: int, seconds: float, limit_gflops: float
) -> tuple[dict, list[str]]:
    """Return the figures of one workload, and remarks on what went wrong.

    `limit_gflops` is what the cores can do at best. Raises RuntimeError if minae's losses differ
    from PyTorch's, so times would mean nothing.
    """
    if len(workload(name).image_shape) == 1:  # rows
        contenders = [c for c in contenders if c != "torch channels last"]
    left_out = []
    if name in NOT_IN_JAX and "jax" in contenders:
        contenders = [c for c in contenders if c != "jax"]
        left_out.append(f"{name}: left out jax, in which its network is not written")
    with started([*contenders, "limit"], name) as workers:
        limit = workers.pop("limit")
        workers, remarks = _agreeing(workers, name)
        times = timed(workers | {"limit": limit}, rounds, seconds, WARM_UP)
        memory = {contender: worker.ask("memory 0") for contender, worker in workers.items()}
    figures = _figures(times, memory, workload(name).flops())
    return figures, left_out + remarks + _disturbed(name, figures["limit_gflops"], limit_gflops)


def _disturbed(name: str, gflops: float, at_best: float) -> list[str]:
    """Return a remark if the cores were slow while a workload was timed."""
    if gflops > CALM * at_best:
        return []
    return [
        f"{name}: the cores did {gflops:.0f} GFLOP/s together while it was timed, and"
        f" {at_best:.0f} at best: something else used them, so measure again"
    ]


def _agreeing(workers: dict[str, Worker], name: str) -> tuple[dict[str, Worker], list[str]]:
    """Return the workers whose losses agree with minae's, and what is wrong with the others."""
    agreeing, remarks, reference = {}, [], None
    for contender, worker in workers.items():
        try:
            losses = np.array(worker.ask(f"losses {LOSS_STEPS.get(name, 50)}"))
        except RuntimeError as error:
            if contender == "minae":
                raise
            remarks.append(f"{name}: left out {error}")
            continue
        reference = losses if reference is None else reference
        apart = float(np.max(np.abs(losses / reference - 1)))
        tolerance = JAX_TOLERANCE if contender == "jax" else LOSS_TOLERANCE.get(name, 1e-5)
        message = f"the losses of {contender} and minae differ by {apart:.1e}"
        if apart <= tolerance:
            agreeing[contender] = worker
        elif contender == "torch":
            raise RuntimeError(f"{name}: {message}")
        else:
            remarks.append(f"{name}: left out {contender}, as {message}")
    return agreeing, remarks


def _figures(times: dict, memory: dict, flops: float) -> dict:
    ours, rows = np.array(times["minae"]), {}
    limits = LIMIT_FLOPS / np.array(times["limit"]) / 1e6  # GFLOP/s
    for contender in memory:
        theirs = times[contender]
        low, middle, high = np.quantile(np.array(theirs) / ours, [0.25, 0.5, 0.75]).tolist()
        ratios = {"ratio": middle, "quartiles": [low, high]}
        rows[contender] = {"ms": np.median(theirs).item(), **ratios, "peak_mb": memory[contender]}
    ms, peak = rows["minae"]["ms"], rows["minae"]["peak_mb"]
    figures = {
        "ms": ms,
        "limit_gflops": np.median(limits).item(),
        "ceiling_share": np.median(flops / ours / 1e6 / limits).item(),
        "peak_mb": peak,
        "contenders": rows,
    }
    if "torch" in rows:
        figures["ratio_eager"] = rows["torch"]["ratio"]
    if tuned := [rows[name]["ratio"] for name in TUNED if name in rows]:
        figures["ratio_tuned"] = min(tuned)
    return figures


def scaling(rounds: int, seconds: float) -> Iterator[dict]:
    """Yield samples per second by batch size and by width, of minae and PyTorch."""
    contenders = installed(["minae", "torch"])
    sizes = [(512, batch) for batch in (1, 4, 16, 64, 256, 1024)]
    sizes += [(width, 128) for width in (64, 256, 1024, 2048)]
    for width, batch in sizes:
        with started(contenders, f"dense-{width}-{batch}") as workers:
            times = timed(workers, rounds, seconds, WARM_UP)
        speed = {name: batch / float(np.median(ms)) * 1e3 for name, ms in times.items()}
        yield {"width": width, "batch": batch, "samples_per_s": speed}
