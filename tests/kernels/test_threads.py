"""One pool of threads, in processes of their own."""

import os
import subprocess
import sys

import pytest

from .processes import COMPUTE, run


@pytest.mark.parametrize("layer", ["omp", "tbb", "workqueue"])
def test_every_share_runs_once(layer, tmp_path):
    """Even with more or fewer shares than threads; each pool deals them out in its own way."""
    if layer != "workqueue":
        pytest.importorskip(f"numba.np.ufunc.{layer}pool", exc_type=ImportError)
    code = f"""
from minae.kernels.cpu.compile import threads
from minae.kernels.cpu.compile.compiled import parallel

@parallel
def record(t, T, runs, numbers, factor, low, high):
    runs[t] += 1
    numbers[t] = T * factor + low * high

for T in range(1, 10):
    runs, numbers = np.zeros(T, np.int32), np.zeros(T)
    record(T, runs, numbers, 0.5, 3, 4)
    assert runs.tolist() == [1] * T
    assert numbers.tolist() == [T / 2 + 12] * T
assert threads.layer() == "{layer}"
"""
    run(code, tmp_path, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="3")


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is Linux's")
def test_threads_do_not_wait_awake_for_long(cache):
    """Unless the user has chosen how they wait. Child processes do not inherit the setting."""
    code = "import os; check(); assert 'GOMP_SPINCOUNT' not in os.environ"
    said = run(code, cache, MINAE_NUM_THREADS="2", OMP_DISPLAY_ENV="verbose")
    assert "GOMP_SPINCOUNT = '30000'" in said
    own = {"OMP_WAIT_POLICY": "passive", "OMP_DISPLAY_ENV": "verbose"}
    assert "GOMP_SPINCOUNT = '0'" in run("check()", cache, MINAE_NUM_THREADS="2", **own)


def test_the_number_of_threads_is_the_environments(cache):
    code = "from minae.kernels.cpu.compile import threads; assert threads.num_threads() == 1"
    run(code, cache, MINAE_NUM_THREADS="1")
    code = "import numba; check(); assert numba.get_num_threads() == 2"
    run(code, cache, MINAE_NUM_THREADS="2", NUMBA_NUM_THREADS="3")


@pytest.mark.parametrize("given", ["0", "-1", "many", "1.5"])
def test_a_bad_number_of_threads_is_refused(cache, given):
    code = f"""
try:
    check()
except ValueError as error:
    assert str(error) == "MINAE_NUM_THREADS is {given!r}, but must be a whole number above 0"
else:
    raise AssertionError
"""
    run(code.replace(f"{given!r}", f"'{given}'"), cache, MINAE_NUM_THREADS=given)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_multiprocessing(cache, method, tmp_path):
    """A forked child has none of its parent's threads, and must not wait for them."""
    if method == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    module = tmp_path / "work.py"
    module.write_text(COMPUTE + "def work(_):\n    check()\n    return 1\n")
    code = f"""
if __name__ == "__main__":
    import multiprocessing, sys, warnings
    warnings.simplefilter("ignore")
    sys.path.insert(0, {str(tmp_path)!r})
    import work
    work.check()
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert sum(pool.map(work.work, range(4))) == 4
    work.check()
"""
    run(code, cache, MINAE_NUM_THREADS="2")


@pytest.mark.parametrize(
    "first",
    [
        "import numba; numba.njit(parallel=True)(lambda x: x + x)(x); check()",
        "import torch; torch.ones(300, 300) @ torch.ones(300, 300); check(); check()",
        "import sklearn.cluster; sklearn.cluster.KMeans(2, n_init=1).fit(x); check()",
        "import joblib; joblib.Parallel(2, 'threading')(joblib.delayed(check)() for _ in range(4))",
    ],
    ids=["numba", "torch", "openmp", "joblib"],
)
def test_beside_other_users_of_threads(cache, first):
    if "torch" in first:
        pytest.importorskip("torch")
    run(first, cache, MINAE_NUM_THREADS="2")


def test_without_openmp(cache):
    """It is slower, and says so once."""
    code = "import sys; sys.modules['numba.np.ufunc.omppool'] = None; check(); check()"
    said = run(code, cache, MINAE_NUM_THREADS="2")
    assert said.count("no OpenMP, so threads start slowly") == 1


def test_results_are_the_same_bits_every_time(cache):
    code = """
import hashlib
y, dweight, dbias = cpu.linear_backward(x, x, np.ones((200, 200), np.float32), x, "relu")
loss, dx = cpu.bce_with_logits(x, abs(x))
print(hashlib.sha256(b"".join(a.tobytes() for a in (y, dweight, dbias, loss, dx))).hexdigest())
"""
    environment = os.environ | {"MINAE_CACHE": str(cache), "MINAE_NUM_THREADS": "2"}
    command = [sys.executable, "-c", COMPUTE + code]
    outputs = {subprocess.check_output(command, env=environment) for _ in range(3)}
    assert len(outputs) == 1
