"""One contender in a process of its own: `python -m minae.bench.worker CONTENDER WORKLOAD`.

The contender may also be "limit", which only multiplies and adds. The workload may also be one of
the CASES of `kernels`, `products` or `writing`; the contender is then one of WAYS there.

It answers these requests:

    losses N    the losses of N steps, on the noise that all contenders share
    time S      milliseconds per step, measured for about S seconds
    memory 0    the peak memory of the process, in MB
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from minae import random
from minae.bench import kernels, products, writing
from minae.bench.contenders import CONTENDERS, limit
from minae.bench.workloads import workload
from minae.workers import requests


def main() -> None:
    """Answer requests until there are no more."""
    sys.excepthook = _say_why
    asked, answer = requests()
    contender, name = sys.argv[1:]
    step = _step(contender, name)
    done = 0

    def losses(n: int) -> list[float]:
        nonlocal done
        noise = workload(name).noise(n)
        random.manual_seed(0)  # so that minae draws the same
        done += len(noise)
        return [step(i, noise[i]) for i in range(len(noise))]

    def milliseconds(seconds: float) -> float:
        nonlocal done
        start, count, pause = time.perf_counter(), 0, 1
        while time.perf_counter() - start < seconds:
            for _ in range(pause):  # look at the clock seldom, for a step may take 50 µs
                step(done)
                done += 1
            count += pause
            pause = max(pause, count // 20)
        return (time.perf_counter() - start) / count * 1e3

    for request in asked:
        kind, number = request.split()
        if kind == "losses":
            answer(losses(int(number)))
        else:
            answer(milliseconds(float(number)) if kind == "time" else _peak_megabytes())


def _say_why(kind: type[BaseException], error: BaseException, _: object) -> None:
    """Print an error in one line, for the last line is all that is told of a process that died.

    Those of torch.compile end with advice on how to report bugs.
    """
    paragraph = str(error).partition("\n\n")[0]
    print(f"{kind.__name__}: {' '.join(paragraph.split())}", file=sys.stderr)


def _step(contender: str, name: str) -> Callable[..., Any]:
    for benchmark in (kernels, products, writing):
        if name in benchmark.CASES:
            return benchmark.call(contender, name)
    return (CONTENDERS | {"limit": limit})[contender](workload(name))


def _peak_megabytes() -> float:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
