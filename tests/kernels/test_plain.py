"""MINAE_COMPILE: kernels compiled by `numba.njit` alone."""

import os
import subprocess
import sys

from .processes import run

KERNELS = """
import sys
from minae.kernels import reference
from minae.kernels.cpu.compile.compiled import compiled_if

def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-3)

check()  # on two threads
layers = x[:3], (x[:8], x[:5, :8].copy()), (x[0, :8].copy(), x[0, :5].copy()), ("relu", None)
for y, expected in zip(cpu.linear_stack(*layers), reference.linear_stack(*layers)):
    close(y, expected)
for rows in x, x[:2]:  # one is for two threads, the other for one
    for result, expected in zip(cpu.mse(rows, rows + 1), reference.mse(rows, rows + 1)):
        close(result, expected)

@compiled_if(lambda number: number > 1)
def double(number):
    return 2 * number

assert (double(1), double(2), double(0)) == (False, 4, False)
assert not any(".compile.cached" in name or ".compile.launch" in name for name in sys.modules)
"""


def test_plain(tmp_path):
    """It gives the same results without the modules that use private parts of Numba."""
    assert run(KERNELS, tmp_path, MINAE_COMPILE="plain", MINAE_NUM_THREADS="2") == ""
    assert not list(tmp_path.iterdir())


def doctor(choice):
    command = [sys.executable, "-c", "from minae.cli import main; main()", "doctor"]
    environment = os.environ | {"MINAE_COMPILE": choice, "COLUMNS": "200"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_doctor_says_which():
    plain, usual = "compiled anew in every process", "compiled code is kept in"
    assert plain in doctor("plain").stdout
    assert usual in doctor("").stdout


def test_other_values_are_refused():
    done = doctor("simple")
    assert done.stderr == "minae: MINAE_COMPILE is 'simple', but must be 'plain' or not set\n"
    assert (done.returncode, done.stdout) == (2, "")
