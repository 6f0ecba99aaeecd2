"""Kernels in a process of their own, with other environment variables."""

import os
import subprocess
import sys

COMPUTE = """
import numpy as np
from minae.kernels import cpu
x = np.random.default_rng(0).normal(size=(300, 200)).astype(np.float32)
expected = np.maximum(x @ x.T, 0)
def check():
    np.testing.assert_allclose(cpu.linear(x, x, None, "relu"), expected, rtol=1e-3, atol=1e-3)
"""


def run(code, cache, **environment):
    """Run the code after COMPUTE in a new process, and return what it said on stderr."""
    environment = os.environ | {"MINAE_CACHE": str(cache)} | environment
    command = [sys.executable, "-c", COMPUTE + code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr
