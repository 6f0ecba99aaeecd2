"""One pool of threads, Numba's, on which shares of the work run.

NumPy's and SciPy's BLAS must not start threads of its own beside them: two pools that spin while
they wait for each other make a step several times slower, and between kernels one small product can
cost milliseconds.
"""

import functools
import os
import sys
from typing import Any

import numba
import scipy.linalg.cython_blas  # noqa: F401 - loads SciPy's BLAS, so that it is limited
from numba.core import config
from threadpoolctl import threadpool_limits

from minae.kernels import wanted_threads
from minae.kernels.cpu.compile.memory import keep_freed_memory

WORTH_A_THREAD = 200_000  # multiplications: below, waking threads takes longer than the work
# How often libgomp's threads look for work before they sleep. Its default of 300,000 makes training
# up to ten times slower while other programs use the cores: a spinning thread occupies a core that
# the thread it waits for needs. A tenth of that costs nothing on idle cores, and cut training time
# beside other programs to between a fifth and two thirds. A hundredth costs 4 to 6 %.
SPINS = "30000"

_config: Any = config  # whose attributes pyright does not know
_process = os.getpid()  # a forked child is another: OpenMP's threads do not survive a fork


@functools.cache
def num_threads() -> int:
    """Set up the pool, and return how many threads the kernels use.

    That is the environment variable MINAE_NUM_THREADS, or Numba's default, all cores of this
    process. Raises ValueError if the variable is not a whole number above 0.
    """
    given, limit = wanted_threads(), _config.NUMBA_NUM_THREADS
    threads = min(given or limit, limit)
    _choose_layer()
    if given:
        numba.set_num_threads(threads)
    threadpool_limits(limits=1, user_api="blas")  # NumPy's too
    keep_freed_memory()
    return threads


def threads_for(work: int) -> int:
    """Return how many shares to cut the work into; it is counted in multiplications."""
    return 1 if work < WORTH_A_THREAD or os.getpid() != _process else num_threads()


def layer() -> str:
    """Start the threads, and return what runs them: omp, tbb or workqueue."""
    num_threads()
    numba.get_num_threads()  # starts them
    return numba.threading_layer()  # pyright: ignore[reportPrivateImportUsage] - documented


def _choose_layer() -> None:
    """Prefer OpenMP, whose threads spin for a while; the others are slow to start a share."""
    if "NUMBA_THREADING_LAYER" in os.environ:
        return
    _config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
    users = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not users:
        os.environ["GOMP_SPINCOUNT"] = SPINS  # libgomp reads it once, when it is loaded
    try:
        from numba.np.ufunc import omppool  # noqa: F401  # pyright: ignore[reportAttributeAccessIssue]
    except ImportError as error:
        print(f"minae: no OpenMP, so threads start slowly ({error})", file=sys.stderr)
    if not users:
        del os.environ["GOMP_SPINCOUNT"]  # meant for this pool, not for child processes
