"""What the machine can do at best: `python -m minae.bench.ceilings` prints it as JSON."""

import json
from timeit import repeat

import numpy as np

from minae.kernels.cpu.compile.compiled import parallel
from minae.kernels.cpu.compile.threads import num_threads
from minae.tools.cpu_ladder import core_limit

TRIAD = 20_000_000  # numbers in each of three arrays; too many for any cache


@parallel
def _triad(t, T, a, b, c):
    """a = b + 3 c, McCalpin's STREAM triad."""
    low, high = t * a.size // T, (t + 1) * a.size // T
    a, b, c = a[low:high], b[low:high], c[low:high]
    for i in range(a.size):
        a[i] = b[i] + np.float32(3) * c[i]


def main() -> None:
    """Measure both ceilings, and take the best of several tries."""
    x, y, z = np.ones((3, TRIAD), np.float32)
    T = num_threads()
    triad = 12 * TRIAD / _best(lambda: _triad(T, x, y, z), tries=8) / 1e9
    limit = T * core_limit()
    print(json.dumps({"threads": T, "limit_gflops": limit, "triad_gb_per_s": triad}))


def _best(function, tries: int) -> float:
    function()
    return min(repeat(function, number=1, repeat=tries))


if __name__ == "__main__":
    main()
