"""What the C library does with memory that was freed."""

import platform
import subprocess
import sys

import pytest

PAGES_ASKED_FOR_AGAIN = """
import resource
import numpy as np
from minae.kernels.cpu.compile.memory import keep_freed_memory

keep_freed_memory()

def layers():
    return [np.ones(500_000 + 1000 * i) for i in range(10)]  # 40 MB, freed together

layers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    layers()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide alone")
def test_freed_memory_is_used_again():
    command = [sys.executable, "-c", PAGES_ASKED_FOR_AGAIN]
    pages = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(pages) < 1000  # five times 40 MB are 50,000
