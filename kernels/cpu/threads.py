"""One pool of threads: Numba's. BLAS is called inside its threads, so it must not start its own.

Two pools that wait for each other by spinning make a step several times slower: one small product
by NumPy's BLAS on threads of its own, between kernels, can cost milliseconds.
"""

import os
import sys
from functools import cache

import numba
import scipy.linalg.cython_blas  # noqa: F401 - so that its BLAS is there to be limited
from numba.np.ufunc import parallel as numba_pool
from threadpoolctl import threadpool_limits

from minae.kernels import wanted_threads

WORTH_A_THREAD = 200_000  # multiplications: below, waking threads takes longer than the work
# How often libgomp's threads look for work before they sleep. Its own 300,000 make training up to
# ten times slower where other programs use the cores, for a thread that looks has a core that the
# one it waits for is without. A tenth of it costs nothing where the cores are free, and beside
# other programs training took a fifth to two thirds of the time. A hundredth costs 4 to 6 %.
SPINS = "30000"

_forked = False


def _after_fork() -> None:
    """Compute with one thread in a forked child: OpenMP's threads do not survive a fork."""
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def num_threads() -> int:
    """Return how many threads the kernels use, and set the pool up.

    It is the environment's MINAE_NUM_THREADS, else Numba's default, all cores of this process.

    Raises:
        ValueError: MINAE_NUM_THREADS is no number above 0.
    """
    given, limit = wanted_threads(), numba.config.NUMBA_NUM_THREADS
    threads = min(given or limit, limit)
    _choose_layer()
    if given:
        numba.set_num_threads(threads)
    _limit_blas()
    return threads


def threads_for(work: int) -> int:
    """Return into how many shares to cut `work`, counted in multiplications."""
    return 1 if work < WORTH_A_THREAD or _forked else num_threads()


def layer() -> str:
    """Return what runs the threads: omp, tbb or workqueue."""
    num_threads()
    numba_pool._launch_threads()
    return numba.threading_layer()


def _choose_layer() -> None:
    """Prefer OpenMP, whose threads wait awake: the others are slow to start a share."""
    if "NUMBA_THREADING_LAYER" in os.environ or numba_pool._is_initialized:
        return
    numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
    users = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not users:
        os.environ["GOMP_SPINCOUNT"] = SPINS  # libgomp reads it once, when it is loaded
    try:
        from numba.np.ufunc import omppool  # noqa: F401
    except ImportError as error:
        print(f"minae: no OpenMP, so threads start slowly ({error})", file=sys.stderr)
    if not users:
        del os.environ["GOMP_SPINCOUNT"]  # it is for our pool, not for child processes


def _limit_blas() -> None:
    """Have BLAS, NumPy's too, run in the thread that calls it, from now on in this process."""
    threadpool_limits(limits=1, user_api="blas")
