"""One contender in a process of its own: `python -m minae.bench.worker CONTENDER WORKLOAD`.

A contender may also be one of `kernels.WAYS`; the workload is then a kernel.

It reads requests from stdin, one a line, and answers each with one line of JSON:

    losses N    the losses of N steps, on the noise that all contenders share
    time S      milliseconds a step, over about S seconds
    memory      the most memory that the process has held, in MB
"""

import json
import os
import sys
import time

from minae import random
from minae.bench import kernels
from minae.bench.contenders import CONTENDERS
from minae.bench.workloads import workload


def main() -> None:
    """Answer requests until stdin ends. What libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    contender, name = sys.argv[1:]
    if contender in kernels.WAYS:
        step = kernels.call(contender, name)
    else:
        step = CONTENDERS[contender][1](workload(name))
    done = 0

    def losses(n: float) -> list[float]:
        nonlocal done
        noise = workload(name).noise(int(n))
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

    requests = {"losses": losses, "time": milliseconds, "memory": lambda _: _peak_megabytes()}
    for line in sys.stdin:
        kind, number = line.split()
        print(json.dumps(requests[kind](float(number))), file=answers, flush=True)


def _peak_megabytes() -> float:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
